"""Time of scoring index masks against the published way: ``python benchmarks/evaluate.py``.

Frames of 1920×1080 with six objects of ragged outline, stored as palette PNGs. The yardstick scores an object as
ActionVOS's script does: two float masks of the whole frame, their product, and sums; PNGs are decoded by Pillow. The
two take turns on every frame; a ratio is the median over frames of the yardstick's CPU time to ours on the same frame.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from actiseg_bench.metrics.actionvos import count_object_frames
from actiseg_bench.metrics.failure_modes import measure_frame
from actiseg_bench.scoring.mask_folders import MaskReport, Pair, Rules, read_pair
from actiseg_noise.borders.images import write_index_mask

Mask = npt.NDArray[np.uint8]
HEIGHT, WIDTH, IDS = 1080, 1920, [1, 2, 3, 4, 5, 6]
TARGETS = {"arithmetic": 10.0, "with PNG decoding": 3.0}


def draw(seed: int, shift: int) -> Mask:
    """Return six blobs with outlines as ragged as hand-drawn polygons, moved right by ``shift`` pixels."""
    random, mask = np.random.default_rng(seed), np.zeros((HEIGHT, WIDTH), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    for place, object_id in enumerate(IDS):
        radius = 150 + 40 * np.sin(3 * angles + place) + random.normal(0, 6, len(angles))
        centre = (250 + 280 * place + shift, 330 + 400 * (place % 2))
        points = np.stack([centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)], 1)
        cv2.fillPoly(mask, [points.astype(np.int32)], object_id)
    return mask


def published_counts(pred: Mask, gt: Mask) -> list[tuple[float, float, float]]:
    """Return intersection and areas of every object from float masks."""
    found = []
    for object_id in IDS:
        p = np.where(pred == object_id, 1, 0).astype(float)
        g = np.where(gt == object_id, 1, 0).astype(float)
        intersection = (p * g).sum()
        union = (p + g).sum() - intersection
        if union > 0:
            found.append((intersection, p.sum(), g.sum()))
    return found


def published_frame(pair: Pair) -> list[tuple[float, float, float]]:
    """Decode and count one frame the published way."""
    pred, gt = (np.array(Image.open(path)) for path in (pair.prediction, pair.truth))
    return published_counts(pred, gt)


def our_frame(pair: Pair) -> list[tuple[int, ...]]:
    """Decode, check and count one frame as ``evaluate`` does."""
    masks = read_pair(pair, IDS, 255, MaskReport(Rules()))
    if masks is None:
        raise SystemExit(f"{pair.prediction}: refused")
    pred, gt = masks
    return [numbers[:3] for numbers in measure_frame(pred * (gt != 255), gt, IDS, boundaries=False)]


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Return CPU seconds and the result."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def compare(title: str, published: list[Callable[[], object]], ours: list[Callable[[], object]]) -> None:
    """Let the two take turns, check that they count the same, and print the median ratio."""
    pairs = []
    for one, two in zip(published, ours, strict=True):
        (slow, expected), (fast, found) = timed(one), timed(two)
        if not np.array_equal(np.array(expected), np.array(found)):
            raise SystemExit(f"{title}: the two ways count differently")
        pairs.append((slow, fast))
    ratio = median(slow / fast for slow, fast in pairs)
    slow, fast = (1e3 * median(times) for times in zip(*pairs, strict=True))
    verdict = "met" if ratio >= TARGETS[title] else "MISSED"
    print(f"{title:18s} {slow:8.1f} ms {fast:8.1f} ms {ratio:7.1f}× {TARGETS[title]:6.0f}×  {verdict}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    masks = [(draw(seed, 12), draw(seed + 1000, 0)) for seed in range(options.frames)]
    with tempfile.TemporaryDirectory() as folder:
        pairs = [Pair(Path(folder, f"gt{i}.png"), Path(folder, f"pred{i}.png")) for i in range(len(masks))]
        for pair, (pred, gt) in zip(pairs, masks, strict=True):
            write_index_mask(pair.prediction, pred)
            write_index_mask(pair.truth, gt)
        size = median(pair.truth.stat().st_size for pair in pairs) / 1024
        print(f"{options.frames} frames of {WIDTH}×{HEIGHT}, {len(IDS)} objects, PNGs of {size:.0f} KiB, one thread")
        print(f"{'':18s} {'published':>11s} {'ours':>11s} {'ratio':>8s}  target")
        compare(
            "arithmetic",
            [lambda p=p, g=g: published_counts(p, g) for p, g in masks],
            [lambda p=p, g=g: count_object_frames(p, g, IDS, 255) for p, g in masks],
        )
        compare(
            "with PNG decoding",
            [lambda pair=pair: published_frame(pair) for pair in pairs],
            [lambda pair=pair: our_frame(pair) for pair in pairs],
        )


if __name__ == "__main__":
    main()
