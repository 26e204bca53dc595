"""The six ActionVOS metrics: validate, count in integers, compute.

Source: ActionVOS's published metric script (``actionvos_metrics.py``). One *object-frame* is one object in one frame:
``g`` its pixels in the ground truth, ``p`` its pixels in the prediction, ``I = |g∧p|``, ``U = |g∨p|``.

==========  ==================  ==========================  ======================================
object      U = 0               U > 0, g empty              U > 0, g non-empty
==========  ==================  ==========================  ======================================
positive    gIoU 1, TN;         gIoU 0, FP;                 gIoU I/U; p empty: FN, else TP;
            not in mIoU, cIoU   in p-mIoU (0), p-cIoU       in p-mIoU, p-cIoU
negative    gIoU 1, TN;         gIoU 0, FP;                 p empty: gIoU 1, TN; else gIoU 0, FP;
            not in mIoU, cIoU   in n-mIoU (0), n-cIoU       in n-mIoU, n-cIoU
==========  ==================  ==========================  ======================================

``gIoU`` here is the *generalised IoU* of GRES (arXiv 2306.00968) with its no-target rule: the mean IoU over
object-frames, where an object without target scores 1 for silence and 0 for any prediction. It is not the box GIoU of
arXiv 1902.09630.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

METRICS = ("p_miou", "n_miou", "p_ciou", "n_ciou", "giou", "acc")
TITLES = {
    "p_miou": "p-mIoU",
    "n_miou": "n-mIoU",
    "p_ciou": "p-cIoU",
    "n_ciou": "n-cIoU",
    "giou": "gIoU",
    "acc": "Acc",
}
LOWER_IS_BETTER = frozenset({"n_miou", "n_ciou"})

_EXACT = 2**24  # pixels up to which a float32 counts exactly


@dataclass(frozen=True, slots=True)
class ObjectFrameCounts:
    """Pixel counts of N object-frames: all that the metrics read.

    Attributes:
        intersection, pred_area, gt_area: ``int64 [N]``, pixels.
        is_positive: ``bool [N]``, the object takes part in the action.
        clip_idx: ``int32 [N]``, which clip the object-frame belongs to.
    """

    intersection: Counts
    pred_area: Counts
    gt_area: Counts
    is_positive: npt.NDArray[np.bool_]
    clip_idx: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        shapes = {f.name: getattr(self, f.name).shape for f in fields(self)}
        if len(set(shapes.values())) != 1 or self.intersection.ndim != 1:
            raise ValueError(f"counts must be vectors of one length, got {shapes}")
        if np.any(self.intersection < 0) or np.any(self.intersection > np.minimum(self.pred_area, self.gt_area)):
            raise ValueError("an intersection is negative or larger than one of its two masks")

    def __len__(self) -> int:
        return len(self.intersection)

    @property
    def union(self) -> Counts:
        """Return ``|g∨p|`` in pixels, ``int64 [N]``."""
        return self.pred_area + self.gt_area - self.intersection

    def select(self, selector: npt.NDArray[np.bool_]) -> ObjectFrameCounts:
        """Return the object-frames where ``selector``, ``bool [N]``, holds."""
        return ObjectFrameCounts(*(getattr(self, f.name)[selector] for f in fields(self)))

    @classmethod
    def gather(cls, parts: Sequence[tuple[Counts, Sequence[bool], int]]) -> ObjectFrameCounts:
        """Join frames.

        Args:
            parts: per frame ``(counts, is_positive, clip_idx)``; counts as ``count_object_frames`` returns them.
        """
        table = np.concatenate([np.zeros((0, 3), np.int64), *(counts for counts, _, _ in parts)])
        positive = np.array([flag for _, flags, _ in parts for flag in flags], bool)
        clip = np.repeat([idx for _, _, idx in parts], [len(counts) for counts, _, _ in parts]).astype(np.int32)
        return cls(table[:, 0], table[:, 1], table[:, 2], positive, clip)


@dataclass(frozen=True, slots=True)
class ActionVosScores:
    """Scores in [0, 1] (tables print them times 100) and the confusion counts of the presence decision.

    A score is None where nothing defines it: ``n_miou`` and ``n_ciou`` of a split without negative objects, every
    score of an empty set.

    Attributes:
        p_miou, p_ciou: mean and cumulative IoU of positive objects. n_miou, n_ciou: of negatives, lower is better.
        giou: GRES generalised IoU with the no-target rule, not box GIoU. acc: (tp + tn) / all object-frames.
    """

    p_miou: float | None
    n_miou: float | None
    p_ciou: float | None
    n_ciou: float | None
    giou: float | None
    acc: float | None
    tp: int
    tn: int
    fp: int
    fn: int


def count_object_frames(
    pred: IndexMask, gt: IndexMask, object_ids: Sequence[int], void_id: int | None = None
) -> Counts:
    """Count one frame from its two index masks; the cost does not grow with the number of objects.

    Args:
        pred, gt: ``uint8 [H, W]``, object ids.
        object_ids: the objects to count, 1–255.
        void_id: pixels of ``gt`` with this value have no label and are left out.

    Returns:
        ``int64 [len(object_ids), 3]``: intersection, predicted area and ground-truth area in pixels.

    Raises:
        DataError: masks that are not two ``uint8 [H, W]`` of one shape.
    """
    return counts_of_pairs(count_pairs(pred, gt), object_ids, void_id)


def count_pairs(pred: IndexMask, gt: IndexMask) -> Counts:
    """Return how many pixels have each pair of values, ``int64 [256, 256]``: ``[predicted, true]``.

    Raises:
        DataError: masks that are not two ``uint8 [H, W]`` of one shape.
    """
    import cv2

    if pred.dtype != np.uint8 or gt.dtype != np.uint8 or pred.ndim != 2 or pred.shape != gt.shape:
        raise DataError(
            f"expected two uint8 [H, W] masks of one shape, got prediction {pred.dtype} {list(pred.shape)} "
            f"and ground truth {gt.dtype} {list(gt.shape)}"
        )
    rows = max(1, _EXACT // max(1, gt.shape[1]))  # OpenCV counts into float32
    strips = ([np.ascontiguousarray(mask[top : top + rows]) for mask in (pred, gt)] for top in range(0, len(gt), rows))
    counts = [cv2.calcHist(pair, [0, 1], None, [256, 256], [0, 256, 0, 256]).astype(np.int64) for pair in strips]
    return sum(counts[1:], start=counts[0])


def counts_of_pairs(pairs: Counts, object_ids: Sequence[int], void_id: int | None = None) -> Counts:
    """Return what :func:`count_object_frames` returns, from the pairs of a frame."""
    ids = np.asarray(object_ids, np.intp)
    predicted = pairs[ids].sum(1) if void_id is None else pairs[ids].sum(1) - pairs[ids, void_id]
    return np.stack([pairs[ids, ids], predicted, pairs[:, ids].sum(0)], axis=1)


def score_parts(counts: ObjectFrameCounts) -> tuple[Floats, Floats]:
    """Return what stands above and below the fraction of every metric, the table at the head of this module.

    Returns:
        ``float64 [6, N]`` each, in the order of ``METRICS``. A score is the sum of the first over the sum of the
        second; where the second is 0, the object-frame is not part of the metric.
    """
    positive, predicted, visible = counts.is_positive, counts.pred_area > 0, counts.gt_area > 0
    union, everywhere = counts.union, np.ones(len(counts))
    there, target = union > 0, positive & visible
    iou = counts.intersection / np.maximum(union, 1)
    parts = {
        "p_miou": (iou * positive, there & positive),
        "n_miou": (iou * ~positive, there & ~positive),
        "p_ciou": (counts.intersection * positive, union * positive),
        "n_ciou": (counts.intersection * ~positive, union * ~positive),
        "giou": (np.where(positive, np.where(there, iou, 1.0), ~predicted), everywhere),
        "acc": (target == predicted, everywhere),
    }
    top, bottom = zip(*(parts[name] for name in METRICS), strict=True)
    return np.array(top, np.float64), np.array(bottom, np.float64)


def actionvos_scores(counts: ObjectFrameCounts) -> ActionVosScores:
    """Compute the six metrics and the confusion counts."""
    top, bottom = score_parts(counts)
    p_miou, n_miou, p_ciou, n_ciou, giou, acc = (_fraction(*row) for row in zip(top, bottom, strict=True))
    predicted, target = counts.pred_area > 0, counts.is_positive & (counts.gt_area > 0)
    cells = (target & predicted, ~target & ~predicted, ~target & predicted, target & ~predicted)
    tp, tn, fp, fn = (int(cell.sum()) for cell in cells)
    return ActionVosScores(p_miou, n_miou, p_ciou, n_ciou, giou, acc, tp, tn, fp, fn)


def _fraction(top: Floats, bottom: Floats) -> float | None:
    """Return Σ ``top`` / Σ ``bottom``, None when nothing is below; the sums do not depend on what is not counted."""
    counted = bottom > 0
    return float(top[counted].sum() / bottom[counted].sum()) if counted.any() else None


def is_hand(nouns: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Return which nouns name a hand (``left hand``, ``right hand``, with space, ``_`` or ``-``), ``bool [N]``."""
    names = {"left hand", "right hand", "hand"}
    return np.array([noun.lower().replace("_", " ").replace("-", " ") in names for noun in nouns], bool)
