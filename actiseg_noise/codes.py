"""COCO's compressed run-length codes as numbers, many codes in one pass.

A number is a row of characters with five bits each, least first; 32 marks that more follow, and the last one's bit 16
is the sign. From the fourth of a code on, a number is the difference to the one two places before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

MAX_CHARACTERS = 7
"""Of one run length in a code: 35 bits."""
_FIRST = 48  # what is added to the bits, to make them characters


@dataclass(frozen=True, slots=True)
class Runs:
    """The run lengths of several codes, one after another.

    Attributes:
        places: position of each run within its code. firsts: where each code begins.
    """

    lengths: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]


def encode_codes(lengths: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> list[str]:
    """Return the codes of run lengths.

    Args:
        lengths: of all codes, one after another; each below 2**34. counts: how many of them each code has, at least 1.
    """
    ends = counts.cumsum()
    numbers = lengths.copy()
    numbers[2:] -= lengths[:-2]
    whole = ((ends - counts)[:, None] + np.arange(3)).ravel()  # places that are no difference, or the next code's first
    whole = whole[whole < len(lengths)]
    numbers[whole] = lengths[whole]
    characters, sizes = _write_numbers(numbers)
    text = characters.tobytes().decode("ascii")
    stops = [0, *sizes.cumsum()[ends - 1].tolist()]
    return [text[start:stop] for start, stop in pairwise(stops)]


def _write_numbers(numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the characters of signed numbers, and how many each has."""
    magnitude = numbers ^ (numbers >> 63)
    sizes = np.ones(len(numbers), np.int64)
    most = int(magnitude.max())
    for size in range(1, MAX_CHARACTERS):
        if most < 1 << 5 * size - 1:
            break
        sizes += magnitude >= 1 << 5 * size - 1
    ends = sizes.cumsum()
    firsts = ends - sizes
    characters = np.empty(ends[-1], np.uint8)
    characters[firsts] = numbers & 31
    for place in range(1, int(sizes.max())):
        longer = np.flatnonzero(sizes > place)
        characters[firsts[longer] + place] = numbers[longer] >> 5 * place & 31
    characters |= 32
    characters[ends - 1] &= 31
    characters += _FIRST
    return characters, sizes


def decode_codes(codes: Sequence[str]) -> Runs | None:
    """Return the run lengths that codes say, None where one is no code; nothing is held against a canvas."""
    joined = "".join(codes)
    sizes = np.fromiter(map(len, codes), np.int64, len(codes))
    if not joined.isascii() or not sizes.all():
        return None
    bits = np.frombuffer(joined.encode("ascii"), np.uint8) - np.uint8(_FIRST)  # what is below 48 becomes large
    ends = sizes.cumsum()
    if bits.max() > 63 or (bits[ends - 1] & 32).any():
        return None
    lasts = np.flatnonzero(bits < 32)
    numbers = _read_numbers(bits, lasts)
    if numbers is None:
        return None
    stops = np.searchsorted(lasts, ends)  # numbers up to and with each code
    counts = np.diff(stops, prepend=0)
    firsts = stops - counts
    places = np.arange(len(lasts)) - np.repeat(firsts, counts)
    for which, of_each in ((places & 1 == 1, counts // 2), ((places & 1 == 0) & (places > 0), (counts - 1) // 2)):
        numbers[which] = _sum_within(numbers[which], of_each)
    return Runs(numbers, places, firsts)


def _read_numbers(bits: npt.NDArray[np.uint8], lasts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    """Return the signed numbers whose last characters are at ``lasts``, None where one is too long."""
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    sizes = lasts - firsts + 1
    longest = int(sizes.max())
    if longest > MAX_CHARACTERS:
        return None
    numbers = (bits[firsts] & 31).astype(np.int64)
    for place in range(1, longest):
        longer = np.flatnonzero(sizes > place)
        numbers[longer] |= (bits[firsts[longer] + place] & 31).astype(np.int64) << 5 * place
    return numbers - np.where(bits[lasts] & 16, 1 << 5 * sizes, 0)


def _sum_within(values: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return running sums that begin anew with each group of ``counts`` neighbours."""
    sums = np.concatenate([[0], values.cumsum()])
    before = sums[counts.cumsum() - counts]
    return sums[1:] - np.repeat(before, counts)
