"""Lengths of mask noises: at 480-pixel short side, so that a recipe means the same on every canvas, or literal."""

from __future__ import annotations

from actiseg_noise.errors import ActisegError
from actiseg_noise.noises.base import Options

UNITS = ("480p", "px")
SHORTEST, LONGEST = 0.001, 10_000
"""No length is shorter or longer, in either unit."""


def length_px(options: Options, name: str, height: int, width: int) -> float:
    """Return the option ``name`` in pixels of this canvas.

    Args:
        options: ``name`` is a positive number; ``unit`` is ``480p`` (pixels at 480-pixel short side) or ``px``.

    Raises:
        ActisegError: no positive number, or an unknown unit.
    """
    value, unit = options[name], options["unit"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not SHORTEST <= value <= LONGEST:
        raise ActisegError(
            f"the option {name} must be a positive number, got {value!r:.40}; expected {SHORTEST:g} to {LONGEST:,}"
        )
    check_unit(unit)
    return float(value) if unit == "px" else value * min(height, width) / 480


def check_unit(unit: object) -> None:
    """Raise ActisegError unless lengths are given in this unit."""
    if unit not in UNITS:
        raise ActisegError(f"expected 480p or px as the boundary's unit, got {unit!r}")
