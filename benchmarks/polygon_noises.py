"""Vertex jitter and simplification, per mask, against COCO-N's way of doing the same on the whole frame.

    python benchmarks/polygon_noises.py [--size 1920x1080] [--masks FOLDER]

Speed: from a full-frame binary mask to a full-frame noisy one, one thread, on blobs about 150 to 400 pixels wide. The
yardstick is plain OpenCV and shapely as COCO-N (arXiv 2406.10891) uses them: outer contours of the frame, every corner
moved or the polygon simplified, the frame filled. It fills holes, which ours keep.

Severity: median IoU of noisy and clean masks at COCO-N's three levels, by the yardstick and by ours. Pictures are
scaled to 480 rows. ``--masks`` is a folder of index masks (PNG) to measure on instead of blobs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from shapely.geometry import Polygon

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.runs import find_boxes

LEVELS = ((2, 5), (3, 10), (4, 15))  # COCO-N's easy, medium, hard: sigma, tolerance
SMALLEST_AREA = 200
Noise = Callable[[BinaryMask, int], BinaryMask]


def draw_blob(height: int, width: int, radius: float, rng: np.random.Generator) -> BinaryMask:
    """Return a wobbly disc somewhere on the canvas."""
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    wobble = 1 + sum(0.1 * np.sin(k * angles + rng.uniform(0, 6)) for k in (2, 3, 5, 9))
    centre = rng.uniform([1.5 * radius, 1.5 * radius], [width - 1.5 * radius, height - 1.5 * radius])
    points = centre + (radius * wobble)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [points.astype(np.int32)], 1)
    return mask.view(bool)


def read_masks(folder: Path) -> Iterator[BinaryMask]:
    """Yield the objects of index masks, scaled to 480 rows on the short side."""
    for path in sorted(folder.rglob("*.png")):
        picture = np.asarray(Image.open(path))
        scale = 480 / min(picture.shape)
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
        for object_id in np.unique(small):
            if object_id not in (0, 255) and (small == object_id).sum() > SMALLEST_AREA:
                yield small == object_id


def outer_contours(mask: BinaryMask) -> list[np.ndarray]:
    """Return the outer contours' corners, each [n, 2]."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [contour[:, 0, :] for contour in contours]


def fill_frame(polygons: list[np.ndarray], shape: tuple[int, ...]) -> BinaryMask:
    """Return the union of polygons, each filled on a frame of its own."""
    out = np.zeros(shape, np.uint8)
    for polygon in polygons:
        frame = np.zeros(shape, np.uint8)
        cv2.fillPoly(frame, [polygon.astype(np.int32)], 1)
        out = np.maximum(out, frame)
    return out.view(bool)


def jitter_frame(mask: BinaryMask, seed: int, *, sigma: float) -> BinaryMask:
    """Return the yardstick's vertex jitter."""
    rng = np.random.default_rng(seed)
    return fill_frame([np.rint(c + rng.normal(0, sigma, c.shape)) for c in outer_contours(mask)], mask.shape)


def simplify_frame(mask: BinaryMask, seed: int, *, tolerance: float) -> BinaryMask:
    """Return the yardstick's simplification."""
    polygons = [Polygon(c).simplify(tolerance, preserve_topology=True) for c in outer_contours(mask) if len(c) >= 4]
    return fill_frame([np.array(polygon.exterior.coords) for polygon in polygons], mask.shape)


def ours(mask: BinaryMask, seed: int, *, noise_id: str, **options: float) -> BinaryMask:
    """Return what the build does: one noise in a crop."""
    noise = NOISES[noise_id]
    if not isinstance(noise, MaskNoise):
        raise TypeError(noise_id)
    parameters = noise.resolve({**noise.defaults, **options}, *mask.shape)
    box = find_boxes(mask.view(np.uint8))[1].padded(noise.reach(parameters) + 1, *mask.shape)
    out = np.zeros_like(mask)
    out[box.slices] = noise.apply(Key(seed), mask[box.slices], **parameters)
    return out


def pairs(sigma: float, tolerance: float, rows: int) -> dict[str, tuple[Noise, Noise]]:
    """Return per noise the yardstick, its lengths scaled to ``rows``, and ours."""
    scale = rows / 480
    return {
        "vertex_jitter-v1": (
            partial(jitter_frame, sigma=sigma * scale),
            partial(ours, noise_id="vertex_jitter-v1", sigma=sigma),
        ),
        "simplify-v1": (
            partial(simplify_frame, tolerance=tolerance * scale),
            partial(ours, noise_id="simplify-v1", tolerance=tolerance),
        ),
    }


def seconds_per_mask(noise: Noise, masks: list[BinaryMask]) -> float:
    """Return the best of five rounds over all masks."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for seed, mask in enumerate(masks):
            noise(mask, seed)
        rounds.append(time.perf_counter() - start)
    return min(rounds) / len(masks)


def median_iou(noise: Noise, masks: list[BinaryMask]) -> float:
    """Return the median IoU of noisy and clean masks."""
    noisy = [(mask, noise(mask, seed)) for seed, mask in enumerate(masks)]
    return float(np.median([(a & b).sum() / (a | b).sum() for a, b in noisy]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--masks", type=Path, help="folder of index masks for the severities")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = map(int, options.size.split("x"))
    rng = np.random.default_rng(0)
    blobs = [draw_blob(height, width, radius, rng) for radius in np.linspace(75, 200, 10) * height / 1080]
    for name, (yardstick, noise) in pairs(*LEVELS[1], height).items():
        theirs, mine = seconds_per_mask(yardstick, blobs), seconds_per_mask(noise, blobs)
        print(f"{name} at {options.size}: frame {theirs * 1e3:.2f} ms, ours {mine * 1e3:.2f} ms: {theirs / mine:.1f}×")
    drawn = [draw_blob(480, 854, radius, rng) for radius in np.linspace(20, 100, 60)]
    masks = list(read_masks(options.masks)) if options.masks else drawn
    print(f"median IoU with {len(masks)} clean masks, COCO-N's way and ours, easy / medium / hard:")
    for name in ("vertex_jitter-v1", "simplify-v1"):
        both = [pairs(sigma, tolerance, 480)[name] for sigma, tolerance in LEVELS]
        frame, crop = (" / ".join(f"{median_iou(pair[i], masks):.3f}" for pair in both) for i in (0, 1))
        print(f"  {name}: {frame}   {crop}")


if __name__ == "__main__":
    main()
