"""Time and peak memory of a text-only build: ``python benchmarks/build_text.py [--samples 66000 1000000]``.

The dataset is a made-up ``train.json`` in the ActionVOS layout; each build is a whole ``actiseg-noise build`` process.
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


def run(command: list[str]) -> tuple[float, float]:
    """Return the wall seconds and the peak MiB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[66_000, 1_000_000])
    parser.add_argument("--recipe", default="text-40")
    options = parser.parse_args()
    help_s, _ = run([sys.executable, "-c", COMMAND, "--help"])
    print(f"--help: {help_s:.2f} s")
    for samples in options.samples:
        with tempfile.TemporaryDirectory() as folder:
            write_dataset(Path(folder, "data"), samples)
            build = ["build", "--dataset", "actionvos", "--root", f"{folder}/data", "--content", "text"]
            build += ["--recipe", options.recipe, "--out", f"{folder}/out"]
            seconds, peak = run([sys.executable, "-c", COMMAND, *build])
        per_sample = seconds / samples * 1e6
        print(f"{samples:,} samples: {seconds:.2f} s ({per_sample:.1f} µs a sample), peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
