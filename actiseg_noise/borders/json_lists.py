"""JSON files that hold an object of lists, as COCO's: their entries one after the other, whatever the file's size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_window import CHUNK_CHARS, JsonWindow, iter_items, iter_names, open_window
from actiseg_noise.borders.text import check_file
from actiseg_noise.errors import DataError

Entry = tuple[str, int, int, int, Any]
"""Key of the list, 0-based number in it, first byte, byte after the last, value."""


def iter_json_lists(path: Path, chunk_chars: int = CHUNK_CHARS) -> Iterator[Entry]:
    """Yield each entry of every list that stands under a key of a file's JSON object.

    A value that is no list is yielded as it is, under number -1. Memory follows the largest entry, not the file.

    Raises:
        DataError: the file is no UTF-8, no JSON (line, column and entry number are named), holds no object, or one with
            a key that stands twice.
    """
    with open_window(path, chunk_chars) as window:
        yield from _iter_entries(window)


def read_json_part(path: Path, start: int, stop: int) -> Any:
    """Return the value in bytes [start, stop) of a file, which was found there before.

    Raises:
        DataError: it is not there any more.
    """
    return next(iter_json_parts(path, [(start, stop)]))


def iter_json_parts(path: Path, places: Iterable[tuple[int, int]]) -> Iterator[Any]:
    """Yield several values of a file, one at a time; see :func:`read_json_part`."""
    check_file(path)
    with path.open("rb") as stream:
        for start, stop in places:
            stream.seek(start)
            try:
                yield json.loads(stream.read(stop - start))
            except ValueError:
                raise DataError(f"{path}: the file has changed while it was read; start again") from None


def _iter_entries(window: JsonWindow) -> Iterator[Entry]:
    """Yield what ``iter_json_lists`` promises."""
    seen: set[str] = set()
    for name in iter_names(window, "an object of lists"):
        if name in seen:
            raise DataError(f"{window.path}: the key {name!r} stands twice; keep one of them")
        seen.add(name)
        window.entry = 0
        if window.peek() == "[":
            for start, stop, value in iter_items(window, "a list"):
                yield name, window.entry, start, stop, value
        else:
            start = window.offset
            value = window.value()
            yield name, -1, start, window.offset, value
