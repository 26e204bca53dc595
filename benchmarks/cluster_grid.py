"""A grid by dask's workers against one's own processes: ``python benchmarks/cluster_grid.py [--seeds 4]``.

The grid is of tiny runs, on 8 evaluation clips of ``kitchen`` with noise on texts: reference rows, and the strategies
with so many seeds each. Each grid is a command of its own with workers of its own, and the ways take turns; CPU seconds
are those of all its processes, which a busy machine moves less than wall time. Scores must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

WAYS = (("processes", 2), ("dask", 1), ("dask", 2))
_PR_SET_CHILD_SUBREAPER = 36  # Linux: a process below that has lost its parent is this one's


class Cost(NamedTuple):
    """What a grid took, all its processes together, and what came out: run → predictions and losses."""

    wall_s: float
    cpu_s: float
    load: float
    scores: dict[str, str]


def build(folder: Path) -> list[str]:
    """Build the labels and return the words of a command that runs the grid on them."""
    for recipe in ("text-40", "clean"):
        command = [sys.executable, "-m", "actiseg_noise", "build", "--dataset", "kitchen", "--split", "val"]
        command += ["--recipe", recipe, "--limit", "8", "--allow-eval", "--out", str(folder / recipe)]
        subprocess.run(command, check=True, capture_output=True)
    words = ["--manifest", str(folder / "text-40"), "--eval-manifest", str(folder / "clean"), "--threads", "1"]
    return [sys.executable, "-m", "actiseg_bench", "run", *words, "--device", "cpu", "--weights", "none"]


def measure(command: list[str], out: Path, engine: str, workers: int) -> Cost:
    """Return what one grid costs, start of Python and of the workers included."""
    before, start = _cpu_s(), time.perf_counter()
    command = [*command, "--out", str(out), "--engine", engine, "--jobs", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"the grid by {engine} failed:\n{done.stderr}")
    _wait_for_all()
    return Cost(wall, _cpu_s() - before, os.getloadavg()[0], dict(map(_score, out.rglob("result.json"))))


def _score(path: Path) -> tuple[str, str]:
    """Return a run, and what must be equal whoever makes it."""
    result = json.loads(path.read_text())
    name = f"{result['strategy']} {result['seed']}"
    return name, json.dumps([result[key] for key in ("run_key", "predictions", "losses", "scores")])


def _wait_for_all() -> None:
    """Wait for what is left of a grid's processes, so that their CPU time counts."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _cpu_s() -> float:
    """Return CPU seconds of all processes that have ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategy", nargs="+", default=["baseline", "gce"])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    found: dict[tuple[str, int], list[Cost]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        command = build(Path(folder))
        command += [word for name in options.strategy for word in ("--strategy", name)]
        command += ["--seeds", str(options.seeds), "--steps", str(options.steps)]
        for number in range(options.rounds):
            for engine, workers in WAYS:
                cost = measure(command, Path(folder, f"{engine}-{workers}-{number}"), engine, workers)
                found[engine, workers].append(cost)
                print(
                    f"round {number + 1}, {engine}, workers {workers}: {cost.wall_s:.1f} s wall, "
                    f"{cost.cpu_s:.1f} s CPU, load {cost.load:.1f}",
                    flush=True,
                )
    _report(found)


def _report(found: dict[tuple[str, int], list[Cost]]) -> None:
    """Print ratios within rounds, and whether scores are equal."""
    scores = [cost.scores for costs in found.values() for cost in costs]
    print(f"{len(scores[0])} runs; scores: {'all equal' if all(one == scores[0] for one in scores) else 'DIFFERENT'}")
    for title, one, other in (
        ("dask with two workers is … as fast as with one", ("dask", 1), ("dask", 2)),
        ("dask with two workers takes … of two processes", ("dask", 2), ("processes", 2)),
    ):
        pairs = list(zip(found[one], found[other], strict=True))
        wall = median(a.wall_s / b.wall_s for a, b in pairs)
        cpu = median(a.cpu_s / b.cpu_s for a, b in pairs)
        print(f"{title}: {wall:.2f}× by wall time, {cpu:.2f}× by CPU time")


if __name__ == "__main__":
    main()
