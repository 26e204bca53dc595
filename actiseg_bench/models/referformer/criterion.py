"""ReferFormer's losses, with ActionVOS's positive head and action-guided weights.

The published code divides the sums over a batch by its number of boxes, which is N·T: mask and dice losses, which have
one value per clip, are so divided by the number of frames, too, while the positive loss is not. These functions give
the value of every sample; their mean over a batch is the published loss.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from actiseg_bench.losses import dice, focal, mean_over_pixels, weigh
from actiseg_bench.models.referformer.boxes import generalized_iou
from actiseg_bench.models.referformer.matcher import Coefficients


class Answer(NamedTuple):
    """One decoder layer's answer for N clips.

    Attributes:
        logits: query scores ``[N, T, Q]``. boxes: ``[N, T, Q, 4]``. masks: logits ``[N, T, Q, h, w]``.
        positives: ``[N]``.
    """

    logits: Tensor
    boxes: Tensor
    masks: Tensor
    positives: Tensor


def class_loss(logits: Tensor, queries: Tensor) -> Tensor:
    """Return ``[N]``: the focal loss of "this query is the object", summed over queries, mean over frames.

    Args:
        logits: ``[N, T, Q]``. queries: int64 ``[N]``, the matched ones; a negative object has one as well.
    """
    matched = queries[:, None] == torch.arange(logits.shape[2], device=logits.device)
    target = matched.to(logits)[:, None].expand_as(logits)
    return focal(logits, target).sum(2).mean(1)


def box_losses(boxes: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return (L1, 1 - GIoU), ``[N]`` each: means over frames of the matched boxes ``[N, T, 4]``."""
    return (boxes - target).abs().sum(2).mean(1), (1 - generalized_iou(boxes, target)).mean(1)


def mask_losses(masks: Tensor, target: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return (focal, dice), ``[N]`` each, of matched mask logits ``[N, T, h, w]``, both divided by T.

    Args:
        weights: action-guided, ``[N, T, h, w]``: of the focal loss alone.
    """
    pixels = weigh(focal(masks, target), weights)
    return mean_over_pixels(pixels) / masks.shape[1], dice(masks, target) / masks.shape[1]


def detection_loss(logits: Tensor, boxes: Tensor, target: Tensor, queries: Tensor, weigh: Coefficients) -> Tensor:
    """Return ``[N]``: what a layer learns beside masks and positive score, weighted.

    Args:
        logits: ``[N, T, Q]``. boxes: ``[N, T, Q, 4]``. target: boxes ``[N, T, 4]``. queries: int64 ``[N]``.
    """
    near, apart = box_losses(of_queries(boxes, queries), target)
    return weigh.query_class * class_loss(logits, queries) + weigh.box * near + weigh.giou * apart


def of_queries(values: Tensor, queries: Tensor) -> Tensor:
    """Return the matched query's values, ``[N, T, …]`` of ``[N, T, Q, …]``."""
    return values[torch.arange(len(queries), device=values.device), :, queries]


def published_losses(
    answer: Answer, queries: Tensor, boxes: Tensor, masks: Tensor, is_positive: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Return a layer's losses by their published names, unweighted, mean over the batch.

    Args:
        queries: int64 ``[N]``. boxes: ``[N, T, 4]``. masks: ``[N, T, h, w]``. is_positive: ``[N]``.
        weights: see :func:`mask_losses`.
    """
    near, apart = box_losses(of_queries(answer.boxes, queries), boxes)
    pixels, overlap = mask_losses(of_queries(answer.masks, queries), masks, weights)
    found = {
        "loss_ce": class_loss(answer.logits, queries),
        "loss_bbox": near,
        "loss_giou": apart,
        "loss_positive_labels": focal(answer.positives, is_positive),
        "loss_mask": pixels,
        "loss_dice": overlap,
    }
    return {name: values.mean() for name, values in found.items()}
