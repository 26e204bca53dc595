"""What gIoU is lost to: every object-frame's loss has one cause, and all of them together are 1 - gIoU."""

from __future__ import annotations

import numpy as np

from actiseg_bench.metrics.failure_modes import TOUCH, ObjectFrames

CAUSES = {
    "missed": "missed: takes part, is visible, nothing drawn",
    "not_asked": "drawn, but takes no part",
    "not_visible": "drawn, but not visible",
    "identity_substitution": "drawn on another object",
    "mislocalization": "drawn beside the object",
    "too_large": "drawn outside the object",
    "too_small": "left out inside the object",
}


def giou_losses(frames: ObjectFrames) -> dict[str, float]:
    """Return cause → points of gIoU that it costs, in [0, 1]; they sum to 1 - gIoU. All 0 without an object-frame.

    A hit that is neither on another object nor beside its own (failure_modes) loses 1 - I/U, shared between the pixels
    outside the object and those left out inside it, by their numbers.
    """
    positive, visible, predicted = frames.is_positive, frames.gt_area > 0, frames.pred_area > 0
    hit = positive & visible & predicted
    substituted = hit & (frames.other_iou > frames.iou)
    beside = hit & ~substituted & (frames.iou < TOUCH)
    near = hit & ~substituted & ~beside
    lost = 1 - frames.iou
    outside, inside = frames.pred_area - frames.intersection, frames.gt_area - frames.intersection
    share = outside / np.maximum(outside + inside, 1)
    of = {
        "missed": positive & visible & ~predicted,
        "not_asked": ~positive & predicted,
        "not_visible": positive & ~visible & predicted,
        "identity_substitution": substituted * lost,
        "mislocalization": beside * lost,
        "too_large": near * lost * share,
        "too_small": near * lost * (1 - share),
    }
    return {name: float(of[name].sum()) / max(1, len(frames)) for name in CAUSES}
