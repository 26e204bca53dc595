"""A manifest's clips, reached by id."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from actiseg_noise.errors import ManifestError, raise_if
from actiseg_noise.manifest.clips import (
    CLIP_COLUMNS,
    FRAME_COLUMNS,
    MASK_COLUMNS,
    SAMPLE_COLUMNS,
    ManifestClip,
    make_clip,
)
from actiseg_noise.manifest.read import Manifest


class ByClip:
    """The clips of a manifest in any order; ``Manifest.iter_clips`` walks them in theirs. The tables are in memory.

    Attributes:
        clip_ids: of the clips that have a sample and a mask, in order.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._clips = _Slices(manifest, "clips", CLIP_COLUMNS)
        self._frames = _Slices(manifest, "frames", FRAME_COLUMNS)
        self._samples = _Slices(manifest, "samples", SAMPLE_COLUMNS)
        self._masks = _Slices(manifest, "masks", MASK_COLUMNS)
        self.clip_ids = [clip_id for clip_id in self._samples.ranges if clip_id in self._masks.ranges]

    def __getitem__(self, clip_id: str) -> ManifestClip:
        """Return a clip with its samples, frames and masks."""
        return make_clip(
            self._row(clip_id), self._frames.rows(clip_id), self._samples.rows(clip_id), self._masks.rows(clip_id)
        )

    def without_masks(self, clip_id: str) -> ManifestClip:
        """Return a clip whose frames have no masks: quicker, for whoever needs names and sizes alone."""
        return make_clip(self._row(clip_id), self._frames.rows(clip_id), self._samples.rows(clip_id))

    def _row(self, clip_id: str) -> tuple[Any, ...]:
        """Return a clip's row.

        Raises:
            ManifestError: there is none, or there are several.
        """
        rows = self._clips.rows(clip_id)
        raise_if(
            len(rows) != 1,
            f"clips.parquet has {len(rows)} rows of clip {clip_id!r}, expected one; 'actiseg-noise verify' says more",
            ManifestError,
        )
        return rows[0]


class _Slices:
    """A table whose rows are sorted by clip, so that a clip is a slice.

    Attributes:
        ranges: clip_id → first row and the row after the last one.
    """

    def __init__(self, manifest: Manifest, name: str, columns: Sequence[str]) -> None:
        self._table = manifest.table(name, columns)
        ids = self._table.column("clip_id").to_pylist()
        starts = [i for i, clip_id in enumerate(ids) if i == 0 or ids[i - 1] != clip_id]
        self.ranges = {ids[a]: (a, b) for a, b in pairwise([*starts, len(ids)])}

    def rows(self, clip_id: str) -> list[tuple[Any, ...]]:
        """Return the clip's rows; none when it has no row."""
        start, stop = self.ranges.get(clip_id, (0, 0))
        return list(zip(*self._table.slice(start, stop - start).to_pydict().values(), strict=True))
