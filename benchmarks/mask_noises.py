"""Every registered mask noise in a whole build: PNG on disk → Parquet rows, 1920×1080, five positive objects.

    python benchmarks/mask_noises.py [--size 1920x1080] [--frames 80] [--rounds 3] [--noises dilate-v1 …]

One process on one core reads, noises, encodes, hashes and writes. Each round builds the same frames with every noise in
turn, and without noise; the fastest round counts. Seconds are the process's CPU time, which other work on the machine
moves least. Frames have three things 150–400 px wide and two hands that come in from the lower edge; clips have ten of
them, each another drawing, so that what is interpolated between frames is as large as it gets. Images are JPEG files,
which are decoded for a noise that looks at them alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pyarrow as pa
from build_masks import OBJECTS, PICTURES, Blobs
from PIL import Image

import actiseg_noise
from actiseg_noise.masks import IndexMask
from actiseg_noise.noises.base import NOISES
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import Clip, ObjectRecord

TARGETS = {  # frames/s/core; any other noise:
    "elastic-v1": 5.0,
    **dict.fromkeys(("boundary_walk-v1", "clicks-v1", "drop_frames-v1", "keyframes-v1", "lag-v1"), 10.0),
    **dict.fromkeys(("merge_instances-v1", "split_instance-v1", "superpixel-v1"), 10.0),
}
TARGET = 20.0
CLIP = 10  # frames


class Kitchen(Blobs):
    """Longer clips, every object positive, with images."""

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the clips."""
        frames = [frame for clip in super().iter_clips(split, with_frames=with_frames) for frame in clip.frames]
        frames = [replace(frame, image_path=str(frame.mask_path).replace("png", "jpg")) for frame in frames]
        objects = tuple(ObjectRecord(i, i, f"thing {i}", f"thing {i}", True) for i in range(1, OBJECTS + 1))
        for first in range(0, len(frames), CLIP):
            name = f"clip{first:06d}"
            shown = tuple(frames[first : first + CLIP])
            yield Clip(name, name, name, "move things", "move", "things", objects, shown)


def draw_frame(height: int, width: int, rng: np.random.Generator) -> IndexMask:
    """Return three things side by side (ids 1–3) and two hands in front of them (4, 5)."""
    mask = np.zeros((height, width), np.uint8)
    for object_id in (1, 2, 3):
        across = width * rng.uniform(150, 400) / 1920
        centre = np.array([width * (object_id - 0.5) / 3, height * rng.uniform(0.3, 0.6)])
        cv2.fillPoly(mask, [_outline(centre, across / 2, rng)], object_id)
    for object_id in (4, 5):
        palm = np.array([width * (rng.uniform(0.2, 0.35) + 0.4 * (object_id - 4)), height * rng.uniform(0.6, 0.7)])
        wrist = np.array([palm[0] + width * rng.uniform(-0.1, 0.1), height * 1.05])
        cv2.line(mask, _point(palm), _point(wrist), object_id, round(height * 0.09))
        cv2.fillPoly(mask, [_outline(palm, height * 0.1, rng)], object_id)
        for angle in rng.uniform(-2.6, -0.5, 4):
            tip = palm + height * 0.2 * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(mask, _point(palm), _point(tip), object_id, round(height * 0.03))
    return mask


def _outline(centre: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return the points of a wobbly ellipse."""
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    wobble = 1 + sum(0.35 / k * np.sin(k * angles + rng.uniform(0, 6)) for k in (2, 3, 5, 9, 17))
    shape = np.stack([np.cos(angles), rng.uniform(0.6, 1) * np.sin(angles)], axis=1)
    return np.round(centre + radius * wobble[:, None] * shape).astype(np.int32)


def _point(place: np.ndarray) -> tuple[int, int]:
    """Return whole coordinates."""
    return round(float(place[0])), round(float(place[1]))


def write_pictures(folder: Path, height: int, width: int) -> None:
    """Write palette PNGs, and JPEGs of the same with grain."""
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, 768).astype(np.uint8).tolist()
    for number in range(PICTURES):
        image = Image.fromarray(draw_frame(height, width, rng))
        image.putpalette(palette)
        image.save(folder / f"{number}.png")
        colours = np.asarray(image.convert("RGB")).astype(np.int16) + rng.integers(-12, 13, (height, width, 1))
        Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.jpg", quality=90)


def cpu_seconds(root: Path, frames: int, recipe: Recipe) -> float:
    """Return the CPU seconds of a whole build."""
    with tempfile.TemporaryDirectory() as out:
        start = time.process_time()
        actiseg_noise.build(Kitchen(root, frames), recipe=recipe, out=Path(out, "m"), gate=False)
        return time.process_time() - start


def print_table(frames: int, seconds: dict[str, float]) -> None:
    """Print speeds, and times against the build without noise."""
    reference = seconds["clean"]
    print(f"{'noise':<22}{'frames/s/core':>14}{'ms/frame':>10}{'× no noise':>12}   target")
    for name, spent in seconds.items():
        speed, target = frames / spent, TARGETS.get(name, TARGET)
        verdict = "" if name == "clean" else f"≥ {target:g}: {'met' if speed >= target else 'MISSED'}"
        print(f"{name:<22}{speed:>14.1f}{spent / frames * 1e3:>10.1f}{spent / reference:>12.2f}   {verdict}")


def main() -> None:
    """Measure and print."""
    known = [name for name in NOISES if NOISES[name].kind == "mask"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--noises", nargs="+", default=known, choices=known)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    width, height = map(int, options.size.split("x"))
    frames = options.frames // CLIP * CLIP
    recipes = [Recipe("clean"), *(Recipe(name, (NoiseSpec(name, 1.0),)) for name in options.noises)]
    seconds = dict.fromkeys((recipe.recipe_id for recipe in recipes), float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), height, width)
        cpu_seconds(Path(folder), CLIP, Recipe("clean"))
        for _ in range(options.rounds):
            for recipe in recipes:
                spent = cpu_seconds(Path(folder), frames, recipe)
                seconds[recipe.recipe_id] = min(seconds[recipe.recipe_id], spent)
    print(f"{options.size}, five positive objects, {frames} frames, one process, best of {options.rounds}")
    print_table(frames, seconds)


if __name__ == "__main__":
    main()
