"""The masks behind the positive head: what a network draws of the objects that do take part, asked or not.

The six metrics see a mask only where the positive head lets it through, and where no other object takes its pixels. A
training that cleans masks, or spoils them, may not show in them: whatever the head leaves out is 0 either way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.failure_modes import ObjectFrames

UNGATED_SCORES = ("p_miou_ungated",)
TITLE = "ungated"

Floats = npt.NDArray[np.float64]


def ungated_parts(frames: ObjectFrames) -> tuple[Floats, Floats]:
    """Return what is summed above and below the fraction, float64 ``[N]`` each: I/U where it counts, and 1 there.

    Both are 0 everywhere where ungated masks are not known.
    """
    if frames.ungated_intersection is None or frames.ungated_area is None:
        return np.zeros(len(frames)), np.zeros(len(frames))
    union = frames.ungated_area + frames.gt_area - frames.ungated_intersection
    counts = frames.is_positive & (union > 0)
    return np.where(counts, frames.ungated_intersection / np.maximum(union, 1), 0.0), counts.astype(np.float64)


def ungated_scores(frames: ObjectFrames) -> dict[str, float | None]:
    """Return the mean I/U of the ungated masks of positive objects, over object-frames where U > 0, in [0, 1].

    None where ungated masks are not known, or where no object-frame is left.
    """
    top, bottom = ungated_parts(frames)
    return {"p_miou_ungated": float(top.sum() / bottom.sum()) if bottom.any() else None}
