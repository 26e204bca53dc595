"""Volumetric J&F: an object's masks in all frames of a clip are one volume, scored once.

J is Σ I / Σ U over the frames. F is the harmonic mean of precision and recall of DAVIS's boundaries, each summed over
the frames before it is divided: Σ found / Σ boundary pixels. A mean over frames gives a frame in which an object is
hardly visible the weight of one that it fills, and one with nothing of either mask a perfect score; a volume does
neither.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.davis import BoundaryCounts, f_of_counts
from actiseg_bench.metrics.failure_modes import ObjectFrames

VOLUME_SCORES = ("p_j_volume", "p_f_volume", "p_jf_volume")

Ints = npt.NDArray[np.int64]


def volume_scores(frames: ObjectFrames) -> dict[str, float | None]:
    """Return J, F and their mean in [0, 1], the means over the positive objects that are visible or predicted at all.

    None without such an object; F and J&F are None where boundary pixels were not counted.
    """
    some = frames.select(frames.is_positive & (frames.pred_area + frames.gt_area > 0))
    objects = np.stack([some.clip_idx, some.object_id])
    place = np.unique(objects, axis=1, return_inverse=True)[1].ravel()
    if not len(some):
        return dict.fromkeys(VOLUME_SCORES)
    intersection, union = (_sums(place, column) for column in (some.intersection, some.counts.union))
    j = float((intersection / union).mean())
    counts = (some.pred_boundary, some.pred_near, some.gt_boundary, some.gt_near)
    known = [_sums(place, column).tolist() for column in counts if column is not None]
    if len(known) < len(counts):
        return {"p_j_volume": j, "p_f_volume": None, "p_jf_volume": None}
    f = float(np.mean([f_of_counts(BoundaryCounts(*one)) for one in zip(*known, strict=True)]))
    return {"p_j_volume": j, "p_f_volume": f, "p_jf_volume": (j + f) / 2}


def _sums(place: Ints, column: Ints) -> Ints:
    """Return a column summed over the frames of each object."""
    found: Ints = np.zeros(place.max() + 1, np.int64)
    np.add.at(found, place, column)
    return found
