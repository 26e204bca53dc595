"""Index masks and run-length codes.

An *index mask* is ``uint8 [H, W]`` of object ids (0 background). Run lengths follow COCO: column-major, starting with a
run of background. They are taken from a crop around the object, so the cost follows the object, not the frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import DataError

if TYPE_CHECKING:
    pass

IndexMask = npt.NDArray[np.uint8]
BinaryMask = npt.NDArray[np.bool_]

MAX_PIXELS = 2**28
"""Of a canvas that is read from a file: 16,384 squared."""
MAX_CHARACTERS = 7
"""Of one run length in a code: 35 bits."""


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


def find_boxes(index_mask: IndexMask) -> dict[int, Box]:
    """Return the bounding box of every non-zero id present in ``index_mask``, ids ascending."""
    import cv2

    left, top, width, height = cv2.boundingRect(index_mask)
    if not width:
        return {}
    around = index_mask[top : top + height, left : left + width]
    present = np.flatnonzero(cv2.calcHist([around], [0], None, [256], [0, 256]))
    boxes = {}
    for value in present[present > 0].tolist():
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

    Not pycocotools, whose decoder warns under NumPy 2.

    Raises:
        DataError: see :func:`read_runs`.
    """
    runs = read_runs(rle.counts, rle.height, rle.width)
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(rle.width, rle.height).T


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

    A number is a row of characters with five bits each, least first; 32 marks that more follow, and the last one's
    bit 16 is the sign. From the fourth on, a number is the difference to the one two places before.

    Raises:
        DataError: a canvas of more than ``MAX_PIXELS`` or without pixels; characters that are no code; runs that are
            negative or do not fill the canvas exactly.
    """
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise DataError(f"a mask of {width}×{height} pixels (width×height); expected 1 to {MAX_PIXELS:,} pixels")
    codes = np.frombuffer(counts.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise DataError(f"run lengths {counts[:40]!r} are no code of COCO's, or cut off")
    lasts = np.flatnonzero(codes & 32 == 0)
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    places = np.arange(len(codes)) - np.repeat(firsts, np.diff(firsts, append=len(codes)))
    if places.max() > MAX_CHARACTERS - 1:
        raise DataError(f"run lengths {counts[:40]!r}… hold a number of more than {MAX_CHARACTERS} characters")
    runs = np.add.reduceat((codes & 31) << 5 * places, firsts)
    runs -= np.where(codes[lasts] & 16, 32 << 5 * places[lasts], 0)
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    if runs.sum() != height * width or runs.min() < 0:
        raise DataError(f"run lengths {counts[:40]!r}… do not fill a canvas of {width}×{height} pixels")
    return runs
