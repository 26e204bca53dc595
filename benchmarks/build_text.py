"""Time and peak memory of a text-only build: ``python benchmarks/build_text.py [--samples 66000 1000000]``.

The dataset is a made-up ``train.json`` in the ActionVOS layout; each build is a whole ``actiseg-noise build`` process,
after a small one that left its byte code in a cache, as any earlier run of an installed package does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

OBJECTS_PER_CLIP = 5
CATEGORIES = 250
NOUNS_PER_CATEGORY = 4

COMMAND = "from actiseg_noise.cli import main; main()"


def write_dataset(root: Path, samples: int) -> None:
    """Write ``ImageSets/train.json`` with ``samples`` objects."""
    rng = np.random.default_rng(0)
    path = root / "ImageSets" / "train.json"
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        file.write("[")
        for number in range(samples // OBJECTS_PER_CLIP):
            file.write(",\n" if number else "")
            json.dump(_entry(number, rng), file)
        file.write("]")


def _entry(number: int, rng: np.random.Generator) -> dict[str, object]:
    """Return one action."""
    objects = {}
    for object_id in range(1, OBJECTS_PER_CLIP + 1):
        category = int(rng.integers(CATEGORIES))
        name = f"thing {category} {'abcd'[rng.integers(NOUNS_PER_CATEGORY)]}"
        handbox, narration, positive = rng.integers(2, size=3).tolist()
        flags = {"handbox": handbox, "narration": narration, "positive": positive}
        objects[str(object_id)] = {"name": name, "class_id": category, **flags}
    action = {"narration": "take thing", "verb": "take", "verb_class": 0, "noun": "thing", "noun_class": 1}
    span = {"seq_id": number + 1, "video": f"P{number % 40:02d}_{number % 90:02d}", "start": number, "end": number + 9}
    frames = [f"frame_{number:010d}.jpg", f"frame_{number + 9:010d}.jpg"]
    return {**span, **action, "sparse_frames": frames, "object_classes": objects}


class Cost(NamedTuple):
    """What a process took. CPU seconds count user and system time, which a busy machine moves least."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def run(arguments: list[str], cache: str) -> Cost:
    """Return what ``actiseg-noise`` with these arguments costs, start of Python included.

    Args:
        cache: folder where byte code is found and kept, whatever the caller's environment says of it.
    """
    settings = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        env=settings | {"PYTHONPYCACHEPREFIX": cache},
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"actiseg-noise {' '.join(arguments)} failed")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def build(samples: int, recipe: str, cache: str) -> Cost:
    """Return what the build of a new dataset of ``samples`` costs."""
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder, "data"), samples)
        where = ["--dataset", "actionvos", "--root", f"{folder}/data", "--out", f"{folder}/out"]
        return run(["build", *where, "--content", "text", "--recipe", recipe], cache)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[66_000, 1_000_000])
    parser.add_argument("--recipe", default="text-40")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        build(1_000, options.recipe, cache)  # leaves the byte code
        cost = run(["--help"], cache)
        print(f"--help: {cost.wall_s:.2f} s wall, {cost.cpu_s:.2f} s CPU")
        for samples in options.samples:
            cost = build(samples, options.recipe, cache)
            per_sample_us = cost.cpu_s / samples * 1e6
            print(
                f"{samples:,} samples: {cost.wall_s:.2f} s wall, {cost.cpu_s:.2f} s CPU "
                f"({per_sample_us:.1f} µs CPU a sample), peak {cost.peak_mib:.0f} MiB"
            )


if __name__ == "__main__":
    main()
