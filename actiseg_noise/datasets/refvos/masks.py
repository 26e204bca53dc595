"""Masks of MeViS and ReVOS: ``mask_dict.json`` leads from an annotation to its run lengths, one per frame of its video.

Either a list, in the order of the frames, or an object that leads from a frame to its run lengths. EgoMask has the like
under a video and its object, or in a file for each object.

The file is hundreds of megabytes. Each process reads it through once and keeps where every annotation lies, a few
hundred bytes each; the run lengths of an annotation are decoded when one of its frames is asked for, and those of the
last few annotations and expressions are kept, because those of one video come one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_noise.borders.folders import stem_of
from actiseg_noise.borders.json_object import JsonObject, file_stamp
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import DataError
from actiseg_noise.masks import MAX_SIDE, BinaryMask, IndexMask, Size, decode_counts

ANNOTATIONS_KEPT = 32
UNIONS_KEPT = 2


def join_ids(anno_ids: tuple[int, ...]) -> str:
    """Return the name of a set of annotations: ``17+18``, empty for none."""
    return "+".join(map(str, anno_ids))


def split_ids(name: str) -> tuple[int, ...]:
    """Return the ids at the end of a path whose last part was made by ``join_ids``."""
    return tuple(int(part) for part in name.rpartition("/")[2].split("+") if part)


@dataclass(frozen=True, slots=True)
class Row:
    """Where the run lengths of one object are.

    Attributes:
        key: in the file; None: the file has nothing else. is_longer: it is of a video of which this one is a part.
    """

    path: Path
    key: str | None
    is_longer: bool = False

    @property
    def where(self) -> str:
        """Return the place for messages."""
        return str(self.path) if self.key is None else f"{self.path}: annotation {self.key}"


def find_absent(path: Path, anno_ids: tuple[int, ...]) -> list[int]:
    """Return the annotations that the file does not have."""
    entries = JsonObject(path)
    return [anno_id for anno_id in anno_ids if str(anno_id) not in entries]


def read_union(rows: tuple[Row, ...], frame_ids: tuple[str, ...], place: int) -> IndexMask | None:
    """Return 1 where any of the objects is in one frame, 0 elsewhere, ``uint8 [H, W]``; null is an empty mask.

    Args:
        frame_ids: all frames of the video. place: the position of the frame among them.

    Returns:
        None where no object has a mask in any frame: then nothing says the size.

    Raises:
        DataError: the file is missing, an annotation is not in it, has not one mask per frame, or is malformed; file,
            annotation and frame are named.
    """
    import cv2

    values, size = _read_rows(rows, frame_ids, tuple(file_stamp(row.path) for row in rows))
    if size is None:
        return None
    columns = np.zeros(size[::-1], bool)  # a decoded mask lies in memory column by column
    for row in rows:
        value = values[row][place]
        if value is not None:
            columns |= _decode(value, size, f"{row.where}, frame {frame_ids[place]!r}").T
    return np.asarray(cv2.transpose(columns.view(np.uint8)), np.uint8)


@lru_cache(UNIONS_KEPT)
def _read_rows(
    rows: tuple[Row, ...], frame_ids: tuple[str, ...], stamps: tuple[tuple[int, int], ...]
) -> tuple[dict[Row, list[Any]], Size | None]:
    """Return the run lengths of objects, one or None per frame each, and the size of the first one's first mask."""
    values: dict[Row, list[Any]] = {}
    found: Size | None = None
    for row, stamp in zip(rows, stamps, strict=True):
        value = _in_order(_read_row(row, *stamp), frame_ids, row)
        values[row] = value
        if len(value) != len(frame_ids):
            raise DataError(
                f"{row.where} has {len(value)} masks, but its video has {len(frame_ids)} frames; "
                "expected one run-length mask or null per frame"
            )
        found = found or _first_size(value, row, frame_ids)
    return values, found


@lru_cache(ANNOTATIONS_KEPT)
def _read_row(row: Row, changed_ns: int, size: int) -> list[Any] | dict[str, Any]:
    """Return an object's run lengths, one object or None per frame, as long as the file stays as it is."""
    value = read_json_object(row.path) if row.key is None else _read_entry(row.path, row.key)
    if type(value) is dict and (value or row.key is None) and "counts" not in value:
        return _by_stem(value, row.where)
    if type(value) is not list:
        raise DataError(f"{row.where}: expected a list of run lengths, found {str(value)[:80]!r}; fetch the file again")
    return value


def _read_entry(path: Path, key: str) -> Any:
    """Return the value of a key of ``mask_dict.json``."""
    entries = JsonObject(path)
    if key not in entries:
        raise DataError(f"{path}: annotation {key} is not in the file; it does not belong to these expressions")
    return entries.read(key)


def _by_stem(row: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the run lengths of frames whose names may have the suffix of an image."""
    found = {stem_of(frame_id): value for frame_id, value in row.items()}
    if len(found) < len(row):
        names = ", ".join(repr(name) for name in row)[:80]
        raise DataError(f"{where}: one frame stands twice in {names}; keep one of them")
    return found


def _in_order(value: list[Any] | dict[str, Any], frame_ids: tuple[str, ...], row: Row) -> list[Any]:
    """Return an object's run lengths in the order of the frames; a frame that is not said has none."""
    if type(value) is list:
        return value
    by_frame: dict[str, Any] = dict(value)
    strange = sorted(by_frame.keys() - set(frame_ids))
    if strange and not row.is_longer:
        raise DataError(
            f"{row.where} has a mask of frame {strange[0][:80]!r}, which its video has not; the two files do not "
            "belong together"
        )
    return [by_frame.get(frame_id) for frame_id in frame_ids]


def _first_size(values: list[Any], row: Row, frame_ids: tuple[str, ...]) -> Size | None:
    """Return the size of the first mask of an object that is not null."""
    for frame_id, value in zip(frame_ids, values, strict=True):
        if value is not None:
            return _parse(value, f"{row.where}, frame {frame_id!r}")[0]
    return None


def _parse(value: Any, where: str) -> tuple[Size, str]:
    """Return size and counts of a COCO run-length code."""
    fields: dict[str, Any] = value if type(value) is dict else {}
    size: Any = fields.get("size")
    counts: Any = fields.get("counts")
    is_size = type(size) is list and len(size) == 2 and all(type(n) is int and 1 <= n <= MAX_SIDE for n in size)
    if not is_size or type(counts) is not str or not counts.isascii():
        raise DataError(
            f'{where}: expected null or {{"size": [height, width], "counts": compressed run lengths}}, '
            f"found {repr(value)[:80]}; fetch the file again"
        )
    return (size[0], size[1]), counts


def _decode(value: Any, size: Size, where: str) -> BinaryMask:
    """Return a mask that must have this size."""
    found, counts = _parse(value, where)
    if found != size:
        raise DataError(
            f"{where}: the mask is {found[1]}×{found[0]}, but others of this expression are {size[1]}×{size[0]} "
            "(width×height); fetch the file again"
        )
    try:
        return decode_counts(counts, *size)
    except (DataError, ValueError, IndexError) as error:
        raise DataError(f"{where}: {error}; fetch the file again") from None
