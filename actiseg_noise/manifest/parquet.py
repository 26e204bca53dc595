"""A table's Parquet file, read by value: whoever wrote it, with whatever types, order of columns and row groups.

pandas, Polars, DuckDB and Spark write what they read in types of their own: strings as ``large_string`` or dictionary,
numbers that may be null as ``double``, a column of nulls as ``null``. Where no value changes, such a file is the same
table, and its rows come in the schema's types. The type-cast costs nothing where the types are the schema's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actiseg_noise.borders.text import check_file
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest.arrays import read_numbers
from actiseg_noise.manifest.rows import ClipSpan
from actiseg_noise.manifest.schema import Column, Table

if TYPE_CHECKING:
    import pyarrow as pa

_LOG = logging.getLogger(__name__)

ROOM_OF_A_COLUMN = 2**24
"""Bytes that a column of a row group may unpack to beside its values: pages, dictionaries."""
MOST_OF_A_COLUMN = 2**31
"""Bytes that a column of a row group may unpack to."""
_ADVICE = "Write the table again with the types that docs/manifest.md names, or fetch it again."


class TableFile:
    """One Parquet file of a table, checked on opening. A context manager.

    Args:
        strict: refuse a value outside its column's range, and a null where none may be, too.

    Attributes:
        rows: number of rows, as the file's footer says.

    Raises:
        ManifestError: the file is missing, a pointer of git-lfs, no Parquet; a column is missing, of a type whose
            values are not those of the schema, or larger when unpacked than texts of its column can be.
    """

    def __init__(self, path: Path, table: Table, *, strict: bool = True) -> None:
        import pyarrow.parquet as pq

        check_file(path, "table", ManifestError)
        _LOG.debug("opening %s", path)
        self.path = path
        self._schema = table.arrow()
        self._columns = {column.name: column for column in table.columns}
        self._strict = strict
        with _named_damage(path):
            self._file = pq.ParquetFile(path)
            self.rows = int(self._file.metadata.num_rows)
            self._check_sizes()
        self._types = {field.name: self._check_column(field) for field in self._schema}

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all rows of the named columns, in the order named; None: of all columns of the schema.

        Raises:
            ManifestError: damaged pages, or a value that the schema's type cannot hold.
        """
        import pyarrow as pa

        schema = self._part(columns)
        if not self._is_exact(schema):
            return pa.Table.from_batches(self.iter_batches(columns), schema)
        with _named_damage(self.path):
            rows = self._file.read(columns=schema.names, use_threads=False)
        for name in schema.names:
            self._check_values(rows.column(name), self._columns[name])
        return pa.Table.from_arrays([rows.column(name) for name in schema.names], schema=schema)

    @property
    def group_rows(self) -> list[int]:
        """Return the number of rows of every row group."""
        metadata = self._file.metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    def read_group(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of one row group; see :meth:`read`."""
        import pyarrow as pa

        schema = self._part(columns)
        with _named_damage(self.path):
            rows = self._file.read_row_group(group, columns=schema.names, use_threads=False).combine_chunks()
        arrays = [rows.column(name) for name in schema.names]
        if not self._is_exact(schema):
            arrays = [
                pa.chunked_array([self._cast(chunk, field) for chunk in array.chunks], field.type)
                for array, field in zip(arrays, schema, strict=True)
            ]
        for array, name in zip(arrays, schema.names, strict=True):
            self._check_values(array, self._columns[name])
        return pa.Table.from_arrays(arrays, schema=schema)

    def groups_within(self, span: ClipSpan) -> list[int]:
        """Return the row groups that may hold rows of these clips: all but those whose statistics say otherwise."""
        return [group for group in range(self._file.metadata.num_row_groups) if self._may_hold(group, span)]

    def _may_hold(self, group: int, span: ClipSpan) -> bool:
        """Return whether a row group may hold rows of these clips; without statistics it may."""
        metadata = self._file.metadata.row_group(group)
        parts = map(metadata.column, range(metadata.num_columns))
        found = next(part.statistics for part in parts if part.path_in_schema == "clip_id")
        if found is None or not (found.has_min_max and isinstance(found.min, str) and isinstance(found.max, str)):
            return True
        return span.may_hold(found.min, found.max)

    def iter_batches(
        self, columns: Sequence[str] | None = None, rows: int = 8192, groups: Sequence[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of at most ``rows`` rows, of all row groups or of some; see :meth:`read`."""
        import pyarrow as pa

        schema = self._part(columns)
        is_exact = self._is_exact(schema)
        with _named_damage(self.path):
            batches = self._file.iter_batches(rows, row_groups=groups, columns=schema.names, use_threads=False)
        while True:
            with _named_damage(self.path):
                batch = next(batches, None)
            if batch is None:
                return
            arrays = [batch.column(name) for name in schema.names]
            if not is_exact:
                arrays = [self._cast(array, field) for array, field in zip(arrays, schema, strict=True)]
            for array, name in zip(arrays, schema.names, strict=True):
                self._check_values(array, self._columns[name])
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _check_sizes(self) -> None:
        """Refuse a file that is far larger unpacked than its rows can be, before anything of it is unpacked."""
        metadata = self._file.metadata
        for group in (metadata.row_group(i) for i in range(metadata.num_row_groups)):
            for part in (group.column(i) for i in range(group.num_columns)):
                column = self._columns.get(part.path_in_schema)
                room = ROOM_OF_A_COLUMN + max(part.num_values, 0) * (8 if column is None else _widest(column))
                if column is not None and part.total_uncompressed_size > (most := min(room, MOST_OF_A_COLUMN)):
                    raise ManifestError(
                        f"{self.path}: the column {column.name!r} unpacks to {part.total_uncompressed_size:,} bytes "
                        f"for {part.num_values:,} rows; expected at most {most:,}. {_ADVICE}"
                    )

    def _check_values(self, array: pa.Array | pa.ChunkedArray, column: Column) -> None:
        """Refuse texts that are no UTF-8 or too long; with ``strict``, numbers out of range and nulls.

        Raises:
            ManifestError: file, column and the value are named.
        """
        import pyarrow as pa

        found = ""
        if column.type == "str":
            try:
                array.validate(full=True)
            except pa.ArrowInvalid:
                raise ManifestError(
                    f"{self.path}: the column {column.name!r} has a text that is no UTF-8. {_ADVICE}"
                ) from None
            longest = _longest(array)
            if longest > column.longest:
                found = f"a text of {longest:,} bytes; expected at most {column.longest:,}"
        elif self._strict and column.least is not None:
            low, high, has_nan = _ends(array)
            if low is not None and not (column.least <= low and (column.most is None or high <= column.most)):
                found = f"{high if column.least <= low else low}; expected {column.range}"
            elif has_nan:
                found = f"nan; expected {column.range}"
        if self._strict and not column.null and array.null_count:
            found = f"{array.null_count:,} nulls where none may be"
        if found:
            raise ManifestError(
                f"{self.path}: the column {column.name!r} has {found}; 'actiseg-noise verify' says in which row"
            )

    def _part(self, columns: Sequence[str] | None) -> pa.Schema:
        """Return the schema of the named columns, in the order named."""
        import pyarrow as pa

        return self._schema if columns is None else pa.schema([self._schema.field(name) for name in columns])

    def _is_exact(self, schema: pa.Schema) -> bool:
        """Return whether the file has these columns in the schema's own types."""
        return all(self._types[field.name] == field.type for field in schema)

    def _check_column(self, field: pa.Field) -> pa.DataType:
        """Return the type in which the file has a column, refusing one whose values are another kind of thing."""
        found = self._file.schema_arrow
        places = found.get_all_field_indices(field.name)
        if not places:
            raise ManifestError(f"{self.path}: the column {field.name!r} is missing")
        if len(places) > 1:
            raise ManifestError(f"{self.path}: the column {field.name!r} is there {len(places)} times, expected once")
        kind = found.field(places[0]).type
        if not _is_of_one_kind(kind, field.type):
            raise ManifestError(f"{self.path}: the column {field.name!r} is {kind}, expected {field.type}. {_ADVICE}")
        return kind

    def _cast(self, array: pa.Array, field: pa.Field) -> pa.Array:
        """Return a column in the schema's type, value by value the same."""
        import pyarrow as pa

        try:
            return _cast(array, field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ManifestError(
                f"{self.path}: the column {field.name!r} is {array.type}, expected {field.type}, and has a value that "
                f"{field.type} cannot hold ({error}). {_ADVICE}"
            ) from None


def _longest(array: pa.Array | pa.ChunkedArray) -> int:
    """Return how many bytes the longest text of a column has; ``pyarrow.compute`` takes 40 ms to load for that."""
    import pyarrow as pa

    longest = 0
    for chunk in _filled(array):
        width = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
        ends = np.frombuffer(chunk.buffers()[1], width)[chunk.offset : chunk.offset + len(chunk) + 1]
        longest = max(longest, int(np.diff(ends).max()))
    return longest


def _ends(array: pa.Array | pa.ChunkedArray) -> tuple[Any, Any, bool]:
    """Return the smallest and the largest number of a column, None where there is none, and whether one is NaN."""
    filled = _filled(array)
    if not filled:
        return None, None, False
    values = np.concatenate([read_numbers(chunk) for chunk in filled])
    is_nan = np.isnan(values)
    numbers = values[~is_nan]
    low, high = (numbers.min().item(), numbers.max().item()) if len(numbers) else (None, None)
    return low, high, bool(is_nan.any())


def _filled(array: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    """Return the parts of a column that hold anything but nulls."""
    import pyarrow as pa

    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    return [chunk for chunk in chunks if chunk.null_count < len(chunk)]


def _widest(column: Column) -> int:
    """Return how many bytes a value of a column can take."""
    return column.longest + 4 if column.type == "str" else 16


def _is_of_one_kind(found: pa.DataType, expected: pa.DataType) -> bool:
    """Return whether values of one type can be those of the other: both text, both numbers, or both true and false.

    Text of digits is no number and a number is no text: ``007`` and 7 are two values.
    """
    from pyarrow import types

    kind = _plain(found)
    if types.is_null(kind):
        return True
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if types.is_string(expected):
        texts = (types.is_string, types.is_large_string, types.is_string_view)
        raw = (
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
        )  # text that its writer did not mark as such
        return any(is_text(kind) for is_text in (*texts, *raw))
    return is_number or (types.is_boolean(expected) and types.is_boolean(kind))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values that a type holds: those of a dictionary, those of a library's own type."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    return _plain(kind.value_type) if pa.types.is_dictionary(kind) else kind


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array in another type of its kind; NaN among whole numbers or flags is pandas' way of writing null.

    Raises:
        pa.ArrowInvalid: a value that the type cannot hold.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array.type, pa.BaseExtensionType):
        return _cast(array.storage, kind)
    if pa.types.is_dictionary(array.type):
        return _cast(array.dictionary_decode(), kind)
    if array.type == kind:
        return array
    if pa.types.is_floating(array.type) and not pa.types.is_floating(kind):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    if pa.types.is_boolean(kind) and not pa.types.is_null(array.type):
        array = array.cast(pa.uint8())
        if pc.any(pc.greater(array, 1)).as_py():
            raise pa.ArrowInvalid("a flag that is neither 0 nor 1")
    return array.cast(kind)


@contextmanager
def _named_damage(path: Path) -> Iterator[None]:
    """Turn what Parquet says about a damaged file into an error that names it."""
    import pyarrow as pa

    try:
        yield
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise ManifestError(f"{path}: not a readable Parquet file ({error}); fetch it again") from None
