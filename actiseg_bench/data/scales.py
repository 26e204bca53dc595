"""Training in several sizes: a window of the picture, resized; one window and one size for a whole batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.sizes import Size, grid_size, resize_short, whole_cells
from actiseg_bench.records import Batch
from actiseg_bench.values import check_values, number
from actiseg_noise.errors import raise_if
from actiseg_noise.masks import MAX_SIDE


@dataclass(frozen=True)
class ScaleConfig:
    """How large a batch is shown, and which part of it; the defaults are ActionVOS's.

    Attributes:
        sides: a batch's short side in pixels is one of these. long_side: its long side at most.
        crop: probability that a window is cut out first: of the picture resized to a short side of ``crop_from``, of
            ``crop_sides`` (least, most) pixels per side, no more than the picture has.
        multiple: sides are rounded to multiples of so many pixels, and of a mask pixel: a network is compiled
            for every size that it sees.
    """

    sides: tuple[int, ...] = number((288, 320, 352, 392, 416, 448, 480, 512), at_least=1, at_most=MAX_SIDE)
    long_side: int = number(512, at_least=1, at_most=MAX_SIDE)
    crop: float = number(0.5, at_most=1)
    crop_from: tuple[int, ...] = number((400, 500, 600), at_least=1, at_most=MAX_SIDE)
    crop_sides: tuple[int, int] = number((384, 600), at_least=1, at_most=MAX_SIDE)
    multiple: int = number(1, at_least=1, at_most=512)

    def __post_init__(self) -> None:
        check_values(self, "train.augment.scales")
        for name in ("sides", "crop_from"):
            raise_if(not getattr(self, name), f"{name} in [train.augment.scales] must have one side at the least")
        raise_if(
            self.crop_sides[0] > self.crop_sides[1],
            f"crop_sides in [train.augment.scales] must be the least and the most pixels, got {self.crop_sides!r}",
        )


class Cut(NamedTuple):
    """A window of a picture in whole pixels, and the size it is shown in."""

    top: int
    left: int
    rows: int
    columns: int
    size: Size


def draw_cut(picture: Size, config: ScaleConfig, stride: int, random: torch.Generator) -> Cut:
    """Draw a window of a picture and its size; sides are rounded to whole mask pixels of ``stride``.

    A crop of a resized picture that is resized again is one window resized once: its corners are rounded to the
    picture's own pixels.
    """
    top, left, rows, columns = 0, 0, *picture
    seen = picture
    if torch.rand(1, generator=random).item() < config.crop:
        (top, rows, tall), (left, columns, wide) = _draw_window(picture, config, random)
        seen = (tall, wide)
    size = resize_short(seen, _choose(config.sides, random), config.long_side)
    return Cut(top, left, rows, columns, whole_cells(size, math.lcm(stride, config.multiple)))


def _draw_window(picture: Size, config: ScaleConfig, random: torch.Generator) -> list[tuple[int, int, int]]:
    """Return (start, length) in pixels of the picture and the length in the resized one, of rows and of columns."""
    resized = resize_short(picture, _choose(config.crop_from, random))
    return [_draw_span(*sides, config.crop_sides, random) for sides in zip(picture, resized, strict=True)]


def _draw_span(side: int, resized: int, bounds: tuple[int, int], random: torch.Generator) -> tuple[int, int, int]:
    most = min(bounds[1], resized)
    length = _between(min(bounds[0], most), most, random)
    start = _between(0, resized - length, random)
    pixels = max(1, round(length * side / resized))
    return min(round(start * side / resized), side - pixels), pixels, length


def _between(least: int, most: int, random: torch.Generator) -> int:
    """Draw a whole number, both ends included."""
    return int(torch.randint(least, most + 1, (1,), generator=random))


def _choose(values: Sequence[int], random: torch.Generator) -> int:
    return values[_between(0, len(values) - 1, random)]


def largest_whole(picture: Size, config: ScaleConfig, stride: int) -> Size:
    """Return the largest size in which a whole picture is shown."""
    size = resize_short(picture, max(config.sides), config.long_side)
    return whole_cells(size, math.lcm(stride, config.multiple))


def rescale(batch: Batch, cut: Cut, stride: int) -> Batch:
    """Show a window of every sequence in the cut's size: frames bilinear with antialias, what is per pixel by area.

    Args:
        batch: with masks in the frames' resolution; masks of the result have one pixel for ``stride`` × ``stride``.

    Raises:
        ValueError: masks of another resolution.
    """
    rows, columns = batch.frames.shape[-2:]
    if batch.masks.shape[-2:] != (rows, columns):
        raise ValueError(f"masks must be {rows} × {columns} as the frames are, got {list(batch.masks.shape[-2:])}")

    def window(values: Tensor) -> Tensor:
        return values[..., cut.top : cut.top + cut.rows, cut.left : cut.left + cut.columns]

    grid = grid_size(cut.size, stride)
    frames = F.interpolate(window(batch.frames).flatten(0, 1), cut.size, mode="bilinear", antialias=True)
    affine = cut_affine(cut, (rows, columns)).repeat(len(batch.frames), 1, 1)
    return replace(
        batch,
        frames=frames.clamp(0, 1).view(*batch.frames.shape[:3], *cut.size),
        masks=_area(window(batch.masks), grid),
        affine=compose(batch.affine, affine),
        agrees=None if batch.agrees is None else _area(window(batch.agrees).float(), grid) > 0.5,
        weights=None if batch.weights is None else _area(window(batch.weights), grid),
    )


def cut_affine(cut: Cut, picture: Size) -> Tensor:
    """Return float ``[2, 3]``: normalised (x, y) of the cut → of the picture."""
    (x, width), (y, height) = (
        ((2 * start + length) / side - 1, length / side)
        for start, length, side in ((cut.left, cut.columns, picture[1]), (cut.top, cut.rows, picture[0]))
    )
    return torch.tensor([[width, 0.0, x], [0.0, height, y]])


def _area(maps: Tensor, size: Size) -> Tensor:
    """Return float ``[N, T, h, w]`` averaged over the area of every pixel of the result."""
    resized = [cv2.resize(one.numpy(), size[::-1], interpolation=cv2.INTER_AREA) for one in maps.flatten(0, 1)]
    return torch.from_numpy(np.stack(resized)).view(*maps.shape[:2], *size)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """Return the affine ``[B, 2, 3]`` that applies ``inner`` first."""
    square, shift = outer[:, :, :2], outer[:, :, 2:]
    return torch.cat([square @ inner[:, :, :2], square @ inner[:, :, 2:] + shift], 2)
