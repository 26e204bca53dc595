"""How hard a variant is on its labels: what every leaderboard column prints beside its rates."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from actiseg_noise.pipeline.text import NO_NOISE

if TYPE_CHECKING:
    from pyarrow import RecordBatch


class Severity:
    """Share of positives whose noun is harmful, and median IoU of the noised masks, from batches of rows."""

    def __init__(self) -> None:
        self._positives = 0
        self._harmful = 0
        self._ious = array("d")

    def add(self, name: str, batch: RecordBatch) -> None:
        """Take in rows of the table called ``name``."""
        import pyarrow.compute as pc

        if name == "samples":
            positive = batch.column("is_positive")
            self._positives += pc.sum(positive).as_py() or 0
            self._harmful += pc.sum(pc.and_(positive, batch.column("is_harmful"))).as_py() or 0
        elif name == "masks":
            noised = pc.not_equal(batch.column("mask_noise"), NO_NOISE)
            self._ious.extend(batch.column("iou").filter(noised).to_pylist())

    def to_json(self) -> dict[str, float | None]:
        """Return ``harmful_positives`` (0–1) and ``median_iou`` (0–1), each null where nothing was counted."""
        from statistics import median

        return {
            "harmful_positives": self._harmful / self._positives if self._positives else None,
            "median_iou": median(self._ious) if self._ious else None,
        }
