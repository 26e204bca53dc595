"""JSON files of other people: lists read whole or, where they are large, entry by entry; fields checked when taken."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_lists import iter_json_parts
from actiseg_noise.borders.json_window import CHUNK_CHARS, iter_items, open_window
from actiseg_noise.borders.text import check_file
from actiseg_noise.errors import DataError, MissingTextError

_SURROGATE = re.compile("[\ud800-\udfff]")
_INT32_MAX = 2**31 - 1
_OBJECT_IDS = tuple(map(str, range(1, 256)))

WHOLE_BYTES = 16 << 20  # some 110,000 samples of ActionVOS, about 80 MB of Python objects
FILES_KEPT = 4  # the splits of a dataset


class JsonList:
    """The entries of a file that holds one JSON list: once through in the file's order, then again in any order.

    A file of at most ``whole_bytes`` is decoded once and kept for the next reader: leave entries as they are. Of others
    the places of entries are kept, and what is asked for again is decoded again: memory follows the largest entry.

    Raises:
        DataError: on iteration, what ``iter_json_list`` raises.
    """

    def __init__(self, path: Path, whole_bytes: int = WHOLE_BYTES) -> None:
        self.path = path
        check_file(path)
        stat = path.stat()
        self._entries = _read_whole(path, stat.st_mtime_ns, stat.st_size) if stat.st_size <= whole_bytes else None
        self._places = array("q")  # start, stop, start, stop, …

    def __iter__(self) -> Iterator[Any]:
        """Yield every entry."""
        if self._entries is not None:
            yield from self._entries
            return
        self._places = array("q")
        for start, stop, entry in iter_json_list(self.path):
            self._places.extend((start, stop))
            yield entry

    def pick(self, numbers: Iterable[int]) -> Iterator[Any]:
        """Yield the entries at these positions of the list, which was iterated over before.

        Raises:
            DataError: the file has changed since.
        """
        if self._entries is not None:
            yield from map(self._entries.__getitem__, numbers)
            return
        yield from iter_json_parts(self.path, ((self._places[2 * n], self._places[2 * n + 1]) for n in numbers))


@lru_cache(FILES_KEPT)
def _read_whole(path: Path, changed_ns: int, size: int) -> list[Any] | None:
    """Return the list in a file; None where it is malformed: ``iter_json_list`` will say where.

    It is remembered as long as time of change and size stay the same.
    """
    try:
        entries = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return entries if type(entries) is list else None


def iter_json_list(path: Path, chunk_chars: int = CHUNK_CHARS) -> Iterator[tuple[int, int, Any]]:
    """Yield (start, stop, entry) for each entry of a file that holds one JSON list; bytes [start, stop) are the entry.

    Memory follows the largest entry, not the file.

    Raises:
        DataError: the file is no UTF-8, no JSON (line, column and entry number are named) or no list.
    """
    with open_window(path, chunk_chars) as window:
        yield from iter_items(window, "a list of entries")


class JsonFields:
    """One JSON object whose fields are checked as they are taken. Every error names file, entry and key."""

    __slots__ = ("_data", "_number", "_path", "_prefix")

    def __init__(self, data: Any, path: Path, number: int, prefix: str = "") -> None:
        self._data, self._path, self._number, self._prefix = data, path, number, prefix
        if type(data) is not dict:
            raise self.error("", "a JSON object")

    def error(self, key: str, expected: str) -> DataError:
        """Return the error for a field that is not as expected."""
        is_absent = key and key not in self._data
        found = "no such key" if is_absent else _shown(self._data[key] if key else self._data)[:80]
        place = f"{self._prefix}.{key}".strip(".")
        return DataError(f"{self.where}, key {place!r}: expected {expected}, found {found}")

    @property
    def where(self) -> str:
        """Return the place for messages."""
        return f"{self._path}: entry {self._number}"

    def text(self, key: str) -> str:
        """Return a string that is not blank and can be written as UTF-8.

        Raises:
            MissingTextError: it is blank or null. DataError: it is no such string.
        """
        value = self._data.get(key)
        if type(value) is str and value and not value.isspace() and (value.isascii() or _is_writable(value)):
            return value
        if key in self._data and (value is None or (type(value) is str and not value.strip())):
            raise MissingTextError(str(self.error(key, "a string, not empty, without lone surrogates")))
        raise self.error(key, "a string, not empty, without lone surrogates")

    def optional_text(self, key: str) -> str | None:
        """Return a string that is not empty, None where the key is absent or null."""
        return None if self._data.get(key) is None else self.text(key)

    def integer(self, key: str, low: int = -_INT32_MAX, high: int = _INT32_MAX) -> int:
        """Return an integer in [low, high]."""
        value = self._data.get(key)
        if type(value) is not int or not low <= value <= high:
            raise self.error(key, f"an integer in {low} … {high}")
        return value

    def optional_integer(self, key: str) -> int | None:
        """Return an integer, None where the key is absent or null."""
        return None if self._data.get(key) is None else self.integer(key)

    def flag(self, key: str) -> bool:
        """Return true or false, which may be written 1 or 0."""
        value = self._data.get(key)
        if type(value) not in (bool, int) or value not in (0, 1):
            raise self.error(key, "0, 1, true or false")
        return bool(value)

    def optional_flag(self, key: str) -> bool | None:
        """Return a flag, None where the key is absent or null."""
        return None if self._data.get(key) is None else self.flag(key)

    def strings(self, key: str) -> list[str]:
        """Return a list of different strings."""
        value = self._data.get(key)
        if type(value) is not list or not all(type(v) is str for v in value) or len(set(value)) < len(value):
            raise self.error(key, "a list of different strings")
        return value

    def objects(self, key: str) -> Iterator[tuple[int, JsonFields]]:
        """Yield (object id, fields) for the keys "1", "2", … N in ascending order."""
        value = self._data.get(key)
        if type(value) is not dict:
            raise self.error(key, "an object that leads from ids to objects")
        items = [value[name] for name in _OBJECT_IDS[: len(value)] if name in value]
        if len(items) < len(value):
            raise self.error(key, f'the keys "1" … "{len(value)}" without a gap, at most 255 of them')
        for object_id, item in enumerate(items, start=1):
            yield object_id, JsonFields(item, self._path, self._number, f"{key}.{object_id}")

    def members(self, key: str) -> dict[str, JsonFields]:
        """Return name → fields of an object of objects."""
        value = self._data.get(key)
        if type(value) is not dict:
            raise self.error(key, "an object of objects")
        prefix = f"{self._prefix}.{key}".strip(".")
        return {name: JsonFields(item, self._path, self._number, f"{prefix}.{name}") for name, item in value.items()}


def _shown(value: Any) -> str:
    """Return a value as JSON, or as Python shows it: other formats have values that JSON has not."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)


def _is_writable(text: str) -> bool:
    """Return whether ``text`` is free of lone surrogates (JSON can write them, UTF-8 cannot)."""
    return not _SURROGATE.search(text)
