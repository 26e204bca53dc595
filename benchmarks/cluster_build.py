"""A build by dask's workers against one's own processes: ``python benchmarks/cluster_build.py [--clips 40]``.

The dataset, its clips and pictures are those of ``build_masks.py``. Each build is a process of its own with workers of
its own; CPU seconds are those of all of them, which a busy machine moves less than wall time. All digests must be
equal.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from build_masks import FRAMES_PER_CLIP, write_pictures

BUILD = """
import sys
from pathlib import Path
from build_masks import Blobs
import actiseg_noise
if __name__ == "__main__":
    root, frames, recipe, out, workers, engine = sys.argv[1:]
    path = actiseg_noise.build(
        Blobs(Path(root), int(frames)), recipe=recipe, out=out, workers=int(workers), engine=engine
    )
    print(actiseg_noise.read_manifest(path).digest)
"""
WAYS = (("processes", 1), ("processes", 2), ("dask", 1), ("dask", 2))


class Cost(NamedTuple):
    """What a build took, all its processes together, and what came out."""

    wall_s: float
    cpu_s: float
    load: float
    digest: str


def measure(root: Path, clips: int, recipe: str, engine: str, workers: int) -> Cost:
    """Return what one build costs, start of Python and of the workers included."""
    settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    settings["PYTHONPATH"] = os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "build_by_engine.py")
        script.write_text(BUILD)
        words = [str(root), str(clips * FRAMES_PER_CLIP), recipe, f"{folder}/m", str(workers), engine]
        before, start = _cpu_s(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(script), *words],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"the build by {engine} failed:\n{done.stderr}")
    return Cost(wall, _cpu_s() - before, os.getloadavg()[0], done.stdout.split()[-1])


def _cpu_s() -> float:
    """Return CPU seconds of all processes that have ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--recipe", default="mask-9")
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    digests = set()
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), height, width)
        for number in range(options.rounds):
            for engine, workers in WAYS:
                cost = measure(Path(folder), options.clips, options.recipe, engine, workers)
                digests.add(cost.digest)
                print(
                    f"round {number + 1}, {engine}, workers {workers}: {cost.wall_s:.1f} s wall, "
                    f"{cost.cpu_s:.1f} s CPU, load {cost.load:.1f}",
                    flush=True,
                )
    print(f"digests: {'all equal' if len(digests) == 1 else 'DIFFERENT'} ({', '.join(sorted(digests))[:80]})")


if __name__ == "__main__":
    main()
