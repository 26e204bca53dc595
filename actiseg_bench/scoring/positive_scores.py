"""The positive scores of stored predictions, one per sample: what a threshold is applied to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.metrics.ranking import average_precision
from actiseg_bench.results.predictions import PredictionError, open_parquet, schema

Sample = tuple[str, int]
"""(clip_id, object_id)."""


def read_positive_scores(path: Path) -> dict[Sample, float] | None:
    """Return the score of every sample, the mean over its rows; None where a row has none. No mask is read.

    A clip that was predicted in several pieces has a score per piece.

    Raises:
        PredictionError: no predictions file, or a damaged one.
    """
    import pyarrow as pa

    with open_parquet(path, schema()) as file:
        try:
            table = file.read(columns=["clip_id", "object_id", "positive_score"], use_threads=False)
            table.validate(full=True)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise PredictionError(f"{path}: not a readable predictions file ({error})") from None
    if table["positive_score"].null_count:
        return None
    clips = table["clip_id"].cast(pa.string()).to_pylist()
    scores: dict[Sample, list[float]] = {}
    for clip, number, score in zip(clips, *(table[c].to_pylist() for c in table.column_names[1:]), strict=True):
        scores.setdefault((clip, number), []).append(score)
    return {sample: sum(rows) / len(rows) for sample, rows in scores.items()}


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
