"""Stored predictions: one Parquet row per (clip, frame, object) of an evaluation manifest.

The rows hold the *merged* index mask at full resolution, one object each, so that scores can be computed again, or new
ones invented, without the model. Those of a grid's runs also hold the *ungated* masks: each object's own, before the
positive head may empty it and before objects are merged. Rows ascend by clip, frame, object: writer and reader need
constant memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.text import check_file
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.key import encode_part
from actiseg_noise.manifest.arrays import to_batch
from actiseg_noise.masks import BinaryMask, Box, IndexMask, Rle, empty_rle, encode_rle, read_areas, read_runs
from actiseg_noise.runs import find_boxes

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 4096
MAX_GROUP_BYTES = 2**29
"""Of one row group of a predictions file, unpacked: 512 MiB."""
MAX_BATCH_BYTES = 2**27
"""Of the texts of 4,096 rows: 128 MiB."""
UNGATED = "ungated_rle"
"""The column of ungated masks, which not every file has."""


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
        ungated: the object's own mask, whatever the positive head and other objects say; None where it is not known.
    """

    clip_id: str
    frame_idx: int
    object_id: int
    mask: Rle
    positive_score: float | None = None
    ungated: Rle | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """Return what the rows are sorted by."""
        return self.clip_id, self.frame_idx, self.object_id


def schema(*, ungated: bool = False) -> pa.Schema:
    """Return the Arrow schema of a predictions file. ``area`` is in pixels, ``rle`` is COCO's compressed string.

    Args:
        ungated: of a file with the column ``ungated_rle``, null where the ungated mask is that of ``rle``.
    """
    import pyarrow as pa

    plain = pa.schema(
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
    return plain.append(pa.field(UNGATED, pa.string(), nullable=True)) if ungated else plain


def frame_predictions(
    clip_id: str,
    frame_idx: int,
    index_mask: IndexMask,
    positive_scores: Mapping[int, float | None],
    ungated: Mapping[int, BinaryMask] | None = None,
) -> Iterator[PredictedMask]:
    """Yield one frame's rows from its merged index mask.

    Args:
        index_mask: ``uint8 [H, W]``, object ids, 0 background.
        positive_scores: object_id → positive score, for every object of the clip, in the mask or not.
        ungated: object_id → ``bool [H, W]``, for every object of the clip; None where they are not to be stored.

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
        own = None if ungated is None else encode_rle(ungated[object_id], Box(0, 0, height, width), height, width)
        yield PredictedMask(clip_id, frame_idx, object_id, mask, positive_scores[object_id], own)


def write_predictions(path: Path, predictions: Iterable[PredictedMask], *, ungated: bool = False) -> str:
    """Write ``path`` whole or not at all.

    Args:
        ungated: store the ungated masks, which every row has then, too.

    Returns:
        The digest of the rows (BLAKE2b hex, 32 characters): equal rows, equal digest, whatever the file's bytes.

    Raises:
        PredictionError: rows that do not ascend by clip, frame, object, or that come twice; one without an ungated
            mask where they are to be stored.
        ActisegError: the file cannot be written.
    """
    import pyarrow.parquet as pq

    state, columns = blake2b(digest_size=16), schema(ungated=ungated)
    rows = (_row(item, score, ungated) for item, score in _hashed(predictions, state))
    with whole_file(path) as partial, pq.ParquetWriter(partial, columns, compression="zstd") as writer:
        while waiting := list(islice(rows, _BATCH_ROWS)):
            writer.write_batch(to_batch(waiting, columns))
    return state.hexdigest()


def iter_predictions(path: Path) -> Iterator[PredictedMask]:
    """Yield the rows of a predictions file in order, each with run lengths that fill its canvas.

    Raises:
        PredictionError: no Parquet file, a damaged one, or one with other columns; a row group that unpacks to more
            than ``MAX_GROUP_BYTES``; a missing value; run lengths that are no code of the row's canvas, or that do not
            cover the stated area.
    """
    with open_parquet(path, schema(ungated=True), optional=UNGATED) as file:
        is_known = UNGATED in file.schema_arrow.names
        for batch in _read_batches(file, path, schema(ungated=is_known)):
            yield from _read_rows(batch.to_pylist(), path, is_known)


def _read_rows(rows: list[dict[str, Any]], path: Path, is_known: bool) -> Iterator[PredictedMask]:
    """Yield the rows of a batch; ``is_known``: whether they say the ungated masks."""
    sizes = [(row["height"], row["width"]) for row in rows]
    areas = read_areas([row["rle"] for row in rows], sizes)
    ungated = [row[UNGATED] if is_known and row[UNGATED] is not None else row["rle"] for row in rows]
    ungated_areas = read_areas(ungated, sizes) if is_known else areas
    for row, size, area, own, own_area in zip(rows, sizes, areas, ungated, ungated_areas, strict=True):
        place = f"{path}: {row['clip_id']} frame {row['frame_idx']} object {row['object_id']}"
        _check_row(row, area, place)
        if own_area is None:
            _refuse_code(own, size, f"{place}: {UNGATED}")
        mask = Rle(*size, row["rle"], row["area"])
        other = Rle(*size, own, own_area or 0) if is_known else None
        yield PredictedMask(row["clip_id"], row["frame_idx"], row["object_id"], mask, row["positive_score"], other)


def count_rows(path: Path) -> int:
    """Return how many rows a predictions file has, from its footer alone: a truncated file has none.

    Raises:
        PredictionError: no Parquet file.
    """
    with open_parquet(path, schema()) as file:
        return int(file.metadata.num_rows)


def open_parquet(path: Path, expected: pa.Schema, optional: str | None = None) -> pq.ParquetFile:
    """Open a Parquet file of ours; the column ``optional`` may be lacking.

    Raises:
        PredictionError: missing or unreadable; columns are missing or of another type; a row group that unpacks to more
            than ``MAX_GROUP_BYTES``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path, "predictions file", PredictionError)
    try:
        found = pq.read_schema(path)
        if optional is not None and optional not in found.names:
            expected = expected.remove(expected.get_field_index(optional))
        _check_columns(path, expected, found)
        texts = [field.name for field in expected if field.type == pa.string()]
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


def _read_batches(file: pq.ParquetFile, path: Path, expected: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file, with the columns of ``expected``.

    Raises:
        PredictionError: damaged bytes, text that is no UTF-8, a missing value where there is none.
    """
    import pyarrow as pa

    try:
        for packed in file.iter_batches(batch_size=_BATCH_ROWS, columns=expected.names):
            packed.validate(full=True)
            columns = [_unpacked(packed.column(field.name), f"{path}: column {field.name}") for field in expected]
            for field, column in zip(expected, columns, strict=True):
                if not field.nullable and column.null_count:
                    raise PredictionError(f"{path}: column {field.name}: a value is missing")
            yield pa.RecordBatch.from_arrays(columns, schema=expected)
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


def _check_row(row: dict[str, Any], covered: int | None, place: str) -> None:
    """Refuse a row whose run lengths do not fill its canvas (``covered`` is None), or contradict its area."""
    if covered is None:
        _refuse_code(row["rle"], (row["height"], row["width"]), place)
    if covered != row["area"]:
        raise PredictionError(f"{place}: the area is {row['area']}, but the run lengths cover {covered} pixels")
    score = row["positive_score"]
    if score is not None and not 0 <= score <= 1:
        raise PredictionError(f"{place}: positive_score: expected a number in [0, 1], found {score}")


def _refuse_code(counts: str, size: tuple[int, int], place: str) -> None:
    """Raise PredictionError with what is wrong about run lengths."""
    try:
        read_runs(counts, *size)
    except DataError as error:
        raise PredictionError(f"{place}: {error}") from None


def predictions_digest(predictions: Iterable[PredictedMask]) -> str:
    """Return the digest that ``write_predictions`` returns for these rows."""
    state = blake2b(digest_size=16)
    for _ in _hashed(predictions, state):
        pass
    return state.hexdigest()


def _hashed(predictions: Iterable[PredictedMask], state: Any) -> Iterator[tuple[PredictedMask, float | None]]:
    """Yield the rows, each with its score as it is stored; refuse rows out of order, and feed every row to the hash."""
    import numpy as np

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
        yield item, score


def _hash_row(state: Any, item: PredictedMask, score: float | None) -> None:
    """Feed one row, each part typed and length-prefixed; a score enters as the hex of its float32 value.

    An ungated mask enters where there is one, so that digests of rows without are those of files without the column.
    """
    size = (int(item.mask.height), int(item.mask.width))
    parts = (item.clip_id, int(item.frame_idx), int(item.object_id), *size, item.mask.counts)
    ungated = () if item.ungated is None else (item.ungated.counts,)
    for part in (*parts, "" if score is None else score.hex(), *ungated):
        state.update(encode_part(part))


def _row(item: PredictedMask, score: float | None, ungated: bool) -> tuple[Any, ...]:
    """Return the row in the schema's order.

    Raises:
        PredictionError: ungated masks are to be stored, and it has none.
    """
    mask = item.mask
    row = (*item.key, mask.height, mask.width, mask.area, mask.counts, score)
    if not ungated:
        return row
    if item.ungated is None:
        raise PredictionError(f"{item.key}: expected an ungated mask, as they are to be stored")
    return (*row, None if item.ungated == mask else item.ungated.counts)
