"""Boxes as (centre x, centre y, width, height), in [0, 1] of the picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

EPS = 1e-6
FURTHEST = math.log(1e5)


def corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return (left, top) and (right, bottom) of ``[…, 4]``, ``[…, 2]`` each."""
    centre, size = boxes.split(2, -1)
    half = size / 2
    return centre - half, centre + half


def generalized_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the GIoU (arXiv 1902.09630) of ``[…, 4]`` and ``[…, 4]``, box by box; leading dimensions broadcast.

    1e-6 is added above and below each fraction, so that empty boxes have a value, as in the published code.
    """
    (low, high), (other_low, other_high) = corners(first), corners(second)
    shared = _area(torch.maximum(low, other_low), torch.minimum(high, other_high))
    around = _area(torch.minimum(low, other_low), torch.maximum(high, other_high))
    union = _area(low, high) + _area(other_low, other_high) - shared
    return (shared + EPS) / (union + EPS) - (around - union + EPS) / (around + EPS)


def _area(low: Tensor, high: Tensor) -> Tensor:
    width, height = (high - low).clamp_min(0).unbind(-1)
    return width * height


def boxes_of(masks: Tensor) -> Tensor:
    """Return the boxes around masks, ``[…, 4]`` for ``[…, h, w]``; zeros for an empty one.

    From the first to past the last row and column with a cell above 0. The published boxes are of the full-size mask;
    these are of the target as it is after every augmentation, and their sides within a cell of those.
    """
    sides = []
    for seen in ((masks > 0).any(-2), (masks > 0).any(-1)):  # columns, rows
        size = seen.shape[-1]
        places = torch.arange(size, device=masks.device)
        low = torch.where(seen, places, size).amin(-1)
        high = torch.where(seen, places + 1, 0).amax(-1)
        sides.append((low / size, high / size))
    (left, right), (top, bottom) = sides
    found = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], -1)
    return torch.where((masks > 0).any(-1).any(-1)[..., None], found, 0.0)


def bounded(logits: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of p = sigmoid(logits), where p and 1 - p are kept above 1e-5: what is refined next."""
    return logits.clamp(-FURTHEST, FURTHEST)
