"""Masks as COCO's JSON writes them: run lengths, compressed or as a list, and polygons.

A mask is kept as its spans, the runs of foreground in COCO's order (column by column). Whether two masks share a pixel,
and what a frame looks like, is read off the spans: the cost follows the outlines, not the pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_noise.datasets.ytvis.videos import Annotation, Video
from actiseg_noise.errors import DataError
from actiseg_noise.fields import shorten
from actiseg_noise.masks import BinaryMask, Box, IndexMask, compress_runs, encode_rle, read_runs, read_runs_of

LONGEST_OUTLINE = 2**20
"""Pixels along the outlines of one mask's polygons: what is drawn of them takes some 100 bytes each."""

Runs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spans:
    """Runs of foreground of several masks of one frame, in order of where they begin.

    Attributes:
        starts, stops: pixels in COCO's order, from ``starts`` to before ``stops``. owners: positions of the masks.
    """

    starts: Runs
    stops: Runs
    owners: Runs


def read_spans(video: Video, frame_idx: int, annotations: Sequence[Annotation]) -> Spans:
    """Return the spans of one frame's masks; owners are positions in ``annotations``.

    Raises:
        DataError: a mask that is malformed or of another size than the video; video, annotation and frame are named.
    """
    codes: list[str] = []
    owners: list[int] = []
    for owner, annotation in enumerate(annotations):
        value = annotation.masks[frame_idx] if annotation.masks else None
        if value is None or value == []:
            continue
        codes.append(_code_of(value, video, frame_idx, annotation))
        owners.append(owner)
    try:
        runs = read_runs_of(codes, video.height, video.width)
    except DataError:
        runs = [
            _read_alone(code, video, frame_idx, annotations[owner]) for code, owner in zip(codes, owners, strict=True)
        ]
    return _sorted_spans(runs, owners)


def code_of_mask(mask: BinaryMask) -> dict[str, Any]:
    """Return a mask, ``bool [H, W]``, as COCO's run lengths, in the form in which files have them."""
    return code_of_crop(mask, Box(0, 0, *mask.shape), *mask.shape)


def code_of_crop(crop: BinaryMask, box: Box, height: int, width: int) -> dict[str, Any]:
    """Return a mask that is background outside of a box as COCO's run lengths."""
    return {"size": [height, width], "counts": encode_rle(crop, box, height, width).counts}


def find_meetings(spans: Spans) -> set[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of owners whose spans share a pixel, as ``find_overlaps`` does of masks."""
    found: set[tuple[int, int]] = set()
    for step in range(1, len(spans.starts)):
        shares = np.flatnonzero(spans.starts[step:] < spans.stops[:-step])
        if not len(shares):  # spans begin in order: what does not reach the next one but n reaches none after it
            break
        pairs = np.stack([spans.owners[shares], spans.owners[shares + step]])
        pairs.sort(axis=0)
        found.update((int(i), int(j)) for i, j in np.unique(pairs, axis=1).T)
    return found


def join_spans(first: Spans, second: Spans, offset: int) -> Spans:
    """Return the spans of both; owners of the second are ``offset`` more."""
    starts = np.concatenate([first.starts, second.starts])
    order = np.argsort(starts, kind="stable")
    stops, owners = (
        np.concatenate(both)[order] for both in ((first.stops, second.stops), (first.owners, second.owners + offset))
    )
    return Spans(starts[order], stops, owners)


def paint_spans(spans: Spans, ids: Sequence[int], height: int, width: int) -> IndexMask:
    """Return the index mask, ``uint8 [H, W]``, of spans that share no pixel.

    Args:
        ids: the object id of each owner.

    Raises:
        DataError: two of them share a pixel.
    """
    import cv2

    edges = np.stack([spans.starts, spans.stops], axis=1).ravel()
    lengths = np.diff(edges, prepend=0, append=height * width)
    if lengths.min() < 0:
        raise DataError("two masks of one frame share a pixel; expected the masks of one layer")
    values = np.zeros(len(lengths), np.uint8)
    values[1::2] = np.asarray(ids, np.uint8)[spans.owners]
    columns = np.repeat(values, lengths).reshape(width, height)
    return np.asarray(cv2.transpose(columns), np.uint8)


def _sorted_spans(runs: Iterable[Runs], owners: Sequence[int]) -> Spans:
    """Return the spans of run lengths that begin with background, without those of no pixel."""
    starts, stops, counts = [], [], []
    for lengths in runs:
        edges = lengths.cumsum()
        stops.append(edges[1::2])
        starts.append(edges[0::2][: len(stops[-1])])
        counts.append(len(stops[-1]))
    if not counts:
        nothing = np.zeros(0, np.int64)
        return Spans(nothing, nothing, nothing)
    first, last = np.concatenate(starts), np.concatenate(stops)
    kept = np.flatnonzero(last > first)
    order = kept[np.argsort(first[kept], kind="stable")]
    return Spans(first[order], last[order], np.repeat(np.asarray(owners, np.int64), counts)[order])


def _where(video: Video, frame_idx: int, annotation: Annotation) -> str:
    """Return the place of a mask for messages."""
    return f"{video.where}, annotation {annotation.annotation_id}, frame {video.frame_ids[frame_idx]!r}"


def _read_alone(code: str, video: Video, frame_idx: int, annotation: Annotation) -> Runs:
    """Return the run lengths of one code, or say whose they are and what is wrong with them."""
    try:
        return read_runs(code, video.height, video.width)
    except DataError as error:
        raise DataError(f"{_where(video, frame_idx, annotation)}: {error}; fetch the file again") from None


def _code_of(value: Any, video: Video, frame_idx: int, annotation: Annotation) -> str:
    """Return a mask, written in one of the three forms, as COCO's compressed string.

    Raises:
        DataError: none of the forms, or of another size than the video.
    """
    try:
        if type(value) is dict:
            return _code_of_runs(value, video.height, video.width)
        if type(value) is list:
            return code_of_polygons(value, video.height, video.width)
        raise DataError(
            'expected null, run lengths {"size": [height, width], "counts": …} or a list of polygons '
            f"[[x, y, x, y, …], …], found {shorten(value)}"
        )
    except DataError as error:
        raise DataError(f"{_where(video, frame_idx, annotation)}: {error}. Mend the mask, or set it to null") from None


def _code_of_runs(value: dict[str, Any], height: int, width: int) -> str:
    """Return run lengths as a compressed string."""
    size, counts = value.get("size"), value.get("counts")
    is_size = type(size) is list and len(size) == 2 and all(type(side) is int for side in size)
    if not is_size or size != [height, width]:
        raise DataError(
            f"size: expected [{height}, {width}], height and width of its video, found {shorten(size)} (the mask is of "
            "another size)"
        )
    if type(counts) is str:
        return counts
    if type(counts) is not list or not all(type(n) is int and 0 <= n <= height * width for n in counts):
        raise DataError(
            f"counts: expected a compressed string, or a list of run lengths from 0 to {height * width:,}, found "
            f"{shorten(counts)}"
        )
    if sum(counts) != height * width:
        raise DataError(f"counts: run lengths of {sum(counts):,} pixels in all, but a frame has {height * width:,}")
    return compress_runs(counts)


def code_of_polygons(rings: list[Any], height: int, width: int) -> str:
    """Return the union of polygons as a compressed string, drawn as COCO does."""
    outline = sum(_outline(ring, place, height, width) for place, ring in enumerate(rings))
    if outline > LONGEST_OUTLINE:
        raise DataError(f"polygons with an outline of {outline:,.0f} pixels; expected at most {LONGEST_OUTLINE:,}")
    from pycocotools import mask as coco

    code: bytes = coco.merge(coco.frPyObjects(rings, height, width))["counts"]
    return code.decode("ascii")


def _outline(ring: Any, place: int, height: int, width: int) -> float:
    """Return the length of a polygon's outline in pixels.

    Raises:
        DataError: under three points, an odd number of coordinates, one that is no number or far outside, or a polygon
            wholly outside the frame.
    """
    where = f"polygon {place}"
    if type(ring) is not list or len(ring) < 6 or len(ring) % 2:
        found = f"{len(ring)} numbers" if type(ring) is list else shorten(ring)
        raise DataError(f"{where}: expected x and y of three points or more, found {found}")
    far = 2 * max(height, width)
    wrong = [value for value in ring if type(value) not in (int, float) or not -far <= value <= far]
    if wrong:
        raise DataError(
            f"{where}: expected numbers within the frame of {width}×{height} pixels or near it, found "
            f"{shorten(wrong[0])}"
        )
    points = np.array(ring, float).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    if (high < 0).any() or (low > (width, height)).any():
        raise DataError(
            f"{where}: lies outside the frame of {width}×{height} pixels (x {low[0]:g} to {high[0]:g}, y {low[1]:g} to "
            f"{high[1]:g})"
        )
    steps = np.abs(points - np.roll(points, 1, axis=0))
    return float(steps.max(axis=1).sum())
