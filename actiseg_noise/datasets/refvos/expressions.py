"""The files ``meta_expressions….json`` of referring video object segmentation: videos, their frames and expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import natural_order, stem_of
from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.fields import is_text, parse_number, shorten

SEPARATOR = ":"
"""Between video and expression in a clip_id."""

IsPerObject = Callable[[str, tuple[int, ...]], bool]

LONGEST_NAME = 240
"""Bytes of a file's or folder's name; a suffix still fits."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One referring expression.

    Attributes:
        text: as written; empty where there is a ``problem``: the file has a blank one.
        source_order: 0-based position among all expressions of the file.
        object_ids: what it refers to in masks stored as images, ascending, none for nothing; None: not said, or said
            by ``anno_ids``.
        anno_ids: what it refers to in ``mask_dict.json``, ascending, none for nothing; None: its masks are no RLE.
        where: its place in the file, for messages.
    """

    exp_id: str
    text: str
    object_ids: tuple[int, ...] | None
    anno_ids: tuple[int, ...] | None
    source_order: int
    where: str
    problem: MissingTextError | None = None

    @property
    def names_object(self) -> bool:
        """Return whether the file says what the expression refers to."""
        return self.object_ids is not None or self.anno_ids is not None

    @property
    def refers_to_nothing(self) -> bool:
        """Return whether the file says that nothing is referred to."""
        return self.anno_ids == () or (self.anno_ids is None and self.object_ids == ())

    @property
    def object_id(self) -> int | None:
        """Return the one object that is referred to, by its value in masks stored as images."""
        return self.object_ids[0] if self.object_ids is not None and len(self.object_ids) == 1 else None


@dataclass(frozen=True, slots=True)
class ReferredVideo:
    """A video with its frame ids in temporal order and its expressions in ascending exp_id."""

    name: str
    frame_ids: tuple[str, ...]
    expressions: tuple[Expression, ...]

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """Return the clip of each expression."""
        return tuple(f"{self.name}{SEPARATOR}{expression.exp_id}" for expression in self.expressions)


def iter_videos(path: Path, is_per_object: IsPerObject) -> Iterator[ReferredVideo]:
    """Yield the videos of a file in the order of their clip ids; each is decoded on its own.

    Args:
        is_per_object: whether a video's masks of these objects are a folder or run lengths for each, whose ids need
            not fit into an index mask.

    Raises:
        DataError: the file is missing or malformed; file, entry and key are named.
    """
    entries = JsonObject(path, inside="videos")
    starts: dict[str, int] = {}
    total = 0
    for video in entries:
        _check_video(video, f"{path}: entry {entries.number(video)}")
        starts[video] = total
        total += len(_expressions(entries.read(video), path, entries.number(video), video))
    for video in sorted(starts, key=lambda name: name + SEPARATOR):
        found = _parse(entries.read(video), path, entries.number(video), video, starts[video])
        _check_values(found, is_per_object)
        yield found


def _expressions(entry: Any, path: Path, number: int, video: str) -> dict[str, Any]:
    """Return the expressions of an entry by exp_id."""
    fields = JsonFields(entry, path, number, video)
    value = entry.get("expressions")
    if type(value) is list and value:
        return _by_exp_id(value, path, number, video)
    if type(value) is not dict:
        raise fields.error("expressions", "an object that leads from expression ids to expressions")
    return value


def _by_exp_id(items: list[Any], path: Path, number: int, video: str) -> dict[str, Any]:
    """Return expressions that are listed, by their ``exp_id`` or, where one has none, by their position."""
    found: dict[str, Any] = {}
    for place, item in enumerate(items):
        fields = JsonFields(item, path, number, f"{video}.expressions.{place}")
        exp_id = item.get("exp_id", place)
        if type(exp_id) not in (str, int):
            raise fields.error("exp_id", "a name or a number")
        if str(exp_id) in found:
            raise fields.error("exp_id", "an id that no other expression of the video has")
        found[str(exp_id)] = item
    return found


def _parse(entry: Any, path: Path, number: int, video: str, start: int) -> ReferredVideo:
    """Return one entry, whose first expression is number ``start`` of the file."""
    fields = JsonFields(entry, path, number, video)
    values = _expressions(entry, path, number, video)
    orders = {exp_id: start + place for place, exp_id in enumerate(values)}
    expressions = tuple(
        _parse_expression(
            values[exp_id],
            JsonFields(values[exp_id], path, number, f"{video}.expressions.{exp_id}"),
            exp_id,
            orders[exp_id],
        )
        for exp_id in sorted(values)
    )
    return ReferredVideo(video, _frame_ids(entry, fields, video), expressions)


def _parse_expression(value: dict[str, Any], fields: JsonFields, exp_id: str, order: int) -> Expression:
    """Return one expression."""
    where = f"{fields.where}, expression {exp_id!r}"
    _check_part(exp_id, exp_id, where)
    anno_ids = None if value.get("anno_id") is None else _ids(value["anno_id"])
    if value.get("anno_id") is not None and anno_ids is None:
        raise fields.error("anno_id", "a list of annotation ids, as in [17, 18]")
    object_ids = None
    if anno_ids is None and value.get("obj_id") is not None:
        object_ids = _ids(value["obj_id"])
        if object_ids is None:
            raise fields.error("obj_id", _OBJECT_ID)
    try:
        text, problem = fields.text("exp"), None
    except MissingTextError as error:
        text, problem = "", error
    return Expression(exp_id, text, object_ids, anno_ids, order, where, problem)


_OBJECT_ID = 'an object id, 1 … 254 or "1" … "254", or a list of them'


def _check_values(video: ReferredVideo, is_per_object: IsPerObject) -> None:
    """Raise DataError for an object that no index mask can show, where the masks are index masks."""
    for expression in video.expressions:
        ids = expression.object_ids or ()
        strange = [object_id for object_id in ids if not 1 <= object_id < 255]
        if strange and not is_per_object(video.name, ids):
            place = f"{video.name}.expressions.{expression.exp_id}.obj_id"
            where = expression.where.partition(", expression")[0]
            raise DataError(f"{where}, key {place!r}: expected {_OBJECT_ID}, found {strange[0]}")


def _ids(given: Any) -> tuple[int, ...] | None:
    """Return one id or a list of them, each once, ascending; None for anything else."""
    numbers = [_number(item) for item in (given if type(given) is list else [given])]
    found = {number for number in numbers if number is not None and 0 <= number < 2**31}
    return None if None in numbers or len(found) < len(set(numbers)) else tuple(sorted(found))


def _number(value: Any) -> int | None:
    """Return an integer that may be written as a string of digits, None for anything else."""
    if type(value) is str:
        return parse_number(value)
    return value if type(value) is int else None


def _frame_ids(entry: dict[str, Any], fields: JsonFields, video: str) -> tuple[str, ...]:
    """Return the frames of an entry, which may or may not have the suffix of an image."""
    where = f"{fields.where}, key 'frames'"
    given = entry.get("frames")
    if type(given) is not list:
        raise fields.error("frames", "a list of different strings")
    if not given:
        raise fields.error("frames", "the names of the video's frames, at least one; remove the video, or list them")
    for place, name in enumerate(given):
        if type(name) is not str:
            what = f"expected the name of a frame in quotes, found {shorten(name)} at position {place}"
            raise DataError(f"{where}: {what} (video {video!r}); write it as its file is called, without suffix")
    frame_ids = tuple(stem_of(name) for name in given)
    for frame_id in frame_ids:
        _check_part(frame_id, frame_id, where, can_have_colon=True)
    for first, second in pairwise(frame_ids):
        if natural_order(first) >= natural_order(second):
            what = f"expected frames in ascending order, each once, found {second!r} after {first!r}"
            raise DataError(f"{where}: {what} (video {video!r}); repair the list, and its masks with it")
    return frame_ids


def _check_video(name: str, where: str) -> None:
    """Raise DataError unless ``name`` can be a folder, or folders with '/' between, and the start of a clip_id."""
    for part in name.split("/"):
        _check_part(part, name, where)


def _check_part(part: str, name: str, where: str, *, can_have_colon: bool = False) -> None:
    """Raise DataError unless ``part``, of ``name``, can be a file or folder, and has no colon."""
    if part in ("", ".", "..") or not _SEPARATORS.isdisjoint(part):
        raise DataError(
            f"{where}: {name[:80]!r} cannot be the name of a file or folder of the dataset; expected names without "
            "'..', '\\\\' and empty parts, as 'v1' or, of a video, 'a/v1'"
        )
    if SEPARATOR in part and not can_have_colon:
        raise DataError(
            f"{where}: {name[:80]!r} cannot be part of a clip id, <video>{SEPARATOR}<expression>; rename it"
        )
    if not is_text(part) or len(part.encode()) > LONGEST_NAME:
        raise DataError(
            f"{where}: {name[:80]!r} has lone surrogates or more than {LONGEST_NAME} bytes; no file is called so, "
            "rename it"
        )


_SEPARATORS = frozenset("/\\\0")
