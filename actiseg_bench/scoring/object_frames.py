"""The table of a run's object-frames, kept beside its predictions.

Failure modes, scores per clip and the bootstrap over clips read it. :mod:`actiseg_bench.scoring.measure` makes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_noise.borders.text import check_file
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "object_frames.parquet"
MOST_ROWS = 2**23


def write_object_frames(path: Path, clips: list[str], frames: ObjectFrames) -> None:
    """Write one row per object-frame, the clip by its id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: getattr(frames, name) for name in _names()}
    names = pa.DictionaryArray.from_arrays(pa.array(frames.clip_idx.astype(np.int32)), pa.array(clips, pa.string()))
    table = pa.table({"clip_id": names.cast(pa.string())} | {name: pa.array(c) for name, c in columns.items()})
    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_object_frames(path: Path) -> tuple[list[str], ObjectFrames]:
    """Return what ``write_object_frames`` wrote.

    Raises:
        ActisegError: no such file, or one that is none of these: a column is missing, of another type or has gaps.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path, "table of object-frames", ActisegError)
    try:
        rows = pq.read_metadata(path).num_rows
        if rows > MOST_ROWS:
            raise ValueError(f"{rows:,} rows, expected {MOST_ROWS:,} at most")
        table = pq.read_table(path, columns=["clip_id", *_names()], read_dictionary=["clip_id"], use_threads=False)
        table.validate(full=True)
        names = _clip_ids(table["clip_id"])
        types = {name: _TYPES.get(name, "int64") for name in _names()}
        columns = {name: _column(table, name, pa.type_for_alias(kind)).to_numpy() for name, kind in types.items()}
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise ActisegError(f"{path}: not a readable table of object-frames ({error}); make the run again") from None
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return list(place), ObjectFrames(clip_idx=np.array([place[name] for name in names], np.int64), **columns)


def _clip_ids(column: pa.ChunkedArray) -> list[str]:
    """Return the clip of every row; a text is in memory once, however many rows have it.

    Raises:
        ValueError: another type; a missing value.
    """
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if kind != pa.string():
        raise ValueError(f"column clip_id: expected string, found {kind}")
    if column.null_count:
        raise ValueError("column clip_id: a value is missing")
    names: list[str] = []
    for chunk in column.chunks:
        texts = chunk.dictionary.to_pylist()
        names += [texts[i] for i in chunk.indices.to_pylist()]
    return names


_TYPES = {"is_positive": "bool", "is_hand": "bool", "other_iou": "float64"}


def _names() -> list[str]:
    return [f.name for f in fields(ObjectFrames) if f.name != "clip_idx"]


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column.

    Raises:
        ValueError: another type; a missing value. KeyError: no such column.
    """
    column = table[name]
    if column.type != kind:
        raise ValueError(f"column {name}: expected {kind}, found {column.type}")
    if column.null_count:
        raise ValueError(f"column {name}: a value is missing")
    return column


def iter_clips(clips: list[str], frames: ObjectFrames) -> Iterator[tuple[str, ObjectFrames]]:
    """Yield (clip_id, its object-frames)."""
    for i, clip in enumerate(clips):
        yield clip, frames.select(frames.clip_idx == i)
