"""A manifest's table, reached clip by clip."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from actiseg_noise.manifest.read import Manifest


class ByClip:
    """A table's rows, reached by clip. Rows are sorted by clip, so a clip is a slice.

    Attributes:
        ranges: clip_id → first row and the row after the last one.
    """

    def __init__(self, manifest: Manifest, name: str) -> None:
        self._table = manifest.table(name)
        ids = self._table.column("clip_id").to_pylist()
        starts = [i for i, clip_id in enumerate(ids) if i == 0 or ids[i - 1] != clip_id]
        self.ranges = {ids[a]: (a, b) for a, b in pairwise([*starts, len(ids)])}

    def rows(self, clip_id: str) -> list[dict[str, Any]]:
        """Return the clip's rows as dicts; none when it has no row."""
        start, stop = self.ranges.get(clip_id, (0, 0))
        rows: list[dict[str, Any]] = self._table.slice(start, stop - start).to_pylist()
        return rows
