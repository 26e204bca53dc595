"""A grid by two jobs against one after another: ``python benchmarks/grid_jobs.py``.

Both are ``actiseg-bench run`` as a user types it, on the same strategies and tracks of the quick protocol, with the
number of threads that each takes by itself: two for one job, one each for two. Manifests are built before, and the two
take turns. What is compared is wall time, so nothing else should run.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

RUN = [sys.executable, "-c", "from actiseg_bench.cli import main; main()", "run"]


def run(out: Path, jobs: int, options: argparse.Namespace) -> float:
    """Make a grid in ``out`` and return the seconds it took."""
    command = [*RUN, "--protocol", "quick-v1", "--out", str(out), "--jobs", str(jobs), "--steps", str(options.steps)]
    for name in ("strategy", "track"):
        command += [word for value in getattr(options, name) for word in (f"--{name}", value)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def forget_runs(out: Path) -> None:
    """Remove every run of ``out`` and keep its manifests."""
    for folder in out.iterdir():
        if folder.is_dir() and folder.name != "manifests":
            shutil.rmtree(folder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategy", nargs="+", default=["baseline", "gce"])
    parser.add_argument("--track", nargs="+", default=["clean", "text-40"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        run(out, 2, argparse.Namespace(strategy=options.strategy, track=options.track, steps=1))  # builds manifests
        for _ in range(options.rounds):
            for jobs, found in seconds.items():
                forget_runs(out)
                found.append(run(out, jobs, options))
    ratio = median(one / two for one, two in zip(seconds[1], seconds[2], strict=True))
    runs = len(options.strategy) * len(options.track)
    print(f"{runs} trainings of {options.steps} steps, the start row of every track beside them")
    print(f"one after another {median(seconds[1]):6.1f} s, two jobs {median(seconds[2]):6.1f} s: {ratio:.2f}× as fast")
    print("two jobs are faster: " + ("met" if ratio > 1 else "MISSED"))


if __name__ == "__main__":
    main()
