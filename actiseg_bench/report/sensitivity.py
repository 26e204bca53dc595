"""Noise sensitivity: where a recipe stands on an axis of noise, and what the curve of scores over the axis says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLEAN = "clean"


@dataclass(frozen=True)
class Axis:
    """One kind of noise in several doses.

    Attributes:
        name: the start of its recipes' names. label: of the level. unit: what a slope is per, in words.
        step: that unit in levels. origin: the level of labels without this noise.
    """

    name: str
    label: str
    unit: str
    step: float
    origin: float = 0.0


AXES = (
    Axis("text", "flipped categories, %", "10 % flipped", 10),
    Axis("flip", "flipped categories, %", "10 % flipped", 10),
    Axis("mask", "side of the dilation kernel, px at 480 rows", "10 px", 10, 1),
    Axis("mask-rand", "side of the kernel, dilated or eroded, px at 480 rows", "10 px", 10, 1),
    Axis("mixed", "flipped categories, %, masks dilated with them", "10 % flipped", 10),
)


def find_place(recipe: str | None) -> tuple[str, float] | None:
    """Return (axis, level) of a published recipe, ``("clean", 0)`` for clean labels, None for another recipe.

    ``text-40`` is at 40, ``mask-15`` at 15, ``mixed-40-15`` at 40: the first number is the level.
    """
    if recipe == CLEAN:
        return CLEAN, 0.0
    found = re.fullmatch(r"(text|flip|mask|mask-rand)-(\d+)|(mixed)-(\d+)-\d+", recipe or "")
    if found is None:
        return None
    name, level = (group for group in found.groups() if group is not None)
    return name, float(level)


def with_origin(levels: Mapping[str, float], clean: str | None, axis: Axis) -> dict[str, float]:
    """Return track → level along an axis, by level; empty when the axis has no track of its own.

    Clean labels, the track ``clean``, stand at the origin, unless a track of the axis does.
    """
    found = dict(levels)
    if found and clean is not None and axis.origin not in found.values():
        found[clean] = axis.origin
    return dict(sorted(found.items(), key=lambda item: item[1]))


def slope(levels: Sequence[float], scores: Sequence[float]) -> float:
    """Return the least-squares slope of scores over levels, per unit of level.

    Raises:
        ValueError: fewer than two different levels.
    """
    x, y = np.asarray(levels, float), np.asarray(scores, float)
    spread = x - x.mean()
    if not spread.any():
        raise ValueError(f"a slope needs two different levels, got {list(levels)}")
    return float(spread @ (y - y.mean()) / (spread @ spread))


def relative_area(levels: Sequence[float], scores: Sequence[float], clean: float) -> float:
    """Return the mean of score / clean along the curve: its area by trapezoids over the width of the axis.

    1 is a score that noise does not move, .5 one that loses half of it on average.

    Raises:
        ValueError: fewer than two different levels, or a clean score of 0.
    """
    order = np.argsort(levels)
    x, y = np.asarray(levels, float)[order], np.asarray(scores, float)[order]
    width = x[-1] - x[0]
    if not width or not clean:
        raise ValueError(f"an area needs two different levels and a clean score, got {list(levels)} and {clean}")
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / width / clean)
