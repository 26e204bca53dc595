"""A manifest's clips, reached by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from actiseg_noise.manifest.mapped import MappedTable
from actiseg_noise.manifest.read import Manifest

MASKS_IN_MEMORY = 20_000
"""Rows of masks up to which tables are read into memory; larger ones are mapped, so that processes share them."""


class ByClip:
    """The clips of a manifest in any order; ``Manifest.iter_clips`` walks them in theirs.

    Small tables are in memory, large ones in files that are mapped (:class:`MappedTable`). It pickles with what is in
    memory alone.

    Attributes:
        clip_ids: of the clips that have a sample and a mask, in order.
    """

    def __init__(self, manifest: Manifest) -> None:
        ids = manifest.table("masks", ["clip_id"]).column("clip_id").to_pylist()
        is_large = len(ids) > MASKS_IN_MEMORY
        self._clips = _Slices(manifest, "clips", CLIP_COLUMNS, is_large)
        self._frames = _Slices(manifest, "frames", FRAME_COLUMNS, is_large)
        self._samples = _Slices(manifest, "samples", SAMPLE_COLUMNS, is_large)
        self._masks = _Slices(manifest, "masks", MASK_COLUMNS, is_large, ids)
        self.clip_ids = [clip_id for clip_id in self._samples.ranges if clip_id in self._masks.ranges]

    def __getitem__(self, clip_id: str) -> ManifestClip:
        """Return a clip with its samples, frames and masks."""
        return make_clip(
            self._row(clip_id), self._frames.rows(clip_id), self._samples.rows(clip_id), self._masks.rows(clip_id)
        )

    def without_masks(self, clip_id: str) -> ManifestClip:
        """Return a clip whose frames have no masks: quicker, for whoever needs names and sizes alone."""
        return make_clip(self._row(clip_id), self._frames.rows(clip_id), self._samples.rows(clip_id))

    def iter_without_masks(self) -> Iterator[ManifestClip]:
        """Yield what :meth:`without_masks` returns of every clip with a sample and a mask, in one pass."""
        clips, frames, samples = (table.all_rows() for table in (self._clips, self._frames, self._samples))
        for clip_id in self.clip_ids:
            a, b = self._frames.range_of(clip_id)
            c, d = self._samples.range_of(clip_id)
            e, f = self._clips.range_of(clip_id)
            yield make_clip(self._only(clip_id, clips[e:f]), frames[a:b], samples[c:d])

    def _row(self, clip_id: str) -> tuple[Any, ...]:
        """Return a clip's row; see :meth:`_only`."""
        return self._only(clip_id, self._clips.rows(clip_id))

    def _only(self, clip_id: str, rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return the one row of a clip.

        Raises:
            ManifestError: there is none, or there are several.
        """
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

    Raises:
        ManifestError: rows are not sorted by clip, as when shards are exchanged.
    """

    def __init__(
        self, manifest: Manifest, name: str, columns: Sequence[str], is_large: bool, ids: list[str] | None = None
    ) -> None:
        self._manifest, self._name, self._columns = manifest, name, columns
        self._table: MappedTable | None = MappedTable(manifest, name, columns) if is_large else None
        self._in_memory: Any = None if is_large else manifest.table(name, columns)
        if ids is None:
            ids = manifest.table(name, ["clip_id"]).column("clip_id").to_pylist()
        starts = [i for i, clip_id in enumerate(ids) if i == 0 or ids[i - 1] != clip_id]
        wrong = next((ids[b] for a, b in pairwise(starts) if ids[b] < ids[a]), None)
        raise_if(
            wrong is not None,
            f"{manifest.path}, table {name}: rows of clip {wrong!r} stand behind those of a later one; "
            "'actiseg-noise verify' says what is wrong",
            ManifestError,
        )
        self.ranges = {ids[a]: (a, b) for a, b in pairwise([*starts, len(ids)])}

    def rows(self, clip_id: str) -> list[tuple[Any, ...]]:
        """Return the clip's rows; none when it has no row."""
        start, stop = self.range_of(clip_id)
        if self._table is not None:
            table = self._table.slice(start, stop)
        else:
            table = self._in_memory.slice(start, stop - start)
        return list(zip(*table.to_pydict().values(), strict=True))

    def range_of(self, clip_id: str) -> tuple[int, int]:
        """Return the clip's first row and the row after its last one."""
        return self.ranges.get(clip_id, (0, 0))

    def all_rows(self) -> list[tuple[Any, ...]]:
        """Return the rows of all clips."""
        table = self._manifest.table(self._name, self._columns) if self._in_memory is None else self._in_memory
        return list(zip(*table.to_pydict().values(), strict=True))
