"""ActionVOS's split file: a JSON list with one entry per action."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from actiseg_noise.borders.folders import IMAGE_SUFFIXES
from actiseg_noise.borders.text import read_json
from actiseg_noise.errors import DataError, raise_if

_FLAGS = ("redundant", "missing", "other")


@dataclass(frozen=True, slots=True)
class SplitObject:
    """One object of an entry: its palette value, its noun, and whether it takes part in the action."""

    object_id: int
    noun: str
    is_positive: bool


@dataclass(frozen=True, slots=True)
class SplitEntry:
    """One action.

    Attributes:
        folders: names that the entry's folder may have, the first one preferred: VISOR's carries the video, the
            ones of VOST and VSCOS do not.
        frames: names of masks without suffix. is_flagged: a reviewer marked the entry as not to be scored.
    """

    folders: tuple[str, ...]
    frames: tuple[str, ...]
    objects: tuple[SplitObject, ...]
    is_flagged: bool


def read_split_json(path: Path) -> list[SplitEntry]:
    """Read a split file such as ``val_human.json``.

    Raises:
        DataError: the file is missing, no JSON, no list, or an entry lacks a key or holds something else under it;
            the message names the entry and the key.
    """
    data = read_json(path)
    raise_if(not isinstance(data, list), f"{path}: expected a list of entries, got {type(data).__name__}", DataError)
    return [_entry(item, f"{path}: entry {i}") for i, item in enumerate(data)]


def _entry(item: Any, where: str) -> SplitEntry:
    """Validate one entry."""
    try:
        prefix, tail = f"{int(item['seq_id']):08d}", f"{item['verb']}_{item['noun']}"
        objects = tuple(_object(key, value) for key, value in item["object_classes"].items())
        frames = tuple(_stem(name) for name in item["sparse_frames"])
        flagged = any(bool(item.get(flag)) for flag in _FLAGS)
        folders = (f"{prefix}_{item['video']}_{tail}", f"{prefix}_{tail}")
    except KeyError as error:
        raise DataError(f"{where}: the key {error} is missing; expected an entry as in ActionVOS's val.json") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{where}: {error}; expected an entry as in ActionVOS's val.json") from None
    return SplitEntry(folders, frames, objects, flagged)


def _object(key: str, value: Any) -> SplitObject:
    """Validate one object of an entry."""
    object_id = int(key)
    if not 1 <= object_id <= 255:
        raise ValueError(f"object id {object_id} is outside 1–255")
    return SplitObject(object_id, str(value["name"]), bool(value["positive"]))


def _stem(frame: str) -> str:
    """Return the name of a frame that is listed with or without its image suffix."""
    path = PurePosixPath(frame)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
