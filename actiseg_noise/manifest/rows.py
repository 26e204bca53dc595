"""Rows of a manifest one by one: of one table, of two tables in step, and a mask out of its row."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from actiseg_noise.masks import Box, Size, coco_code

if TYPE_CHECKING:
    import pyarrow as pa

    from actiseg_noise.manifest.read import Manifest

Row = tuple[Any, ...]


@dataclass(frozen=True)
class ClipSpan:
    """The clips whose ids are ``first`` or above and, unless ``stop`` is None, below ``stop``.

    >>> "b" in ClipSpan("a", "c"), "c" in ClipSpan("a", "c"), "c" in ClipSpan("a", None)
    (True, False, True)
    """

    first: str
    stop: str | None

    def __contains__(self, clip_id: object) -> bool:
        return isinstance(clip_id, str) and self.first <= clip_id and (self.stop is None or clip_id < self.stop)

    def may_hold(self, least: str, most: str) -> bool:
        """Return whether an id from ``least`` to ``most`` can be in the span."""
        return self.first <= most and (self.stop is None or least < self.stop)


def iter_rows(
    manifest: Manifest, table: str, columns: Sequence[str], clip_ids: Container[str] | None = None
) -> Iterator[Row]:
    """Yield a table's rows as tuples of the named columns, in order, in constant memory.

    Args:
        clip_ids: only the rows of these clips; of a span, row groups that are of other clips are not read.
    """
    if isinstance(clip_ids, ClipSpan):
        batches = manifest.iter_batches(table, columns, span=clip_ids)
    else:
        batches = manifest.iter_batches(table, columns)
    for batch in batches:
        for start, length in _runs(batch.column("clip_id"), clip_ids) if clip_ids is not None else ((0, None),):
            yield from zip(*batch.slice(start, length).to_pydict().values(), strict=True)


def _runs(ids: pa.Array, wanted: Container[str]) -> Iterator[tuple[int, int]]:
    """Yield (first, length) of the runs of neighbouring rows that are of wanted clips."""
    for is_wanted, run in groupby(enumerate(ids.to_pylist()), lambda item: item[1] in wanted):
        if is_wanted:
            places = [place for place, _ in run]
            yield places[0], len(places)


def iter_clip_rows(
    manifest: Manifest, table: str, columns: Sequence[str], clip_ids: Container[str] | None = None
) -> Iterator[tuple[str, list[Row]]]:
    """Yield (clip_id, its rows); ``columns`` must begin with ``clip_id``. ``clip_ids``: see :func:`iter_rows`."""
    for clip_id, rows in groupby(iter_rows(manifest, table, columns, clip_ids), itemgetter(0)):
        yield clip_id, list(rows)


class FrameSizes:
    """The canvas of each frame, read along with ``masks``, which has the same order.

    Args:
        more: other columns of ``frames`` that are read, too. span: the clips that are asked for; None: any.
    """

    def __init__(self, manifest: Manifest, *more: str, span: ClipSpan | None = None) -> None:
        columns = ("height", "width", *more)
        self._rows = iter_rows(manifest, "frames", ["clip_id", "frame_idx", *columns], span)
        self._at: Row | None = None
        self._unlisted: Row = (None,) * len(columns)

    def find_row(self, clip_id: str, frame_idx: int) -> Row:
        """Return a frame's height, width and other columns, all None for one that is not listed."""
        key = (clip_id, frame_idx)
        while self._at is None or self._at[:2] < key:
            self._at = next(self._rows, None)
            if self._at is None:
                return self._unlisted
        return self._at[2:] if self._at[:2] == key else self._unlisted

    def find(self, clip_id: str, frame_idx: int) -> Size | None:
        """Return (height, width), None for a frame that is not listed or has no size."""
        height, width, *_ = self.find_row(clip_id, frame_idx)
        return None if height is None or width is None else (height, width)


def frame_size(manifest: Manifest, values: Mapping[str, Any]) -> Size | None:
    """Return the canvas of one row of ``masks``."""
    return FrameSizes(manifest).find(values["clip_id"], values["frame_idx"])


def mask_box(counts: str, size: Size) -> Box | None:
    """Return the bounding box of a run-length code, None for an empty mask.

    Raises:
        DataError: a code that does not fill the canvas.
    """
    from pycocotools import mask as coco

    left, top, width, height = (int(v) for v in coco.toBbox(coco_code(counts, *size)))
    return Box(top, left, top + height, left + width) if width else None


def mask_iou(one: str, other: str, size: Size) -> float:
    """Return the intersection over union of two run-length codes of one canvas; two empty masks are 1.

    Raises:
        DataError: a code that does not fill the canvas.
    """
    return iou_of_checked(coco_code(one, *size), coco_code(other, *size))


def overlap(one: str, other: str, size: Size) -> int:
    """Return how many pixels two run-length codes of one canvas share.

    Raises:
        DataError: a code that does not fill the canvas.
    """
    return _shared(coco_code(one, *size), coco_code(other, *size))


def iou_of_checked(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the intersection over union of two codes in pycocotools' form, which were held against their canvas."""
    from pycocotools import mask as coco

    both = _shared(one, other)
    either = int(coco.area(one)) + int(coco.area(other)) - both
    return both / either if either else 1.0


def _shared(one: dict[str, Any], other: dict[str, Any]) -> int:
    """Return how many pixels two codes in pycocotools' form share."""
    from pycocotools import mask as coco

    return int(coco.area(coco.merge([one, other], intersect=True)))
