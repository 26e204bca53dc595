"""Lists → Arrow arrays → NumPy arrays, by their buffers.

``pyarrow.array`` and ``to_numpy`` import pandas on their first call, a third of a second in every process; nothing here
needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa


def to_batch(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows, tuples in the schema's order, as a record batch."""
    import pyarrow as pa

    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [to_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def to_array(values: Sequence[Any] | npt.NDArray[Any] | pa.Array, kind: pa.DataType) -> pa.Array:
    """Return strings, booleans or numbers (None: null) as an Arrow array of type ``kind``; one that is, as it is."""
    import pyarrow as pa

    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray):
        data = _bits(values) if kind == pa.bool_() else pa.py_buffer(values.astype(numpy_dtype(kind), casting="safe"))
        return pa.Array.from_buffers(kind, len(values), [None, data])
    valid = None
    if values and values[0] is None and values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    if None in values:
        valid = _bits([value is not None for value in values])
        fill = "" if kind == pa.string() else 0
        values = [fill if value is None else value for value in values]
    if kind == pa.string():
        data = _text(values)
    elif kind == pa.bool_():
        data = [_bits(values)]
    else:
        data = [pa.py_buffer(np.array(values, numpy_dtype(kind)))]
    return pa.Array.from_buffers(kind, len(values), [valid, *data])


def numpy_dtype(kind: pa.DataType) -> np.dtype[Any]:
    """Return the type of numbers or booleans; for ``to_pandas_dtype`` older pyarrow needs pandas."""
    return np.dtype({"float": "float32", "double": "float64"}.get(str(kind), str(kind)))


def read_numbers(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return the numbers or booleans that are not null."""
    import pyarrow as pa

    if not isinstance(array, pa.ChunkedArray):
        return _stored(array)
    return np.concatenate([np.empty(0, numpy_dtype(array.type)), *map(_stored, array.chunks)])


def _stored(array: pa.Array) -> npt.NDArray[Any]:
    """Return the values of one array that are not null."""
    import pyarrow as pa

    if not len(array):
        return np.empty(0, numpy_dtype(array.type))
    valid, data = array.buffers()
    here = slice(array.offset, array.offset + len(array))
    values = _flags(data)[here] if array.type == pa.bool_() else np.frombuffer(data, numpy_dtype(array.type))[here]
    return values[_flags(valid)[here]] if array.null_count else values


def _flags(bits: pa.Buffer) -> npt.NDArray[np.bool_]:
    """Return a bitmap as booleans, one per bit."""
    return np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little").view(bool)


def _text(values: Sequence[str]) -> list[pa.Buffer]:
    """Return the offsets and the UTF-8 bytes of strings."""
    import pyarrow as pa

    joined = "".join(values)
    sized = values if joined.isascii() else [value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, sized), np.int32, len(values)), out=offsets[1:])
    return [pa.py_buffer(offsets), pa.py_buffer(joined.encode())]


def _bits(flags: Sequence[Any] | npt.NDArray[Any]) -> pa.Buffer:
    """Return flags as a bitmap, least significant bit first."""
    import pyarrow as pa

    packed: npt.NDArray[np.uint8] = np.packbits(np.array(flags, bool), bitorder="little")
    return pa.py_buffer(packed)
