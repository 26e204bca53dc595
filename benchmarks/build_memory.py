"""Peak memory of a mask build against the number of clips: ``python benchmarks/build_memory.py [--clips 100 2000]``.

Each build is a process of its own, with worker processes of its own; the frames are small, so that what grows with the
number of clips is not hidden by pixels. What counts is the high-water mark of resident memory that Linux keeps for
every process (VmHWM in ``/proc``): the parent's, the largest worker's, and the sum over all of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from build_masks import Blobs, write_pictures

from actiseg_noise.records import Clip

BUILD = """
import sys
from pathlib import Path
from build_masks import FRAMES_PER_CLIP
from build_memory import Many
import actiseg_noise
if __name__ == "__main__":
    root, clips, recipe, workers, out = sys.argv[1:]
    dataset = Many(Path(root), int(clips) * FRAMES_PER_CLIP)
    actiseg_noise.build(dataset, recipe=recipe, out=out, workers=int(workers))
"""


class Many(Blobs):
    """The same clips, each with objects of its own, as those of a real dataset have."""

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the clips."""
        for clip in super().iter_clips(split, with_frames=with_frames):
            yield replace(clip, objects=tuple(replace(item) for item in clip.objects))


class Peak(NamedTuple):
    """High-water marks of resident memory in MiB."""

    parent: float
    largest_worker: float
    total: float
    seconds: float


def measure(root: Path, clips: int, recipe: str, workers: int) -> Peak:
    """Return what the processes of one build needed at most."""
    settings = {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    marks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as out:
        script = Path(out, "build_many.py")
        script.write_text(BUILD)
        command = [sys.executable, str(script), str(root), str(clips), recipe, str(workers), f"{out}/manifest"]
        start = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | settings)
        while process.poll() is None:
            for pid in (process.pid, *descendants(process.pid)):
                marks[pid] = max(marks.get(pid, 0.0), high_water_mark(pid))
            time.sleep(0.02)
        if process.returncode:
            raise SystemExit("the build failed")
        seconds = time.perf_counter() - start
    parent = marks.pop(process.pid)
    return Peak(parent, max(marks.values(), default=0.0), parent + sum(marks.values()), seconds)


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that ``pid`` started, and theirs."""
    try:
        children = [int(c) for path in Path(f"/proc/{pid}/task").glob("*/children") for c in path.read_text().split()]
    except OSError:
        return
    for child in children:
        yield child
        yield from descendants(child)


def high_water_mark(pid: int) -> float:
    """Return VmHWM in MiB, 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[100, 2000])
    parser.add_argument("--recipe", default="mask-9")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", default="427x240")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), height, width)
        for workers in options.workers:
            for clips in options.clips:
                peak = measure(Path(folder), clips, options.recipe, workers)
                print(
                    f"{options.size}, workers {workers}, {clips:,} clips: parent {peak.parent:.0f} MiB, largest worker "
                    f"{peak.largest_worker:.0f} MiB, all processes {peak.total:.0f} MiB ({peak.seconds:.1f} s)"
                )


if __name__ == "__main__":
    main()
