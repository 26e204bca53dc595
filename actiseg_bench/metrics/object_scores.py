"""J and F of every object of every clip, as the DAVIS challenges average them: over an object's frames first.

J of a frame is I/U and F that of the boundaries (:mod:`actiseg_bench.metrics.davis`), both 1 where nothing is visible
and nothing predicted. ``j_volume`` is Σ I / Σ U over the object's frames, see :mod:`actiseg_bench.metrics.volume`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.davis import BoundaryCounts, f_of_counts
from actiseg_bench.metrics.failure_modes import ObjectFrames

JF_SCORES = ("j_and_f", "j", "f", "j_volume")
JF_TITLES = {"j_and_f": "J&F", "j": "J", "f": "F", "j_volume": "J volume"}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ObjectScore:
    """Scores in [0, 1] of one object over the scored frames of its clip.

    Attributes:
        clip: its id. object_id: in the masks. is_positive: takes part in the action. frames: how many are scored.
        j, f: means over the frames. j_volume: None where the object is neither visible nor predicted in any frame.
        iou: mean I/U over the frames where it is visible or predicted, None where there is none: its part of
            ``p_miou`` or ``n_miou``.
    """

    clip: str
    object_id: int
    is_positive: bool
    frames: int
    j: float
    f: float
    j_volume: float | None
    iou: float | None

    @property
    def j_and_f(self) -> float:
        """Return the mean of J and F."""
        return (self.j + self.f) / 2


def object_scores(frames: ObjectFrames, clips: Sequence[str]) -> tuple[ObjectScore, ...]:
    """Return the scores of every object, in the order of clips, then ids.

    Args:
        frames: object-frames whose boundary pixels were counted, negative objects too. clips: names, by ``clip_idx``.
    """
    objects = np.stack([frames.clip_idx, frames.object_id])
    keys, place = np.unique(objects, axis=1, return_inverse=True)
    order = np.argsort(place.ravel(), kind="stable")
    cuts = np.cumsum(np.bincount(place.ravel(), minlength=keys.shape[1]))[:-1]
    return tuple(_score(frames.select(own), clips) for own in np.split(order, cuts) if len(own))


def _score(own: ObjectFrames, clips: Sequence[str]) -> ObjectScore:
    """Return the scores of one object's frames."""
    union = own.counts.union
    there, iou = union > 0, own.iou
    return ObjectScore(
        clip=clips[int(own.clip_idx[0])],
        object_id=int(own.object_id[0]),
        is_positive=bool(own.is_positive[0]),
        frames=len(own),
        j=float(np.where(there, iou, 1.0).mean()),
        f=float(_boundary_f(own).mean()),
        j_volume=float(own.intersection.sum() / union.sum()) if there.any() else None,
        iou=float(iou[there].mean()) if there.any() else None,
    )


def _boundary_f(own: ObjectFrames) -> Floats:
    """Return F of each frame."""
    columns = (own.pred_boundary, own.pred_near, own.gt_boundary, own.gt_near)
    counted = [column.tolist() for column in columns if column is not None]
    if len(counted) < len(columns):
        raise ValueError("boundary pixels were not counted")
    return np.array([f_of_counts(BoundaryCounts(*one)) for one in zip(*counted, strict=True)], np.float64)


def mean_scores(objects: Sequence[ObjectScore]) -> dict[str, float | None]:
    """Return J&F, J, F and volumetric J, each the mean over the positive objects; None without one that has it."""
    positive = [one for one in objects if one.is_positive]
    return {name: _mean([getattr(one, name) for one in positive]) for name in JF_SCORES}


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that there are, None without one."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
