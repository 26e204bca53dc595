"""A table of scores with one row per clip and object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_bench.metrics.object_scores import ObjectScore
from actiseg_bench.scoring.davis_folders import DavisEvaluation, ObjectScores
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_noise.borders.writing import whole_csv

COLUMNS = (
    *("clip_id", "object_id", "is_positive", "frames"),
    *("j", "f", "j_and_f", "j_volume", "p_iou", "n_iou", "j_last"),
)


def write_per_clip(path: Path, result: Evaluation | DavisEvaluation) -> None:
    """Write a row per clip and object as CSV; scores are in [0, 1], a cell is empty where a score is not defined.

    ``p_iou`` is the mean I/U of a positive object over the frames where it is visible or predicted, ``n_iou`` that of a
    negative one; ``j_last`` is given with J and F alone.

    Raises:
        WriteError: the file cannot be written.
    """
    with whole_csv(path, COLUMNS) as table:
        table.writerows(map(_row, result.objects))


_OF_BOTH = ("object_id", "frames", "j", "f", "j_and_f", "j_volume")


def _row(one: ObjectScore | ObjectScores) -> dict[str, Any]:
    """Return the row of an object."""
    row = {"clip_id": one.clip} | {name: getattr(one, name) for name in _OF_BOTH}
    if isinstance(one, ObjectScores):
        return row | {"j_last": one.j_last}
    return row | {"is_positive": int(one.is_positive), "p_iou" if one.is_positive else "n_iou": one.iou}
