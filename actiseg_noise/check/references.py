"""Whether the rows of the four tables are about each other: each clip, sample and frame that a row names is there.

All tables are sorted by clip, so one pass reads them side by side, in memory that follows the largest clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from actiseg_noise.check.findings import Finding
from actiseg_noise.check.part import MAX_ROWS, where_is
from actiseg_noise.check.pieces import Pieces
from actiseg_noise.manifest.parts import spans_of
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import ClipSpan, Row, iter_clip_rows, iter_rows
from actiseg_noise.manifest.schema import CLIPS, FRAMES, MASKS, SAMPLES, Table
from actiseg_noise.records import sample_id

_Found = tuple[str | None, Finding]
"""A finding and, of those of which every table shows one, the table."""
_COLUMNS = {
    FRAMES: ("clip_id", "frame_idx", "frame_id", "is_annotated", "height"),
    SAMPLES: ("clip_id", "object_id", "sample_id"),
    MASKS: ("clip_id", "frame_idx", "object_id", "frame_id", "sample_id"),
}


def verify_references(manifest: Manifest, pieces: Pieces | None = None) -> list[Finding]:
    """Return where rows name a clip, sample or frame that is not there, or lack rows that should be; a few of them."""
    findings: list[Finding] = []
    unlisted: set[str] = set()
    spans = ((span,) for span in spans_of(manifest))
    for found in (pieces or Pieces(manifest)).map(check_span, spans):
        for table, finding in found:
            if table is None or table not in unlisted:
                findings.append(finding)
            unlisted.update((table,) if table else ())
            if len(findings) == MAX_ROWS:
                return findings
    return findings


def check_span(manifest: Manifest, span: ClipSpan) -> list[_Found]:
    """Return what is wrong with a span of clips: as many findings as are shown of all, and those that all show once."""
    return list(islice(_differences(manifest, span), MAX_ROWS + len(_COLUMNS)))


def _differences(manifest: Manifest, span: ClipSpan) -> Iterator[_Found]:
    """Yield what is wrong, clip by clip."""
    readers = {table: _Reader(manifest, table, span) for table in _COLUMNS}
    for (clip_id,) in iter_rows(manifest, CLIPS.name, ["clip_id"], span):
        for reader in readers.values():
            yield from reader.before(clip_id)
        frames, samples, masks = (reader.take(clip_id) for reader in readers.values())
        for finding in _of_clip(clip_id, frames, samples, masks, manifest.info.content):
            yield None, finding
    for reader in readers.values():
        yield from reader.before(None)


class _Reader:
    """The rows of one table, clip by clip. Of the clips that ``clips`` does not list the first is a finding."""

    def __init__(self, manifest: Manifest, table: Table, span: ClipSpan) -> None:
        self._table = table
        self._groups = iter_clip_rows(manifest, table.name, _COLUMNS[table], span)
        self._next = next(self._groups, None)
        self._is_said = False

    def before(self, clip_id: str | None) -> Iterator[_Found]:
        """Pass over the rows of clips before ``clip_id``, or of all that are left, which are not listed."""
        while self._next is not None and (clip_id is None or self._next[0] < clip_id):
            if not self._is_said:
                where = f"{self._table.file_name}, clip_id={self._next[0]!r}"
                yield self._table.name, Finding(where, f"a row in {CLIPS.file_name}", "none")
            self._is_said = True
            self._next = next(self._groups, None)

    def take(self, clip_id: str) -> list[Row]:
        """Return the rows of a clip."""
        if self._next is None or self._next[0] != clip_id:
            return []
        rows = self._next[1]
        self._next = next(self._groups, None)
        return rows


def _of_clip(
    clip_id: str, frames: Sequence[Row], samples: Sequence[Row], masks: Sequence[Row], content: str
) -> Iterator[Finding]:
    """Yield what is wrong with the rows of one clip, given in the order of ``_COLUMNS``."""
    clip = f"clip_id={clip_id!r}"
    for _, object_id, name in samples:
        if name != sample_id(clip_id, object_id):
            yield _cell(SAMPLES, (clip_id, object_id), "sample_id", sample_id(clip_id, object_id), name)
    positions = [row[1] for row in frames]
    if positions != list(range(len(frames))):
        missing = next(i for i, position in enumerate([*positions, -1]) if i != position)
        yield Finding(f"{FRAMES.file_name}, {clip}", f"frames 0 to {len(frames) - 1}", f"none of frame_idx={missing}")
    yield from _of_masks(clip_id, {row[1]: row for row in frames}, samples, masks)
    annotated = sum(row[3] for row in frames)
    if content != "text" and len(masks) != annotated * len(samples):
        rows = f"{annotated} annotated frames × {len(samples)} objects"
        yield Finding(f"{MASKS.file_name}, {clip}", f"{annotated * len(samples)} rows ({rows})", f"{len(masks)}")


def _of_masks(clip_id: str, frames: dict[int, Row], samples: Sequence[Row], masks: Sequence[Row]) -> Iterator[Finding]:
    """Yield the masks of a clip that are not of one of its annotated frames and one of its objects."""
    objects = {row[1] for row in samples}
    for _, frame_idx, object_id, frame_id, name in masks:
        key, frame = (clip_id, frame_idx, object_id), frames.get(frame_idx)
        if name != sample_id(clip_id, object_id):
            yield _cell(MASKS, key, "sample_id", sample_id(clip_id, object_id), name)
        if object_id not in objects:
            yield Finding(where_is(MASKS, _key(MASKS, key)), f"a row in {SAMPLES.file_name} of this object", "none")
        if frame is None:
            yield Finding(where_is(MASKS, _key(MASKS, key)), f"a row in {FRAMES.file_name} of this frame", "none")
        elif not frame[3] or frame[4] is None:
            yield Finding(where_is(MASKS, _key(MASKS, key)), "a frame that is annotated and has a size", "none")
        elif frame[2] != frame_id:
            yield _cell(MASKS, key, "frame_id", frame[2], frame_id)


def _cell(table: Table, key: Sequence[object], column: str, expected: str, found: str) -> Finding:
    """Return the finding of one cell."""
    return Finding(f"{where_is(table, _key(table, key))}, column {column}", repr(expected), repr(found))


def _key(table: Table, key: Sequence[object]) -> dict[str, object]:
    """Return a row's key by column."""
    return dict(zip(table.sort_by, key, strict=True))
