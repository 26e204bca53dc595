"""Sizes of frames and of mask grids, (rows, columns) in pixels or in mask pixels."""

from __future__ import annotations

Size = tuple[int, int]


def resize_short(size: Size, short: int, longest: int | None = None) -> Size:
    """Return ``size`` with its short side made ``short`` and the long one rounded down, as torchvision's Resize does.

    Args:
        longest: the long side at most; where it would be more, the short side shrinks with it (DETR's rule).
    """
    low, high = min(size), max(size)
    if longest is not None and high / low * short > longest:
        short = round(longest * low / high)
    long = int(short * high / low)
    return (short, long) if size[0] <= size[1] else (long, short)


def shown_size(wanted: Size | int | None, canvas: Size) -> Size:
    """Return the size in which a model sees frames of size ``canvas``.

    Args:
        wanted: (rows, columns), the short side, or None for their own size.
    """
    if wanted is None:
        return canvas
    return resize_short(canvas, wanted) if isinstance(wanted, int) else wanted


def whole_cells(size: Size, stride: int) -> Size:
    """Return the nearest size whose sides are multiples of ``stride``, one stride at the least."""
    rows, columns = (max(stride, round(side / stride) * stride) for side in size)
    return rows, columns


def grid_size(size: Size, stride: int) -> Size:
    """Return (rows, columns) of mask pixels that cover a frame; the last ones may stick out of it."""
    rows, columns = (-(-side // stride) for side in size)
    return rows, columns
