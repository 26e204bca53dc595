"""The object-frames of a run, measured once from its stored predictions and kept beside them.

Everything that looks closer than the six metrics starts here: failure modes, scores per clip, bootstrap over clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.metrics.actionvos import ObjectFrameCounts, is_hand
from actiseg_bench.metrics.failure_modes import ObjectFrames, measure_frame
from actiseg_bench.results.predictions import Prediction
from actiseg_bench.scoring.scored import Tables, iter_scored
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError
from actiseg_noise.masks import IndexMask, Rle, decode_rle

FILE_NAME = "object_frames.parquet"

Row = tuple[Any, ...]


def measure(manifest: Tables, predictions: Iterable[Prediction]) -> tuple[list[str], ObjectFrames]:
    """Return the clips and the object-frames of predictions, in row order, on a manifest's clean masks.

    Clips with a review flag are left out, void pixels count for nobody.
    """
    clips: list[str] = []
    rows: list[Row] = []
    for (clip, frame), group in groupby(iter_scored(manifest, predictions), key=lambda item: item.place):
        items = list(group)
        if not clips or clips[-1] != clip:
            clips.append(clip)
        ids = [item.object_id for item in items]
        gt, pred = (_paint([getattr(item, name) for item in items], ids) for name in ("truth", "prediction"))
        if items[0].void is not None:
            pred[decode_rle(items[0].void)] = 0
        hands = is_hand(item.noun for item in items)
        for item, hand, found in zip(items, hands.tolist(), measure_frame(pred, gt, ids), strict=True):
            rows.append((len(clips) - 1, frame, item.object_id, item.is_positive, hand, *found))
    return clips, _columns(rows)


def _paint(masks: list[Rle], ids: list[int]) -> IndexMask:
    """Return the index mask of disjoint masks."""
    canvas = np.zeros((masks[0].height, masks[0].width), np.uint8)
    for mask, object_id in zip(masks, ids, strict=True):
        if mask.area:
            canvas[decode_rle(mask)] = object_id
    return canvas


def _columns(rows: list[Row]) -> ObjectFrames:
    """Return rows, in the order of the fields, as arrays."""
    kinds = {"is_positive": bool, "is_hand": bool, "other_iou": np.float64}
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) if rows else [()] * len(fields(ObjectFrames))
    return ObjectFrames(
        *(np.array(c, kinds.get(f.name, np.int64)) for c, f in zip(columns, fields(ObjectFrames), strict=True))
    )


def counts_of(frames: ObjectFrames) -> ObjectFrameCounts:
    """Return what the six metrics read."""
    pixels = (frames.intersection, frames.pred_area, frames.gt_area)
    return ObjectFrameCounts(*pixels, frames.is_positive, frames.clip_idx.astype(np.int32))


def write_object_frames(path: Path, clips: list[str], frames: ObjectFrames) -> None:
    """Write one row per object-frame, the clip by its id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f.name: getattr(frames, f.name) for f in fields(frames) if f.name != "clip_idx"}
    names = pa.DictionaryArray.from_arrays(pa.array(frames.clip_idx.astype(np.int32)), pa.array(clips, pa.string()))
    table = pa.table({"clip_id": names.cast(pa.string())} | {name: pa.array(c) for name, c in columns.items()})
    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_object_frames(path: Path) -> tuple[list[str], ObjectFrames]:
    """Return what ``write_object_frames`` wrote.

    Raises:
        ActisegError: no such file, or one that is none of these.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, use_threads=False)
        names = table["clip_id"].to_pylist()
        columns = {f.name: table[f.name].to_numpy() for f in fields(ObjectFrames) if f.name != "clip_idx"}
    except (OSError, KeyError, pa.ArrowException) as error:
        raise ActisegError(f"{path}: not a readable table of object-frames ({error}); make the run again") from None
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return list(place), ObjectFrames(clip_idx=np.array([place[name] for name in names], np.int64), **columns)


def iter_clips(clips: list[str], frames: ObjectFrames) -> Iterator[tuple[str, ObjectFrames]]:
    """Yield (clip_id, its object-frames)."""
    for i, clip in enumerate(clips):
        yield clip, frames.select(frames.clip_idx == i)
