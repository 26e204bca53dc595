"""The exact median of any number of numbers in bounded memory: what is too many lies in a temporary file."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

NUMBERS_HELD = 2**20
_DIGIT_BITS = 16


class Median:
    """Takes in numbers, none of them negative, and gives their median. It pickles with all of them.

    ``len`` is how many there are.
    """

    def __init__(self) -> None:
        self._held = array("d")
        self._file: IO[bytes] | None = None
        self._stored = 0

    def __len__(self) -> int:
        return self._stored + len(self._held)

    def __getstate__(self) -> dict[str, Any]:
        numbers = array("d")
        for block in self._blocks():
            numbers.frombytes(block.tobytes())
        return {"_held": numbers, "_file": None, "_stored": 0}

    def extend(self, numbers: Iterable[float]) -> None:
        """Take in numbers."""
        self._held.extend(numbers)
        if len(self._held) > NUMBERS_HELD:
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115 - closed when nobody has this object any more
                finalize(self, self._file.close)
            self._file.seek(0, 2)
            self._file.write(self._held.tobytes())
            self._stored += len(self._held)
            self._held = array("d")

    def join(self, other: Median) -> None:
        """Take in what another has taken in."""
        for block in other._blocks():
            self.extend(block)

    def value(self) -> float | None:
        """Return the median, the mean of the two in the middle of an even number; None of nothing."""
        count = len(self)
        if not count:
            return None
        low, high = self._ranked((count - 1) // 2), self._ranked(count // 2)
        return low if low == high else (low + high) / 2

    def _ranked(self, rank: int) -> float:
        """Return the number that ``rank`` others come before, digit by digit: bits of such numbers sort as they do."""
        found = 0
        for shift in range(64 - _DIGIT_BITS, -1, -_DIGIT_BITS):
            counts = np.zeros(2**_DIGIT_BITS, np.int64)
            for block in self._blocks():
                digits = (block + 0.0).view(np.uint64) >> np.uint64(shift)  # -0 becomes 0
                fitting = digits[digits >> np.uint64(_DIGIT_BITS) == np.uint64(found)]
                counts += np.bincount(fitting.astype(np.int64) & (2**_DIGIT_BITS - 1), minlength=len(counts))
            ends = np.cumsum(counts)
            digit = int(np.searchsorted(ends, rank, side="right"))
            rank -= int(ends[digit - 1]) if digit else 0
            found = found << _DIGIT_BITS | digit
        return float(np.array([found], np.uint64).view(np.float64)[0])

    def _blocks(self) -> Iterator[npt.NDArray[np.float64]]:
        """Yield all numbers, some at a time."""
        if self._file is not None:
            self._file.seek(0)
            while block := self._file.read(8 * NUMBERS_HELD):
                yield np.frombuffer(block)
        yield np.frombuffer(self._held.tobytes())
