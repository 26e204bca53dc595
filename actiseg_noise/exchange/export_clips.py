"""A manifest's clips one by one, with their frames, samples and masks, for exporters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from actiseg_noise.borders.folders import check_file_name
from actiseg_noise.errors import DataError, ManifestError, raise_if
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import iter_clip_rows
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.masks import BinaryMask, IndexMask, Rle, decode_rle
from actiseg_noise.progress import Progress

LABELS = ("noisy", "clean")

Values = dict[str, Any]
"""One row: column → value."""


@dataclass(frozen=True, slots=True)
class ExportClip:
    """One clip's rows. ``masks``: frame_idx → object_id → run lengths of the chosen labels."""

    clip: Values
    frames: list[Values]
    samples: list[Values]
    masks: dict[int, dict[int, Rle]]

    @property
    def clip_id(self) -> str:
        """Return the clip's id."""
        return str(self.clip["clip_id"])


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


def iter_export_clips(manifest: Manifest, labels: str, progress: Progress | None = None) -> Iterator[ExportClip]:
    """Yield the clips in manifest order; memory follows the largest clip.

    Args:
        labels: ``noisy`` or ``clean``: which masks. progress: hears of every clip that was taken.
    """
    tables = {table.name: _ByClip(manifest, table.name) for table in TABLES}
    while (clip := tables["clips"].next()) is not None:
        clip_id = clip["clip_id"]
        frames = tables["frames"].take(clip_id)
        _check_frames(clip_id, frames)
        sizes = {row["frame_idx"]: (row["height"], row["width"]) for row in frames}
        masks: dict[int, dict[int, Rle]] = {}
        for row in tables["masks"].take(clip_id):
            counts = row["clean_rle"] if labels == "clean" else row["noisy_rle"] or row["clean_rle"]
            rle = Rle(*sizes[row["frame_idx"]], counts, row[f"{labels}_area"])
            masks.setdefault(row["frame_idx"], {})[row["object_id"]] = rle
        yield ExportClip(clip, frames, tables["samples"].take(clip_id), masks)
        if progress is not None:
            progress.advance(1, manifest.info.counts["clips"])


def _check_frames(clip_id: str, frames: list[Values]) -> None:
    """Raise DataError unless every frame_id can be a file's name, each once: they become files, and lists of them."""
    where = f"clip {clip_id!r}, frame_id"
    names = [check_file_name(frame["frame_id"], where) for frame in frames]
    for first, second in pairwise(sorted(names)):
        raise_if(first == second, f"{where}: {first!r} stands twice", DataError)


class _ByClip:
    """A table read along, clip by clip, in the order that all tables share."""

    def __init__(self, manifest: Manifest, name: str) -> None:
        columns = [column.name for table in TABLES if table.name == name for column in table.columns]
        self._names = ["clip_id", *(column for column in columns if column != "clip_id")]
        self._groups = iter_clip_rows(manifest, name, self._names)
        self._waiting = next(self._groups, None)

    def next(self) -> Values | None:
        """Return the first row of the next clip, None at the end."""
        found = self._waiting
        self._waiting = next(self._groups, None)
        return None if found is None else dict(zip(self._names, found[1][0], strict=True))

    def take(self, clip_id: str) -> list[Values]:
        """Return a clip's rows; clips are asked for in order."""
        while self._waiting is not None and self._waiting[0] < clip_id:
            self._waiting = next(self._groups, None)
        if self._waiting is None or self._waiting[0] != clip_id:
            return []
        rows = self._waiting[1]
        self._waiting = next(self._groups, None)
        return [dict(zip(self._names, row, strict=True)) for row in rows]


def paint(masks: dict[int, Rle], size: tuple[int, int], numbers: dict[int, int]) -> tuple[IndexMask, bool]:
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


def void_mask(frame: Values) -> BinaryMask | None:
    """Return the pixels of a frame that nobody could label, None where there are none."""
    if frame["void_rle"] is None:
        return None
    return decode_rle(Rle(frame["height"], frame["width"], frame["void_rle"], 0))
