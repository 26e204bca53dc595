"""Multi-scale deformable attention (Deformable DETR, arXiv 2010.04159, eq. 3), by ``grid_sample``.

Where the published operator is a compiled one, this is its definition: a query reads a few points of every level,
bilinearly, at places it chooses itself, and sums them by weights it chooses too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Shapes = list[tuple[int, int]]


def sample_levels(value: Tensor, shapes: Shapes, places: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of sampled values, ``[N, Lq, heads·d]``.

    Args:
        value: ``[N, S, heads, d]``, the cells of all levels one after the other.
        shapes: (rows, columns) of every level; S is the sum of their areas.
        places: ``[N, Lq, heads, levels, points, 2]``: (x, y) in [0, 1] of the picture; outside it values are 0.
        weights: ``[N, Lq, heads, levels, points]``.

    Places are read in float32 whatever the values are in: half precision has no room for a fraction of a cell.
    """
    count, _, heads, depth = value.shape
    grids = (2 * places - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)  # [levels, N·heads, Lq, points, 2]
    shares = weights.permute(3, 0, 2, 1, 4).flatten(1, 2)[:, :, None]  # [levels, N·heads, 1, Lq, points]
    total: Tensor | None = None
    for cells, (rows, columns), grid, share in zip(
        value.split([h * w for h, w in shapes], 1), shapes, grids, shares, strict=True
    ):
        picture = cells.permute(0, 2, 3, 1).reshape(count * heads, depth, rows, columns)
        read = F.grid_sample(picture.float(), grid.float(), mode="bilinear", padding_mode="zeros", align_corners=False)
        part = (read * share).sum(-1)  # level by level: no tensor ever holds the points of all levels
        total = part if total is None else total + part
    if total is None:
        raise ValueError("deformable attention needs at least one level")
    return total.unflatten(0, (count, heads)).flatten(1, 2).transpose(1, 2)


class DeformableAttention(nn.Module):
    """Reads ``points`` places per head and level around a reference point or box."""

    def __init__(self, width: int, levels: int, heads: int, points: int) -> None:
        super().__init__()
        self.levels, self.heads, self.points = levels, heads, points
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def reset_parameters(self) -> None:
        """Start as published: every head looks in a direction of its own, point p at p cells' distance."""
        nn.init.zeros_(self.sampling_offsets.weight)
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        direction = torch.stack([angle.cos(), angle.sin()], -1)
        direction = direction / direction.abs().amax(-1, keepdim=True)
        reach = torch.arange(1, self.points + 1, dtype=torch.float32)
        offsets = direction[:, None, None] * reach[None, None, :, None]
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.expand(-1, self.levels, -1, -1).flatten())
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, query: Tensor, reference: Tensor, memory: Tensor, shapes: Shapes) -> Tensor:
        """Return ``[N, Lq, C]``.

        Args:
            query: ``[N, Lq, C]``. memory: ``[N, S, C]``, the cells of all levels.
            reference: ``[1 or N, Lq, 2]`` (x, y) or ``[N, Lq, 4]`` (x, y, width, height), in [0, 1] of the picture.
        """
        value = self.value_proj(memory).unflatten(-1, (self.heads, -1))
        offsets = self.sampling_offsets(query).unflatten(-1, (self.heads, self.levels, self.points, 2))
        weights = self.attention_weights(query).unflatten(-1, (self.heads, -1)).softmax(-1)
        weights = weights.unflatten(-1, (self.levels, self.points))
        centre = reference[:, :, None, None, None, :2]
        if reference.shape[-1] == 2:  # offsets in cells of the level
            cells = torch.tensor([(w, h) for h, w in shapes], dtype=offsets.dtype, device=offsets.device)
            places = centre + offsets / cells[None, None, None, :, None]
        else:  # offsets in half boxes, over the number of points
            places = centre + offsets / self.points * reference[:, :, None, None, None, 2:] * 0.5
        return self.output_proj(sample_levels(value, shapes, places, weights))
