"""Lists → Arrow arrays by their buffers.

``pyarrow.array`` imports pandas on its first call, a third of a second in every process; nothing here needs it.
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


def to_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return strings, booleans or numbers (None: null) as an Arrow array of type ``kind``."""
    import pyarrow as pa

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
    """Return the type of a number's bytes. ``to_pandas_dtype`` says the same, but older pyarrow needs pandas for it."""
    return np.dtype({"float": "float32", "double": "float64"}.get(str(kind), str(kind)))


def _text(values: Sequence[str]) -> list[pa.Buffer]:
    """Return the offsets and the UTF-8 bytes of strings."""
    import pyarrow as pa

    joined = "".join(values)
    sized = values if joined.isascii() else [value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, sized), np.int32, len(values)), out=offsets[1:])
    return [pa.py_buffer(offsets), pa.py_buffer(joined.encode())]


def _bits(flags: Sequence[Any]) -> pa.Buffer:
    """Return flags as a bitmap, least significant bit first."""
    import pyarrow as pa

    packed: npt.NDArray[np.uint8] = np.packbits(np.array(flags, bool), bitorder="little")
    return pa.py_buffer(packed)
