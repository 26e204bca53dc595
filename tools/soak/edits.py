"""Edit a file, try every command that reads it, and say what went wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from random import Random
from shlex import join

from tools.soak.attempt import Attempt, Limits, attempt
from tools.soak.files import edit_file
from tools.soak.pool import in_processes
from tools.soak.subjects import SUBJECTS, Subject
from tools.soak.tables import NotApplicableError, seal

SHARE_OF_SLOW = 0.1
SHARE_LEFT_UNSEALED = 0.15
CUT_SHORT = 3_000  # characters of a failure's output that are kept
# What no manifest may have, whatever its digests say: `verify` must refuse it.
NEVER_SOUND = (
    "rows in another order",
    "wrong run lengths",
    "wrong sizes",
    "swapped references",
    "bad utf8",
    "missing rows",
)


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong: where to see it again, and what it was."""

    index: str
    subject: str
    kind: str
    detail: str
    command: str
    fault: str
    folder: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what failures have in common that are one fault."""
        words = self.command.split()
        fault = self.fault.partition(":")
        place = self.fault.rpartition(" in ")[2] if fault[0] == "traceback" else ""
        name = fault[2].strip().partition(":")[0] if fault[0] == "traceback" else ""
        return " ".join(words[:2]), f"{fault[0]} {name} {place}".strip() if place else self.fault


@dataclass
class Tried:
    """What one edit gave."""

    kind: str
    attempts: int = 0
    failures: list[Failure] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    accepted: str = ""  # what was done, where `verify` found nothing wrong


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
        shutil.copy(picture, self.outside / "picture.jpg")

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables under which commands run."""
        kitchen = str((self.made / "kitchen").resolve())
        home = {
            "HOME": str(self.deep / "home"),
            "TMPDIR": str(self.deep / "tmp"),
            "XDG_CACHE_HOME": str(self.deep / "home/.cache"),
        }
        home["MPLCONFIGDIR"] = home["TMPDIR"]  # Matplotlib keeps its fonts there
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


def sound_failures(place: Path, made: Path, subjects: tuple[Subject, ...] = SUBJECTS) -> Iterator[str]:
    """Yield every command that does not work on sound files: edits would show nothing."""
    sandbox = Sandbox(place, made)
    for subject in subjects:
        sandbox.make()
        it = sandbox.edited / subject.folder
        shutil.copytree(made / subject.folder, it, symlinks=True)
        file = _files(subject, it)[0]
        for command in (*subject.commands, *subject.slow):
            sandbox.clear()
            typed = fill(command, it, file, sandbox.outputs / "new", made)
            done = attempt(
                typed, sandbox.deep / "tmp/log", Limits(seconds=60), sandbox.environment, sandbox.deep / "work"
            )
            if done.faults(Limits(seconds=60)) or done.exit_code not in ((0, 1) if command[1] == "diff" else (0,)):
                yield f"{join(typed)}: exit code {done.exit_code}: {done.output[-1000:]}"


def _files(subject: Subject, it: Path) -> list[Path]:
    """Return the files of one kind that are edited, a pattern as often as it is listed."""
    found = [path for pattern in subject.files for path in sorted(it.glob(pattern))]
    if not found:
        raise RuntimeError(f"{subject.name}: no file at {it} matches {subject.files}")
    return found


def try_edit(index: int, *, seed: int, work: Path, made: Path, keep: Path | None, limits: Limits) -> Tried:
    """Make the edit of that number and try every command that reads the file."""
    random = Random(f"{seed}/{index}")  # noqa: S311
    subject = random.choices(SUBJECTS, [subject.weight for subject in SUBJECTS])[0]
    sandbox = Sandbox(work / str(os.getpid()), made)
    while True:
        sandbox.make()
        it = sandbox.edited / subject.folder
        shutil.copytree(made / subject.folder, it, symlinks=True)
        files = _files(subject, it)
        pattern = random.choice(subject.files)
        file = random.choice([path for path in files if path.match(pattern)])
        try:
            kind, detail = edit_file(random, file, str(sandbox.outside))
        except NotApplicableError:
            continue
        break
    detail = f"{file.relative_to(it)}: {detail}"
    is_table = kind.startswith("table: ")
    is_sealed = subject.is_manifest and is_table and random.random() >= SHARE_LEFT_UNSEALED and seal(it)
    tried = Tried(f"{subject.name}, {kind}")
    commands = subject.commands + tuple(command for command in subject.slow if random.random() < SHARE_OF_SLOW)
    before = sandbox.listing()
    secret = (sandbox.outside / "picture.jpg").stat().st_ino
    for command in commands:
        sandbox.clear()
        typed = fill(command, it, file, sandbox.outputs / "new", made)
        log = work / f"{os.getpid()}.log"
        done = attempt(typed, log, limits, sandbox.environment, sandbox.deep / "work")
        tried.attempts += 1
        name = " ".join(command[:2])
        tried.times[name] = tried.times.get(name, 0.0) + done.seconds
        faults = done.faults(limits)
        changed = sandbox.changes(before)
        if changed:
            faults.append(f"outside of --out: {sandbox.shown(changed[0])}")
            before = sandbox.listing()
        if _leads_outside(sandbox.outputs, secret):
            faults.append("a file from outside of the root is in --out")
        if done.exit_code != 0 and not faults and _is_left(sandbox.outputs, command):
            faults.append(f"left in --out after exit code {done.exit_code}: {_is_left(sandbox.outputs, command)}")
        if command[:2] == ("actiseg-noise", "verify") and done.exit_code == 0:
            is_bad = subject.is_manifest and is_table and (not is_sealed or kind.removeprefix("table: ") in NEVER_SOUND)
            tried.accepted = f"{kind}: {detail}"
            if is_bad:
                faults.append(f"verify accepts {kind}{'' if is_sealed else ', digests left as they were'}")
        for fault in faults:
            failure = Failure(f"{seed}/{index}", subject.name, kind, detail, join(command), fault)
            tried.failures.append(
                failure if keep is None else keep_failure(failure, sandbox.edited, sandbox, done, keep)
            )
    shutil.rmtree(sandbox.place, ignore_errors=True)
    return tried


def _is_left(outputs: Path, command: tuple[str, ...]) -> str:
    """Return a half-made output of a command that makes its output whole or not at all; empty when there is none."""
    if command[1] not in ("build", "publish", "export", "import", "convert-checkpoint"):
        return ""
    return next((path.name for path in sorted(outputs.iterdir())), "") if outputs.exists() else ""


def _leads_outside(outputs: Path, inode: int) -> bool:
    """Say whether the picture that lies outside was copied, or linked to, into the outputs."""
    for folder, _, files in os.walk(outputs):
        for name in files:
            path = Path(folder) / name
            if path.is_symlink() and path.exists() and path.stat().st_ino == inode:
                return True
    return False


def keep_failure(failure: Failure, files: Path, sandbox: Sandbox, done: Attempt, keep: Path) -> Failure:
    """Keep what shows a failure again, the first few times that it comes: the files, the command, the output.

    Returns:
        The failure, with the folder where it is kept.
    """
    name = blake2b(repr(failure.key).encode("utf-8", "replace"), digest_size=4).hexdigest()
    folder = keep / f"{name}-{failure.index.replace('/', '-')}"
    if len(list(keep.glob(f"{name}-*"))) >= 2 or folder.exists():
        return failure
    folder.mkdir(parents=True)
    shutil.copytree(files, folder / files.name, symlinks=True, ignore=_not_plain)
    typed = join(done.command).replace(str(sandbox.edited), "in").replace(str(sandbox.outputs), "out")
    (folder / "command.txt").write_text(f"{typed}\n", "utf-8", errors="replace")
    about = f"{failure.index}: {failure.subject}: {failure.detail}\n{failure.fault}\n"
    (folder / "about.txt").write_text(f"{about}\n{done.output[-CUT_SHORT:]}\n", "utf-8", errors="replace")
    return replace(failure, folder=str(folder))


def _not_plain(folder: str, names: list[str]) -> list[str]:
    """Return what cannot be kept: pipes, and files as long as a disk."""
    paths = [Path(folder) / name for name in names]
    return [path.name for path in paths if path.is_fifo() or (path.is_file() and path.stat().st_size > 1 << 28)]


def try_edits(
    indices: range,
    *,
    seed: int,
    jobs: int,
    work: Path,
    made: Path,
    keep: Path | None,
    limits: Limits,
    minutes: float | None = None,
) -> Iterator[Tried]:
    """Yield what each edit gave, as they come, from ``jobs`` processes that have the commands imported.

    Args:
        minutes: after so long, none begins any more.
    """
    one = partial(try_edit, seed=seed, work=work, made=made, keep=keep, limits=limits)
    yield from in_processes(one, indices, jobs, minutes)
