"""The file ``meta_expressions.json`` of referring video object segmentation: videos, their frames and expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import check_file_name, natural_order, stem_of
from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.errors import DataError, MissingTextError

SEPARATOR = ":"
"""Between video and expression in a clip_id."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One referring expression.

    Attributes:
        text: as written; empty where there is a ``problem``: the file has a blank one.
        source_order: 0-based position among all expressions of the file.
        object_id: the palette value of what it refers to; None where the file does not say.
        anno_ids: what it refers to in ``mask_dict.json``, ascending, none for nothing; None: its masks are no RLE.
        where: its place in the file, for messages.
    """

    exp_id: str
    text: str
    object_id: int | None
    anno_ids: tuple[int, ...] | None
    source_order: int
    where: str
    problem: MissingTextError | None = None

    @property
    def names_object(self) -> bool:
        """Return whether the file says what the expression refers to."""
        return self.object_id is not None or self.anno_ids is not None


@dataclass(frozen=True, slots=True)
class ReferredVideo:
    """A video with its frame ids in temporal order and its expressions in ascending exp_id."""

    name: str
    frame_ids: tuple[str, ...]
    expressions: tuple[Expression, ...]


def iter_videos(path: Path) -> Iterator[ReferredVideo]:
    """Yield the videos of a file in the order of their clip ids; each is decoded on its own.

    Raises:
        DataError: the file is missing or malformed; file, entry and key are named.
    """
    entries = JsonObject(path, inside="videos")
    starts: dict[str, int] = {}
    total = 0
    for video in entries:
        _check_name(video, f"{path}: entry {entries.number(video)}")
        starts[video] = total
        total += len(_expressions(entries.read(video), path, entries.number(video), video))
    for video in sorted(starts, key=lambda name: name + SEPARATOR):
        yield _parse(entries.read(video), path, entries.number(video), video, starts[video])


def _expressions(entry: Any, path: Path, number: int, video: str) -> dict[str, Any]:
    """Return the expressions of an entry by exp_id."""
    fields = JsonFields(entry, path, number, video)
    value = entry.get("expressions")
    if type(value) is not dict:
        raise fields.error("expressions", "an object that leads from expression ids to expressions")
    return value


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
    return ReferredVideo(video, _frame_ids(fields), expressions)


def _parse_expression(value: dict[str, Any], fields: JsonFields, exp_id: str, order: int) -> Expression:
    """Return one expression."""
    where = f"{fields.where}, expression {exp_id!r}"
    _check_name(exp_id, where)
    anno_ids = None if value.get("anno_id") is None else _anno_ids(value, fields)
    object_id = None
    if anno_ids is None and value.get("obj_id") is not None:
        object_id = _number(value["obj_id"])
        if object_id is None or not 1 <= object_id <= 254:
            raise fields.error("obj_id", 'an object id, 1 … 254 or "1" … "254"')
    try:
        text, problem = fields.text("exp"), None
    except MissingTextError as error:
        text, problem = "", error
    return Expression(exp_id, text, object_id, anno_ids, order, where, problem)


def _anno_ids(value: dict[str, Any], fields: JsonFields) -> tuple[int, ...]:
    """Return the ids of an expression's annotations, each once, ascending."""
    given = value["anno_id"]
    numbers = [_number(item) for item in (given if type(given) is list else [given])]
    found = {number for number in numbers if number is not None and number >= 0}
    if None in numbers or len(found) < len(set(numbers)):
        raise fields.error("anno_id", "a list of annotation ids, as in [17, 18]")
    return tuple(sorted(found))


def _number(value: Any) -> int | None:
    """Return an integer that may be written as a string of digits, None for anything else."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if type(value) is int else None


def _frame_ids(fields: JsonFields) -> tuple[str, ...]:
    """Return the frames of an entry, which may or may not have the suffix of an image."""
    where = f"{fields.where}, key 'frames'"
    frame_ids = tuple(check_file_name(stem_of(name), where) for name in fields.strings("frames"))
    for first, second in pairwise(frame_ids):
        if natural_order(first) >= natural_order(second):
            raise DataError(f"{where}: expected frames in ascending order, each once, found {second!r} after {first!r}")
    return frame_ids


def _check_name(name: str, where: str) -> None:
    """Raise DataError unless ``name`` can be a folder and a part of a clip_id."""
    check_file_name(name, where)
    if SEPARATOR in name or not _is_writable(name):
        raise DataError(f"{where}: {name!r} cannot be part of a clip id, <video>{SEPARATOR}<expression>; rename it")


def _is_writable(name: str) -> bool:
    """Return whether ``name`` can be written as UTF-8."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)
