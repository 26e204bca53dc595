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
from actiseg_noise.masks import BinaryMask, IndexMask, Rle

Counts = npt.NDArray[np.int64]

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
    if pred.dtype != np.uint8 or gt.dtype != np.uint8 or pred.ndim != 2 or pred.shape != gt.shape:
        raise DataError(
            f"expected two uint8 [H, W] masks of one shape, got prediction {pred.dtype} {list(pred.shape)} "
            f"and ground truth {gt.dtype} {list(gt.shape)}"
        )
    if void_id is not None:
        pred = pred * (gt != void_id)
    both = gt * (pred == gt)
    ids = np.asarray(object_ids, np.intp)
    return np.stack([count_ids(both)[ids], count_ids(pred)[ids], count_ids(gt)[ids]], axis=1)


def count_ids(mask: IndexMask) -> Counts:
    """Return how many pixels of ``uint8 [H, W]`` have each value, ``int64 [256]``; several times faster than NumPy."""
    import cv2

    rows = max(1, _EXACT // max(1, mask.shape[1]))  # OpenCV counts into float32
    strips = (np.ascontiguousarray(mask[top : top + rows]) for top in range(0, len(mask), rows))
    counts = np.zeros(256, np.int64)
    for strip in strips:
        counts += cv2.calcHist([strip], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def count_binary(pred: BinaryMask, gt: BinaryMask) -> tuple[int, int, int]:
    """Return intersection, predicted area and ground-truth area of two ``bool [H, W]`` masks, in pixels.

    Raises:
        DataError: the shapes differ.
    """
    if pred.shape != gt.shape:
        raise DataError(f"prediction {list(pred.shape)} and ground truth {list(gt.shape)} differ in size")
    return int(np.count_nonzero(pred & gt)), int(np.count_nonzero(pred)), int(np.count_nonzero(gt))


def count_rle(pred: Rle, gt: Rle, void: Rle | None = None) -> tuple[int, int, int]:
    """Return intersection, predicted area and ground-truth area, without decoding a mask.

    Args:
        void: pixels without label, left out of the prediction; ground truth never holds any.

    Raises:
        DataError: the sizes differ.
    """
    if (pred.height, pred.width) != (gt.height, gt.width):
        raise DataError(f"prediction {pred.height}×{pred.width} and ground truth {gt.height}×{gt.width} differ in size")
    lost = _overlap(pred, void) if void is not None else 0
    return _overlap(pred, gt), pred.area - lost, gt.area


def _overlap(a: Rle, b: Rle) -> int:
    """Return the number of pixels in both masks."""
    if not a.area or not b.area:
        return 0
    from pycocotools import mask as coco

    pair = [{"size": [m.height, m.width], "counts": m.counts.encode("ascii")} for m in (a, b)]
    return int(coco.area(coco.merge(pair, intersect=True)))


def actionvos_scores(counts: ObjectFrameCounts) -> ActionVosScores:
    """Compute the six metrics, the table at the head of this module row by row."""
    predicted, visible, positive = counts.pred_area > 0, counts.gt_area > 0, counts.is_positive
    target = positive & visible
    iou = _iou(counts)
    giou = np.where(positive, np.where(counts.union > 0, iou, 1.0), np.where(predicted, 0.0, 1.0))
    tp, tn = int(np.sum(target & predicted)), int(np.sum(~target & ~predicted))
    fp, fn = int(np.sum(~target & predicted)), int(np.sum(target & ~predicted))
    return ActionVosScores(
        p_miou=mean_iou(counts.select(positive)),
        n_miou=mean_iou(counts.select(~positive)),
        p_ciou=cumulative_iou(counts.select(positive)),
        n_ciou=cumulative_iou(counts.select(~positive)),
        giou=float(giou.mean()) if len(counts) else None,
        acc=(tp + tn) / len(counts) if len(counts) else None,
        tp=tp,
        tn=tn,
        fp=fp,
        fn=fn,
    )


def mean_iou(counts: ObjectFrameCounts) -> float | None:
    """Return the mean of I/U over the object-frames with U > 0; None when there is none."""
    there = counts.union > 0
    return float(_iou(counts)[there].mean()) if there.any() else None


def cumulative_iou(counts: ObjectFrameCounts) -> float | None:
    """Return ΣI / ΣU; None when nothing is visible or predicted anywhere."""
    union = int(counts.union.sum())
    return int(counts.intersection.sum()) / union if union else None


def _iou(counts: ObjectFrameCounts) -> npt.NDArray[np.float64]:
    """Return I/U per object-frame, 0 where U = 0."""
    return counts.intersection / np.maximum(counts.union, 1)


def is_hand(nouns: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Return which nouns name a hand (``left hand``, ``right hand``, with space, ``_`` or ``-``), ``bool [N]``."""
    names = {"left hand", "right hand", "hand"}
    return np.array([noun.lower().replace("_", " ").replace("-", " ") in names for noun in nouns], bool)
