"""Mask build against the published merge: PNG on disk → Parquet rows with RLE and digests, five objects, mask-9.

    python benchmarks/build_masks.py [--seconds 6] [--rounds 5] [--sizes 854x480 1920x1080]

The yardstick is the published way to merge masks back: for every object two nested Python loops that test and assign
``out[row][col]`` for every pixel. It runs on one frame between any two builds, in the same process; both are CPU time,
so that neighbours on the machine, which slow both down, weigh little. What is said is the median of the rounds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import ClassVar

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pyarrow as pa
from PIL import Image

import actiseg_noise
from actiseg_noise.datasets.base import Dataset
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

OBJECTS = 5
FRAMES_PER_CLIP = 4
PICTURES = 40


class Blobs(Dataset):
    """Clips of four frames with five blobs; the frames repeat a few dozen PNG files."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="blobs",
        source="blobs",
        version="1",
        title="",
        size="",
        licence="",
        citation="",
        homepage="",
        how_to_get="",
        splits=("train",),
        eval_splits=(),
    )

    def __init__(self, root: Path, frames: int) -> None:
        super().__init__(root)
        self.frames = frames

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the clips."""
        objects = tuple(ObjectRecord(i, i, f"thing {i}", f"thing {i}", i <= 3) for i in range(1, OBJECTS + 1))
        for clip in range(self.frames // FRAMES_PER_CLIP):
            numbers = range(clip * FRAMES_PER_CLIP, (clip + 1) * FRAMES_PER_CLIP)
            frames = tuple(FrameRecord(f"f{n:06d}", None, f"{n % PICTURES}.png", True) for n in numbers)
            name = f"clip{clip:06d}"
            yield Clip(name, name, name, "move things", "move", "things", objects, frames)

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield the objects."""
        yield from (ObjectRecord(i, i, f"thing {i}", f"thing {i}", True) for i in range(1, OBJECTS + 1))


def draw_blobs(height: int, width: int, rng: np.random.Generator) -> IndexMask:
    """Return five wobbly discs, about half of the picture in all, later ones over earlier ones."""
    mask = np.zeros((height, width), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    for object_id in range(1, OBJECTS + 1):
        centre = rng.uniform([0.15 * width, 0.2 * height], [0.85 * width, 0.8 * height])
        wobble = 1 + sum(0.12 * np.sin(k * angles + rng.uniform(0, 6)) for k in (2, 3, 5, 9))
        radius = height * rng.uniform(0.14, 0.22) * wobble
        points = centre + np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
        cv2.fillPoly(mask, [points.astype(np.int32)], object_id)
    return mask


def write_pictures(folder: Path, height: int, width: int) -> None:
    """Write palette PNGs as VISOR-like datasets do."""
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, 768).astype(np.uint8).tolist()
    for number in range(PICTURES):
        image = Image.fromarray(draw_blobs(height, width, rng))
        image.putpalette(palette)
        image.save(folder / f"{number}.png")


def merge_in_python(index_mask: IndexMask, positives: list[int]) -> IndexMask:
    """Return the dilated masks merged as published: the yardstick."""
    height, width = index_mask.shape
    square = np.ones((9, 9), np.uint8)
    out = np.zeros_like(index_mask)
    for object_id in range(1, OBJECTS + 1):
        mask = (index_mask == object_id).astype(np.uint8)
        if object_id in positives:
            mask = cv2.dilate(mask, square)
        for row in range(height):
            for col in range(width):
                if out[row][col] == 0 and mask[row][col] != 0:
                    out[row][col] = object_id
    return out


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def build(root: Path, frames: int, workers: int = 1) -> None:
    """Build a manifest and forget it."""
    with tempfile.TemporaryDirectory() as out:
        actiseg_noise.build(Blobs(root, frames), recipe="mask-9", out=Path(out, "m"), workers=workers)


def wall_of(root: Path, frames: int, workers: int) -> float:
    """Return the seconds of a whole build."""
    start = time.perf_counter()
    build(root, frames, workers)
    return time.perf_counter() - start


def compare(folder: Path, seconds: float, rounds: int) -> tuple[list[float], list[float], int]:
    """Return the CPU seconds a frame of the yardstick and of a build, per round, and the frames of a build."""
    build(folder, PICTURES)
    frames = max(int(seconds / cpu_of(lambda: build(folder, PICTURES))), 1) * PICTURES
    merges, builds = [], []
    for number in range(rounds):
        picture = np.asarray(Image.open(folder / f"{number % PICTURES}.png"))
        merges.append(cpu_of(lambda picture=picture: merge_in_python(picture, [1, 2, 3])))
        builds.append(cpu_of(lambda: build(folder, frames)) / frames)
    return merges, builds, frames


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6, help="of a build by one process, about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["854x480", "1920x1080"])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            write_pictures(Path(folder), height, width)
            merges, builds, frames = compare(Path(folder), options.seconds, options.rounds)
            one, several = (wall_of(Path(folder), frames, workers) for workers in (1, options.workers))
        ratios = sorted(merge / built for merge, built in zip(merges, builds, strict=True))
        print(
            f"{size}: published merge {median(merges) * 1e3:.0f} ms/frame, build {median(builds) * 1e3:.2f} ms/frame, "
            f"CPU: {median(ratios):.0f}× ({ratios[0]:.0f}–{ratios[-1]:.0f}×) over {frames} frames; "
            f"{options.workers} workers {one / several:.2f}× one"
        )


if __name__ == "__main__":
    main()
