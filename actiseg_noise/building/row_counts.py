"""What is counted from the rows as they are written: how hard a variant is on its labels, which frames have what."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from operator import and_
from typing import Any

from actiseg_noise.building.text import NO_NOISE
from actiseg_noise.errors import DataError


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


class FramePairs:
    """Which frames have an image and which a mask: both are needed to train."""

    def __init__(self) -> None:
        self._both = self._masks = self._images = 0

    def add(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Take in rows of the table called ``name``, as a list per column."""
        if name == "frames":
            for image, annotated in zip(columns["image_path"], columns["is_annotated"], strict=True):
                self._both += annotated and image is not None
                self._masks += annotated and image is None
                self._images += not annotated and image is not None

    def describe(self) -> str | None:
        """Return one line about what lacks its counterpart, None where nothing does.

        Raises:
            DataError: there are masks and images, and none of them have one name.
        """
        if self._masks and self._images and not self._both:
            raise DataError(
                f"none of {self._masks:,} masks has an image of its name, and none of {self._images:,} images a mask: "
                "expected frames of equal names, such as 00000.jpg and 00000.png. Rename one of the two."
            )
        if self._masks and not self._both:
            return f"no image is there: labels alone, for {self._masks:,} masks"
        parts = []
        if self._masks:
            parts.append(f"{self._masks:,} of {self._masks + self._both:,} masks have no image")
        if self._images:
            parts.append(f"{self._images:,} of {self._images + self._both:,} images have no mask")
        return "; ".join(parts) or None
