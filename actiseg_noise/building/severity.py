"""How hard a variant is on its labels: what every leaderboard column prints beside its rates."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from operator import and_
from typing import Any

from actiseg_noise.building.text import NO_NOISE


class Severity:
    """Share of positives whose noun is harmful, and median IoU of the noised masks, from rows."""

    def __init__(self) -> None:
        self._positives = 0
        self._harmful = 0
        self._ious = array("d")

    def add(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Take in rows of the table called ``name``, as a list per column."""
        if name == "samples":
            self._positives += sum(columns["is_positive"])
            self._harmful += sum(map(and_, columns["is_positive"], columns["is_harmful"]))
        elif name == "masks":
            pairs = zip(columns["mask_noise"], columns["iou"], strict=True)
            self._ious.extend(iou for noise, iou in pairs if noise != NO_NOISE)

    def to_json(self) -> dict[str, float | None]:
        """Return ``harmful_positives`` (0–1) and ``median_iou`` (0–1), each null where nothing was counted."""
        from statistics import median

        return {
            "harmful_positives": self._harmful / self._positives if self._positives else None,
            "median_iou": median(self._ious) if self._ious else None,
        }
