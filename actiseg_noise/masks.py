"""Index masks and run-length codes.

An *index mask* is ``uint8 [H, W]`` of object ids (0 background). Run lengths follow COCO: column-major, starting with a
run of background. They are taken from a crop around the object, so the cost follows the object, not the frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import DataError

IndexMask = npt.NDArray[np.uint8]
BinaryMask = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]
"""``uint8 [H, W, 3]``, RGB."""
Size = tuple[int, int]
"""Height and width in pixels."""

MAX_SIDE = 16_384
"""Pixels of a side of a canvas that is read from a file."""
MAX_PIXELS = MAX_SIDE**2
MAX_CHARACTERS = 7
"""Of one run length in a code: 35 bits."""
MAX_CODE = 2**23
"""Characters of the code of one mask."""
CHARACTERS_A_PASS = 2**20
"""Of codes that are decoded together."""


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open pixel rectangle: rows top … bottom-1, columns left … right-1."""

    top: int
    left: int
    bottom: int
    right: int

    def padded(self, margin: int, height: int, width: int) -> Box:
        """Return the box grown by ``margin`` pixels on every side, clipped to the canvas."""
        return Box(
            max(self.top - margin, 0),
            max(self.left - margin, 0),
            min(self.bottom + margin, height),
            min(self.right + margin, width),
        )

    def intersection(self, other: Box) -> Box | None:
        """Return the pixels that two boxes share, None where there are none."""
        box = Box(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )
        return box if box.top < box.bottom and box.left < box.right else None

    def union(self, other: Box) -> Box:
        """Return the smallest box around both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def within(self, window: Box) -> tuple[slice, slice]:
        """Return the index that cuts this box out of an array that shows ``window``."""
        return (
            slice(self.top - window.top, self.bottom - window.top),
            slice(self.left - window.left, self.right - window.left),
        )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the index that cuts this box out of an ``[H, W]`` array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Rle:
    """A binary mask as COCO compressed run lengths.

    Attributes:
        height, width: canvas in pixels. counts: COCO's compressed ASCII string. area: foreground pixels.
    """

    height: int
    width: int
    counts: str
    area: int

    def digest(self) -> str:
        """Return the BLAKE2b hex (32 characters) over height, width and counts: the mask's identity."""
        return blake2b(f"{self.height} {self.width} {self.counts}".encode(), digest_size=16).hexdigest()


def find_values(values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> list[int]:
    """Return the numbers that have a pixel, ascending, 0 among them."""
    import cv2

    count = 1 << (8 * values.itemsize)
    found: list[int] = np.flatnonzero(cv2.calcHist([values], [0], None, [count], [0, count])).tolist()
    return found


def find_boxes(index_mask: IndexMask) -> dict[int, Box]:
    """Return the bounding box of every non-zero id present in ``index_mask``, ids ascending."""
    import cv2

    left, top, width, height = cv2.boundingRect(index_mask)
    if not width:
        return {}
    around = index_mask[top : top + height, left : left + width]
    boxes = {}
    for value in filter(None, find_values(around)):
        x, y, w, h = cv2.boundingRect((around == value).view(np.uint8))
        boxes[value] = Box(top + y, left + x, top + y + h, left + x + w)
    return boxes


def encode_rle(crop: BinaryMask, box: Box, height: int, width: int) -> Rle:
    """Encode a binary mask given by a crop.

    Args:
        crop: ``bool [box height, box width]``; everything outside the box is background.
        box: where the crop lies on the ``height × width`` canvas.
    """
    from pycocotools import mask as coco

    runs = _column_runs(crop, box, height, width)
    counts = coco.frPyObjects({"counts": runs.tolist(), "size": [height, width]}, height, width)["counts"]
    return Rle(height, width, counts.decode("ascii"), int(runs[1::2].sum()))


def _column_runs(crop: BinaryMask, box: Box, height: int, width: int) -> npt.NDArray[np.int64]:
    """Return COCO's uncompressed counts: background, foreground, background, … summing to height × width."""
    import cv2

    rows, columns = crop.shape
    line = np.zeros(columns * (rows + 1) + 1, np.uint8)  # one column after another, background between any two
    line[1:].reshape(columns, rows + 1)[:, :-1] = cv2.transpose(np.ascontiguousarray(crop).view(np.uint8))
    steps = np.flatnonzero(line[1:] != line[:-1])
    column, row = np.divmod(steps, rows + 1)
    edges = (column + box.left) * height + row + box.top
    if box.bottom - box.top == height:  # full-height crops: runs go on in the next column
        edges = _join_touching(edges)
    runs = np.diff(np.concatenate([[0], edges, [height * width]]))
    return runs if runs[-1] else runs[:-1]


def _join_touching(edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Drop the pairs (end, start) of equal position: a run that ends where the next one starts is one run."""
    touching = np.flatnonzero(edges[1:-1:2] == edges[2::2]) * 2 + 1
    return np.delete(edges, np.concatenate([touching, touching + 1]))


def empty_rle(height: int, width: int) -> Rle:
    """Return the code of a mask without foreground."""
    return encode_rle(np.zeros((1, 1), bool), Box(0, 0, 1, 1), height, width)


def decode_rle(rle: Rle) -> BinaryMask:
    """Return the mask as ``bool [H, W]``.

    Raises:
        DataError: see :func:`read_runs`.
    """
    return decode_counts(rle.counts, rle.height, rle.width)


def decode_counts(counts: str, height: int, width: int) -> BinaryMask:
    """Return the mask of a run-length code as ``bool [H, W]``.

    Not pycocotools, whose decoder warns under NumPy 2.

    Raises:
        DataError: see :func:`read_runs`.
    """
    runs = read_runs(counts, height, width)
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def paint_rles(masks: Iterable[tuple[int, Rle]], height: int, width: int) -> IndexMask:
    """Return the index mask of run-length codes with their ids; the cost follows the objects, not the frame.

    Raises:
        DataError: a code of another canvas, or one that does not cover it; two masks that share a pixel.
    """
    import cv2

    line, area = np.zeros(height * width, np.uint8), 0
    for object_id, rle in masks:
        if not rle.area:
            continue
        edges = read_runs(rle.counts, height, width).cumsum()
        for start, stop in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=False):
            line[start:stop] = object_id
            area += stop - start
    if np.count_nonzero(line) != area:
        raise DataError("two masks of one frame share a pixel; expected the masks of one index mask")
    return cv2.transpose(line.reshape(width, height)).astype(np.uint8, copy=False)


def coco_code(counts: str, height: int, width: int) -> dict[str, Any]:
    """Return a code in the form of pycocotools, which checks nothing: a wrong code can end the process, or never end.

    Raises:
        DataError: see :func:`read_runs`.
    """
    read_runs(counts, height, width)
    return {"size": [height, width], "counts": counts.encode("ascii")}


def read_runs(counts: str, height: int, width: int) -> npt.NDArray[np.int64]:
    """Return the run lengths of COCO's compressed string, background first, after holding them against the canvas.

    Raises:
        DataError: a canvas of more than ``MAX_PIXELS`` or without pixels; more than ``MAX_CODE`` characters, or some
            that are no code; runs that are negative or do not fill the canvas exactly.
    """
    check_canvas(height, width)
    if len(counts) > MAX_CODE:
        raise DataError(f"run lengths {counts[:40]!r}… of {len(counts):,} characters; expected at most {MAX_CODE:,}")
    runs = _decode([counts])
    if runs is None:
        raise DataError(
            f"run lengths {counts[:40]!r}… are no code of COCO's: cut off, or with a number of "
            f"more than {MAX_CHARACTERS} characters"
        )
    if runs.lengths.sum() != height * width or runs.lengths.min() < 0 or runs.lengths.max() > MAX_PIXELS:
        raise DataError(f"run lengths {counts[:40]!r}… do not fill a canvas of {width}×{height} pixels")
    return runs.lengths


def read_runs_of(codes: Sequence[str], height: int, width: int) -> list[npt.NDArray[np.int64]]:
    """Return the run lengths of several codes on one canvas, decoded in one pass.

    Raises:
        DataError: see :func:`read_runs`.
    """
    if not codes:
        return []
    runs = _read_all(codes, [(height, width)] * len(codes))
    if runs is None:  # one of them is not in order: which, is said by reading one by one
        return [read_runs(code, height, width) for code in codes]
    return np.split(runs.lengths, runs.firsts[1:])


def check_canvas(height: int, width: int) -> None:
    """Raise DataError for a canvas that no mask has."""
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise DataError(f"a mask of {width}×{height} pixels (width×height); expected 1 to {MAX_PIXELS:,} pixels")


def read_areas(codes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> list[int | None]:
    """Return the foreground pixels of run-length codes on canvases of (height, width), many in one pass.

    None stands for a code that :func:`read_runs` refuses, which says why.
    """
    areas: list[int | None] = []
    start = 0
    for stop in _passes(codes):
        found = _areas(codes[start:stop], sizes[start:stop])
        areas += found if found is not None else map(_area, codes[start:stop], sizes[start:stop])
        start = stop
    return areas


def _passes(codes: Sequence[str]) -> Iterator[int]:
    """Yield where to cut a sequence of codes, so that each part has a bounded number of characters."""
    room = CHARACTERS_A_PASS
    for place, code in enumerate(codes):
        room -= len(code)
        if room < 0 and place:
            yield place
            room = CHARACTERS_A_PASS - len(code)
    if codes:
        yield len(codes)


def _areas(codes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> list[int | None] | None:
    """Return the areas of codes that are all in order, None where one of them is not."""
    runs = _read_all(codes, sizes)
    if runs is None:
        return None
    foreground = np.where(runs.places & 1, runs.lengths, 0)
    areas: list[int | None] = np.add.reduceat(foreground, runs.firsts).tolist()
    return areas


def _read_all(codes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> _Runs | None:
    """Return the runs of codes that are all in order, None where one of them is not."""
    pixels = [height * width if height > 0 and width > 0 else 0 for height, width in sizes]
    if min(pixels) < 1 or max(pixels) > MAX_PIXELS or max(map(len, codes)) > MAX_CODE:
        return None
    runs = _decode(codes)
    if runs is None or runs.lengths.min() < 0 or runs.lengths.max() > MAX_PIXELS:
        return None
    return runs if np.array_equal(np.add.reduceat(runs.lengths, runs.firsts), pixels) else None


def _area(code: str, size: tuple[int, int]) -> int | None:
    """Return the foreground pixels of one code, None where it is not in order."""
    try:
        return int(read_runs(code, *size)[1::2].sum())
    except DataError:
        return None


@dataclass(frozen=True, slots=True)
class _Runs:
    """The run lengths of several codes, one after another.

    Attributes:
        places: position of each run within its code. firsts: where each code begins.
    """

    lengths: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]


def _decode(codes: Sequence[str]) -> _Runs | None:
    """Return the run lengths that codes say, None where one is no code; nothing is held against a canvas.

    A number is a row of characters with five bits each, least first; 32 marks that more follow, and the last one's
    bit 16 is the sign. From the fourth of a code on, a number is the difference to the one two places before.
    """
    joined = "".join(codes)
    sizes = np.fromiter(map(len, codes), np.int64, len(codes))
    if not joined.isascii() or not sizes.all():
        return None
    bits = np.frombuffer(joined.encode("ascii"), np.uint8) - np.uint8(48)  # what is below 48 becomes large
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
    return _Runs(numbers, places, firsts)


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
