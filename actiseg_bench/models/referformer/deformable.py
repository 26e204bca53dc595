"""Multi-scale deformable attention (Deformable DETR, arXiv 2010.04159, eq. 3).

Where the published operator is a compiled one, this is its definition: a query reads a few points of every level,
bilinearly, at places it chooses itself, and sums them by weights it chooses too. :func:`sample_levels` is the seam:
what reads the points is ``grid_sample``, or the kernels of a library (:mod:`.kernels`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from actiseg_bench.models.referformer.attention import linear
from actiseg_bench.models.referformer.constants import made_once, numbers

Shapes = list[tuple[int, int]]
Sampler = Callable[[Tensor, Shapes, Tensor, Tensor], Tensor]  # as sample_levels
GAP = 2  # empty rows between levels: a place kept within half a cell more than one outside its level reads nothing
READS = 2**28  # values that are read at once: a gigabyte; more frames are read in parts


class Sheet(NamedTuple):
    """Where the levels lie when they are one picture, below each other with :data:`GAP` empty rows between them.

    Attributes:
        size: (rows, columns) of the picture. cells: int64 ``[S]``, the place of every cell in it, row by row.
        least, most: ``[levels, 1, 2]``: bounds of (x, y) in [0, 1] of the level, beyond which nothing is read.
        scale, shift: ``[levels, 1, 2]``: from (x, y) of the level to (x, y) in [-1, 1] of the picture.
    """

    size: tuple[int, int]
    cells: Tensor
    least: Tensor
    most: Tensor
    scale: Tensor
    shift: Tensor


@made_once(sizes=64)
def lay_out(shapes: tuple[tuple[int, int], ...], device: torch.device, dtype: torch.dtype) -> Sheet:
    """Return where levels of these (rows, columns) lie; numbers in ``dtype``."""
    width = max(columns for _, columns in shapes)
    tops = [sum(rows + GAP for rows, _ in shapes[:level]) for level in range(len(shapes))]
    height = tops[-1] + shapes[-1][0]
    cells = torch.cat(
        [
            (
                (top + torch.arange(rows, device=device))[:, None] * width + torch.arange(columns, device=device)
            ).flatten()
            for top, (rows, columns) in zip(tops, shapes, strict=True)
        ]
    )
    own = numbers([(columns, rows) for rows, columns in shapes], device, torch.float64)
    sheet = numbers((width, height), device, torch.float64)
    corner = numbers([(0, top) for top in tops], device, torch.float64)
    beyond = (GAP / 2) / own  # -1 - 1/2 cells in the picture's count, which begins half a cell inside
    found = (-beyond, 1 + beyond, 2 * own / sheet, 2 * corner / sheet - 1)
    return Sheet((height, width), cells, *(x[:, None].to(dtype) for x in found))


class _Reading(torch.autograd.Function):
    """The weighted sum of what is read of all levels; see :func:`sample_levels`.

    What was read is the largest tensor of the network by far: it is read again for the backward pass, not kept. Places
    that were moved to the edge of their level read nothing around them, so that their gradients are 0 by themselves.
    """

    @staticmethod
    def forward(
        ctx: Any, value: Tensor, places: Tensor, weights: Tensor, size: tuple[int, int], *sheet: Tensor
    ) -> Tensor:
        """Lay the levels out as a picture ``[N·heads, d, H, W]``, read it at a grid in [-1, 1], and sum by shares."""
        cells, least, most, scale, shift = sheet
        count, asked, heads = places.shape[:3]
        depth, dtype = value.shape[3], scale.dtype
        picture = torch.zeros((count, heads, depth, size[0] * size[1]), dtype=dtype, device=value.device)
        picture.index_copy_(3, cells, value.permute(0, 2, 3, 1).to(dtype))
        picture = picture.view(count * heads, depth, *size)
        grid = torch.addcmul(shift, places.to(dtype).clamp(least, most), scale).transpose(1, 2)
        grid = grid.reshape(count * heads, asked, -1, 2)
        shares = weights.to(dtype).transpose(1, 2).reshape(count * heads, asked, -1)
        ctx.save_for_backward(picture, grid, shares, cells, scale)
        ctx.shape, ctx.dtypes = places.shape, (value.dtype, places.dtype, weights.dtype)
        found = _read(picture, grid).mul_(shares[:, None]).sum(-1)
        return found.view(count, heads * depth, asked).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of value, places and weights."""
        picture, grid, shares, cells, scale = ctx.saved_tensors
        count, asked, heads, levels, points, _ = ctx.shape
        gradient = gradients[0].to(scale.dtype).transpose(1, 2).reshape(count * heads, -1, asked, 1)
        of_shares = _read(picture, grid).mul_(gradient).sum(1) if ctx.needs_input_grad[2] else None
        needed = [ctx.needs_input_grad[0], ctx.needs_input_grad[1]]
        of_picture, of_grid = torch.ops.aten.grid_sampler_2d_backward(
            gradient * shares[:, None], picture, grid, 0, 0, False, needed
        )
        found: list[Tensor | None] = [None, None, None]
        if needed[0]:
            of_cells = of_picture.view(count, heads, picture.shape[1], -1).index_select(3, cells)
            found[0] = of_cells.permute(0, 3, 1, 2).to(ctx.dtypes[0])
        if needed[1]:
            of_places = of_grid.view(count, heads, asked, levels, points, 2) * scale
            found[1] = of_places.transpose(1, 2).to(ctx.dtypes[1])
        if of_shares is not None:
            found[2] = of_shares.view(count, heads, asked, levels, points).transpose(1, 2).to(ctx.dtypes[2])
        return *found, None, *[None] * 5


def _read(picture: Tensor, grid: Tensor) -> Tensor:
    """Return ``[n, d, Lq, P]``: bilinear reads at ``[n, Lq, P, 2]``; outside of the picture there is 0."""
    return torch.ops.aten.grid_sampler_2d(picture, grid, 0, 0, False)


def sample_levels(value: Tensor, shapes: Shapes, places: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of sampled values, ``[N, Lq, heads·d]``.

    Args:
        value: ``[N, S, heads, d]``, the cells of all levels one after the other.
        shapes: (rows, columns) of every level; S is the sum of their areas.
        places: ``[N, Lq, heads, levels, points, 2]``: (x, y) in [0, 1] of the picture; outside it values are 0.
        weights: ``[N, Lq, heads, levels, points]``.

    All levels are read at once: they are laid out as one picture. Places are read in float32 whatever the values are
    in: half precision has no room for a fraction of a cell.

    Raises:
        ValueError: no level.
    """
    if not shapes:
        raise ValueError("deformable attention needs at least one level")
    count, _, heads, depth = value.shape
    asked, points = places.shape[1], places.shape[3] * places.shape[4]
    at_once = max(1, READS // (heads * depth * asked * points))
    if count > at_once:
        parts = zip(value.split(at_once), places.split(at_once), weights.split(at_once), strict=True)
        return torch.cat([sample_levels(cells, shapes, where, shares) for cells, where, shares in parts])
    dtype = torch.float64 if value.dtype == torch.float64 else torch.float32
    sheet = lay_out(tuple(shapes), value.device, dtype)
    found: Tensor = _Reading.apply(value, places, weights, *sheet)
    return found


class DeformableAttention(nn.Module):
    """Reads ``points`` places per head and level around a reference point or box."""

    def __init__(self, width: int, levels: int, heads: int, points: int) -> None:
        super().__init__()
        self.levels, self.heads, self.points = levels, heads, points
        self.sample: Sampler = sample_levels
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
        value = linear(memory.flatten(0, 1), self.value_proj).view(*memory.shape[:2], self.heads, -1)
        return self.read(query, reference, value, shapes)

    def read(self, query: Tensor, reference: Tensor, value: Tensor, shapes: Shapes) -> Tensor:
        """Return :meth:`forward` of what :func:`values_of` makes of the memory, ``[N, S, heads, d]``."""
        lead, asking = query.shape[:2], query.flatten(0, 1)
        offsets = self.sampling_offsets(asking).view(*lead, self.heads, self.levels, self.points, 2)
        weights = self.attention_weights(asking).view(*lead, self.heads, -1).softmax(-1)
        weights = weights.view(*lead, self.heads, self.levels, self.points)
        around = reference.view(*reference.shape[:2], 1, 1, 1, -1)
        if reference.shape[-1] == 2:  # offsets in cells of the level
            places = torch.addcmul(around, offsets, cell_sizes(tuple(shapes), offsets.device, reference.dtype))
        else:  # offsets in half boxes, over the number of points
            centre, half = around.split(2, -1)
            places = torch.addcmul(centre, offsets, half * (0.5 / self.points))
        read = self.sample(value, shapes, places, weights)
        return self.output_proj(read.flatten(0, 1)).view(*lead, -1)


def values_of(memory: Tensor, *attentions: DeformableAttention) -> tuple[Tensor, ...]:
    """Return what attentions of equal sizes read of one memory ``[N, S, C]``, ``[N, S, heads, d]`` each."""
    found = linear(memory.flatten(0, 1), *(one.value_proj for one in attentions))
    return found.view(*memory.shape[:2], len(attentions), attentions[0].heads, -1).unbind(2)


@made_once(sizes=64)
def cell_sizes(shapes: tuple[tuple[int, int], ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return (width, height) of a cell of every level, in [0, 1] of the picture, ``[levels, 1, 2]``."""
    return numbers([(1 / columns, 1 / rows) for rows, columns in shapes], device, dtype)[:, None]


def set_sampler(network: nn.Module, sampler: Sampler) -> None:
    """Let every deformable attention of a network read by ``sampler``, which takes the place of :func:`sample_levels`.

    Args:
        network: of any model; one without deformable attention stays as it is.
    """
    for module in network.modules():
        if isinstance(module, DeformableAttention):
            module.sample = sampler
