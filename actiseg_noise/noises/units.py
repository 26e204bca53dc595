"""Options of mask noises: lengths, whole numbers, shares.

Lengths are given at 480-pixel short side, so that a recipe means the same on every canvas, or are literal.
"""

from __future__ import annotations

from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.noises.base import Options

UNITS = ("480p", "px")
SHORTEST, LONGEST = 0.001, 10_000
"""No length is shorter or longer, in either unit."""
MOST = 10_000
"""No whole number is larger."""


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


def whole_number(options: Options, name: str, least: int, most: int = MOST) -> int:
    """Return the option ``name``.

    Raises:
        ActisegError: it is no whole number from ``least`` to ``most``.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ActisegError(f"the option {name} must be a whole number from {least} to {most:,}, got {value!r:.40}")
    return value


def number(options: Options, name: str, least: float = 0.0, most: float = 1.0) -> float:
    """Return the option ``name``.

    Raises:
        ActisegError: it is no number from ``least`` to ``most``.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ActisegError(f"the option {name} must be a number from {least:g} to {most:g}, got {value!r:.40}")
    return float(value)


def inner_share(options: Options, name: str) -> float:
    """Return the option ``name``, a share of some and not of all.

    Raises:
        ActisegError: it is not above 0 and below 1.
    """
    value = number(options, name)
    raise_if(not 0 < value < 1, f"the option {name} must be above 0 and below 1, got {value:g}")
    return value
