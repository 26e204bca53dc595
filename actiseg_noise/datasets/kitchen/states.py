"""What an action does to an outline: slices, peeled strips, contents. Pure functions on parts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from actiseg_noise.datasets.kitchen.catalogue import Appearance
from actiseg_noise.datasets.kitchen.outlines import Outline, Part, ellipse
from actiseg_noise.datasets.kitchen.shapes import build

SLICES = 5


def clip_axis(outline: Outline, axis: int, low: float, high: float) -> Outline:
    """Return the polygon cut to ``low <= coordinate[axis] <= high`` ([0, 2] when nothing is left)."""
    for sign, limit in ((1.0, low), (-1.0, -high)):
        points: list[np.ndarray] = []
        for here, after in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            d0, d1 = sign * here[axis] - limit, sign * after[axis] - limit
            if d0 >= 0:
                points.append(here)
            if (d0 >= 0) != (d1 >= 0):
                points.append(here + (after - here) * (d0 / (d0 - d1)))
        if not points:
            return np.zeros((0, 2))
        outline = np.array(points)
    return outline


def _extent(parts: tuple[Part, ...], axis: int) -> tuple[float, float]:
    solid = [part.outline[:, axis] for part in parts if part.solid]
    return min(float(x.min()) for x in solid), max(float(x.max()) for x in solid)


def sliced(parts: tuple[Part, ...], cuts: int) -> tuple[Part, ...]:
    """Return the parts with the first ``cuts`` of the slices pulled apart, flesh on their faces."""
    low, high = _extent(parts, 0)
    step = (high - low) / SLICES
    gap = max(6.0, 0.12 * (high - low))
    out: list[Part] = []
    for k in range(SLICES):
        free = k < cuts
        shift = np.array([-gap * max(0, cuts - k) + gap * cuts / 2, 0.0])
        start, end = low + k * step, low + (k + 1) * step
        for part in parts:
            piece = clip_axis(part.outline, 0, start, end)
            if len(piece) > 2:
                out.append(Part(piece + shift, part.role, part.solid))
                if free and part.solid:
                    face = clip_axis(part.outline, 0, end - 0.55 * step, end)
                    if len(face) > 2:
                        out.append(Part(face + shift, "flesh", False))
    return tuple(out)


def peeled(parts: tuple[Part, ...], strips: int) -> tuple[Part, ...]:
    """Return the parts with ``strips`` long flesh-coloured bands on the skin."""
    out = list(parts)
    body = [part for part in parts if part.solid and part.role == "body"]
    low, high = _extent(tuple(body), 1)
    step = (high - low) / 4
    for k in range(strips):
        start = low + (0.35 + 1.15 * k) * step
        for part in body:
            band = clip_axis(part.outline, 1, start, start + 0.85 * step)
            if len(band) > 2:
                out.append(Part(band * np.array([0.86, 1.0]), "flesh", False))
    return tuple(out)


def filled(parts: tuple[Part, ...], length: float, width: float) -> tuple[Part, ...]:
    """Return a vessel with something in it."""
    return (*parts, Part(ellipse(1, 2, length * 0.36, width * 0.36, 30), "content", False))


@lru_cache(maxsize=4096)
def build_state(look: Appearance, variant: int, state: str, amount: int) -> tuple[Part, ...]:
    """Return the polygons of one look in a state: ``whole``, ``cut``, ``peeled`` or ``filled``."""
    parts = build(look, variant)
    if state == "cut":
        return sliced(parts, amount)
    if state == "peeled":
        return peeled(parts, amount)
    return filled(parts, look.length, look.width) if state == "filled" else parts
