"""Stored predictions: one Parquet row per (clip, frame, object) of an evaluation manifest.

The rows hold the *merged* index mask at full resolution, one object each, so that scores can be computed again, or new
ones invented, without the model. Rows ascend by clip, frame, object: writer and reader need constant memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.text import check_file
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.key import encode_part
from actiseg_noise.masks import IndexMask, Rle, empty_rle, encode_rle, find_boxes, read_areas, read_runs

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 4096
MAX_GROUP_BYTES = 2**29
"""Of one row group of a predictions file, unpacked: 512 MiB."""
MAX_BATCH_BYTES = 2**27
"""Of the texts of 4,096 rows: 128 MiB."""


class PredictionError(ActisegError):
    """A predictions file that cannot be read as one, or that does not belong to its manifest."""


@dataclass(frozen=True, slots=True)
class PredictedMask:
    """One object in one frame.

    Attributes:
        clip_id, frame_idx, object_id: the row of the evaluation manifest's mask table.
        mask: the object's pixels in the merged index mask, at the size of the manifest's mask.
        positive_score: the model's probability in [0, 1] that the object takes part in the action, None where the
            model has no such head.
    """

    clip_id: str
    frame_idx: int
    object_id: int
    mask: Rle
    positive_score: float | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """Return what the rows are sorted by."""
        return self.clip_id, self.frame_idx, self.object_id


def schema() -> pa.Schema:
    """Return the Arrow schema of a predictions file. ``area`` is in pixels, ``rle`` is COCO's compressed string."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("clip_id", pa.string(), nullable=False),
            pa.field("frame_idx", pa.int32(), nullable=False),
            pa.field("object_id", pa.uint8(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("area", pa.int64(), nullable=False),
            pa.field("rle", pa.string(), nullable=False),
            pa.field("positive_score", pa.float32(), nullable=True),
        ]
    )


def frame_predictions(
    clip_id: str, frame_idx: int, index_mask: IndexMask, positive_scores: Mapping[int, float | None]
) -> Iterator[PredictedMask]:
    """Yield one frame's rows from its merged index mask.

    Args:
        index_mask: ``uint8 [H, W]``, object ids, 0 background.
        positive_scores: object_id → positive score, for every object of the clip, in the mask or not.

    Raises:
        PredictionError: the mask holds an id that is none of the clip's objects.
    """
    height, width = index_mask.shape
    boxes = find_boxes(index_mask)
    strange = sorted(set(boxes) - set(positive_scores))
    raise_if(
        bool(strange), f"{clip_id} frame {frame_idx}: ids {strange} are none of the clip's objects", PredictionError
    )
    for object_id in sorted(positive_scores):
        box = boxes.get(object_id)
        mask = empty_rle(height, width)
        if box is not None:
            mask = encode_rle(index_mask[box.slices] == object_id, box, height, width)
        yield PredictedMask(clip_id, frame_idx, object_id, mask, positive_scores[object_id])


def write_predictions(path: Path, predictions: Iterable[PredictedMask]) -> str:
    """Write ``path`` whole or not at all.

    Returns:
        The digest of the rows (BLAKE2b hex, 32 characters): equal rows, equal digest, whatever the file's bytes.

    Raises:
        PredictionError: rows that do not ascend by clip, frame, object, or that come twice.
        ActisegError: the file cannot be written.
    """
    import pyarrow.parquet as pq

    state = blake2b(digest_size=16)
    with whole_file(path) as partial, pq.ParquetWriter(partial, schema(), compression="zstd") as writer:
        for batch in _batches(predictions, state):
            writer.write_batch(batch)
    return state.hexdigest()


def iter_predictions(path: Path) -> Iterator[PredictedMask]:
    """Yield the rows of a predictions file in order, each with run lengths that fill its canvas.

    Raises:
        PredictionError: no Parquet file, a damaged one, or one with other columns; a row group that unpacks to more
            than ``MAX_GROUP_BYTES``; a missing value; run lengths that are no code of the row's canvas, or that do not
            cover the stated area.
    """
    with open_parquet(path, schema()) as file:
        for batch in _read_batches(file, path):
            rows = batch.to_pylist()
            areas = read_areas([row["rle"] for row in rows], [(row["height"], row["width"]) for row in rows])
            for row, area in zip(rows, areas, strict=True):
                _check_row(row, area, path)
                mask = Rle(row["height"], row["width"], row["rle"], row["area"])
                yield PredictedMask(row["clip_id"], row["frame_idx"], row["object_id"], mask, row["positive_score"])


def count_rows(path: Path) -> int:
    """Return how many rows a predictions file has, from its footer alone: a truncated file has none.

    Raises:
        PredictionError: no Parquet file.
    """
    with open_parquet(path, schema()) as file:
        return int(file.metadata.num_rows)


def open_parquet(path: Path, expected: pa.Schema) -> pq.ParquetFile:
    """Open a Parquet file of ours.

    Raises:
        PredictionError: missing or unreadable; columns are missing or of another type; a row group that unpacks to more
            than ``MAX_GROUP_BYTES``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path, "predictions file", PredictionError)
    texts = [field.name for field in expected if field.type == pa.string()]
    try:
        _check_columns(path, expected, pq.read_schema(path))
        file = pq.ParquetFile(path, read_dictionary=texts)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PredictionError(f"{path}: not a readable predictions file ({error})") from None
    groups = [file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)]
    raise_if(
        max(groups, default=0) > MAX_GROUP_BYTES,
        f"{path}: a row group unpacks to {max(groups, default=0):,} bytes, expected {MAX_GROUP_BYTES:,} at most",
        PredictionError,
    )
    return file


def _check_columns(path: Path, expected: pa.Schema, found: pa.Schema) -> None:
    """Refuse missing columns, and those of another type."""
    lacking = sorted(set(expected.names) - set(found.names))
    raise_if(bool(lacking), f"{path}: the columns {', '.join(lacking)} are missing", PredictionError)
    twice = sorted({name for name in expected.names if found.names.count(name) > 1})
    raise_if(bool(twice), f"{path}: the columns {', '.join(twice)} stand twice", PredictionError)
    for field in expected:
        kind = found.field(field.name).type
        raise_if(
            kind != field.type, f"{path}: column {field.name}: expected {field.type}, found {kind}", PredictionError
        )


def _read_batches(file: pq.ParquetFile, path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file.

    Raises:
        PredictionError: damaged bytes, text that is no UTF-8, a missing value where there is none.
    """
    import pyarrow as pa

    try:
        for packed in file.iter_batches(batch_size=_BATCH_ROWS, columns=schema().names):
            packed.validate(full=True)
            columns = [_unpacked(packed.column(field.name), f"{path}: column {field.name}") for field in schema()]
            for field, column in zip(schema(), columns, strict=True):
                if not field.nullable and column.null_count:
                    raise PredictionError(f"{path}: column {field.name}: a value is missing")
            yield pa.RecordBatch.from_arrays(columns, schema=schema())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PredictionError(f"{path}: not a readable predictions file ({error})") from None


def _unpacked(column: pa.Array, where: str) -> pa.Array:
    """Return a column with a text for every row; until here each text is there once.

    Raises:
        PredictionError: the texts are more than ``MAX_BATCH_BYTES``.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return column
    total = pc.sum(pc.take(pc.binary_length(column.dictionary), column.indices)).as_py() or 0
    raise_if(
        total > MAX_BATCH_BYTES,
        f"{where}: {len(column)} rows hold {total:,} bytes, expected {MAX_BATCH_BYTES:,} at most",
        PredictionError,
    )
    return column.dictionary_decode()


def _check_row(row: dict[str, Any], covered: int | None, path: Path) -> None:
    """Refuse a row whose run lengths do not fill its canvas (``covered`` is None), or contradict its area."""
    place = f"{path}: {row['clip_id']} frame {row['frame_idx']} object {row['object_id']}"
    if covered is None:
        try:
            read_runs(row["rle"], row["height"], row["width"])
        except DataError as error:
            raise PredictionError(f"{place}: {error}") from None
    if covered != row["area"]:
        raise PredictionError(f"{place}: the area is {row['area']}, but the run lengths cover {covered} pixels")
    score = row["positive_score"]
    if score is not None and not 0 <= score <= 1:
        raise PredictionError(f"{place}: positive_score: expected a number in [0, 1], found {score}")


def predictions_digest(predictions: Iterable[PredictedMask]) -> str:
    """Return the digest that ``write_predictions`` returns for these rows."""
    state = blake2b(digest_size=16)
    for _ in _batches(predictions, state):
        pass
    return state.hexdigest()


def _batches(predictions: Iterable[PredictedMask], state: Any) -> Iterator[pa.RecordBatch]:
    """Yield record batches, refuse rows out of order, and feed every row to the hash."""
    import numpy as np
    import pyarrow as pa

    rows: list[dict[str, object]] = []
    last: tuple[str, int, int] | None = None
    for item in predictions:
        raise_if(
            last is not None and item.key <= last,
            f"predictions must ascend by clip, frame, object: {item.key} came after {last}",
            PredictionError,
        )
        last = item.key
        score = None if item.positive_score is None else float(np.float32(item.positive_score))
        _hash_row(state, item, score)
        rows.append(_row(item, score))
        if len(rows) == _BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(rows, schema())
            rows = []
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema())


def _hash_row(state: Any, item: PredictedMask, score: float | None) -> None:
    """Feed one row, each part typed and length-prefixed; a score enters as the hex of its float32 value."""
    size = (int(item.mask.height), int(item.mask.width))
    parts = (item.clip_id, int(item.frame_idx), int(item.object_id), *size, item.mask.counts)
    for part in (*parts, "" if score is None else score.hex()):
        state.update(encode_part(part))


def _row(item: PredictedMask, score: float | None) -> dict[str, object]:
    """Return the row as the schema names its columns."""
    return {
        "clip_id": item.clip_id,
        "frame_idx": item.frame_idx,
        "object_id": item.object_id,
        "height": item.mask.height,
        "width": item.mask.width,
        "area": item.mask.area,
        "rle": item.mask.counts,
        "positive_score": score,
    }
