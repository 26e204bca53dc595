"""A publication in the making: a hidden folder beside the output, renamed into place when it is whole."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from actiseg_noise.building.workspace import Lock
from actiseg_noise.errors import ActisegError

SUMS_NAME = "SHA256SUMS"


class Draft:
    """The folder of one publication in the making. A context manager; nothing is left of it without ``commit``.

    Attributes:
        path: where to write.
    """

    def __init__(self, out: Path, *, force: bool) -> None:
        self.out = Path(os.path.normpath(out))
        self.force = force
        self._room = self.out.with_name(f".{self.out.name}.publishing")
        self.path = self._room / "draft"
        self._old = self._room / "old"
        self._lock = Lock(self._room / "lock")

    def __enter__(self) -> Draft:
        try:
            self._room.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ActisegError(f"{self.out}: cannot be written ({error}); choose another --out") from None
        self._lock.acquire(f"{self.out}: another publication is written there; wait for it, or choose another --out")
        try:
            self._restore()
            check_output(self.out, force=self.force)
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._restore()
        shutil.rmtree(self._room, ignore_errors=True)
        self._lock.release()

    def commit(self) -> None:
        """Write the checksums and rename the folder into place; a publication that is replaced goes only then."""
        write_sums(self.path)
        check_output(self.out, force=self.force)
        if self.out.exists():
            self.out.rename(self._old)
        self.path.rename(self.out)

    def _restore(self) -> None:
        """Put back what was to be replaced, where a process ended between the two renames."""
        if self._old.exists() and not self.out.exists():
            self._old.rename(self.out)


def check_output(out: Path, *, force: bool) -> None:
    """Raise ActisegError when ``out`` exists and may not be replaced."""
    if not out.exists():
        return
    strangers = _strangers(out)
    if strangers is None:
        raise ActisegError(f"{out}: exists and is not a publication, so nothing here replaces it; choose another --out")
    if not force:
        raise ActisegError(f"{out}: the output exists. Choose another --out, or replace it with --force.")
    if strangers:
        raise ActisegError(
            f"{out}: --force would delete {len(strangers)} files that are not of the publication there, the first "
            f"{strangers[0]}; choose another --out"
        )


def _strangers(folder: Path) -> list[str] | None:
    """Return the files that a publication's checksums do not list; None when the folder is no publication."""
    try:
        lines = (folder / SUMS_NAME).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    listed = {line[66:] for line in lines} | {SUMS_NAME}
    return [name for name in _files(folder) if name not in listed]


def _files(folder: Path) -> list[str]:
    """Return the paths of all files under ``folder``, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` over every file of the folder, as ``sha256sum -c`` reads it."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / SUMS_NAME).write_text("".join(lines), "utf-8")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex, read in pieces."""
    state = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            state.update(piece)
    return state.hexdigest()
