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

    is_null = None in values
    valid = _bits([value is not None for value in values]) if is_null else None
    if kind == pa.string():
        encoded = [value.encode() if value is not None else b"" for value in values]
        offsets = np.zeros(len(values) + 1, np.int32)
        np.cumsum([len(value) for value in encoded], out=offsets[1:])
        buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    else:
        filled = [0 if value is None else value for value in values] if is_null else values
        data = _bits(filled) if kind == pa.bool_() else pa.py_buffer(np.array(filled, kind.to_pandas_dtype()))
        buffers = [valid, data]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _bits(flags: Sequence[Any]) -> pa.Buffer:
    """Return flags as a bitmap, least significant bit first."""
    import pyarrow as pa

    packed: npt.NDArray[np.uint8] = np.packbits(np.array(flags, bool), bitorder="little")
    return pa.py_buffer(packed)
