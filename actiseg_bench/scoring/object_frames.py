"""The table of a run's object-frames, kept beside its predictions.

Failure modes, scores per clip and the bootstrap over videos read it. :mod:`actiseg_bench.scoring.measure` makes it.
An older table lacks the columns ``video_id`` and those of boundary pixels; it is read all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_noise.borders.text import check_file
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.arrays import read_numbers, to_array

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "object_frames.parquet"
MOST_ROWS = 2**23


def write_object_frames(
    path: Path, clips: list[str], frames: ObjectFrames, videos: Mapping[str, str] | None = None
) -> None:
    """Write one row per object-frame, the clip by its id.

    Args:
        videos: clip_id → the video it is cut from, of every clip; None leaves the column out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = {"clip_id": clips} | ({} if videos is None else {"video_id": [videos[clip] for clip in clips]})
    places = frames.clip_idx.tolist()
    columns = {name: to_array([values[place] for place in places], pa.string()) for name, values in texts.items()}
    for name in _names():
        if (column := getattr(frames, name)) is not None:
            columns[name] = to_array(column, _type(name))
    table = pa.table(columns)
    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_object_frames(path: Path) -> tuple[list[str], ObjectFrames]:
    """Return what ``write_object_frames`` wrote.

    Raises:
        ActisegError: no such file, or one that is none of these: a column is missing, of another type or has gaps.
    """
    import pyarrow.parquet as pq

    with _readable(path):
        there = set(pq.read_schema(path).names)
        wanted = [name for name in _names() if name in there or name not in _OPTIONAL]
        table = _read(path, ["clip_id"], wanted)
        names = _texts(table, "clip_id")
        columns = {name: read_numbers(_column(table, name, _type(name))) for name in wanted}
        place = {name: i for i, name in enumerate(dict.fromkeys(names))}
        frames = ObjectFrames(clip_idx=np.array([place[name] for name in names], np.int64), **columns)
        _check_ungated(frames)
    return list(place), frames


def read_videos(path: Path) -> dict[str, str] | None:
    """Return clip_id → video_id of a table, None for one that does not say it.

    Raises:
        ActisegError: no such file, or one that is no table of object-frames; a clip of two videos.
    """
    import pyarrow.parquet as pq

    with _readable(path):
        if "video_id" not in pq.read_schema(path).names:
            return None
        table = _read(path, ["clip_id", "video_id"], [])
        pairs = set(zip(_texts(table, "clip_id"), _texts(table, "video_id"), strict=True))
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a clip has two videos")
    return dict(pairs)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what is wrong with a table into one line."""
    import pyarrow as pa

    check_file(path, "table of object-frames", ActisegError)
    try:
        yield
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise ActisegError(f"{path}: not a readable table of object-frames ({error}); make the run again") from None


def _read(path: Path, texts: list[str], names: list[str]) -> pa.Table:
    """Return columns of a table, those of ``texts`` with each text in memory once.

    Raises:
        ValueError: more than ``MOST_ROWS`` rows. OSError, KeyError, pa.ArrowException: damaged bytes, no such column.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=texts) as file:
        rows = file.metadata.num_rows
        if rows > MOST_ROWS:
            raise ValueError(f"{rows:,} rows, expected {MOST_ROWS:,} at most")
        table = file.read(columns=[*texts, *names], use_threads=False)
    table.validate(full=True)
    return table


def _texts(table: pa.Table, name: str) -> list[str]:
    """Return a text of every row; it is in memory once, however many rows have it.

    Raises:
        ValueError: another type; a missing value. KeyError: no such column.
    """
    import pyarrow as pa

    column = table[name]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if kind != pa.string():
        raise ValueError(f"column {name}: expected string, found {kind}")
    if column.null_count:
        raise ValueError(f"column {name}: a value is missing")
    found: list[str] = []
    for chunk in column.chunks:
        texts = chunk.dictionary.to_pylist()
        found += [texts[i] for i in chunk.indices.to_pylist()]
    return found


def _check_ungated(frames: ObjectFrames) -> None:
    """Refuse numbers of ungated masks that no masks have.

    Raises:
        ValueError: one column without the other; an intersection that is below 0, or larger than a mask.
    """
    shared, area = frames.ungated_intersection, frames.ungated_area
    if shared is None and area is None:
        return
    if shared is None or area is None:
        raise ValueError("ungated_intersection and ungated_area come together, found one")
    if bool((shared < 0).any()) or bool((shared > np.minimum(area, frames.gt_area)).any()):
        raise ValueError("ungated_intersection: expected at least 0 and no more than either mask has")


_TYPES = {"is_positive": "bool", "is_hand": "bool", "other_iou": "float64"}
_OPTIONAL = {f.name for f in fields(ObjectFrames) if f.default is None}


def _type(name: str) -> pa.DataType:
    """Return the type of a column of numbers."""
    import pyarrow as pa

    return pa.type_for_alias(_TYPES.get(name, "int64"))


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
