"""Options of mask noises that are no lengths: whole numbers and shares."""

from __future__ import annotations

from actiseg_noise.errors import ActisegError
from actiseg_noise.noises.base import Options

MOST = 10_000


def whole_number(options: Options, name: str, least: int, most: int = MOST) -> int:
    """Return the option ``name``.

    Raises:
        ActisegError: it is no whole number from ``least`` to ``most``.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ActisegError(f"the option {name} must be a whole number from {least} to {most:,}, got {value!r:.40}")
    return value


def share(options: Options, name: str, least: float = 0.0, most: float = 1.0) -> float:
    """Return the option ``name``.

    Raises:
        ActisegError: it is no number from ``least`` to ``most``.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ActisegError(f"the option {name} must be a number from {least:g} to {most:g}, got {value!r:.40}")
    return float(value)
