"""Edit a file, try every command that reads it, and say what went wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from shlex import join

from tools.soak.attempt import NOISE, Limits
from tools.soak.files import edit_file
from tools.soak.pool import in_processes
from tools.soak.sandbox import Sandbox, fill
from tools.soak.subjects import SUBJECTS, Subject
from tools.soak.tables import NotApplicableError, seal
from tools.soak.tried import Failure, Tried, keep_failure

SHARE_OF_SLOW = 0.1
SHARE_LEFT_UNSEALED = 0.15
# What no manifest may have, whatever its digests say: `verify` must refuse it.
NEVER_SOUND = (
    "rows in another order",
    "wrong run lengths",
    "wrong sizes",
    "swapped references",
    "bad utf8",
    "missing rows",
)


def sound_failures(place: Path, made: Path, subjects: tuple[Subject, ...]) -> Iterator[str]:
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
            done = sandbox.attempt(typed, sandbox.deep / "tmp/log", Limits(seconds=60))
            if done.faults(Limits(seconds=60)) or done.exit_code not in ((0, 1) if command[1] == "diff" else (0,)):
                yield f"{join(typed)}: exit code {done.exit_code}: {done.output[-1000:]}"


def _files(subject: Subject, it: Path) -> list[Path]:
    """Return the files of one kind that are edited, a pattern as often as it is listed."""
    found = [path for pattern in subject.files for path in sorted(it.glob(pattern))]
    if not found:
        raise RuntimeError(f"{subject.name}: no file at {it} matches {subject.files}")
    return found


def _draw(seed: int, index: int) -> tuple[Random, Subject]:
    """Return the random numbers of the edit of that number, and what is edited."""
    random = Random(f"{seed}/{index}")  # noqa: S311
    return random, random.choices(SUBJECTS, [subject.weight for subject in SUBJECTS])[0]


def subjects_of(seed: int, indices: range) -> tuple[Subject, ...]:
    """Return what the edits of those numbers edit, each once."""
    names = {_draw(seed, index)[1].name for index in indices}
    return tuple(subject for subject in SUBJECTS if subject.name in names)


def try_edit(index: int, *, seed: int, work: Path, made: Path, keep: Path | None, limits: Limits) -> Tried:
    """Make the edit of that number and try every command that reads the file."""
    random, subject = _draw(seed, index)
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
    for command in commands:
        sandbox.clear()
        typed = fill(command, it, file, sandbox.outputs / "new", made)
        log = work / f"{os.getpid()}.log"
        done = sandbox.attempt(typed, log, limits)
        tried.attempts += 1
        name = " ".join(command[:2])
        tried.times[name] = tried.times.get(name, 0.0) + done.seconds
        faults = done.faults(limits)
        changed = sandbox.changes(before)
        if changed:
            faults.append(f"outside of --out: {sandbox.shown(changed[0])}")
            before = sandbox.listing()
        if sandbox.outputs_from_outside():
            faults.append("a file from outside of the root is in --out")
        if done.exit_code != 0 and not faults and _is_left(sandbox.outputs, command):
            faults.append(f"left in --out after exit code {done.exit_code}: {_is_left(sandbox.outputs, command)}")
        if command[:2] == (NOISE, "verify") and done.exit_code == 0:
            tried.accepted = f"{kind}: {detail}"
            is_same = kind == "table: other columns"  # of another type, or in another order, the values may be the same
            if subject.is_manifest and is_table and not is_same and (not is_sealed or _is_never_sound(subject, kind)):
                faults.append(f"verify accepts {kind}{'' if is_sealed else ', digests left as they were'}")
        for fault in faults:
            failure = Failure(f"{seed}/{index}", subject.name, kind, detail, join(command), fault)
            tried.failures.append(
                failure if keep is None else keep_failure(failure, sandbox.edited, sandbox, done, keep)
            )
    shutil.rmtree(sandbox.place, ignore_errors=True)
    return tried


def _is_never_sound(subject: Subject, kind: str) -> bool:
    """Say whether a manifest with such an edit is wrong whatever its digests say; of texts, a frame may be missing."""
    return kind.removeprefix("table: ") in NEVER_SOUND and not (
        kind.endswith("missing rows") and subject.folder == "text"
    )


def _is_left(outputs: Path, command: tuple[str, ...]) -> str:
    """Return a half-made output of a command that makes its output whole or not at all; empty when there is none."""
    if command[1] not in ("build", "publish", "export", "import", "convert-checkpoint"):
        return ""
    return next((path.name for path in sorted(outputs.iterdir())), "") if outputs.exists() else ""


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
