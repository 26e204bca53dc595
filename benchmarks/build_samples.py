"""CPU seconds and memory of text builds, without a dataset to read: ``python benchmarks/build_samples.py``.

The clips are made up in memory, for next to nothing, so that what is measured is the build: draws, rows, digests,
Parquet. Each build is a process of its own, one after the other, of the code as it is and of the code of before, in
turns; digests are held against each other. ``--samples`` and ``--repeats`` say how much.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from before import NOW, unpack

from actiseg_noise.datasets.base import Dataset
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

BEFORE = "11daeaa"
OBJECTS, CATEGORIES, NOUNS, KINDS = 5, 250, 4, 1_000
BUILD = """
import sys, time
from build_samples import MadeUp
import actiseg_noise
samples, recipe, out = sys.argv[1:]
actiseg_noise.build(MadeUp(1_000), recipe=recipe, content="text", out=out + "-first")  # loads what is loaded once
start = time.process_time()
path = actiseg_noise.build(MadeUp(int(samples)), recipe=recipe, content="text", out=out)
seconds = time.process_time() - start
print(actiseg_noise.read_manifest(path).digest, seconds)
"""


class MadeUp(Dataset):
    """Clips of five objects and two frames each; no file is read."""

    card: ClassVar[DatasetCard] = DatasetCard(
        name="made-up",
        source="made-up",
        version="1",
        title="Made up",
        size="as many samples as asked for",
        licence="none",
        citation="none",
        homepage="none",
        how_to_get="It makes itself.",
        splits=("train",),
        eval_splits=(),
    )

    def __init__(self, samples: int) -> None:
        super().__init__(Path())
        self.samples = samples
        self._kinds = [(_objects(kind), _frames(kind)) for kind in range(KINDS)]

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the clips."""
        for number in range(self.samples // OBJECTS):
            yield _clip(number, *self._kinds[number % KINDS])

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield all nouns."""
        for category_id in range(CATEGORIES):
            for noun in range(NOUNS):
                yield _object(1, category_id, noun)


def _object(object_id: int, category_id: int, noun: int) -> ObjectRecord:
    """Return an object."""
    name = f"thing {category_id}"
    return ObjectRecord(object_id, category_id, name, f"{name} {'abcd'[noun]}", noun % 2 == 0, True, False)


def _objects(kind: int) -> tuple[ObjectRecord, ...]:
    """Return the objects of every clip of a kind."""
    return tuple(_object(i + 1, (kind * 7 + i * 31) % CATEGORIES, (kind + i) % NOUNS) for i in range(OBJECTS))


def _frames(kind: int) -> tuple[FrameRecord, ...]:
    """Return the frames of every clip of a kind."""
    names = [f"frame_{number:010d}" for number in (kind, kind + 9)]
    return tuple(FrameRecord(n, f"images/{kind}/{n}.jpg", f"masks/{kind}/{n}.png", is_annotated=True) for n in names)


def _clip(number: int, objects: tuple[ObjectRecord, ...], frames: tuple[FrameRecord, ...]) -> Clip:
    """Return the clip of a number."""
    return Clip(
        clip_id=f"{number:08d}_P01_take_thing",
        address=f"P01_{number % 90:02d}/{number}/{number + 9}/take/thing",
        video_id=f"P01_{number % 90:02d}",
        narration=f"take the thing {number % KINDS}",
        verb="take",
        noun="thing",
        objects=objects,
        frames=frames,
        source_order=number,
        verb_class=0,
        noun_class=1,
        start_frame=number,
        stop_frame=number + 9,
    )


class Cost(NamedTuple):
    """What one build gave and took; the start of the process and of its libraries is not counted in the seconds."""

    digest: str
    cpu_s: float
    peak_mib: float


def build(code: Path, samples: int, recipe: str) -> Cost:
    """Return what a build with the code in this folder costs."""
    settings = os.environ | {"PYTHONPATH": f"{code}{os.pathsep}{Path(__file__).parent}"}
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", BUILD, str(samples), recipe, f"{out}/m"]
        process = subprocess.Popen(command, env=settings, cwd=out, stdout=subprocess.PIPE, text=True)  # not NOW
        _, status, usage = os.wait4(process.pid, 0)
        if status or process.stdout is None:
            raise SystemExit(f"the build of {samples:,} samples failed")
        digest, seconds = process.stdout.read().split()
    return Cost(digest, float(seconds), usage.ru_maxrss / 1024)


def measure(codes: dict[str, Path], samples: int, recipe: str, repeats: int) -> Iterator[str]:
    """Yield a line for each code: the least seconds of its builds and the largest peak.

    Raises:
        SystemExit: the codes give different labels.
    """
    found: dict[str, list[Cost]] = {name: [] for name in codes}
    for _ in range(repeats):
        for name, code in codes.items():
            found[name].append(build(code, samples, recipe))
    if len({cost.digest for costs in found.values() for cost in costs}) > 1:
        raise SystemExit(f"{recipe}: the digests differ")
    for name, costs in found.items():
        best, peak = min(cost.cpu_s for cost in costs), max(cost.peak_mib for cost in costs)
        each = f"{best / samples * 1e6:.1f} µs a sample"
        yield f"{recipe}, {samples:,} samples, {name}: {best:.2f} s CPU ({each}), peak {peak:.0f} MiB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--recipes", nargs="+", default=["text-40"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", default=BEFORE, help="a commit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        codes = {"before": unpack(options.before, Path(folder)), "now": NOW}
        for samples in options.samples:
            for recipe in options.recipes:
                for line in measure(codes, samples, recipe, options.repeats):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
