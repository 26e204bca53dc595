"""Label Studio's own run lengths of brush regions: a stream of bits that is an RGBA image, as npm's rle-pack writes it.

The stream, most significant bit first: 32 bits, how many values there are; 5 bits, the bits of a value less one; four
times 4 bits, the widths of lengths less one. Then blocks until all values are there: a bit, 1 for one value repeated
and 0 for values one by one; 2 bits, which of the four widths; a length less one; the value, or the values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import BinaryMask, Box

CHANNELS = 4
_VALUE_BITS = 8
_HEAD_BITS = 53  # before the first block
_AHEAD = 40  # bits of a window; 33 are there from any bit of its first byte, and a head with a value has up to 27

Numbers = npt.NDArray[np.int64]


def decode_brush(data: bytes, height: int, width: int) -> tuple[BinaryMask, Box]:
    """Return where a brush region is: its opacity is not zero, as Label Studio's converter takes it.

    Returns:
        The rows in which it is, ``bool [box height, W]``, and the box of these rows; one row where it is empty.

    Raises:
        DataError: the stream is of another size, ends early, goes on, or has values of other than 8 bits.
    """
    head = int.from_bytes(data[:7].ljust(7, b"\0"), "big")
    raise_if(8 * len(data) < _HEAD_BITS, _early(data), DataError)
    count, value_bits = head >> 24, ((head >> 19) & 31) + 1
    raise_if(
        count != CHANNELS * height * width,
        f"rle: holds {count:,} values, but {width}×{height} pixels of four channels have "
        f"{CHANNELS * height * width:,} (the region is of another size)",
        DataError,
    )
    raise_if(value_bits != _VALUE_BITS, f"rle: values of {value_bits} bits; expected {_VALUE_BITS}", DataError)
    lengths, values = _read_runs(data, count, [((head >> shift) & 15) + 1 for shift in (15, 11, 7, 3)])
    ends = lengths.cumsum() // CHANNELS  # opacity is a pixel's last value: those that a run ends, it has given
    starts = np.concatenate([[0], ends[:-1]])
    seen = np.flatnonzero((values > 0) & (starts < ends))
    top, bottom = (int(starts[seen[0]]) // width, (int(ends[seen[-1]]) - 1) // width + 1) if len(seen) else (0, 1)
    clipped = np.clip([starts, ends], top * width, bottom * width)
    crop = np.repeat(values > 0, clipped[1] - clipped[0]).reshape(bottom - top, width)
    return crop, Box(top, 0, bottom, width)


def _read_runs(data: bytes, count: int, widths: list[int]) -> tuple[Numbers, Numbers]:
    """Return the length and the value of each run, ``count`` values in all."""
    ahead = _windows(data)
    heads = _find_heads(ahead, 8 * len(data), widths)
    said = ahead[heads >> 3] << (heads & 7)
    width = np.array(widths)[(said >> (_AHEAD - 3)) & 3]
    is_repeated = (said >> (_AHEAD - 1)) & 1 == 1
    lengths = ((said >> (_AHEAD - 3 - width)) & ((1 << width) - 1)) + 1
    counts = np.where(is_repeated, 1, lengths)  # of values that are written
    starts = heads + 3 + width
    last = _last_block(data, count, lengths.cumsum(), starts + _VALUE_BITS * counts)
    block = np.arange(last + 1).repeat(counts[: last + 1])
    within = np.arange(len(block)) - (counts.cumsum() - counts)[block]
    bits = starts[block] + _VALUE_BITS * within
    values = (ahead[bits >> 3] >> (_AHEAD - _VALUE_BITS - (bits & 7))) & 0xFF
    return np.where(is_repeated, lengths, 1)[block], values


def _windows(data: bytes) -> Numbers:
    """Return the 40 bits that follow from each byte on, zeros beyond the last."""
    padded = np.frombuffer(data + bytes(8), np.uint8).astype(np.int64)
    found = padded[: -(_AHEAD // 8)]
    for byte in range(1, _AHEAD // 8):
        found = (found << 8) | padded[byte : byte - _AHEAD // 8]
    return found


def _find_heads(windows: Numbers, stop: int, widths: list[int]) -> Numbers:
    """Return the bit at which each block begins, up to the last bit: what fills a byte looks like a block, too.

    Where a block begins follows from the one before, so this goes from one to the next.
    """
    ahead = windows.data
    widths = widths * 2
    steps = [3 + width + _VALUE_BITS for width in widths]
    heads: list[int] = []
    bit = _HEAD_BITS
    while bit < stop:
        heads.append(bit)
        said = ahead[bit >> 3] << (bit & 7)
        kind = (said >> (_AHEAD - 3)) & 7
        if kind < 4:  # the other values that stand one by one
            width = widths[kind]
            bit += _VALUE_BITS * ((said >> (_AHEAD - 3 - width)) & ((1 << width) - 1))
        bit += steps[kind]
    return np.array(heads, np.int64)


def _last_block(data: bytes, count: int, ends: Numbers, stops: Numbers) -> int:
    """Return the block that brings the last of ``count`` values.

    Args:
        ends: how many values there are with each block. stops: the bit at which its values end.

    Raises:
        DataError: there is none; it brings more; the data end before it does; something follows it.
    """
    last = int(np.searchsorted(ends, count))
    raise_if(last == len(ends), _early(data), DataError)
    if ends[last] > count:
        raise DataError(f"rle: a block ends at value {ends[last]:,} of {count:,}")
    raise_if(stops[last] > 8 * len(data), _early(data), DataError)
    if any(data[(int(stops[last]) + 7) // 8 :]):  # some encoders add a byte of zeros
        raise DataError("rle: goes on after its last pixel")
    return last


def _early(data: bytes) -> str:
    return f"rle: ends early, after {len(data):,} bytes"
