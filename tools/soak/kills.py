"""Stop commands in the middle, run them again, and compare with what an undisturbed run gives."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from shlex import join

from tools.soak.attempt import Attempt, Child, Limits, session_of
from tools.soak.outputs import differences, snapshot
from tools.soak.pool import in_processes
from tools.soak.sandbox import Sandbox, fill
from tools.soak.subjects import bench, noise
from tools.soak.tried import Failure, Tried, keep_failure

PATIENCE_S = 2.0  # for the processes of a command whose parent was killed
LIMITS = Limits(seconds=120, memory_bytes=4 << 30)
_MODES = {"kill": 8, "two at once": 1, "disk full": 1}
_TARGETS = {"parent": 5, "all": 3, "worker": 2}


@dataclass(frozen=True)
class Victim:
    """A command that is stopped.

    Attributes:
        before: the folder below ``made/`` that stands at ``--out`` when the command starts; empty: none.
        is_whole: whether ``--out`` is whole or not there at every moment; else it grows, and a rerun continues.
        has_workers: whether it starts processes.
        weight: how often it is drawn.
    """

    name: str
    command: tuple[str, ...]
    before: str = ""
    is_whole: bool = True
    has_workers: bool = False
    weight: float = 1.0


_BUILD = "build --dataset kitchen --recipe mixed-40-15 --out {out}"
_RUN = "run --manifest {made}/manifest --eval-manifest {made}/evaluation --steps 3 --threads 1"
_TRAIN = "train --manifest {made}/manifest --steps 6 --save-every 2 --threads 1"
VICTIMS = (
    Victim("build", noise(f"{_BUILD} --limit 24 --workers 1"), weight=3),
    Victim("build with workers", noise(f"{_BUILD} --limit 160 --workers 2"), has_workers=True, weight=2),
    Victim("build --force", noise(f"{_BUILD} --limit 8 --workers 1 --force"), before="manifest", weight=2),
    Victim("export actionvos", noise("export {made}/manifest --format actionvos --images copy --out {out}"), weight=2),
    Victim(
        "export --force",
        noise("export {made}/manifest --format refvos --force --out {out}"),
        before="old_export",
        weight=2,
    ),
    Victim(
        "import",
        noise(
            "import --clean {made}/refvos/train/Annotations --noisy {made}/refvos/train/Annotations "
            "--name x --out {out}"
        ),
        weight=2,
    ),
    Victim("clean", noise("clean {made}/manifest --corrections {made}/corrections/corrections.csv --out {out}")),
    Victim("publish", noise("publish {made}/manifest --out {out}"), weight=2),
    Victim("publish --force", noise("publish {made}/manifest --force --out {out}"), before="publication", weight=2),
    Victim("run", bench(f"{_RUN} --strategy baseline --out {{out}}"), is_whole=False, weight=2),
    Victim(
        "run with workers",
        bench(f"{_RUN} --strategy baseline --strategy gce --jobs 2 --out {{out}}"),
        is_whole=False,
        has_workers=True,
    ),
    Victim("train", bench(f"{_TRAIN} --strategy co_teaching --out {{out}}"), is_whole=False, weight=2),
    Victim(
        "predict",
        bench(
            "predict --checkpoint {made}/weights/checkpoint.safetensors --manifest {made}/manifest "
            "--threads 1 --out {out}"
        ),
        is_whole=False,
        weight=2,
    ),
    Victim("analyze", bench("analyze {made}/runs --out {out}"), is_whole=False),
    Victim(
        "convert-checkpoint",
        bench("convert-checkpoint {made}/published/model.pth --model tiny --out {out}/x.safetensors"),
        is_whole=False,
    ),
)


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run writes and how long it takes; ``ignored``: what two such runs do not share."""

    victim: Victim
    content: Mapping[str, str]
    ignored: frozenset[str]
    seconds: float


def references(work: Path, made: Path, victims: tuple[Victim, ...]) -> Iterator[Reference]:
    """Yield what every victim gives undisturbed.

    Raises:
        RuntimeError: one fails.
    """
    for victim in victims:
        contents, seconds = [], 0.0
        for name in ("one", "other"):
            sandbox = _prepare(Sandbox(work / f"reference-{name}", made), victim)
            done = sandbox.attempt(_typed(victim, sandbox), work / "log", LIMITS)
            if done.exit_code != 0:
                raise RuntimeError(f"{join(done.command)}: {done.exit_code}\n{done.output[-2000:]}")
            contents.append(_content(sandbox))
            seconds = done.seconds
            shutil.rmtree(sandbox.place)
        ignored = frozenset(
            name for name in {*contents[0], *contents[1]} if contents[0].get(name) != contents[1].get(name)
        )
        yield Reference(victim, contents[0], ignored, seconds)


def _prepare(sandbox: Sandbox, victim: Victim) -> Sandbox:
    """Make a sandbox in which the command starts."""
    sandbox.make()
    if victim.before:
        shutil.copytree(sandbox.made / victim.before, sandbox.outputs / "new", symlinks=True)
    return sandbox


def _typed(victim: Victim, sandbox: Sandbox) -> tuple[str, ...]:
    return fill(victim.command, sandbox.edited, sandbox.edited, sandbox.outputs / "new", sandbox.made)


def _content(sandbox: Sandbox) -> dict[str, str]:
    """Return what is at the place of outputs, hidden leftovers beside ``--out`` among it."""
    place = str(sandbox.place)
    return {name: value.replace(place, "{sandbox}") for name, value in snapshot(sandbox.outputs).items()}


def _new(content: Mapping[str, str]) -> dict[str, str]:
    """Return what is below ``--out`` itself, without leftovers beside it."""
    return {name: value for name, value in content.items() if name.startswith("new/")}


def _draw(seed: int, index: int) -> tuple[Random, Victim]:
    """Return the random numbers of the kill of that number, and what is stopped."""
    random = Random(f"{seed}/kill/{index}")  # noqa: S311
    return random, random.choices(VICTIMS, [victim.weight for victim in VICTIMS])[0]


def try_kill(
    index: int, *, seed: int, work: Path, made: Path, keep: Path | None, known: Mapping[str, Reference]
) -> Tried:
    """Disturb a command in the way of that number, run it again, and compare."""
    random, victim = _draw(seed, index)
    reference = known[victim.name]
    sandbox = _prepare(Sandbox(work / str(os.getpid()), made), victim)
    before, listed = _content(sandbox), sandbox.listing()
    mode = random.choices(list(_MODES), list(_MODES.values()))[0]
    log = work / f"{os.getpid()}.log"
    if mode == "kill":
        mode, done, faults = _kill(random, reference, sandbox, log)
    elif mode == "two at once":
        done, faults = _two(random, reference, sandbox, log)
    else:
        done, faults = _fill_disk(random, reference, sandbox, log)
    tried = Tried(f"{victim.name}: {mode}", attempts=2)
    if victim.is_whole:
        faults += _half_made(sandbox, reference, before)
    again = _run_again(reference, sandbox, log)
    faults += again[1]
    if changed := sandbox.changes(listed):
        faults.append(f"outside of --out: {sandbox.shown(changed[0])}")
    for fault in faults:
        failure = Failure(f"{seed}/kill/{index}", victim.name, mode, "", join(victim.command), fault)
        shown = replace(done, output=f"{done.output}\n--- the same command again\n{again[0].output}")
        tried.failures.append(failure if keep is None else keep_failure(failure, sandbox.outputs, sandbox, shown, keep))
    shutil.rmtree(sandbox.place, ignore_errors=True)
    return tried


def _kill(random: Random, reference: Reference, sandbox: Sandbox, log: Path) -> tuple[str, Attempt, list[str]]:
    """Send one signal at a random moment; return what was done, how the command ended, and what is wrong with that."""
    kind = random.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
    target = random.choices(list(_TARGETS), list(_TARGETS.values()))[0] if reference.victim.has_workers else "parent"
    if target == "worker":
        kind = signal.SIGKILL
    child = sandbox.start(_typed(reference.victim, sandbox), log, LIMITS)
    is_over = child.wait(random.random() * reference.seconds * 1.05)
    helpers = [pid for pid in session_of(child.pid) if pid != child.pid and not _is_python_s_own(pid)]
    sent = {
        "parent": [child.pid],
        "all": [child.pid, *helpers],
        "worker": random.sample(helpers, min(1, len(helpers))),
    }[target]
    for pid in () if is_over else sent:
        with suppress(ProcessLookupError):
            os.kill(pid, kind)
    faults = []
    if not child.wait(LIMITS.seconds):
        faults.append(f"runs for {LIMITS.seconds:g} s after {kind.name} to {target}")
        child.kill_session()
        child.wait(60)
    left = _outlive(child)
    if left:
        faults.append(left)
    done = child.result()
    mode = f"{kind.name} to {target}" if not is_over and sent else "ended before the kill"
    if is_over or not sent:
        return mode, done, faults
    expected = {0, 1, 2} | ({130} if kind == signal.SIGINT else set())
    is_ended_by_it = done.signal == kind and target != "worker"
    faults += [fault for fault in done.faults(LIMITS) if "traceback" in fault or "GiB" in fault]
    if not is_ended_by_it and done.exit_code not in expected:
        faults.append(f"after {kind.name} to {target}: exit code {done.exit_code}, signal {done.signal}")
    if kind == signal.SIGINT and target != "worker" and done.exit_code in (1, 2):
        faults.append(f"after SIGINT: exit code {done.exit_code} instead of 130")
    return mode, done, faults


def _is_python_s_own(pid: int) -> bool:
    """Say whether a process is the one that keeps account of Python's semaphores: no work is lost with it."""
    with suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


def _outlive(child: Child) -> str:
    """Wait for the processes of a command that has ended; return how long they outlived it, where that is long."""
    since = time.monotonic()
    while session_of(child.pid) and time.monotonic() - since < 20:
        time.sleep(0.05)
    elapsed = time.monotonic() - since
    child.kill_session()
    return f"processes outlive it by more than {PATIENCE_S:g} s" if elapsed > PATIENCE_S else ""


def _two(random: Random, reference: Reference, sandbox: Sandbox, log: Path) -> tuple[Attempt, list[str]]:
    """Run the command twice at once on one folder."""
    typed = _typed(reference.victim, sandbox)
    one = sandbox.start(typed, log, LIMITS)
    one.wait(random.random() * reference.seconds * 0.8)
    other = sandbox.start(typed, log.with_suffix(".two"), LIMITS)
    faults = []
    for child in (one, other):
        if not child.wait(LIMITS.seconds):
            faults.append(f"two at once: one runs for {LIMITS.seconds:g} s")
        child.kill_session()
        child.wait(60)
    ends = [child.result() for child in (one, other)]
    for end in ends:
        faults += [f"two at once: {fault}" for fault in end.faults(LIMITS)]
    if not faults and 0 not in (ends[0].exit_code, ends[1].exit_code):
        faults.append(f"two at once: exit codes {ends[0].exit_code} and {ends[1].exit_code}: neither has done it")
    return replace(ends[0], output=f"{ends[0].output}\n--- the other\n{ends[1].output}"), faults


def _fill_disk(random: Random, reference: Reference, sandbox: Sandbox, log: Path) -> tuple[Attempt, list[str]]:
    """Let no file grow beyond a size."""
    limits = replace(LIMITS, file_bytes=4096 * random.choice([1, 2, 4, 16, 64, 256]))
    done = sandbox.attempt(_typed(reference.victim, sandbox), log, limits)
    faults = [f"disk full: {fault}" for fault in done.faults(LIMITS)]
    if done.exit_code == 2 and str(sandbox.place) not in done.output and "standard output" not in done.output:
        faults.append("disk full: the message names no file")
    return done, faults


def _half_made(sandbox: Sandbox, reference: Reference, before: Mapping[str, str]) -> list[str]:
    """Return what is wrong with ``--out`` after a kill: it holds what was there, or all that comes, or is not there."""
    now, old, new = _new(_content(sandbox)), _new(before), _new(reference.content)
    if not now or not differences(now, new, reference.ignored) or (old and not differences(now, old)):
        return []
    return [f"--out is half made: {differences(new, now, reference.ignored)[0]}"]


def _run_again(reference: Reference, sandbox: Sandbox, log: Path) -> tuple[Attempt, list[str]]:
    """Run the same command to its end and compare with the reference; a whole output may be there already."""
    was_whole = not differences(reference.content, _content(sandbox), reference.ignored)
    done = sandbox.attempt(_typed(reference.victim, sandbox), log, LIMITS)
    faults = [f"again: {fault}" for fault in done.faults(LIMITS)]
    is_refused = done.exit_code == 2 and _is_whole(sandbox, reference)
    if not faults and done.exit_code != 0 and not (was_whole or is_refused):
        faults.append(f"again: exit code {done.exit_code}")
    if not faults:
        found = differences(reference.content, _content(sandbox), reference.ignored)
        faults += [f"again: {found[0]}"] if found else []
    return done, faults


def _is_whole(sandbox: Sandbox, reference: Reference) -> bool:
    return not differences(_new(_content(sandbox)), _new(reference.content), reference.ignored)


def try_kills(
    indices: range, *, seed: int, jobs: int, work: Path, made: Path, keep: Path | None, minutes: float | None = None
) -> Iterator[Tried]:
    """Yield what each kill gave, as they come."""
    names = {_draw(seed, index)[1].name for index in indices}
    victims = tuple(victim for victim in VICTIMS if victim.name in names)
    known = {reference.victim.name: reference for reference in references(work, made, victims)}
    one = partial(try_kill, seed=seed, work=work, made=made, keep=keep, known=known)
    yield from in_processes(one, indices, jobs, minutes)
