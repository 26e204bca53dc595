"""Peak memory of every command that takes a manifest, against the number of clips: 2,000 and 200,000 that are made up.

    python benchmarks/manifest_memory.py [--clips 2000 200000] [--kinds text masks] [--workers 1 2]

*text*: clips of five objects, no mask, ``text-40``. *masks*: clips of three frames of 64×36 pixels with two objects,
``mask-15`` in pixels and flips. Every command is a process of its own; its peak is the largest resident set of it and
of the processes that it started, as Linux counts them for its parent.
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

import numpy as np
from build_samples import MadeUp
from PIL import Image

from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

WIDTH, HEIGHT, FRAMES, PICTURES, OBJECTS = 64, 36, 3, 40, 2
BUILD = """
import sys
from pathlib import Path
from manifest_memory import Small, Texts
import actiseg_noise
if __name__ == "__main__":
    kind, root, clips, seed, out = sys.argv[1:]
    dataset = (Texts if kind == "text" else Small)(Path(root), int(clips))
    noise = {"recipe": "text-40"} if kind == "text" else {"boundary": 15, "boundary_unit": "px", "flip": 0.2}
    content = "text" if kind == "text" else "full"
    actiseg_noise.build(dataset, content=content, seed=int(seed), out=out, **noise)
"""
LICENCE = "CC-BY-4.0"


class Texts(MadeUp):
    """Clips of five objects; no file is read."""

    card: DatasetCard = replace(MadeUp.card, licence=LICENCE)  # type: ignore[misc]

    def __init__(self, root: Path, clips: int) -> None:
        super().__init__(5 * clips)


class Small(MadeUp):
    """Clips of three frames with two objects; the frames repeat a few dozen PNG files."""

    card: DatasetCard = replace(MadeUp.card, name="small", source="small", licence=LICENCE)  # type: ignore[misc]

    def __init__(self, root: Path, clips: int) -> None:
        super().__init__(OBJECTS * clips)
        self.root, self.clips = root, clips

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the clips."""
        for number in range(self.clips):
            objects = tuple(ObjectRecord(i, i, f"thing {i}", f"thing {i}", i == 1) for i in range(1, OBJECTS + 1))
            places = range(FRAMES * number, FRAMES * (number + 1))
            frames = tuple(FrameRecord(f"f{place:08d}", None, f"{place % PICTURES}.png", True) for place in places)
            name = f"clip{number:08d}"
            yield Clip(name, name, f"v{number % 90}", "move things", "move", "things", objects, frames)


def write_pictures(folder: Path) -> None:
    """Write index masks of two rectangles each."""
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for object_id in range(1, OBJECTS + 1):
            top, left = rng.integers(2, HEIGHT - 16), rng.integers(2, WIDTH - 16)
            mask[top : top + rng.integers(6, 14), left : left + rng.integers(6, 14)] = object_id
        Image.fromarray(mask).save(folder / f"{number}.png")


class Cost(NamedTuple):
    """Largest resident set in MiB, and seconds."""

    peak_mib: float
    seconds: float


def measure(command: list[str], folder: Path) -> Cost:
    """Return what a command costs.

    Raises:
        SystemExit: it ended with another status than 0 or, of ``diff``, 1.
    """
    settings = {"PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    start = time.perf_counter()
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=os.environ | settings, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) > ("diff" in command):
        raise SystemExit(f"{' '.join(command)} failed: {(folder / 'log.txt').read_text()[-2000:]}")
    return Cost(usage.ru_maxrss / 1024, time.perf_counter() - start)


def commands(kind: str, clips: int, folder: Path, workers: list[int]) -> Iterator[tuple[str, list[str]]]:
    """Yield each command by its name, in an order in which each finds what it needs."""
    (script := folder / "build_many.py").write_text(BUILD)
    built, other = (f"{kind}-{clips}-s{seed}" for seed in (0, 1))
    tool = ["-m", "actiseg_noise"]
    yield "build", [str(script), kind, str(folder), str(clips), "0", built]
    yield "build (another seed)", [str(script), kind, str(folder), str(clips), "1", other]
    for number in workers:
        yield f"verify, workers {number}", [*tool, "verify", built, "--workers", str(number)]
    yield "inspect", [*tool, "inspect", built]
    yield "diff", [*tool, "diff", built, other]
    yield "publish", [*tool, "publish", built, "--out", f"{built}-published", "--force"]
    form = ["refvos"] if kind == "text" else ["coco", "--masks", "rle"]
    yield "export", [*tool, "export", built, "--format", *form, "--out", f"{built}-exported", "--force"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[2_000, 200_000])
    parser.add_argument("--kinds", nargs="+", default=["text", "masks"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", help="commands by name, beside build; diff needs 'build (another seed)'")
    options = parser.parse_args()
    for kind in options.kinds:
        for clips in options.clips:
            with tempfile.TemporaryDirectory() as name:
                write_pictures(Path(name))
                for title, command in commands(kind, clips, Path(name), options.workers):
                    if options.only is None or title == "build" or title.split(",")[0] in options.only:
                        cost = measure(command, Path(name))
                        line = f"{kind}, {clips:,} clips, {title}: peak {cost.peak_mib:.0f} MiB ({cost.seconds:.1f} s)"
                        print(line, flush=True)


if __name__ == "__main__":
    main()
