"""The actions of EPIC-KITCHENS-100: rows of ``EPIC_100_train.csv`` and ``EPIC_100_validation.csv``."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from actiseg_noise.borders.text import iter_csv
from actiseg_noise.errors import DataError

COLUMNS = (
    "narration_id",
    "video_id",
    "start_frame",
    "stop_frame",
    "narration",
    "verb",
    "verb_class",
    "noun",
    "noun_class",
    "all_nouns",
    "all_noun_classes",
)
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Action:
    """One narrated action.

    Attributes:
        narration_number: its place among the video's narrations: the last part of ``narration_id``.
        start_frame, stop_frame: both inclusive, in EPIC-KITCHENS' frame numbers.
        noun_classes: all classes that the narration names.
        where: file and row, for messages.
    """

    video_id: str
    narration_number: int
    start_frame: int
    stop_frame: int
    narration: str
    verb: str
    verb_class: int
    noun: str
    noun_class: int
    noun_classes: frozenset[int]
    where: str


def read_actions(paths: Iterable[Path], videos: Collection[str]) -> dict[str, list[Action]]:
    """Return video → its actions in all files by ascending narration number. Videos without a row are left out.

    Raises:
        DataError: a file is not the table it should be, a cell is malformed (file, row and column are named), or a
            narration is listed twice.
    """
    found: dict[str, dict[int, Action]] = {}
    for path in paths:
        for row in _iter_rows(path):
            if row.text("video_id") not in videos:
                continue
            action = row.action()
            others = found.setdefault(action.video_id, {})
            first = others.setdefault(action.narration_number, action)
            if first is not action:
                name = row.text("narration_id")
                raise DataError(f"{action.where}: {name!r} is also at {first.where}; keep one of the two rows")
    return {video: [actions[number] for number in sorted(actions)] for video, actions in found.items()}


def _iter_rows(path: Path) -> Iterator[_Row]:
    """Yield the rows of a file."""
    rows = iter_csv(path)
    _, header = next(rows, (0, []))
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise DataError(
            f"{path}: expected a table of EPIC-KITCHENS-100 actions, but it has no column {missing[0]!r}; "
            f"found {', '.join(header)[:80]!r}. Fetch the file again."
        )
    places = {column: header.index(column) for column in COLUMNS}
    for number, cells in rows:
        where = f"{path}, row {number}"
        if len(cells) != len(header):
            raise DataError(f"{where}: expected {len(header)} cells, found {len(cells)}; is the file cut off?")
        yield _Row(cells, places, where)


class _Row:
    """One row whose cells are checked as they are taken."""

    __slots__ = ("_cells", "_places", "_where")

    def __init__(self, cells: list[str], places: dict[str, int], where: str) -> None:
        self._cells, self._places, self._where = cells, places, where

    def text(self, column: str) -> str:
        """Return a cell."""
        return self._cells[self._places[column]]

    def action(self) -> Action:
        """Return the row as an action."""
        self._literal_list("all_nouns", str)
        return Action(
            video_id=self.text("video_id"),
            narration_number=self._narration_number(),
            start_frame=self._integer("start_frame"),
            stop_frame=self._integer("stop_frame"),
            narration=self._filled("narration"),
            verb=self._filled("verb"),
            verb_class=self._integer("verb_class"),
            noun=self._filled("noun"),
            noun_class=self._integer("noun_class"),
            noun_classes=frozenset(self._literal_list("all_noun_classes", int)),
            where=self._where,
        )

    def _error(self, column: str, expected: str) -> DataError:
        """Return the error for a cell that is not as expected."""
        found = self.text(column)[:80]
        return DataError(f"{self._where}, column {column!r}: expected {expected}, found {found!r}")

    def _filled(self, column: str) -> str:
        """Return a cell that is not empty."""
        value = self.text(column)
        if not value.strip():
            raise self._error(column, "a text")
        return value

    def _integer(self, column: str) -> int:
        """Return a cell of decimal digits."""
        value = self.text(column)
        if not _NUMBER.fullmatch(value):
            raise self._error(column, "a whole number of at most nine digits")
        return int(value)

    def _narration_number(self) -> int:
        """Return n of the narration id ``<video_id>_<n>``."""
        video, name = self.text("video_id"), self.text("narration_id")
        number = name.removeprefix(f"{video}_")
        if number == name or not _NUMBER.fullmatch(number):
            raise self._error("narration_id", f"'{video}_<number>'")
        return int(number)

    def _literal_list(self, column: str, kind: type) -> tuple[int, ...]:
        """Return a cell that is written as a Python list of ``kind``."""
        values = _parse_list(self.text(column))
        if values is None or not all(type(value) is kind for value in values):
            what = (
                "a list of whole numbers, as in [2, 18]" if kind is int else "a list of words, as in ['plate', 'bin']"
            )
            raise self._error(column, what)
        return values


@lru_cache(4096)
def _parse_list(cell: str) -> tuple[int, ...] | None:
    """Return a cell's Python literal as a tuple, None where it is no list. Nothing is evaluated."""
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return tuple(value) if type(value) is list else None
