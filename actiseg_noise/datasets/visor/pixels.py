"""Filling polygons: on the whole canvas, or in their bounding box alone, so that the cost follows the object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from actiseg_noise.datasets.visor.entities import CANVAS, Points
from actiseg_noise.masks import Box, IndexMask

Corners = npt.NDArray[np.int32]


def corners(points: Points) -> Corners:
    """Return a polygon's corners as ``int32 [N, 2]``, cut towards zero; an empty one is the pixel (0, 0)."""
    return points.astype(np.int32) if len(points) else np.zeros((1, 2), np.int32)


def fill(canvas: IndexMask, polygons: Sequence[Points], value: int) -> None:
    """Fill polygons in place: coordinates cut to integers, all polygons at once, by the even-odd rule.

    Edges belong to the polygon, and polygons of one or two points are drawn: so the published scripts have it.
    """
    import cv2

    cv2.fillPoly(canvas, [corners(points) for points in polygons], value)


def filled(polygons: Sequence[Points]) -> tuple[Box, IndexMask]:
    """Return a box on the canvas and ``uint8 [box height, box width]``: 1 where ``fill`` would paint, nothing outside.

    Args:
        polygons: at least one.
    """
    bounds = np.concatenate([corners(points) for points in polygons])
    (left, top), (right, bottom) = bounds.min(0).tolist(), bounds.max(0).tolist()
    inner = Box(max(top, 0), max(left, 0), min(bottom + 1, CANVAS[0]), min(right + 1, CANVAS[1]))
    if inner.top >= inner.bottom or inner.left >= inner.right:
        return Box(0, 0, 0, 0), np.zeros((0, 0), np.uint8)
    if (inner.top, inner.left, inner.bottom, inner.right) == (top, left, bottom + 1, right + 1):
        crop = np.zeros((bottom + 1 - top, right + 1 - left), np.uint8)
        fill(crop, [np.asarray(corners(points) - (left, top), np.float64) for points in polygons], 1)
        return inner, crop
    canvas = np.zeros(CANVAS, np.uint8)  # not in a crop: OpenCV may round an edge that it clips differently
    fill(canvas, polygons, 1)
    return inner, canvas[inner.slices]


def overlap(first: Box, second: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return what two boxes share, as an index into a crop of each; empty where they share nothing."""
    top, left = max(first.top, second.top), max(first.left, second.left)
    bottom, right = max(top, min(first.bottom, second.bottom)), max(left, min(first.right, second.right))
    return _within(first, top, left, bottom, right), _within(second, top, left, bottom, right)


def _within(box: Box, top: int, left: int, bottom: int, right: int) -> tuple[slice, slice]:
    """Return a rectangle of the canvas as an index into the crop of a box that contains it."""
    return slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left)
