"""Digests: of a row, of a column, of a table, of a manifest.

*Row*: BLAKE2b (16 bytes) of the table's name, a newline, and the row's label columns in schema order as one compact
JSON array (no spaces, non-ASCII characters as they are), in UTF-8. *Table*: BLAKE2b (32 bytes) of the row digests'
bytes, one after the other, in the order of the rows. *Manifest*: BLAKE2b (32 bytes) of, for each table in schema
order, its name, a newline, and the table digest's bytes. *Column*: BLAKE2b (16 bytes) of the column's values from the
first row to the last, each as compact JSON followed by a comma; it lets ``verify`` name the column of an edited cell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from actiseg_noise.manifest.schema import TABLES, Table


def _encoder(key_separator: str) -> Callable[[Any], str]:
    """Return a function from a value to compact JSON with non-ASCII characters as they are."""
    separators = (",", key_separator)
    return json.JSONEncoder(ensure_ascii=False, separators=separators, allow_nan=False, check_circular=False).encode


compact_json = _encoder(":")
_json_with_breaks = _encoder("\n")


def json_rows(rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """Return each row of scalars as a compact JSON array.

    One call encodes them all, which takes half the time of a call for each: as a dictionary from numbers to rows whose
    keys are followed by line breaks; nothing else in JSON is, as strings have them escaped.
    """
    _, *pieces = _json_with_breaks(dict(enumerate(rows))).encode().split(b"\n")
    return [piece[: piece.rindex(b"]") + 1] for piece in pieces]


class RowDigest:
    """The digest of one table's rows."""

    def __init__(self, table: Table) -> None:
        self._state = blake2b(f"{table.name}\n".encode(), digest_size=16)
        names = [column.name for column in table.columns]
        self._labels = itemgetter(*(names.index(name) for name in table.label_columns))

    def __call__(self, row: Sequence[Any]) -> str:
        """Return the hex digest of ``row``: its columns in schema order, ``row_digest`` not needed."""
        return self._hash(compact_json(self._labels(row)).encode())

    def seal(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``row`` with its digest as the last column."""
        return (*row, self(row))

    def seal_all(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return ``rows``, each with its digest as the last column."""
        lines = json_rows(map(self._labels, rows))
        return [(*row, self._hash(line)) for row, line in zip(rows, lines, strict=True)]

    def _hash(self, line: bytes) -> str:
        """Return the hex digest of a row's labels, given as JSON."""
        state = self._state.copy()
        state.update(line)
        return state.hexdigest()


class TableDigest:
    """The digest of a table and of each of its columns, from batches of rows in order."""

    def __init__(self, table: Table) -> None:
        self._rows = blake2b(digest_size=32)
        self._columns = {c.name: blake2b(digest_size=16) for c in table.columns if c.name != "row_digest"}

    def update(self, columns: Mapping[str, list[Any]]) -> None:
        """Add the next rows, given as one list of values per column."""
        digests = columns["row_digest"]
        if not digests:
            return
        self._rows.update(bytes.fromhex("".join(digests)))
        for name, state in self._columns.items():
            state.update(compact_json(columns[name])[1:-1].encode() + b",")

    @property
    def rows(self) -> bytes:
        """Return the table's digest."""
        return self._rows.digest()

    @property
    def columns(self) -> dict[str, str]:
        """Return column → hex digest."""
        return {name: state.hexdigest() for name, state in self._columns.items()}


def manifest_digest(table_digests: Mapping[str, bytes]) -> str:
    """Return the manifest's digest as hex, from table name → table digest."""
    state = blake2b(digest_size=32)
    for table in TABLES:
        state.update(f"{table.name}\n".encode() + table_digests[table.name])
    return state.hexdigest()
