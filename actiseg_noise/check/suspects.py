"""Cells that look wrong on their own: the rows to look at when only a column is known to have been edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import iter_rows
from actiseg_noise.manifest.schema import CLIPS, FRAMES, Table

MAX_SUSPECTS = 5


def find_suspects(manifest: Manifest, table: Table, column: str) -> list[str]:
    """Return the rows that stand out: a path whose file is not the frame's, a ``source_order`` that comes twice.

    More than a few stand out for another reason: then none is returned.
    """
    if table is FRAMES and column.endswith("_path"):
        found = _odd_paths(manifest, column)
    elif table is CLIPS and column == "source_order":
        found = _repeated_orders(manifest)
    else:
        return []
    suspects = [key for _, key in zip(range(MAX_SUSPECTS + 1), found, strict=False)]
    return suspects if len(suspects) <= MAX_SUSPECTS else []


def _odd_paths(manifest: Manifest, column: str) -> Iterator[str]:
    """Yield the frames whose path does not end in their ``frame_id``."""
    for clip_id, frame_idx, frame_id, path in iter_rows(
        manifest, "frames", ["clip_id", "frame_idx", "frame_id", column]
    ):
        if path is not None and PurePosixPath(path).stem != frame_id:
            yield f"clip_id={clip_id!r}, frame_idx={frame_idx}"


def _repeated_orders(manifest: Manifest) -> Iterator[str]:
    """Yield the clips whose place in the dataset's list another clip has too."""
    first: dict[int, str] = {}
    for clip_id, order in iter_rows(manifest, "clips", ["clip_id", "source_order"]):
        if first.setdefault(order, clip_id) != clip_id:
            yield f"clip_id={clip_id!r} and {first[order]!r} both at {order}"
