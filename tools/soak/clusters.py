"""Kill workers, scheduler and client of dask at random moments of builds and grids; compare with undisturbed results.

    python -m tools.soak.clusters --kills 50

A scheduler and two workers run as people run them, processes of their own; what is killed of them is started again, as
people would. After a kill the command must end by itself: with its result where a worker was lost, with one line where
the scheduler was. Then the same command must give the undisturbed result, with nothing left beside it. In the end no
process may be left. Exit code 1: something went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from shlex import join

from tools.soak.attempt import TRACEBACK
from tools.soak.outputs import differences, snapshot
from tools.soak.report import Tally, lines
from tools.soak.tried import Failure, Tried

MARK = "ACTISEG_SOAK"  # an environment variable that every process of a soak has
PATIENCE_S = 5.0  # for processes that end with another
LONGEST_S = 400.0  # --longest: a command of a minute takes ten where others work
WORKERS = 2
_ENDED = "ended before the kill"
_TARGETS = {"worker": 5, "scheduler": 2, "client": 3}
_WEIGHTS = {"build": 2, "grid": 1}
_NOISE, _BENCH = ([sys.executable, "-m", name] for name in ("actiseg_noise", "actiseg_bench"))


@dataclass(frozen=True)
class Victim:
    """A command that is disturbed, but for its ``--out`` and ``--engine``.

    Attributes:
        seconds: that it takes undisturbed by this cluster.
        content: what an undisturbed run by own processes writes; ignored: what two such runs do not share.
    """

    name: str
    command: tuple[str, ...]
    seconds: float = 0.0
    content: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()


@dataclass
class Cluster:
    """A scheduler and its workers, of which each can be killed and started again."""

    work: Path
    environment: Mapping[str, str]
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""
    longest_s: float = LONGEST_S  # that a command may take

    def mend(self) -> None:
        """Start what is not there."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.end()
            note = self.work / "scheduler.json"
            note.unlink(missing_ok=True)
            words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
            self.scheduler = self._start("distributed.cli.dask_scheduler", *words)
            self.address = _address(note)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < WORKERS:
            words = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.work)]
            self.workers.append(self._start("distributed.cli.dask_worker", self.address, *words))

    def end(self) -> None:
        """Kill all of it."""
        for process in (*self.workers, *([] if self.scheduler is None else [self.scheduler])):
            process.kill()
            process.wait()
        self.workers, self.scheduler = [], None

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, *words]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.work
        )


def _address(note: Path) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(note.read_text())["address"])
        time.sleep(0.05)
    raise RuntimeError("the scheduler does not start")


def victims(made: Path, kitchen: Sequence[str]) -> Iterator[Victim]:
    """Yield the commands."""
    noisy, clean = made / "noisy", made / "clean"
    yield Victim("build", (*_NOISE, "build", *kitchen, "--recipe", "mixed-40-15", "--limit", "64", "--workers", "2"))
    grid = ["run", "--manifest", str(noisy), "--eval-manifest", str(clean), "--threads", "1", "--steps", "3"]
    grid += ["--device", "cpu", "--weights", "none", "--jobs", "2", "--strategy", "baseline"]
    yield Victim("grid", (*_BENCH, *grid))


def make_labels(made: Path, kitchen: Sequence[str], environment: Mapping[str, str]) -> None:
    """Build what the grid reads."""
    for name, recipe in (("noisy", "text-40"), ("clean", "clean")):
        words = ["build", *kitchen, "--split", "val", "--recipe", recipe, "--limit", "2", "--allow-eval"]
        subprocess.run([*_NOISE, *words, "--out", str(made / name)], check=True, capture_output=True, env=environment)


def measured(victim: Victim, work: Path, cluster: Cluster) -> Victim:
    """Return a command with what it gives undisturbed: twice by own processes, and once, for its time, by the cluster.

    Raises:
        RuntimeError: it fails, or the cluster gives something else.
    """
    contents, seconds = [], 0.0
    for engine in ("processes", "processes", "dask"):
        out, start = work / "reference" / "new", time.monotonic()
        ended = _run(victim, out, cluster, engine)
        seconds = time.monotonic() - start
        if ended.returncode:
            raise RuntimeError(f"{join(ended.args)}: {ended.returncode}\n{ended.stdout[-2000:]}")
        contents.append(_content(out))
        shutil.rmtree(out.parent)
    ignored = frozenset(name for name in contents[0] if contents[0][name] != contents[1].get(name))
    if found := differences(contents[0], contents[2], ignored):
        raise RuntimeError(f"{victim.name}: dask gives other results: {found[0]}")
    return Victim(victim.name, victim.command, seconds, contents[0], ignored)


def _typed(victim: Victim, out: Path, cluster: Cluster, engine: str = "dask") -> list[str]:
    shown = engine if engine == "processes" else f"dask={cluster.address}"
    return [*victim.command, "--out", str(out), "--engine", shown]


def _run(victim: Victim, out: Path, cluster: Cluster, engine: str = "dask") -> subprocess.CompletedProcess[str]:
    """Run a command to its end; one that takes too long is killed, with exit code 124."""
    typed = _typed(victim, out, cluster, engine)
    try:
        return subprocess.run(
            typed, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=cluster.longest_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(typed, 124, str(error.stdout or ""))


def _content(out: Path) -> dict[str, str]:
    """Return what is below ``out``, and what is left beside it."""
    found = snapshot(out.parent)
    return {name: value.replace(str(out.parent), "{out}") for name, value in found.items()}


def disturb(random: Random, victim: Victim, cluster: Cluster, work: Path, log: Path) -> tuple[str, str, list[str]]:
    """Kill something at a random moment; return what was done, the output, and what is wrong with the end."""
    target = random.choices(list(_TARGETS), list(_TARGETS.values()))[0]
    kind = random.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM]) if target == "client" else signal.SIGKILL
    out = work / "new"
    with log.open("w") as output:
        client = subprocess.Popen(
            _typed(victim, out, cluster), env=cluster.environment, stdout=output, stderr=subprocess.STDOUT
        )
        with suppress(subprocess.TimeoutExpired):
            client.wait(random.random() * victim.seconds)
        is_over = client.poll() is not None
        if not is_over:
            one = {"client": client, "scheduler": cluster.scheduler}.get(target) or random.choice(cluster.workers)
            one.send_signal(kind)
            if target == "worker":
                one.wait()
        try:
            code = client.wait(cluster.longest_s)
        except subprocess.TimeoutExpired:
            client.kill()
            code = client.wait()
            return f"{kind.name} to {target}", log.read_text(), [f"runs for {cluster.longest_s:g} s after it"]
    printed = log.read_text()
    faults = [f"traceback: {printed[printed.rindex(TRACEBACK) :][-300:]!r}"] if TRACEBACK in printed else []
    if is_over:
        return _ENDED, printed, faults + ([f"exit code {code}"] if code else [])
    expected = {
        "worker": {0},
        "scheduler": {0, 2},
        "client": {signal.SIGKILL: {-9, 0}, signal.SIGINT: {130, -2, 0}, signal.SIGTERM: {75, -15, 0}}.get(kind, {0}),
    }[target]
    if code not in expected:
        faults.append(f"exit code {code}, expected one of {sorted(expected)}")
    return f"{kind.name} to {target}", printed, faults


def try_one(index: int, seed: int, known: list[Victim], cluster: Cluster, work: Path, keep: Path | None) -> Tried:
    """Disturb a command in the way of that number, run it again, and compare.

    One that ended before its kill shows how long it takes now, which counts for the moments of the next kills.
    """
    random = Random(f"{seed}/cluster/{index}")  # noqa: S311
    victim = random.choices(known, [_WEIGHTS[one.name] for one in known])[0]
    place = work / "place"
    place.mkdir()
    cluster.mend()
    begun = time.monotonic()
    kind, printed, faults = disturb(random, victim, cluster, place, work / "log")
    if kind == _ENDED:
        known[known.index(victim)] = replace(victim, seconds=time.monotonic() - begun)
    cluster.mend()
    again = _run(victim, place / "new", cluster)
    found = differences(victim.content, _content(place / "new"), victim.ignored)
    is_refused = again.returncode == 2 and not found  # what is whole is not built again
    if again.returncode and not is_refused:
        faults.append(f"again: exit code {again.returncode}")
    if TRACEBACK in again.stdout:
        faults.append("again: traceback")
    faults += [f"again: {found[0]}"] if found else []
    text = f"{kind}\n{printed}\n--- the same command again\n{again.stdout}"
    tried = Tried(f"{victim.name}: {kind}", attempts=2)
    tried.failures = [Failure(f"{seed}/{index}", victim.name, kind, "", join(victim.command), one) for one in faults]
    if faults and keep is not None:
        shutil.copytree(place, keep / str(index), symlinks=True)
        (keep / f"{index}.txt").write_text("\n".join([*faults, text]))
    shutil.rmtree(place)
    return tried


def marked(mark: str) -> list[int]:
    """Return the living processes of a soak, this one not among them."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            is_zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not is_zombie and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def count_left(mark: str) -> list[str]:
    """Return what is said of processes that outlive the cluster; they are killed."""
    until = time.monotonic() + PATIENCE_S
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.1)
    left = marked(mark)
    shown = [f"a process is left: {_command(pid)}" for pid in left]
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return shown


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    return "gone by now"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="soak.clusters", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="kills to try (50)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all that is drawn (0)")
    parser.add_argument("--first", type=int, default=0, metavar="INDEX", help="the first kill's number (0)")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no further kill after M minutes")
    parser.add_argument("--longest", type=float, default=LONGEST_S, metavar="S", help=f"of a command ({LONGEST_S:g})")
    parser.add_argument("--victim", choices=list(_WEIGHTS), help="disturb this command alone (both)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where failures are kept: outputs, what was printed")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the drawn dataset (its usual place, drawn there)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Soak and print what was seen."""
    options = parse(arguments)
    kitchen = ["--dataset", "kitchen", *([] if options.root is None else ["--root", str(options.root)])]
    tally, started, mark = Tally(), time.monotonic(), f"{os.getpid()}"
    environment = {**os.environ, MARK: mark, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    quick = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 — files in memory, where there are any
    with tempfile.TemporaryDirectory(prefix="soak-clusters-", dir=quick) as name:
        work = Path(name)
        cluster = Cluster(work, environment, longest_s=options.longest)
        try:
            wanted = [one for one in victims(work, kitchen) if options.victim in (None, one.name)]
            if any(one.name == "grid" for one in wanted):
                make_labels(work, kitchen, environment)
            cluster.mend()
            known = [measured(victim, work, cluster) for victim in wanted]
            print(", ".join(f"{one.name} {one.seconds:.0f} s undisturbed" for one in known), file=sys.stderr)
            begun = time.monotonic()
            for index in range(options.first, options.first + options.kills):
                if options.minutes is not None and time.monotonic() - begun > 60 * options.minutes:
                    break
                tally.add(tried := try_one(index, options.seed, known, cluster, work, options.keep))
                faults = "; ".join(failure.fault for failure in tried.failures)
                print(f"{index} {tried.kind}: {faults or 'sound'}", file=sys.stderr, flush=True)
        finally:
            cluster.end()
            left = count_left(mark)  # and what was seen is printed when it is interrupted, too
            print("\n".join([*lines("Kills", tally, time.monotonic() - started), *left]), flush=True)
    return 1 if tally.faults or left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
