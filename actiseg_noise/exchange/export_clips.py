"""What exporters need of a manifest's clips: names that can be files, masks that are there, index masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np

from actiseg_noise.borders.folders import check_file_name
from actiseg_noise.errors import DataError, ManifestError, raise_if
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import IndexMask, Rle, decode_rle
from actiseg_noise.progress import Progress

VOID_ID = 255


def check_exportable(manifest: Manifest) -> None:
    """Refuse a manifest whose masks were withheld.

    Raises:
        ManifestError: content is ``recipe-only``.
    """
    if manifest.info.content == "recipe-only":
        raise ManifestError(
            f"{manifest.path}: the derived masks were withheld (content 'recipe-only'), so there is nothing to export. "
            "Build the manifest again from its recipe and your own copy of the dataset, then export that."
        )


def iter_export_clips(manifest: Manifest, progress: Progress | None = None) -> Iterator[ManifestClip]:
    """Yield the clips in manifest order; memory follows the largest clip.

    Args:
        progress: is told of every clip that was taken.

    Raises:
        DataError: a frame whose name cannot be a file's, or stands twice.
    """
    for clip in manifest.iter_clips():
        _check_frames(clip)
        yield clip
        if progress is not None:
            progress.advance(1, manifest.info.counts["clips"])


def _check_frames(clip: ManifestClip) -> None:
    """Raise DataError unless every frame_id can be a file's name, each once: they become files, and lists of them."""
    where = f"clip {clip.clip_id!r}, frame_id"
    names = [check_file_name(frame.frame_id, where) for frame in clip.frames]
    for first, second in pairwise(sorted(names)):
        raise_if(first == second, f"{where}: {first!r} stands twice", DataError)


def masks_of(frame: ManifestFrame, labels: str) -> dict[int, Rle]:
    """Return object_id → run lengths of the frame's ``noisy`` or ``clean`` masks.

    Raises:
        ManifestError: one is not there.
    """
    found = {}
    for object_id, mask in frame.masks.items():
        rle = mask.rle(labels)
        if rle is None:
            raise ManifestError(
                f"sample {mask.sample_id}, frame {frame.frame_id!r}: the {labels} mask is not in the manifest; "
                "'actiseg-noise verify' says what is wrong"
            )
        found[object_id] = rle
    return found


def paint(masks: Mapping[int, Rle], size: tuple[int, int], numbers: Mapping[int, int]) -> tuple[IndexMask, bool]:
    """Return an index mask and whether two of the masks overlap; where they do, the first keeps the pixel.

    Args:
        size: rows, columns. numbers: object_id → value to paint; an object without one is left out.
    """
    canvas = np.zeros(size, np.uint8)
    overlap = False
    for object_id, rle in masks.items():
        if object_id in numbers and rle.area:
            mask = decode_rle(rle)
            free = canvas == 0
            overlap = overlap or bool((mask & ~free).any())
            canvas[mask & free] = numbers[object_id]
    return canvas, overlap


def paint_void(index_mask: IndexMask, frame: ManifestFrame) -> IndexMask:
    """Paint a frame's void as 255 where no object is, and return the index mask."""
    void = frame.void_mask()
    if void is not None:
        index_mask[void & (index_mask == 0)] = np.uint8(VOID_ID)
    return index_mask


def count_void(frames: Iterable[ManifestFrame]) -> int:
    """Return how many frames have void, which a format without it says as background."""
    return sum(frame.void_rle is not None for frame in frames)
