"""The positive scores of stored predictions, one per sample: what a threshold is applied to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.metrics.ranking import average_precision
from actiseg_bench.results.predictions import PredictionError, open_parquet, schema
from actiseg_bench.scoring.object_frames import MOST_ROWS

if TYPE_CHECKING:
    import pyarrow as pa

Sample = tuple[str, int]
"""(clip_id, object_id)."""


def read_positive_scores(path: Path) -> dict[Sample, float] | None:
    """Return the score of every sample, the mean over its rows; None where a row has none. No mask is read.

    A clip that was predicted in several pieces has a score per piece.

    Raises:
        PredictionError: no predictions file, or a damaged one; more than ``MOST_ROWS`` rows.
    """
    import pyarrow as pa

    scores: dict[Sample, list[float]] = {}
    with open_parquet(path, schema()) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise PredictionError(f"{path}: {file.metadata.num_rows:,} rows, expected {MOST_ROWS:,} at most")
        try:
            for batch in file.iter_batches(columns=["clip_id", "object_id", "positive_score"], use_threads=False):
                batch.validate(full=True)
                if any(column.null_count for column in batch.columns):
                    return None
                for sample, score in _iter_scores(batch):
                    scores.setdefault(sample, []).append(score)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise PredictionError(f"{path}: not a readable predictions file ({error})") from None
    return {sample: sum(rows) / len(rows) for sample, rows in scores.items()}


def _iter_scores(batch: pa.RecordBatch) -> Iterator[tuple[Sample, float]]:
    """Yield sample and score of every row; a clip's name is in memory once, however many rows have it."""
    import pyarrow as pa

    clips, objects, values = batch.columns
    if not pa.types.is_dictionary(clips.type):
        clips = clips.dictionary_encode()
    names = clips.dictionary.to_pylist()
    rows = zip(clips.indices.to_pylist(), objects.to_pylist(), values.to_pylist(), strict=True)
    yield from (((names[clip], number), score) for clip, number, score in rows)


def positive_ap(path: Path, clips: list[str], frames: ObjectFrames) -> float | None:
    """Return the average precision with which stored positive scores rank the scored samples; None without scores.

    Args:
        path: the predictions. clips, frames: their table of object-frames, which says what takes part.

    Raises:
        PredictionError: predictions that cannot be read, or that lack a sample of the table.
    """
    scores = read_positive_scores(path)
    if scores is None:
        return None
    rows = zip(frames.clip_idx.tolist(), frames.object_id.tolist(), frames.is_positive.tolist(), strict=True)
    samples = {(clips[clip], number): positive for clip, number, positive in rows}
    lacking = [sample for sample in samples if sample not in scores]
    if lacking:
        raise PredictionError(f"{path}: no score of {lacking[0][0]} object {lacking[0][1]}")
    ranked = np.array([scores[sample] for sample in samples], np.float64)
    return average_precision(ranked, np.array(list(samples.values()), bool))
