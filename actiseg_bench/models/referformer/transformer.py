"""The deformable transformer: an encoder over all levels of a frame, a decoder over the frame's queries."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer.boxes import inverse_sigmoid
from actiseg_bench.models.referformer.config import LEVELS, ReferFormerConfig
from actiseg_bench.models.referformer.deformable import DeformableAttention, Shapes


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
        return x + self.dropout(self.linear2(F.relu(self.dropout(self.linear1(x)), inplace=True)))


class EncoderLayer(FeedForward):
    """Deformable self-attention of the cells of all levels."""

    def __init__(self, config: ReferFormerConfig) -> None:
        super().__init__(config.width, config.feedforward, config.dropout)
        self.self_attn = DeformableAttention(config.width, LEVELS, config.heads, config.points)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(self, cells: Tensor, places: Tensor, reference: Tensor, shapes: Shapes) -> Tensor:
        """Return ``[n, S, C]`` for cells ``[n, S, C]``, their position encodings and their own (x, y) ``[1, S, 2]``."""
        cells = self.norm1(cells + self.dropout(self.self_attn(cells + places, reference, cells, shapes)))
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

    def forward(self, states: Tensor, places: Tensor, reference: Tensor, memory: Tensor, shapes: Shapes) -> Tensor:
        """Return ``[n, Q, C]`` for states ``[n, Q, C]`` at references ``[n, Q, 2 or 4]``."""
        asked = states + places
        states = self.norm2(states + self.dropout(self.self_attn(asked, asked, states, need_weights=False)[0]))
        states = self.norm1(states + self.dropout(self.cross_attn(states + places, reference, memory, shapes)))
        return self.norm3(self.feed(states))


class Stack(nn.Module):
    """Layers under their published name; the decoder's also hold the box heads that refine its references."""

    layers: nn.ModuleList
    bbox_embed: nn.ModuleList

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class Transformer(nn.Module):
    """Encoder, decoder, and where queries look at first."""

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

    def encode(self, levels: list[Tensor], places: list[Tensor], shapes: Shapes) -> Tensor:
        """Return memory ``[n, S, C]`` of levels ``[n, cells, C]`` with position encodings ``[cells, C]`` each."""
        cells = torch.cat(levels, 1)
        known = torch.cat([place + level for place, level in zip(places, self.level_embed, strict=True)])
        reference = cell_centres(shapes, cells)
        for layer in self.encoder.layers:
            cells = layer(cells, known, reference, shapes)
        return cells

    def decode(self, sentence: Tensor, queries: Tensor, memory: Tensor, shapes: Shapes) -> Decoded:
        """Return what the queries find.

        Args:
            sentence: ``[n, C]``: what every query starts as. queries: ``[Q, C]``: their position encodings.
            memory: ``[n, S, C]``.
        """
        states = sentence[:, None].expand(-1, len(queries), -1)
        places = queries.expand(len(sentence), -1, -1)
        reference = self.reference_points(places).sigmoid()
        found, boxes = [], []
        for layer, refine in zip(self.decoder.layers, self.decoder.bbox_embed, strict=True):
            states = layer(states, places, reference, memory, shapes)
            shift = F.pad(inverse_sigmoid(reference), (0, 4 - reference.shape[-1]))
            box = (refine(states).float() + shift).sigmoid()
            found.append(states)
            boxes.append(box)
            reference = box.detach()
        return Decoded(torch.stack(found), torch.stack(boxes))


def cell_centres(shapes: Shapes, like: Tensor) -> Tensor:
    """Return (x, y) in [0, 1] of every cell of every level, ``[1, S, 2]``."""
    found = []
    for rows, columns in shapes:
        y = (torch.arange(rows, device=like.device, dtype=torch.float32) + 0.5) / rows
        x = (torch.arange(columns, device=like.device, dtype=torch.float32) + 0.5) / columns
        found.append(torch.stack([x.expand(rows, -1), y[:, None].expand(-1, columns)], -1).flatten(0, 1))
    return torch.cat(found)[None]
