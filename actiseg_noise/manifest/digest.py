"""Digests: of a row, of a column, of a table, of a manifest.

*Row*: BLAKE2b (16 bytes) of the table's name, a newline, and the row's label columns in schema order as one compact
JSON array (no spaces, non-ASCII characters as they are), in UTF-8. *Table*: BLAKE2b (32 bytes) of the row digests'
bytes, one after the other, in the order of the rows. *Manifest*: BLAKE2b (32 bytes) of, for each table in schema
order, its name, a newline, and the table digest's bytes. *Column*: BLAKE2b (16 bytes) of the column's values from the
first row to the last, each as compact JSON followed by a comma; it lets ``verify`` name the column of an edited cell.
"""

from __future__ import annotations

import json.encoder
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import numpy as np

from actiseg_noise.manifest.schema import TABLES, Table


def _make_encoder() -> Callable[[Any], str]:
    """Return a function from a value to compact JSON.

    It is ``JSONEncoder.encode``, but keeps the C encoder, which that makes again for every value: half the time of a
    row. Where Python has no such encoder, the plain method does.
    """
    plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
    try:
        parts = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False
        )
    except (AttributeError, TypeError):
        return plain.encode
    return lambda value: "".join(parts(value, 0))


compact_json = _make_encoder()


def json_of_column(values: Sequence[Any]) -> bytes:
    """Return values as compact JSON, commas between them; strings with nothing to escape are but joined."""
    if values and type(values[0]) is str and None not in values:
        text = '","'.join(values).encode()
        quotes = 2 * len(values) - 2
        if text.count(b'"') == quotes and b"\\" not in text and np.frombuffer(text, np.uint8).min(initial=32) >= 32:
            return b'"' + text + b'"'
    return compact_json(values)[1:-1].encode()


class RowDigest:
    """The digest of one table's rows."""

    def __init__(self, table: Table) -> None:
        self._state = blake2b(f"{table.name}\n".encode(), digest_size=16)
        names = [column.name for column in table.columns]
        self._labels = itemgetter(*(names.index(name) for name in table.label_columns))

    def __call__(self, row: Sequence[Any]) -> str:
        """Return the hex digest of ``row``: its columns in schema order, ``row_digest`` not needed."""
        state = self._state.copy()
        state.update(compact_json(self._labels(row)).encode())
        return state.hexdigest()

    def of_texts(self, rows: Iterable[bytes | memoryview]) -> bytes:
        """Return the digests, 16 bytes each, of rows whose label columns are given as compact JSON, in UTF-8."""
        copy = self._state.copy
        found = []
        for row in rows:
            state = copy()
            state.update(row)
            found.append(state.digest())
        return b"".join(found)

    def seal(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``row`` with its digest as the last column."""
        return (*row, self(row))


class TableDigest:
    """The digest of a table and of each of its columns, from batches of rows in order."""

    def __init__(self, table: Table) -> None:
        self._rows = blake2b(digest_size=32)
        self._columns = {c.name: blake2b(digest_size=16) for c in table.columns if c.name != "row_digest"}

    def update(self, columns: Mapping[str, list[Any]]) -> None:
        """Add the next rows, given as one list of values per column."""
        digests = columns["row_digest"]
        if digests:
            texts = ((name, [json_of_column(columns[name])]) for name in self._columns)
            self.add(bytes.fromhex("".join(digests)), texts)

    def add(self, row_digests: bytes, columns: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Add the next rows, at least one.

        Args:
            row_digests: one after the other. columns: name and, in pieces of bytes, ``json_of_column`` of each column
                that has a digest.
        """
        self._rows.update(row_digests)
        for name, pieces in columns:
            for piece in (*pieces, b","):
                self._columns[name].update(piece)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns that have a digest."""
        return tuple(self._columns)

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
