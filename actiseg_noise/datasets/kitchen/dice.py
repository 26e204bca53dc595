"""Small draws on top of one stream of doubles: the only part of a NumPy generator that is stable by habit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from actiseg_noise.key import Key

Item = TypeVar("Item")


class Dice:
    """Draws for one named purpose of a key. A purpose owns its stream, so purposes never disturb each other."""

    def __init__(self, key: Key, purpose: str) -> None:
        self._values = iter(key.generator(purpose).random(256).tolist())

    def uniform(self, low: float, high: float) -> float:
        """Return a float in [low, high)."""
        return low + (high - low) * float(next(self._values))

    def below(self, count: int) -> int:
        """Return an integer in [0, count)."""
        return int(next(self._values) * count)

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of ``items``."""
        return items[self.below(len(items))]

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(next(self._values) < probability)
