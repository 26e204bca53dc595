"""The deformable transformer: an encoder over all levels of a frame, a decoder over the frame's queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

from actiseg_bench.models.referformer.attention import attend_to_itself, drop
from actiseg_bench.models.referformer.boxes import bounded
from actiseg_bench.models.referformer.config import LEVELS, ReferFormerConfig
from actiseg_bench.models.referformer.constants import made_once
from actiseg_bench.models.referformer.deformable import DeformableAttention, Shapes, values_of


class Decoded(NamedTuple):
    """What the decoder gives, for L layers, n frames and Q queries.

    Attributes:
        states: ``[L, n, Q, C]``. boxes: ``[L, n, Q, 4]``, refined layer by layer, with gradients of one layer each.
    """

    states: Tensor
    boxes: Tensor


class FeedForward(nn.Module):
    """Linear, ReLU, linear, around an identity. Has no parameters' names of its own: the layers below inherit them."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def feed(self, x: Tensor) -> Tensor:
        """Return ``x`` plus its transformation.

        Dropout scales by 0 or more, so ReLU may follow it: the values are the same, and one tensor less is kept.
        """
        inner = F.relu(self.drop(self.linear1(x.flatten(0, -2))), inplace=True)
        return x + self.drop(self.linear2(inner)).view(x.shape)

    def drop(self, x: Tensor) -> Tensor:
        """Return ``x`` after dropout."""
        return drop(x, self.dropout.p, self.training)


def maybe_again(again: bool, function: Callable[..., Tensor], *given: Any) -> Tensor:
    """Return ``function(*given)``; ``again``, and where it is to learn, nothing is kept.

    What the backward pass needs is then computed again from ``given``, with the same draws: gradients are equal, bit
    for bit.
    """
    if again and torch.is_grad_enabled():
        found: Tensor = checkpoint(function, *given, use_reentrant=False)
        return found
    return function(*given)


class EncoderLayer(FeedForward):
    """Deformable self-attention of the cells of all levels."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__(config.width, config.feedforward, config.dropout)
        self.self_attn = DeformableAttention(config.width, LEVELS, config.heads, config.points)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(self, cells: Tensor, places: Tensor, reference: Tensor, shapes: Shapes) -> Tensor:
        """Return ``[n, S, C]`` for cells ``[n, S, C]``, their position encodings and their own (x, y) ``[1, S, 2]``."""
        cells = self.norm1(cells + self.drop(self.self_attn(cells + places, reference, cells, shapes)))
        return self.norm2(self.feed(cells))


class DecoderLayer(FeedForward):
    """Self-attention of a frame's queries, then deformable attention to its memory."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__(config.width, config.feedforward, config.dropout)
        self.cross_attn = DeformableAttention(config.width, LEVELS, config.heads, config.points)
        self.self_attn = nn.MultiheadAttention(config.width, config.heads, config.dropout, batch_first=True)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.norm3 = nn.LayerNorm(config.width)

    def forward(self, states: Tensor, places: Tensor, reference: Tensor, value: Tensor, shapes: Shapes) -> Tensor:
        """Return ``[n, Q, C]`` for states ``[n, Q, C]`` at references ``[n, Q, 2 or 4]``; value: of the memory."""
        asked = states + places
        states = self.norm2(states + self.drop(attend_to_itself(self.self_attn, asked, states)))
        states = self.norm1(states + self.drop(self.cross_attn.read(states + places, reference, value, shapes)))
        return self.norm3(self.feed(states))


class Stack(nn.Module):
    """Layers under their published name; the decoder's also hold the box heads that refine its references."""

    layers: nn.ModuleList
    bbox_embed: nn.ModuleList

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class Transformer(nn.Module):
    """Encoder, decoder, and where queries look at first.

    Attributes:
        checkpoint_activations: the encoder's layers keep nothing for the backward pass but their input.
    """

    checkpoint_activations = False

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__()
        self.encoder = Stack([EncoderLayer(config) for _ in range(config.encoder_layers)])
        self.decoder = Stack([DecoderLayer(config) for _ in range(config.decoder_layers)])
        self.level_embed = nn.Parameter(torch.empty(LEVELS, config.width))
        self.reference_points = nn.Linear(config.width, 2)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start as published: Xavier everywhere, then what deformable attention has of its own."""
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        for module in self.modules():
            if isinstance(module, DeformableAttention):
                module.reset_parameters()
        nn.init.zeros_(self.reference_points.bias)
        nn.init.normal_(self.level_embed)

    def encode(self, cells: Tensor, places: Tensor, shapes: Shapes) -> Tensor:
        """Return memory ``[n, S, C]`` of the cells of all levels ``[n, S, C]`` with position encodings ``[S, C]``."""
        known = places + F.embedding(levels_of_cells(tuple(shapes), cells.device), self.level_embed)
        reference = cell_centres(shapes, cells)
        for layer in self.encoder.layers:
            cells = maybe_again(self.checkpoint_activations, layer, cells, known, reference, shapes)
        return cells

    def decode(self, sentence: Tensor, queries: Tensor, memory: Tensor, shapes: Shapes) -> Decoded:
        """Return what the queries find.

        Args:
            sentence: ``[n, C]``: what every query starts as. queries: ``[Q, C]``: their position encodings.
            memory: ``[n, S, C]``.
        """
        states = sentence[:, None].expand(-1, len(queries), -1).contiguous()
        places = queries[None]
        at = self.reference_points(queries).float()
        reference = at.sigmoid()[None]
        at = F.pad(at, (0, 2))
        found, boxes = [], []
        values = values_of(memory, *(layer.cross_attn for layer in self.decoder.layers))  # type: ignore[arg-type]
        for layer, refine, value in zip(self.decoder.layers, self.decoder.bbox_embed, values, strict=True):
            states = layer(states, places, reference, value, shapes)
            at = refine(states).float() + bounded(at)
            box = at.sigmoid()
            found.append(states)
            boxes.append(box)
            at, reference = at.detach(), box.detach()
        return Decoded(torch.stack(found), torch.stack(boxes))


def cell_centres(shapes: Shapes, like: Tensor) -> Tensor:
    """Return (x, y) in [0, 1] of every cell of every level, ``[1, S, 2]``."""
    return _cell_centres(tuple(shapes), like.device)


@made_once(sizes=64)
def _cell_centres(shapes: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    found = []
    for rows, columns in shapes:
        y = (torch.arange(rows, device=device, dtype=torch.float32) + 0.5) / rows
        x = (torch.arange(columns, device=device, dtype=torch.float32) + 0.5) / columns
        found.append(torch.stack([x.expand(rows, -1), y[:, None].expand(-1, columns)], -1).flatten(0, 1))
    return torch.cat(found)[None]


@made_once(sizes=64)
def levels_of_cells(shapes: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """Return the level of every cell, int64 ``[S]``."""
    areas = [rows * columns for rows, columns in shapes]
    return torch.cat([torch.full((area,), level, device=device) for level, area in enumerate(areas)])
