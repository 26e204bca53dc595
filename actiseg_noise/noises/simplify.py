"""Polygon simplification: the annotator who saves clicks.

Douglas and Peucker's algorithm in whole numbers. Libraries have it in floating point, where two corners that are
equally far off, of which pixel outlines are full, are told apart by rounding: another version or machine, other labels.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise, no_reach
from actiseg_noise.noises.polygons import Outline, redraw
from actiseg_noise.noises.units import length_px

DEFAULTS: Options = {"tolerance": 10, "unit": "480p"}
FINEST_PX = 0.5  # an outline that is a line at this tolerance has no width to draw

Points = npt.NDArray[np.int64]


def resolve_tolerance(options: Options, height: int, width: int) -> Parameters:
    """Turn ``tolerance`` into pixels.

    Raises:
        ActisegError: it is no positive length.
    """
    return {"tolerance_px": length_px(options, "tolerance", height, width)}


@mask_noise(
    "simplify-v1",
    resolve=resolve_tolerance,
    reach=no_reach,
    defaults=DEFAULTS,
    strength="tolerance",
    summary="outlines simplified to polygons of few corners",
    source="COCO-N's approximation noise (arXiv 2406.10891): tolerance 5, 10, 15 px",
)
def simplify(key: Key, mask: BinaryMask, *, tolerance_px: float) -> BinaryMask:
    """Return ``mask`` with each outline a polygon from which no point of it is further than ``tolerance_px``.

    The key is not used, every draw is the same.
    """
    return redraw(mask, partial(simplified, tolerance=tolerance_px), 0)


def simplified(outline: Outline, tolerance: float) -> Outline:
    """Return the corners that remain of an outline.

    One that would be left with fewer than three corners is simplified at half the tolerance, and so on: the knife that
    is narrower than the tolerance stays a knife. A line one pixel wide stays as it is.
    """
    ring = canonical(outline.astype(np.int64))
    while tolerance >= FINEST_PX:
        corners = ring[corner_indices(ring, tolerance)]
        if len(corners) >= 3:
            return corners.astype(np.int32)
        tolerance /= 2
    return outline


def corner_indices(ring: Points, tolerance: float) -> list[int]:
    """Return the ascending indices of the points that Douglas and Peucker's algorithm keeps of a closed ring.

    The first point and the one furthest from it are always kept; of equally far points the first.
    """
    closed = np.concatenate([ring, ring[:1]])
    furthest = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    kept = {0, furthest}
    chains = [(0, furthest), (furthest, len(ring))]
    while chains:
        first, last = chains.pop()
        between = squared_distances(closed[first + 1 : last], closed[first], closed[last])
        if len(between) and between.max() > tolerance**2:
            corner = first + 1 + int(np.argmax(between))
            kept.add(corner)
            chains += [(first, corner), (corner, last)]
    return sorted(kept)


def squared_distances(points: Points, start: Points, end: Points) -> npt.NDArray[np.float64]:
    """Return the squared distance of each point to the line from ``start`` to ``end``, its ends included."""
    x, y = (points - start).T
    dx, dy = (int(step) for step in end - start)
    length = dx * dx + dy * dy
    along = x * dx + y * dy
    across = x * dy - y * dx
    to_nearer_end = np.minimum(x * x + y * y, (x - dx) ** 2 + (y - dy) ** 2)
    return np.where((along > 0) & (along < length), across * across / max(length, 1), to_nearer_end)


def canonical(ring: Points) -> Points:
    """Return the ring clockwise from its topmost, there leftmost, point: whatever order it was traced in."""
    x, y = ring.T
    if np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) < 0:
        ring = ring[::-1]
    return np.roll(ring, -np.lexsort((ring[:, 0], ring[:, 1]))[0], axis=0)
