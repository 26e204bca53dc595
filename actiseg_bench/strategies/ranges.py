"""What tuning draws a hyper-parameter from: a range that stands on the card, beside default and meaning.

A draw is a pure function of a key. Numbers are rounded to three significant digits, so that what is printed is what was
trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from actiseg_noise.key import Key

DIGITS = 3  # significant ones of a number that was drawn


class Range(Protocol):
    """What every range has."""

    @property
    def source(self) -> str:
        """Return who justifies it, in a few words; empty: nobody but us, around the default."""
        ...

    def draw(self, key: Key) -> Any:
        """Return the value of an address, inside the range."""
        ...

    def ends(self) -> tuple[Any, ...]:
        """Return the ends of the range, or all of its values: what an option must allow."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Numbers from ``low`` to ``high``, all alike.

    Raises:
        ValueError: ends that are not in ascending order.
    """

    low: float
    high: float
    source: str = ""

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)

    def draw(self, key: Key) -> float:
        """See :class:`Range`."""
        return _rounded(self.low + (self.high - self.low) * key.uniform("draw"), self.low, self.high)

    def ends(self) -> tuple[float, float]:
        """See :class:`Range`."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class LogUniform:
    """Numbers from ``low`` to ``high``, all factors alike: as often .1 to 1 as 1 to 10.

    Raises:
        ValueError: ends that are not above 0 and in ascending order.
    """

    low: float
    high: float
    source: str = ""

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)
        if self.low <= 0:
            raise ValueError(f"a range of factors begins above 0, not at {self.low:g}")

    def draw(self, key: Key) -> float:
        """See :class:`Range`."""
        return _rounded(self.low * (self.high / self.low) ** key.uniform("draw"), self.low, self.high)

    def ends(self) -> tuple[float, float]:
        """See :class:`Range`."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}, by factors"


@dataclass(frozen=True)
class OneOf:
    """Some values, all alike.

    Raises:
        ValueError: fewer than two.
    """

    values: tuple[Any, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(f"expected two values or more to choose from, got {self.values!r}")

    def draw(self, key: Key) -> Any:
        """See :class:`Range`."""
        return self.values[key.below("draw", len(self.values))]

    def ends(self) -> tuple[Any, ...]:
        """See :class:`Range`."""
        return self.values

    def __str__(self) -> str:
        return " or ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in self.values)


def _check_ends(low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"expected a range with its lower end first, got {low:g} to {high:g}")


def _rounded(number: float, low: float, high: float) -> float:
    """Return a number in ``DIGITS`` significant digits, inside its range."""
    return min(max(float(f"{number:.{DIGITS}g}"), low), high)
