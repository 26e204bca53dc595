"""Sine position encodings of pixels and words (DETR, arXiv 2005.12872, as ReferFormer sets them)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from actiseg_bench.models.referformer.constants import made_once

EPS = 1e-6
TEMPERATURE = 10000


def sines(places: Tensor, width: int) -> Tensor:
    """Return ``[…, width]`` for places ``[…]`` in [0, 2π]: sine and cosine in turn, at falling frequencies."""
    step = torch.arange(width, dtype=torch.float32, device=places.device)
    angles = places[..., None] / TEMPERATURE ** (2 * (step // 2) / width)
    return torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], -1).flatten(-2)


@made_once(sizes=8)
def pixel_positions(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Return float ``[H·W, channels]``: the first half says the row, the second the column; pixel centres, 0 to 2π."""

    def axis(size: int) -> Tensor:
        places = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / (size + EPS) * (2 * math.pi)
        return sines(places, channels // 2)

    rows = axis(height)[:, None].expand(height, width, -1)
    columns = axis(width)[None, :].expand(height, width, -1)
    return torch.cat([rows, columns], -1).flatten(0, 1)


def word_positions(padding: Tensor, channels: int) -> Tensor:
    """Return float ``[N, L, channels]`` for bool ``[N, L]``, True where there is no word: 1 … n over n words, to 2π."""
    counted = (~padding).cumsum(1, dtype=torch.float32)
    return sines(counted / (counted[:, -1:] + EPS) * (2 * math.pi), channels)


@made_once(sizes=8)
def level_positions(shapes: tuple[tuple[int, int], ...], channels: int, device: torch.device) -> Tensor:
    """Return :func:`pixel_positions` of several levels, one after the other, float ``[S, channels]``."""
    return torch.cat([pixel_positions(rows, columns, channels, device) for rows, columns in shapes])


@made_once(sizes=64)
def positions_of_lengths(lengths: tuple[int, ...], length: int, channels: int, device: torch.device) -> Tensor:
    """Return :func:`word_positions` of expressions of so many words, padded to a length; on a device."""
    padding = torch.arange(length) >= torch.tensor(lengths)[:, None]
    return word_positions(padding, channels).to(device)
