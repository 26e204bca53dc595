"""Clicks: the annotator who goes around the object with a few clicks, and tends to miss to one side for a while."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.polygons import Outline, redraw, trace
from actiseg_noise.noises.simplify import Points, canonical, squared_distances
from actiseg_noise.noises.units import length_px, number, whole_number

DEFAULTS: Options = {"clicks": 20, "sigma": 3, "correlation": 0.7, "unit": "480p"}
LEAST = 3
TRUNCATED_AT = 3  # sigmas, along x and along y: there is a furthest pixel it may paint

Vectors = npt.NDArray[np.float64]


def resolve_clicks(options: Options, height: int, width: int) -> Parameters:
    """Return the number of clicks, their error in pixels and its correlation from one click to the next.

    Raises:
        ActisegError: fewer than three clicks, no positive length, a correlation that is not from 0 to below 1.
    """
    correlation = number(options, "correlation")
    raise_if(correlation == 1, "the option correlation must be below 1: at 1 all clicks err alike, which is a shift")
    return {
        "clicks": whole_number(options, "clicks", LEAST),
        "sigma_px": length_px(options, "sigma", height, width),
        "correlation": correlation,
    }


def reach_of_clicks(parameters: Parameters) -> int:
    """Return the largest error along an axis, rounded up."""
    return ceil(TRUNCATED_AT * parameters["sigma_px"])


@mask_noise(
    "clicks-v1",
    resolve=resolve_clicks,
    reach=reach_of_clicks,
    defaults=DEFAULTS,
    strength="sigma",
    summary="a polygon of a few clicks whose errors go along with those of the clicks before",
    source="polygon annotation (LabelMe, Russell et al., IJCV 2008; COCO); the error along the outline is AR(1), ours",
)
def clicks(key: Key, mask: BinaryMask, *, clicks: int, sigma_px: float, correlation: float) -> BinaryMask:
    """Return ``mask`` with each outline drawn again as a polygon of clicks.

    The longest outline gets ``clicks`` of them, others in proportion to their length, three at least. They go where
    they tell most: each next one to the point of the outline that is furthest from the polygon so far. Their errors are
    Gaussian with ``sigma_px`` along x and y, cut off at three of them, and from one click to the next correlated by
    ``correlation``, around the outline. A polygon that crosses itself is filled even-odd.
    """
    longest = max((len(outline) for outline in _outlines(mask)), default=1)

    def move(outline: Outline) -> Outline:
        count = max(LEAST, round(clicks * len(outline) / longest))
        return click(key, outline, min(count, len(outline)), sigma_px, correlation)

    return redraw(mask, move, reach_of_clicks({"sigma_px": sigma_px}))


def click(key: Key, outline: Outline, count: int, sigma: float, correlation: float) -> Outline:
    """Return at most ``count`` clicks around an outline, each with its error, ``int32 [n, 2]``.

    All outlines of an object have the same errors, from the topmost, leftmost point on.
    """
    ring = canonical(outline.astype(np.int64))
    chosen = ring[telling(ring, count)]
    errors = correlated(key.generator("errors").standard_normal((count, 2))[: len(chosen)], correlation)
    return (chosen + np.rint(sigma * errors.clip(-TRUNCATED_AT, TRUNCATED_AT))).astype(np.int32)


def telling(ring: Points, count: int) -> list[int]:
    """Return the ascending indices of the points of a closed ring that a polygon of ``count`` corners should have.

    The first point, the one furthest from it, then again and again the one furthest from the polygon so far, as Douglas
    and Peucker's algorithm adds them; of equally far ones the first. Fewer where all points lie on the polygon.
    """
    closed = np.concatenate([ring, ring[:1]])
    furthest = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    kept = [0, furthest]
    chains = [_chain(closed, 0, furthest), _chain(closed, furthest, len(ring))]
    heapify(chains)
    while len(kept) < count and chains and (chain := heappop(chains))[0] < 0:
        _, corner, first, last = chain
        kept.append(corner)
        heappush(chains, _chain(closed, first, corner))
        heappush(chains, _chain(closed, corner, last))
    return sorted(set(kept))


def _chain(closed: Points, first: int, last: int) -> tuple[float, int, int, int]:
    """Return (minus the squared distance of the furthest point from the chord, its index, first, last)."""
    between = squared_distances(closed[first + 1 : last], closed[first], closed[last])
    if not len(between):
        return 0.0, first, first, last
    corner = int(np.argmax(between))
    return -float(between[corner]), first + 1 + corner, first, last


def correlated(draws: Vectors, correlation: float) -> Vectors:
    """Return draws of unit variance, ``[n, 2]``, made to depend on those before them: AR(1), started in balance.

    The last is carried over to the first by a second round, so that the ring closes without a jump.
    """
    errors = np.zeros_like(draws)
    fresh = sqrt(1 - correlation**2)
    error = draws[0]
    for _ in range(2):
        for place, draw in enumerate(draws):
            error = correlation * error + fresh * draw
            errors[place] = error
    return errors


def _outlines(mask: BinaryMask) -> list[Outline]:
    """Return all outlines of a mask, of parts and of holes."""
    return [outline for outer, holes in trace(mask) for outline in [outer, *holes]]
