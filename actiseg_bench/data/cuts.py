"""A cut of pictures and masks, read as it will be shown: nothing is decoded, resized or averaged outside of it.

What comes out is what :func:`actiseg_bench.data.scales.rescale` makes of whole pictures and masks in the resolution of
training: frames bit for bit, what is per pixel within the rounding of float32. A training in several sizes reads every
window so, and shows each in a size of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.data.scales import Cut
from actiseg_bench.data.sizes import Size
from actiseg_noise.masks import Rle, read_runs_of

Floats = npt.NDArray[np.float32]


class Span(NamedTuple):
    """Pixels ``start`` … ``stop - 1`` of a side."""

    start: int
    stop: int


class Patch(NamedTuple):
    """What is not zero of a mask in the resolution of training: uint8 ``[rows, columns]``, and where it lies there."""

    values: npt.NDArray[np.uint8]
    rows: Span
    columns: Span


def whole(size: Size) -> Cut:
    """Return the cut that shows a picture of a size as it is."""
    return Cut(0, 0, *size, size)


def resize_part(picture: npt.NDArray[Any], size: Size, rows: Span, columns: Span) -> npt.NDArray[np.uint8]:
    """Return rows and columns of what area averaging makes of a picture resized to ``size``, bit for bit.

    Args:
        picture: uint8 ``[H, W]`` or ``[H, W, 3]``. rows, columns: of the resized picture.
    """
    (top, above), (left, before) = aligned((picture.shape[0], picture.shape[1]), size, (rows, columns))
    part = picture[top.start : top.stop, left.start : left.stop]
    shape = (left.stop - left.start, top.stop - top.start)
    target = (before.stop - before.start, above.stop - above.start)
    resized = part if shape == target else cv2.resize(part, target, interpolation=cv2.INTER_AREA)
    found = resized[
        rows.start - above.start : rows.stop - above.start, columns.start - before.start : columns.stop - before.start
    ]
    return found.astype(np.uint8, copy=False)


def aligned(source: Size, size: Size, wanted: tuple[Span, Span]) -> list[tuple[Span, Span]]:
    """Return the pixels of either side, and of the resized one, of the smallest part with ``wanted`` that stands alone.

    A sampled grid repeats itself after ``side / gcd(side, resized side)`` pixels, so that a part between two of those
    places is resized as it is in the whole. Where a side grows, OpenCV interpolates both, over the edges of their
    pixels: then only the whole stands alone.

    Args:
        source, size: (rows, columns) of a picture and of the resized one. wanted: rows and columns of the latter.
    """
    sides = list(zip(source, size, wanted, strict=True))
    if any(resized > side for side, resized, _ in sides):
        return [(Span(0, side), Span(0, resized)) for side, resized, _ in sides]
    return [_aligned_side(*one) for one in sides]


def _aligned_side(side: int, resized: int, wanted: Span) -> tuple[Span, Span]:
    """Return the same of one side, which does not grow."""
    common = gcd(side, resized)
    step, to = side // common, resized // common
    first, last = wanted.start // to, -(-wanted.stop // to)
    return Span(first * step, last * step), Span(first * to, last * to)


def show_picture(picture: npt.NDArray[np.uint8], size: Size, cut: Cut, *, is_mirrored: bool = False) -> Tensor:
    """Return a cut of a picture that training sees in ``size``, float ``[3, rows, columns]`` in [0, 1].

    Args:
        picture: uint8 ``[H, W, 3]``, as stored. is_mirrored: left and right of the cut change places.
    """
    rows, columns = window(cut)
    seen = resize_part(picture, size, rows, columns)
    if is_mirrored:
        seen = cv2.flip(seen, 1).astype(np.uint8, copy=False)
    floats = torch.from_numpy(seen).permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format)
    floats.div_(255)
    shown = F.interpolate(floats[None], cut.size, mode="bilinear", antialias=True)
    return shown[0].clamp_(0, 1)


def window(cut: Cut) -> tuple[Span, Span]:
    """Return the rows and the columns of a picture that a cut shows."""
    return Span(cut.top, cut.top + cut.rows), Span(cut.left, cut.left + cut.columns)


def read_patches(masks: Sequence[Rle], size: Size, cut: Cut | None = None) -> list[Patch | None]:
    """Return masks of one canvas in the resolution of training, each where its object is; None for one that is nowhere.

    Args:
        size: of the pictures in training. cut: nothing is read outside of it; None: of the whole picture.

    Raises:
        DataError: run lengths that do not fill their canvas.
    """
    if not masks:
        return []
    height, width = masks[0].height, masks[0].width
    seen = window(cut or whole(size))
    codes = [rle.counts for rle in masks]
    return [_patch(runs, (height, width), size, seen) for runs in read_runs_of(codes, height, width)]


def _patch(runs: npt.NDArray[np.int64], canvas: Size, size: Size, seen: tuple[Span, Span]) -> Patch | None:
    """Return a mask of COCO's run lengths, resized where it is."""
    height, width = canvas
    edges = runs.cumsum()
    starts, stops = edges[:-1:2], edges[1::2]
    here = stops > starts
    if not here.any():
        return None
    starts, stops = starts[here], stops[here]
    left, right = int(starts[0]) // height, int(stops[-1] - 1) // height + 1
    top, bottom = 0, height
    if ((stops - 1) // height == starts // height).all():
        top, bottom = int((starts % height).min()), int(((stops - 1) % height).max()) + 1
    rows = _common(_covering(height, size[0], top, bottom), seen[0])
    columns = _common(_covering(width, size[1], left, right), seen[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    (tall, above), (wide, before) = aligned(canvas, size, (rows, columns))
    mask = _decode_columns(runs, edges, height, wide)[:, tall.start : tall.stop]
    inside = [Span(a.start - b.start, a.stop - b.start) for a, b in ((rows, above), (columns, before))]
    values = resize_part(cv2.transpose(mask), (above.stop - above.start, before.stop - before.start), *inside)
    return Patch(values, rows, columns)


def _common(one: Span, other: Span) -> Span:
    """Return the pixels that two spans share; it ends before it starts where there are none."""
    return Span(max(one.start, other.start), min(one.stop, other.stop))


def _covering(side: int, resized: int, start: int, stop: int) -> Span:
    """Return the pixels of a resized side that pixels ``start`` … ``stop - 1`` reach into."""
    if resized > side:  # interpolated: one more on either side
        start, stop = max(0, start - 1), min(side, stop + 1)
    return Span(start * resized // side, min(resized, -(-stop * resized // side)))


def _decode_columns(
    runs: npt.NDArray[np.int64], edges: npt.NDArray[np.int64], height: int, columns: Span
) -> npt.NDArray[np.uint8]:
    """Return columns of a mask, one after another, uint8 ``[columns, height]``, 0 or 255; nothing lies elsewhere."""
    begin, end = columns.start * height, columns.stop * height
    inside = np.minimum(edges, end).clip(begin)
    lengths = np.diff(inside, prepend=begin)
    values = np.zeros(len(runs), np.uint8)
    values[1::2] = 255
    filled = int(inside[-1]) - begin
    line = np.zeros(end - begin, np.uint8)
    line[:filled] = np.repeat(values, lengths)
    return line.reshape(columns.stop - columns.start, height)


def average(values: npt.NDArray[np.uint8], rows: Span, columns: Span, cut: Cut, grid: Size, full: int = 255) -> Floats:
    """Return the share of every mask pixel of a cut that values cover, float32 ``[h, w]``.

    Args:
        values: uint8, ``full`` where a pixel is covered, of ``rows`` × ``columns`` of the picture in training; nothing
            lies elsewhere.
        grid: mask pixels of the cut; each is averaged over its area.
    """
    out = np.zeros(grid, np.float32)
    tall, wide = (_common(*pair) for pair in zip((rows, columns), window(cut), strict=True))
    if tall.start >= tall.stop or wide.start >= wide.stop:
        return out
    seen = values[
        tall.start - rows.start : tall.stop - rows.start, wide.start - columns.start : wide.stop - columns.start
    ]
    tall, wide = Span(tall.start - cut.top, tall.stop - cut.top), Span(wide.start - cut.left, wide.stop - cut.left)
    if grid[0] > cut.rows or grid[1] > cut.columns:  # interpolated, not averaged
        shares = np.zeros((cut.rows, cut.columns), np.float32)
        shares[tall.start : tall.stop, wide.start : wide.stop] = seen / np.float32(full)
        return cv2.resize(shares, grid[::-1], interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    down, across = _covering(cut.rows, grid[0], *tall), _covering(cut.columns, grid[1], *wide)
    by_row = _sum_cells(seen, tall, cut.rows / grid[0], down)
    sums = _sum_cells(by_row.T, wide, cut.columns / grid[1], across).T
    out[down.start : down.stop, across.start : across.stop] = sums / (full * cut.rows * cut.columns / grid[0] / grid[1])
    return out


def _sum_cells(values: npt.NDArray[Any], span: Span, side: float, cells: Span) -> npt.NDArray[np.float64]:
    """Return the sums of rows over cells of ``side`` rows each, which share a row where an edge cuts it.

    Differences of running sums, so that the cost is that of the values and not of the cells.

    Args:
        values: ``[rows, …]``, of rows ``span``; 0 elsewhere.
    """
    edges = (np.arange(cells.start, cells.stop + 1) * side - span.start).clip(0, len(values))
    whole = np.minimum(edges.astype(np.int64), len(values) - 1)
    dtype = np.int64 if values.dtype == np.uint8 else np.float64
    before = np.zeros((len(values) + 1, values.shape[1]), dtype)
    np.cumsum(values, axis=0, dtype=dtype, out=before[1:])
    return np.diff(before[whole] + (edges - whole)[:, None] * values[whole], axis=0)
