"""The three curves everything is made of, and the polygon with a role. Float64, px, y down."""

from __future__ import annotations

from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]  # [N, 2]


class Part(NamedTuple):
    """One polygon: its colour role and whether it belongs to the silhouette (mask) or is only surface."""

    outline: Outline
    role: str
    solid: bool = True


def ellipse(
    cx: float, cy: float, rx: float, ry: float, count: int = 28, *, wobble: float = 0.0, seed: int = 0
) -> Outline:
    """Return a closed ellipse; ``wobble`` bends its radius by that fraction."""
    angle = np.arange(count) * (2 * pi / count)
    radius = 1 + wobble * (np.sin(2 * angle + seed) + 0.7 * np.sin(3 * angle + 2.1 * seed))
    return np.stack([cx + rx * radius * np.cos(angle), cy + ry * radius * np.sin(angle)], axis=1)


def capsule(x0: float, y0: float, x1: float, y1: float, r0: float, r1: float) -> Outline:
    """Return a thick line from (x0, y0) to (x1, y1) with round ends of radius r0 and r1."""
    along = float(np.arctan2(y1 - y0, x1 - x0))
    turn = np.arange(7) * (pi / 6)
    near, far = along + pi / 2 + turn, along - pi / 2 + turn
    start = np.stack([x0 + r0 * np.cos(near), y0 + r0 * np.sin(near)], axis=1)
    end = np.stack([x1 + r1 * np.cos(far), y1 + r1 * np.sin(far)], axis=1)
    return np.concatenate([start, end])


def box(cx: float, cy: float, width: float, height: float, radius: float) -> Outline:
    """Return a rectangle with round corners."""
    rx, ry = width / 2 - radius, height / 2 - radius
    points = []
    for k, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        for step in range(4):
            a = (k + step / 3) * pi / 2
            points.append((cx + sx * rx + radius * cos(a), cy + sy * ry + radius * sin(a)))
    return np.array(points)
