"""Parts of a manifest, for those who read it by several at once: runs of row groups, and spans of clips.

Where a part ends depends on the manifest alone, never on how many read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_noise.manifest.parquet import TableFile
from actiseg_noise.manifest.rows import ClipSpan, iter_rows
from actiseg_noise.manifest.schema import CLIPS, MASKS

if TYPE_CHECKING:
    from actiseg_noise.manifest.read import Manifest

ROWS_PER_PART = 131_072
MASKS_PER_PART = 32_768  # fewer, as two codes of each are unpacked; how long a row takes was not measured
CLIPS_PER_SPAN = 16_384


def rows_per_part(name: str) -> int:
    """Return of about how many rows the parts of a table are."""
    return min(MASKS_PER_PART, ROWS_PER_PART) if name == MASKS.name else ROWS_PER_PART


@dataclass(frozen=True)
class Part:
    """Row groups ``first`` … ``stop - 1`` of one of a table's files."""

    path: Path
    first: int
    stop: int


def parts_of(manifest: Manifest, name: str) -> list[Part]:
    """Return the parts of a table, in the order of its rows: of about ``rows_per_part`` rows, of one file each."""
    return [part for path in manifest.files_of(name) for part in _parts_of_file(manifest, name, path)]


def _parts_of_file(manifest: Manifest, name: str, path: Path) -> Iterator[Part]:
    """Yield the parts of one file; one that has no row group is a part."""
    with TableFile(path, manifest.schema_of(name)) as file:
        rows = file.group_rows
    first = count = 0
    for group, more in enumerate(rows):
        count += more
        if count >= rows_per_part(name):
            yield Part(path, first, group + 1)
            first, count = group + 1, 0
    if first < len(rows) or not rows:
        yield Part(path, first, len(rows))


def spans_of(manifest: Manifest) -> list[ClipSpan]:
    """Return spans of about ``CLIPS_PER_SPAN`` clips, which together hold every possible clip, listed or not."""
    starts = [row[0] for n, row in enumerate(iter_rows(manifest, CLIPS.name, ["clip_id"])) if not n % CLIPS_PER_SPAN]
    return [
        ClipSpan("" if first is None else first, stop)
        for first, stop in zip([None, *starts[1:]], [*starts[1:], None], strict=True)
    ]
