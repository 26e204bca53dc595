"""Action-guided weight maps of an export: files of the dataset, or drawn by its adapter where it can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip


class DrawnWeights:
    """Draws the weight maps of a dataset that has none on disk, clip after clip in the manifest's order."""

    def __init__(self, info: ManifestInfo, root: Path) -> None:
        self.dataset = _open(info, root)
        self._clips: Iterator[Clip] = iter(())
        if self.dataset is not None:
            self._clips = self.dataset.iter_clips(info.split, with_frames=True)
        self._clip: Clip | None = None

    def find(self, clip_id: str, frame_id: str) -> IndexMask | None:
        """Return a frame's weights, ``uint8 [H, W]`` of 1–4; None where the adapter draws none.

        Raises:
            DataError: the dataset does not have the frame any more.
        """
        if self.dataset is None:
            return None
        while self._clip is None or self._clip.clip_id < clip_id:
            self._clip = next(self._clips, None)
            if self._clip is None:
                raise DataError(f"clip {clip_id!r}: not in {self.dataset.root}, so its weights cannot be drawn")
        frame = next((frame for frame in self._clip.frames if frame.frame_id == frame_id), None)
        if self._clip.clip_id != clip_id or frame is None:
            raise DataError(f"clip {clip_id!r}, frame {frame_id!r}: not in {self.dataset.root}, so nothing to weigh")
        return self.dataset.weight_map(self._clip, frame)


def _open(info: ManifestInfo, root: Path) -> Dataset | None:
    """Return the adapter of a manifest's dataset when it draws weights; an import has none."""
    name = info.dataset["name"]
    if info.imported or name not in list(DATASETS):
        return None
    kind = DATASETS[name]
    if kind.weight_map is Dataset.weight_map:
        return None
    return kind(root, skip_missing=bool(info.skipped), **info.dataset["options"])
