"""What builds and grids take on many workers, computed from what their parts cost: ``python benchmarks/scaling.py``.

Measured, in CPU seconds of this process: chunks of text and of masks, what the command does itself for each chunk and
row, bytes to a worker and to the disk, and what dask's client and scheduler take for a task. Costs are differences
between two sizes, so that what a build costs once is in none of them. ``docs/scaling.md`` has what came out.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from build_masks import FRAMES_PER_CLIP, OBJECTS, Blobs, write_pictures
from build_text import OBJECTS_PER_CLIP, write_dataset

import actiseg_noise
from actiseg_noise.building.chunk import split_chunks
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.pool import CHUNKS_IN_A_PIECE
from actiseg_noise.building.remote import packed
from actiseg_noise.building.request import make_request
from actiseg_noise.executors.dask import open_dask

WORKERS = (1, 16, 64, 256)
TEXT_SAMPLES = 100_000_000
SAV_MASKS = 35_500_000  # SA-V as its paper counts (arXiv 2408.00714): masks, manual and automatic
SAV_SIZE = 1037, 1401  # rows and columns of its mean frame, from there
STEP_S = 42 / 60  # a window of ReferFormer R101, 480p, float32, one H200: 60 steps of `train` took 42 s
STEPS, RUNS = 1800, 312  # updates of a training of `full`
TIMES = Path(__file__).parents[1] / "docs" / "analysis" / "full-v2-flip-40.csv"


class Build(NamedTuple):
    """What a build of some size took: chunks, units (samples or masks), CPU seconds, bytes.

    Attributes:
        pieces_s: of making all chunks. own_s: of listing, packing, joining and verifying, by the command itself.
        sent, written: bytes to workers, bytes of all chunks.
    """

    chunks: int
    units: int
    pieces_s: float
    own_s: float
    sent: int
    written: int


class Costs(NamedTuple):
    """What one more unit costs: see :class:`Build`; ``per_chunk``: units of a chunk."""

    piece_s: float
    own_s: float
    sent: float
    written: float
    per_chunk: float


def measure(dataset: Any, out: Path, units: int, **options: Any) -> Build:
    """Build once in two steps, chunks and what comes after, and return what they took."""
    request = make_request(dataset, BuildOptions(**options))
    clips = list(request.iter_clips())
    chunks = list(split_chunks(clips, options.get("content", "full")))
    start = time.process_time()
    sent = sum(len(packed((("000000", chunk),))) for chunk in chunks) + len(packed(request.job()))
    packing = time.process_time() - start
    start = time.process_time()
    actiseg_noise.build(dataset, out=out, shard="1/1", workers=1, **options)
    made = time.process_time() - start
    room = out.with_name(f".{out.name}.partial")
    written = sum(path.stat().st_size for path in room.rglob("*") if path.is_file())
    start = time.process_time()
    actiseg_noise.build(dataset, out=out, workers=1, **options)
    return Build(len(chunks), units, made, packing + time.process_time() - start, sent, written)


def costs(small: Build, large: Build) -> Costs:
    """Return what one more unit costs, from two sizes."""
    units = large.units - small.units
    parts = [(b - a) / units for a, b in zip(small[2:], large[2:], strict=True)]
    return Costs(*parts, per_chunk=units / (large.chunks - small.chunks))


def measure_text(folder: Path, samples: int) -> Build:
    """Measure a build of texts; see ``build_text.py``."""
    root = folder / f"text-{samples}"
    write_dataset(root, samples)
    units = samples // OBJECTS_PER_CLIP * OBJECTS_PER_CLIP
    return measure("actionvos", folder / f"t{samples}", units, root=root, content="text", recipe="text-40")


def measure_masks(folder: Path, frames: int) -> Build:
    """Measure a build of masks of five blobs a frame; see ``build_masks.py``."""
    frames = frames // FRAMES_PER_CLIP * FRAMES_PER_CLIP
    return measure(Blobs(folder / "pictures", frames), folder / f"m{frames}", frames * OBJECTS, recipe="mask-15")


def measure_task(size: int, tasks: int = 400) -> float:
    """Return the CPU seconds of dask's client and scheduler, both in this process, for a task with ``size`` bytes."""
    with open_dask(None, 1) as executor:
        executor.submit(len, bytes(size)).result()
        start = time.process_time()
        for _ in range(tasks // 4):
            for future in [executor.submit(len, bytes(size)) for _ in range(4)]:
                future.result()
        return (time.process_time() - start) / tasks


def hours(units: float, one: Costs, task_s: float, workers: int, chunks: int = 1) -> tuple[float, float]:
    """Return the hours of a build, and those of them in which the command works alone.

    Chunks are made while the command lists, packs and hands out; of its own work, about all comes after them.

    Args:
        chunks: that a task has.
    """
    handing = units / (one.per_chunk * chunks) * task_s
    making = max(units * one.piece_s / workers, handing)
    return (making + units * one.own_s) / 3600, units * one.own_s / 3600


def grid_hours(seconds: Sequence[float], workers: int) -> float:
    """Return the hours of runs that are handed out in order, each to the worker that is free first."""
    free = [0.0] * workers
    for one in seconds:
        heapq.heapreplace(free, free[0] + one)
    return max(free) / 3600


def strategy_seconds() -> list[float]:
    """Return the seconds of a training of each strategy, as the published leaderboard has them."""
    with TIMES.open(newline="") as file:
        return [float(row["train_s"]) for row in csv.DictReader(file) if float(row["train_s"]) > 0]


def print_build(
    title: str, units: int, small: Build, large: Build, task_s: Callable[[int], float], chunks: int = 1
) -> None:
    """Print the costs of a kind of build and what many units take; ``chunks``: that an engine is given at once."""
    one = costs(small, large)
    size = int(one.sent * one.per_chunk)
    task = task_s(size * chunks)
    print(f"{title}: {small.units:,} and {large.units:,} units in {small.chunks} and {large.chunks} chunks")
    print(f"  a unit: {one.piece_s * 1e6:.1f} µs by a worker, {one.own_s * 1e6:.1f} µs by the command")
    print(f"  a chunk: {one.per_chunk:,.0f} units, {one.piece_s * one.per_chunk:.2f} s, {size / 1024:.0f} KiB sent,")
    print(f"    {one.written * one.per_chunk / 1024:.0f} KiB on disk;", end=" ")
    print(f"{task * 1e3:.1f} ms of client and scheduler for {chunks} at once")
    for workers in WORKERS:
        total, own = hours(units, one, task, workers, chunks)
        print(f"  {units:,} units, {workers:3} workers: {total:.2f} h, the command alone {own:.2f} h of them")
    print(f"  own work is half of the time at {one.piece_s / one.own_s:.1f} workers;", end=" ")
    print(f"handing out is slower than making at {one.piece_s * one.per_chunk * chunks / task:,.0f} workers")


def print_grid() -> None:
    """Print what grids take."""
    each = strategy_seconds()
    grid = [each[number % len(each)] for number in range(RUNS)]
    print(f"{RUNS} runs of full-v2, {sum(grid) / RUNS:.0f} s each on one core ({min(each):.0f} to {max(each):.0f} s):")
    for workers in (1, 8, 16, 64, 256):
        print(
            f"  {workers:3} workers: {grid_hours(grid, workers):.2f} h, of {sum(grid) / 3600 / workers:.2f} h at best"
        )
    step = STEP_S * STEPS
    print(f"{RUNS} runs of ReferFormer R101, {STEPS} updates of one window: {step / 60:.0f} min each on an H200")
    print(f"  8 GPUs: {grid_hours([step] * RUNS, 8):.1f} h")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs=2, default=[50_000, 200_000])
    parser.add_argument("--frames", type=int, nargs=2, default=[128, 384])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_text(folder, 1_000)  # what is imported, and made once
        small, large = (measure_text(folder, samples) for samples in options.samples)
        print_build("Texts", TEXT_SAMPLES, small, large, measure_task)
        (folder / "pictures").mkdir()
        write_pictures(folder / "pictures", *SAV_SIZE)
        small, large = (measure_masks(folder, frames) for frames in options.frames)
        print_build(f"Masks of {SAV_SIZE[1]}×{SAV_SIZE[0]}", SAV_MASKS, small, large, measure_task, CHUNKS_IN_A_PIECE)
    print_grid()


if __name__ == "__main__":
    main()
