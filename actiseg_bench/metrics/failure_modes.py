"""How a prediction fails, object-frame by object-frame: the failure modes that ActiSeg-NL (arXiv 2509.16677) names.

The definitions are this project's. An object-frame is *hit* when the object is positive, visible and predicted.

* boundary leakage: predicted pixels outside the object within a band along its boundary, over the object's area;
* boundary loss: pixels of the object that are not predicted within that band inside it, over the object's area;
* mislocalization: a hit whose I/U is below .1;
* identity substitution: a hit whose prediction has a larger I/U with another object of the clip;
* missed: positive and visible, and not predicted.

The band is 2 % of the image's diagonal wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.actionvos import ObjectFrameCounts, count_pairs, counts_of_pairs
from actiseg_noise.masks import BinaryMask, Box, IndexMask
from actiseg_noise.runs import find_boxes

BAND_SHARE = 0.02
TOUCH = 0.1
MODES = ("boundary_leakage", "boundary_loss", "mislocalization", "identity_substitution", "missed")
TITLES = {
    "boundary_leakage": "boundary leakage",
    "boundary_loss": "boundary loss",
    "mislocalization": "mislocalization",
    "identity_substitution": "identity substitution",
    "missed": "missed",
}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ObjectFrames:
    """The numbers of every object-frame of a run, ``[N]`` each; pixels unless said otherwise.

    Attributes:
        clip_idx, frame_idx, object_id: which one. is_positive, is_hand: bool.
        intersection, pred_area, gt_area: of the object and its prediction.
        leak, loss: wrong pixels within the band outside and inside the object.
        other_iou: largest I/U of the prediction with another object of the frame, in [0, 1].
        pred_boundary, pred_near, gt_boundary, gt_near: boundary pixels of the prediction and of the object, and those
            of each that the other's boundary finds (``davis.count_boundary``); of positive objects, 0 of others. None
            where they were not counted, as in a table of before they were.
        ungated_intersection, ungated_area: of the object's ungated mask, which the positive head cannot empty; of
            positive objects, 0 of others. None where ungated masks are not known.
    """

    clip_idx: Ints
    frame_idx: Ints
    object_id: Ints
    is_positive: npt.NDArray[np.bool_]
    is_hand: npt.NDArray[np.bool_]
    intersection: Ints
    pred_area: Ints
    gt_area: Ints
    leak: Ints
    loss: Ints
    other_iou: npt.NDArray[np.float64]
    pred_boundary: Ints | None = None
    pred_near: Ints | None = None
    gt_boundary: Ints | None = None
    gt_near: Ints | None = None
    ungated_intersection: Ints | None = None
    ungated_area: Ints | None = None

    def __len__(self) -> int:
        return len(self.clip_idx)

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """Return I/U, 0 where nothing is visible or predicted."""
        return self.intersection / np.maximum(self.pred_area + self.gt_area - self.intersection, 1)

    @property
    def counts(self) -> ObjectFrameCounts:
        """Return what the six metrics read."""
        pixels = (self.intersection, self.pred_area, self.gt_area)
        return ObjectFrameCounts(*pixels, self.is_positive, self.clip_idx.astype(np.int32))

    def select(self, which: npt.NDArray[Any]) -> ObjectFrames:
        """Return the object-frames at bool or integer positions ``which``."""
        columns: list[Any] = [getattr(self, f.name) for f in fields(self)]
        chosen: list[Any] = [None if column is None else column[which] for column in columns]
        return ObjectFrames(*chosen)


def band_px(height: int, width: int) -> float:
    """Return the width of the boundary band in pixels."""
    return BAND_SHARE * math.hypot(height, width)


def boundary_errors(pred: BinaryMask, gt: BinaryMask, band: float) -> tuple[int, int]:
    """Return (leaked, lost) pixels of one object: wrong ones within ``band`` pixels of its boundary.

    Args:
        pred, gt: bool ``[h, w]``, the same crop; it shows the object and ``band`` pixels around it.
    """
    import cv2

    if not gt.any():
        return 0, 0
    from_outside = cv2.distanceTransform((~gt).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    from_inside = cv2.distanceTransform(gt.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    leaked = pred & ~gt & (from_outside <= band)
    lost = gt & ~pred & (from_inside <= band)
    return int(leaked.sum()), int(lost.sum())


def measure_frame(
    pred: IndexMask, gt: IndexMask, object_ids: Sequence[int], *, boundaries: bool = True
) -> list[tuple[int, int, int, int, int, float]]:
    """Return (intersection, pred_area, gt_area, leak, loss, other_iou) of every object of one frame.

    Args:
        pred, gt: ``uint8 [H, W]`` object ids; void pixels are 0 in both.
        boundaries: whether leak and loss are measured, which takes most of the time; else they are 0.
    """
    pairs = count_pairs(pred, gt)
    counts = counts_of_pairs(pairs, object_ids)
    union = counts[:, 1][:, None] + counts[:, 2][None, :] - pairs[np.ix_(object_ids, object_ids)]
    iou = pairs[np.ix_(object_ids, object_ids)] / np.maximum(union, 1)
    np.fill_diagonal(iou, 0.0)
    boxes, band = find_boxes(gt) if boundaries and counts[:, 1].any() else {}, band_px(*gt.shape)
    rows = zip(object_ids, counts.tolist(), iou.max(1, initial=0.0).tolist(), strict=True)
    return [
        (*three, *(_near_boundary(pred, gt, k, boxes.get(k), band) if three[1] else (0, 0)), other)
        for k, three, other in rows
    ]


def _near_boundary(pred: IndexMask, gt: IndexMask, object_id: int, box: Box | None, band: float) -> tuple[int, int]:
    """Return the boundary errors of one object, from a crop around it."""
    if box is None:
        return 0, 0
    crop = box.padded(math.ceil(band) + 1, *gt.shape).slices
    return boundary_errors(pred[crop] == object_id, gt[crop] == object_id, band)


def failure_modes(frames: ObjectFrames) -> dict[str, float | None]:
    """Return every mode of ``MODES``: means over hits, ``missed`` over visible positives; None without any."""
    target = frames.is_positive & (frames.gt_area > 0)
    hit = frames.select(target & (frames.pred_area > 0))
    if not len(hit):
        return dict.fromkeys(MODES, None) | {"missed": 1.0 if target.any() else None}
    return {
        "boundary_leakage": float((hit.leak / hit.gt_area).mean()),
        "boundary_loss": float((hit.loss / hit.gt_area).mean()),
        "mislocalization": float((hit.iou < TOUCH).mean()),
        "identity_substitution": float((hit.other_iou > hit.iou).mean()),
        "missed": 1 - len(hit) / int(target.sum()),
    }
