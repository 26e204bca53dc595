"""What a training says of itself on the way, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Progress = Callable[[int, int, float], None]
"""Called with steps done, steps in all, and the loss."""


@dataclass(frozen=True)
class StepRecord:
    """One step of a training.

    Attributes:
        step: 1-based. epoch: 0-based. loss: of the whole batch. learning_rate: of parameters with the factor 1.
        items_per_s: windows, or clips, of all devices together, by the time since the step before; None for the first.
        gpu_memory_mib: the most that torch had allocated on this process's GPU so far; None without one.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    items_per_s: float | None = None
    gpu_memory_mib: float | None = None


class Curve(Protocol):
    """Where the steps of one training are logged."""

    def begin(self, step: int) -> None:
        """Go on after ``step`` steps: forget later ones, which will be made again."""
        ...

    def add(self, record: StepRecord) -> None:
        """Log a step."""
        ...

    def flush(self) -> None:
        """Put everything on the disk."""
        ...


class Pace:
    """How many items pass a second, from one call to the next."""

    def __init__(self) -> None:
        self._last: float | None = None

    def count(self, items: int) -> float | None:
        """Return items per second since the last call; None for the first one."""
        now = time.perf_counter()
        last, self._last = self._last, now
        return None if last is None else items / max(now - last, 1e-9)
