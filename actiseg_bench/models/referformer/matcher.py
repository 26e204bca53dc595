"""Which query is to learn an object: the one of least cost (DETR, arXiv 2005.12872), with ReferFormer's costs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.boxes import generalized_iou


class Coefficients(NamedTuple):
    """Of the costs of a match; the losses of class and boxes have the same."""

    query_class: float = 2.0
    box: float = 5.0
    giou: float = 2.0
    mask: float = 2.0
    dice: float = 5.0


def class_cost(logits: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return what calling a query the object costs more than not: the two focal terms' difference, ``[…]`` as given."""
    p = logits.sigmoid()
    yes = alpha * (1 - p) ** gamma * -(p + 1e-8).log()
    no = (1 - alpha) * p**gamma * -(1 - p + 1e-8).log()
    return yes - no


def focal_cost(logits: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the mean focal loss of Q masks against one, ``[…, Q]``, for ``[…, Q, P]`` and ``[…, P]``.

    In the target the loss is linear: y·(loss if 1) + (1 - y)·(loss if 0). One product serves all queries, and no copy
    of the target is made for any of them.
    """
    p, miss = logits.sigmoid(), F.softplus(-logits)
    if_one = alpha * (1 - p) ** gamma * miss
    if_zero = (1 - alpha) * p**gamma * (miss + logits)
    return (if_zero.sum(-1) + _times(if_one - if_zero, target)) / target.shape[-1]


def dice_score(logits: Tensor, target: Tensor) -> Tensor:
    """Return (2 Σ p y + 1) / (Σ p + Σ y + 1) of Q masks against one, ``[…, Q]``, for ``[…, Q, P]`` and ``[…, P]``."""
    p = logits.sigmoid()
    return (2 * _times(p, target) + 1) / (p.sum(-1) + target.sum(-1, keepdim=True) + 1)


def _times(values: Tensor, target: Tensor) -> Tensor:
    """Return Σ_p v y, ``[…, Q]`` of ``[…, Q, P]`` and ``[…, P]``."""
    return (values @ target[..., None])[..., 0]


def match_costs(
    logits: Tensor, boxes: Tensor, masks: Tensor, target_boxes: Tensor, target_masks: Tensor, weigh: Coefficients
) -> Tensor:
    """Return the cost of every query for one object, ``[…, Q]``: means over the clip's frames.

    Args:
        logits: ``[…, T, Q]``. boxes: ``[…, T, Q, 4]``. masks: logits ``[…, T, Q, h, w]``.
        target_boxes: ``[…, T, 4]``. target_masks: ``[…, T, h, w]`` in [0, 1]: what lies between 0 and 1 costs in
            proportion. Leading dimensions are samples, or layers of samples; those of the targets may lack layers.
    """
    drawn, wanted = masks.transpose(-4, -3).flatten(-3), target_masks.flatten(-3)
    near = (boxes - target_boxes[..., None, :]).abs().sum(-1).mean(-2)
    overlap = generalized_iou(boxes, target_boxes[..., None, :]).mean(-2)
    return (
        weigh.query_class * class_cost(logits).mean(-2)
        + weigh.box * near
        - weigh.giou * overlap
        + weigh.mask * focal_cost(drawn, wanted)
        - weigh.dice * dice_score(drawn, wanted)
    )
