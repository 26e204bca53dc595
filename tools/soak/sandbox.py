"""A folder in which one command at a time runs, and from which nothing that it does gets out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.soak.attempt import Attempt, Child, Limits, attempt, start

# Stands after the end of the picture that lies outside, where no decoder reads: no other picture has these bytes.
OUTSIDE_MARK = b"this picture lies outside of every root"


class Sandbox:
    """A folder in which one command at a time runs: what it may read, what it may write, and what lies outside.

    ``in/`` holds the edited copy, ``out/`` takes ``--out``; home, temporary and working folder are inside, too, deep
    enough that ``../../..`` stays inside. Whatever appears elsewhere is a file written outside of ``--out``.
    """

    def __init__(self, place: Path, made: Path) -> None:
        self.place, self.made = place, made
        self.deep = place / "a/b/c/d"
        self.edited, self.outputs = self.deep / "in", self.deep / "out"
        self.outside = place / "outside"

    def make(self) -> None:
        """Make it anew."""
        shutil.rmtree(self.place, ignore_errors=True)
        for folder in (
            self.edited,
            self.outputs,
            self.deep / "home",
            self.deep / "tmp",
            self.deep / "work",
            self.outside,
        ):
            folder.mkdir(parents=True)
        picture = next(iter(sorted((self.made / "pictures").rglob("*.jpg"))))
        self.outside_picture.write_bytes(picture.read_bytes() + OUTSIDE_MARK)

    @property
    def outside_picture(self) -> Path:
        """Return the picture to which edited paths and links lead, and which no command may hand on."""
        return self.outside / "picture.jpg"

    def outputs_from_outside(self) -> list[Path]:
        """Return the outputs that are the picture from outside: links of either kind to it, and copies of it."""
        found = [Path(folder) / name for folder, _, files in os.walk(self.outputs) for name in files]
        return sorted(path for path in found if path.is_file() and self._is_from_outside(path))

    def _is_from_outside(self, path: Path) -> bool:
        if path.samefile(self.outside_picture):
            return True
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - len(OUTSIDE_MARK)))
            return file.read() == OUTSIDE_MARK

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables under which commands run."""
        kitchen = str((self.made / "kitchen").resolve())
        home = {
            "HOME": str(self.deep / "home"),
            "TMPDIR": str(self.deep / "tmp"),
            "XDG_CACHE_HOME": str(self.deep / "home/.cache"),
        }
        home["MPLCONFIGDIR"] = str(self.made.parent / "matplotlib")  # its list of fonts, made once
        return home | {"ACTISEG_KITCHEN_ROOT": kitchen, "PYTHONDONTWRITEBYTECODE": "1"}

    def listing(self) -> dict[str, tuple[int, int]]:
        """Return every file that is not below ``out/``, with its size and time."""
        found = {}
        for folder, folders, files in os.walk(self.place):
            if Path(folder) == self.deep and "out" in folders:
                folders.remove("out")
            for name in (*files, *folders):
                stat = os.lstat(os.path.join(folder, name))  # noqa: PTH118 — names may be no text
                is_folder = name in folders
                found[os.path.join(folder, name)] = (0, 0) if is_folder else (stat.st_size, stat.st_mtime_ns)  # noqa: PTH118
        return found

    def changes(self, before: Mapping[str, tuple[int, int]]) -> list[str]:
        """Return the names of what appeared, went or changed since ``before``."""
        now = self.listing()
        return sorted(name for name in {*now, *before} if now.get(name) != before.get(name))

    def shown(self, name: str) -> str:
        """Return a path below the sandbox as it can be printed."""
        return os.fsencode(name).decode("utf-8", "replace").removeprefix(str(self.place))

    def start(self, command: Sequence[str], log: Path, limits: Limits) -> Child:
        """Start a command in the working folder, and wait until it runs."""
        child = start(command, log, limits, self.environment, self.deep / "work")
        child.wait_until_begun()
        return child

    def attempt(self, command: Sequence[str], log: Path, limits: Limits) -> Attempt:
        """Run a command in the working folder to its end, or to the limit of time."""
        return attempt(command, log, limits, self.environment, self.deep / "work")

    def clear(self) -> None:
        """Empty the place of outputs and of temporary files."""
        for folder in (self.outputs, self.deep / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()


def fill(command: tuple[str, ...], it: Path, file: Path, out: Path, made: Path) -> tuple[str, ...]:
    """Return a command with its places filled in."""
    places = {"{it}": it, "{file}": file, "{out}": out, "{made}": made}
    filled = []
    for word in command:
        marks = [mark for mark in places if mark in word]
        filled.append(word.replace(marks[0], str(places[marks[0]])) if marks else word)
    return tuple(filled)
