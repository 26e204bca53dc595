"""JSON files that hold one large object: its entries by key, decoded when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_window import JsonWindow, iter_names, open_window
from actiseg_noise.borders.text import RepeatedKeyError, check_file, unique_keys
from actiseg_noise.errors import DataError

INDEXES_KEPT = 16

_Place = tuple[int, int, int]
"""Position among the entries, first byte, byte after the last."""


class JsonObject:
    """The entries of a file that holds one JSON object, or of the object under one of its keys.

    Where each entry lies is found once per process and kept as long as the file's size and time of change stay the
    same; an entry is decoded each time it is read. Memory follows the number of keys and the largest entry.

    Args:
        inside: the key of the outer object whose value is the object; None: the outer object itself.

    Raises:
        DataError: the file is missing, no UTF-8, no JSON (line, column and entry number are named) or has no such
            object; or a key of it stands twice.
    """

    def __init__(self, path: Path, inside: str | None = None) -> None:
        self.path = path
        self.stamp = file_stamp(path)
        self._places = _find_places(path, inside, *self.stamp)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in the file's order."""
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def number(self, key: str) -> int:
        """Return the 0-based position of a key in the file."""
        return self._places[key][0]

    def read(self, key: str) -> Any:
        """Return the value of a key.

        Raises:
            DataError: in an object inside it, a key stands twice; or it is nested too deeply, or not whole any more, as
                of a file that changes while it is read.
        """
        number, start, stop = self._places[key]
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(stop - start)
        try:
            return json.loads(data, object_pairs_hook=unique_keys)
        except RepeatedKeyError as error:
            raise DataError(
                f"{self.path}: entry {number} ({key!r}): the key {error.args[0]!r} stands twice inside it; "
                "keep one of them"
            ) from None
        except RecursionError:
            raise DataError(
                f"{self.path}: entry {number} ({key!r}) is nested too deeply; repair the file or fetch it again"
            ) from None
        except ValueError:
            raise DataError(
                f"{self.path}: entry {number} ({key!r}) is not what it was when the file was opened; let nothing write "
                "to the file, and start again"
            ) from None


def file_stamp(path: Path) -> tuple[int, int]:
    """Return time of change in ns and size of a file: what is remembered of it holds as long as these do.

    Raises:
        DataError: it is missing.
    """
    check_file(path)
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(INDEXES_KEPT)
def _find_places(path: Path, inside: str | None, changed_ns: int, size: int) -> dict[str, _Place]:
    """Return key → place of the object's entries."""
    places: dict[str, _Place] = {}
    with open_window(path) as window:
        for number, (key, start, stop) in enumerate(_iter_members(window, inside)):
            if key in places:
                first = places[key][0]
                raise DataError(f"{path}: the key {key!r} stands twice (entries {first} and {number}); keep one")
            places[key] = number, start, stop
    return places


def _iter_members(window: JsonWindow, key: str | None) -> Iterator[tuple[str, int, int]]:
    """Yield (name, start, stop) for each member of the file's object, or of the object under its ``key``."""
    is_found = key is None
    if key is None:
        yield from _iter_places(window, "an object")
    else:
        for name in iter_names(window, f"an object with the key {key!r}"):
            if name == key:
                is_found, window.entry = True, 0
                yield from _iter_places(window, f"an object under {key!r}")
            else:
                window.value()
    if not is_found and not window.peek():
        raise DataError(f"{window.path}: expected a JSON object with the key {key!r}, found none")


def _iter_places(window: JsonWindow, expected: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, start, stop) for each member of the object that comes next; bytes [start, stop) are the value."""
    for name in iter_names(window, expected):
        start = window.offset
        window.value()
        yield name, start, window.offset
        window.entry += 1
