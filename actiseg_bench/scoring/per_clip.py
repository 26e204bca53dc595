"""A table of scores with one row per clip and object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actiseg_bench.scoring.davis_folders import DavisEvaluation
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
        table.writerows(_davis_rows(result) if isinstance(result, DavisEvaluation) else _rows(result))


def _rows(result: Evaluation) -> Iterator[dict[str, Any]]:
    """Yield the rows of the six metrics."""
    for one in result.objects:
        yield {
            "clip_id": one.clip,
            "object_id": one.object_id,
            "is_positive": int(one.is_positive),
            "frames": one.frames,
            "j": one.j,
            "f": one.f,
            "j_and_f": one.j_and_f,
            "j_volume": one.j_volume,
            "p_iou" if one.is_positive else "n_iou": one.iou,
        }


def _davis_rows(result: DavisEvaluation) -> Iterator[dict[str, Any]]:
    """Yield the rows of J and F."""
    for one in result.objects:
        yield {
            "clip_id": one.clip,
            "object_id": one.object_id,
            "frames": one.frames,
            "j": one.j,
            "f": one.f,
            "j_and_f": (one.j + one.f) / 2,
            "j_last": one.j_last,
            "j_volume": one.j_volume,
        }
