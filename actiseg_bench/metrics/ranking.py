"""Threshold-free: how well the positive scores rank what takes part above what does not.

The six metrics are of masks that the positive head has emptied below its threshold, and move with that threshold. The
average precision of the scores themselves does not: it is the area under the curve of precision over recall, one point
a threshold, as in detection and retrieval.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def average_precision(scores: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> float | None:
    """Return Σ (recall_k - recall_k-1) · precision_k over the distinct scores from the highest.

    No interpolation; equal scores are one threshold, so that the order of samples says nothing. A constant score gives
    the share of positives, which is what chance comes to. None without a positive.

    Args:
        scores: float64 ``[N]``, in any unit. positive: bool ``[N]``.
    """
    if not positive.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = right.cumsum()[last]
    precision, gained = hits / (last + 1), np.diff(hits, prepend=0) / right.sum()
    return float((precision * gained).sum())
