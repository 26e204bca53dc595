"""YouTube-VIS's ``results.json``: a list of tracks, each with a video, a category, a score and masks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_bench.scoring.json_tracks import read_track
from actiseg_noise.borders.json_list import JsonFields, JsonList
from actiseg_noise.masks import Rle

OBJECT_KEYS = ("object_id", "id")


@dataclass(frozen=True, slots=True)
class Entry:
    """One predicted track.

    Attributes:
        number: 0-based position in the file. video: what it calls its video, a number written out or a name.
        category_id, score: None where the entry says which object it is and has none. object_id: that object, written
            out; None where it does not say it.
        masks: one per frame of the video, None where nothing is predicted.
    """

    number: int
    video: str
    category_id: int | None
    score: float | None
    object_id: str | None
    masks: tuple[Rle | None, ...]


def iter_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a file.

    Raises:
        DataError: the file is missing, no JSON, no list; or an entry lacks a key or has another kind of value under it
            (entry and key are named).
    """
    for number, item in enumerate(JsonList(path)):
        yield _entry(item, path, number)


def _entry(item: Any, path: Path, number: int) -> Entry:
    """Validate one entry."""
    fields = JsonFields(item, path, number)
    named = [key for key in OBJECT_KEYS if item.get(key) is not None]
    object_id = _name(fields, item, named[0]) if named else None
    is_free = object_id is None
    return Entry(
        number=number,
        video=_name(fields, item, "video_id"),
        category_id=fields.integer("category_id") if is_free else fields.optional_integer("category_id"),
        score=_score(fields, item) if is_free or item.get("score") is not None else None,
        object_id=object_id,
        masks=read_track(item.get("segmentations"), fields.where),
    )


def _name(fields: JsonFields, item: dict[str, Any], key: str) -> str:
    """Return a whole number, written out, or a text."""
    value = item.get(key)
    if type(value) is int:
        return str(value)
    if type(value) is str and value.strip():
        return value
    raise fields.error(key, "a whole number, or a name")


def _score(fields: JsonFields, item: dict[str, Any]) -> float:
    """Return a finite number."""
    value = item.get("score")
    if type(value) not in (int, float):
        raise fields.error("score", "a finite number")
    try:
        number = float(item["score"])
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise fields.error("score", "a finite number")
    return number
