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

from actiseg_noise.codes import MAX_CHARACTERS, Runs, decode_codes, encode_codes
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


def nearest_pixels(have: Sequence[int], wanted: Sequence[int]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the index that takes an array of one size to another, heights and widths: every pixel the nearest one."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(wanted[:2], have[:2], strict=True))
    return rows[:, None], columns


def find_values(values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> list[int]:
    """Return the numbers that have a pixel, ascending, 0 among them."""
    import cv2

    count = 1 << (8 * values.itemsize)
    found: list[int] = np.flatnonzero(cv2.calcHist([values], [0], None, [count], [0, count])).tolist()
    return found


def encode_rle(crop: BinaryMask, box: Box, height: int, width: int) -> Rle:
    """Encode a binary mask given by a crop.

    Args:
        crop: ``bool [box height, box width]``; everything outside the box is background.
        box: where the crop lies on the ``height × width`` canvas.
    """
    edges = find_edges(crop, box, height)
    if box.bottom - box.top == height:  # full-height crops: runs go on in the next column
        edges = _join_touching(edges)
    runs = np.diff(np.concatenate([[0], edges, [height * width]]))
    runs = runs if runs[-1] else runs[:-1]
    return Rle(height, width, compress_runs(runs), int(runs[1::2].sum()))


def find_edges(crop: BinaryMask, box: Box, height: int) -> npt.NDArray[np.int64]:
    """Return where a binary mask begins and ends in turn, going down one column of the canvas after another, ascending.

    Args:
        crop, box, height: see :func:`encode_rle`. A run that goes on in the next column of a crop as high as the canvas
            ends and begins there, at one position.
    """
    seen = np.ascontiguousarray(crop).view(np.uint8)
    rows, columns = seen.shape
    changes = np.empty((rows + 1, columns), np.uint8)
    changes[0], changes[-1] = seen[0], seen[-1]
    np.bitwise_xor(seen[1:], seen[:-1], out=changes[1:-1])
    found = find_nonzero(changes)
    row = found // columns
    edges = (found - row * columns + box.left) * height + (row + box.top)
    edges.sort()
    return edges


def find_nonzero(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return where an array is not zero: ``np.flatnonzero`` for arrays that hardly ever are, a fifth of the time."""
    flat = values.reshape(-1)
    whole = len(flat) & ~7
    words = (flat[:whole].view(np.uint64) != 0).nonzero()[0]
    places = (flat[:whole].reshape(-1, 8)[words] != 0).reshape(-1).nonzero()[0]
    found = (words[places >> 3] << 3) + (places & 7)
    return np.concatenate([found, flat[whole:].nonzero()[0] + whole])


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


def compress_runs(lengths: Sequence[int] | npt.NDArray[np.int64]) -> str:
    """Return run lengths, at least one, as COCO's compressed string.

    Not pycocotools, which reserves six characters a number and none for the end: where a canvas has runs of 2**24
    pixels, it writes beyond that.
    """
    return encode_codes(np.asarray(lengths, np.int64), np.array([len(lengths)]))[0]


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
    runs = decode_codes([counts])
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


def _read_all(codes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Runs | None:
    """Return the runs of codes that are all in order, None where one of them is not."""
    pixels = [height * width if height > 0 and width > 0 else 0 for height, width in sizes]
    if min(pixels) < 1 or max(pixels) > MAX_PIXELS or max(map(len, codes)) > MAX_CODE:
        return None
    runs = decode_codes(codes)
    if runs is None or runs.lengths.min() < 0 or runs.lengths.max() > MAX_PIXELS:
        return None
    return runs if np.array_equal(np.add.reduceat(runs.lengths, runs.firsts), pixels) else None


def _area(code: str, size: tuple[int, int]) -> int | None:
    """Return the foreground pixels of one code, None where it is not in order."""
    try:
        return int(read_runs(code, *size)[1::2].sum())
    except DataError:
        return None
