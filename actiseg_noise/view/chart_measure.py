"""What the charts show, counted from a manifest's rows in constant memory."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import mask_box
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.masks import BinaryMask, Box, Size, decode_counts

IOU_BINS = 20
SAMPLE = 2000


class Codes(NamedTuple):
    """One noised mask: the run-length codes of both sides on a canvas."""

    clean: str
    noisy: str
    size: Size


@dataclass
class MaskFigures:
    """What one noise did to masks.

    Attributes:
        ious: masks per twentieth of IoU. masks: their number, of which ``sampled`` gave ``displacements``.
        displacements: pixels from the clean boundary (outward positive, rounded) → boundary pixels of noisy masks.
        erased: sampled masks that are empty on one side and have no displacement.
    """

    ious: list[int] = field(default_factory=lambda: [0] * IOU_BINS)
    masks: int = 0
    sampled: int = 0
    erased: int = 0
    displacements: Counter[int] = field(default_factory=Counter)


def measure_masks(manifest: Manifest, sample: int = SAMPLE) -> dict[str, MaskFigures]:
    """Return noise → figures, noises in alphabetical order.

    Args:
        sample: at most so many masks per noise are decoded: those whose names have the smallest hashes, so the choice
            depends on nothing but the names.
    """
    found: dict[str, MaskFigures] = {}
    chosen: dict[str, list[tuple[int, Codes]]] = {}
    noised = ((clip, mask) for clip in manifest.iter_clips() for mask in clip.masks if mask.mask_noise != NO_NOISE)
    for clip, mask in noised:
        noise, (clean, noisy) = mask.mask_noise, (mask.clean, mask.noisy)
        figures = found.setdefault(noise, MaskFigures())
        figures.masks += 1
        figures.ious[min(int(mask.iou * IOU_BINS), IOU_BINS - 1)] += 1
        if clean is not None and noisy is not None:
            name = f"{clip.clip_id}/{mask.frame_idx}/{mask.object_id}"
            rank = -int.from_bytes(blake2b(name.encode(), digest_size=8).digest())
            codes = Codes(clean.counts, noisy.counts, (clean.height, clean.width))
            _keep(chosen.setdefault(noise, []), rank, codes, sample)
    for noise, heap in chosen.items():
        for _, codes in heap:
            _add_displacements(found[noise], codes)
    return dict(sorted(found.items()))


def _keep(heap: list[tuple[int, Codes]], rank: int, codes: Codes, most: int) -> None:
    """Keep the ``most`` of highest rank."""
    if len(heap) < most:
        heapq.heappush(heap, (rank, codes))
    else:
        heapq.heappushpop(heap, (rank, codes))


def _add_displacements(figures: MaskFigures, codes: Codes) -> None:
    """Count one mask's displacements."""
    figures.sampled += 1
    boxes = [mask_box(counts, codes.size) for counts in (codes.clean, codes.noisy)]
    if None in boxes:
        figures.erased += 1
        return
    area = _around([box for box in boxes if box is not None], codes.size)
    clean, noisy = (decode_counts(counts, *codes.size)[area.slices] for counts in (codes.clean, codes.noisy))
    values, counts = np.unique(np.rint(displacements(clean, noisy)).astype(int), return_counts=True)
    figures.displacements.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def _around(boxes: list[Box], size: Size) -> Box:
    """Return the box around all boxes, a pixel wider where the canvas allows."""
    edges = zip(*((box.top, box.left, box.bottom, box.right) for box in boxes), strict=True)
    top, left, bottom, right = edges
    return Box(min(top), min(left), max(bottom), max(right)).padded(1, *size)


def displacements(clean: BinaryMask, noisy: BinaryMask) -> npt.NDArray[np.float32]:
    """Return how far each boundary pixel of the noisy mask lies from the clean boundary, in pixels.

    Outward is positive, inward negative, a pixel of the clean boundary is 0. A boundary pixel is a foreground pixel
    with background beside it; where the canvas ends there is no boundary. Distances are Euclidean.

    Args:
        clean, noisy: ``bool [h, w]``, crops that hold both objects whole, neither empty.
    """
    import cv2

    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    inside, outside = clean.astype(np.uint8), (~clean).astype(np.uint8)
    boundary = noisy & ~cv2.erode(noisy.astype(np.uint8), cross).view(bool)
    outward = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    if clean.all():
        return np.zeros(int(boundary.sum()), np.float32)
    inward = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    signed = np.where(clean, 1 - inward, outward)
    return signed[boundary].astype(np.float32)


def count_confusions(manifest: Manifest) -> Counter[tuple[int, int]]:
    """Return (category, noisy category) → samples, unflipped ones too."""
    counts: Counter[tuple[int, int]] = Counter()
    for batch in manifest.iter_batches("samples", ["category_id", "noisy_category_id"]):
        counts.update(zip(*batch.to_pydict().values(), strict=True))
    return counts
