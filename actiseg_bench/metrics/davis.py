"""DAVIS's J and F of one object in one frame.

Source: davis2017-evaluation's ``metrics.py`` (db_eval_iou, db_eval_boundary). J is I/U, 1 where both masks are empty.
F is the harmonic mean of precision and recall of the masks' boundaries: a boundary pixel is found when one of the other
boundary lies in a disk around it whose radius is .008 of the image diagonal, rounded up. Any number of pixels may be
found by the same one. Two empty boundaries have F 1, one empty boundary F 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import BinaryMask

BOUND_SHARE = 0.008


def tolerance_px(height: int, width: int) -> int:
    """Return the radius of the disk in pixels."""
    return math.ceil(BOUND_SHARE * math.hypot(height, width))


def jaccard(pred: BinaryMask, gt: BinaryMask) -> float:
    """Return I/U of two ``bool [H, W]``; 1 where both are empty."""
    union = np.count_nonzero(pred | gt)
    return np.count_nonzero(pred & gt) / union if union else 1.0


def boundary(mask: BinaryMask) -> BinaryMask:
    """Return where ``bool [h, w]`` differs from its neighbour to the right, below, or right below.

    Beyond the last row and column the mask continues as it ends: an object cut by the frame has no boundary there.
    """
    longer = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, across = longer[:-1, 1:], longer[1:, :-1], longer[1:, 1:]
    return (mask != right) | (mask != below) | (mask != across)


class BoundaryCounts(NamedTuple):
    """Boundary pixels of a prediction and of the truth, and how many of each lie near one of the other."""

    predicted: int
    predicted_near: int
    true: int
    true_near: int


def count_boundary(pred: BinaryMask, gt: BinaryMask, tolerance: int | None = None) -> BoundaryCounts:
    """Count the boundary pixels of two ``bool [H, W]``, and those that the other boundary finds.

    Args:
        tolerance: radius of the disk in pixels; by default the one of an image of this size.
    """
    if tolerance is None:
        tolerance = tolerance_px(*gt.shape)
    crop = _around(pred | gt)
    if crop is None:
        return BoundaryCounts(0, 0, 0, 0)
    predicted, true = boundary(pred[crop]), boundary(gt[crop])
    sizes = int(np.count_nonzero(predicted)), int(np.count_nonzero(true))
    if not all(sizes):
        return BoundaryCounts(sizes[0], 0, sizes[1], 0)
    near = _count_near(predicted, true, tolerance), _count_near(true, predicted, tolerance)
    return BoundaryCounts(sizes[0], near[0], sizes[1], near[1])


def f_of_counts(counts: BoundaryCounts) -> float:
    """Return F: two empty boundaries have 1, one empty boundary 0."""
    if not counts.predicted or not counts.true:
        return float(not counts.predicted and not counts.true)
    precision, recall = counts.predicted_near / counts.predicted, counts.true_near / counts.true
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_f(pred: BinaryMask, gt: BinaryMask, tolerance: int | None = None) -> float:
    """Return F of two ``bool [H, W]``.

    Args:
        tolerance: radius of the disk in pixels; by default the one of an image of this size.
    """
    return f_of_counts(count_boundary(pred, gt, tolerance))


def _around(mask: BinaryMask) -> tuple[slice, slice] | None:
    """Return the crop that holds every pixel and its upper left neighbours; None for an empty mask."""
    import cv2

    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return None
    return slice(max(top - 1, 0), top + height + 1), slice(max(left - 1, 0), left + width + 1)


def _count_near(pixels: BinaryMask, others: BinaryMask, tolerance: int) -> int:
    """Return how many of ``pixels`` have one of ``others`` at most ``tolerance`` pixels away, centre to centre."""
    import cv2

    away: npt.NDArray[np.float32] = cv2.distanceTransform(  # type: ignore[assignment]
        (~others).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return int(np.count_nonzero(pixels & (away <= math.sqrt(tolerance**2 + 0.5))))
