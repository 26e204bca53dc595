"""What adapters share when they read other people's files: the frames of a clip, the ids in masks, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from actiseg_noise.borders.folders import (
    IMAGE_SUFFIXES,
    list_files,
    list_masks,
    natural_order,
    other_form,
    remembered_files,
)
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.borders.roots import full_path
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask, find_values
from actiseg_noise.records import FrameRecord


def find_frames(root: Path, images: str, masks: str) -> tuple[FrameRecord, ...]:
    """Return every frame that has an image in the folder ``images`` or a PNG in the folder ``masks``, by number.

    A path is that of the file on disk, whatever the case of its suffix; None where there is none.
    """
    shown, drawn = list_files(root / images, IMAGE_SUFFIXES), list_masks(root / masks)
    return tuple(
        FrameRecord(
            frame_id=stem,
            image_path=f"{images}/{shown[stem]}" if stem in shown else None,
            mask_path=f"{masks}/{drawn[stem]}" if stem in drawn else None,
            is_annotated=stem in drawn,
        )
        for stem in sorted(shown.keys() | drawn.keys(), key=natural_order)
    )


def image_path(root: Path, folder: str, stem: str) -> str | None:
    """Return the path below ``root`` of a frame's image in ``folder``, None where there is no file of that stem."""
    name = find_name(root / folder, stem, IMAGE_SUFFIXES)
    return None if name is None else f"{folder}/{name}"


def find_name(folder: Path, stem: str, suffixes: tuple[str, ...] | None = None) -> str | None:
    """Return the name of the file in ``folder`` with this stem, None where there is none.

    Args:
        suffixes: which it may have, lower case; None: those of masks, see ``list_masks``.
    """
    return remembered_files(folder, suffixes).get(stem)


def near_root(root: Path, path: str) -> Path:
    """Return the path of a file that an option names: below the root when it is there, else as given."""
    given = full_path(path)
    below = root / given
    return below if below.is_file() else given


def find_object_ids(folder: Path, void_id: int) -> tuple[int, ...]:
    """Return the objects of a clip of palette masks: the ids up to the largest of its first mask that have a pixel.

    All masks are read only where the first one leaves out a number, to see whether that one appears later.

    Raises:
        DataError: a mask that cannot be read.
    """
    masks = (read_index_mask(folder / name) for name in list_masks(folder).values())
    present = _ids(next(masks), void_id)
    largest = max(present, default=0)
    while len(present) < largest and (index_mask := next(masks, None)) is not None:
        present |= {value for value in _ids(index_mask, void_id) if value < largest}
    return tuple(sorted(present))


def _ids(index_mask: IndexMask, void_id: int) -> set[int]:
    """Return the object ids that have a pixel."""
    return set(find_values(index_mask)) - {0, void_id}


def find_other_ids(index_mask: IndexMask, known: Iterable[int], void_id: int | None = None) -> list[int]:
    """Return the ids in ``index_mask`` (``uint8 [H, W]``) that are not background, void or ``known``, ascending."""
    import cv2

    is_other = np.ones(256, np.uint8)
    is_other[[0, *known]] = 0
    if void_id is not None:
        is_other[void_id] = 0
    if not cv2.LUT(index_mask, is_other).any():
        return []
    return [value for value in find_values(index_mask) if is_other[value]]


def missing_clips(
    what: str,
    missing: Sequence[str],
    total: int,
    how_to_get: str,
    folder: Path | None = None,
    otherwise: str | None = None,
) -> DataError:
    """Return the error for listed clips whose files are absent: the count, the first ten, what to do.

    Args:
        folder: where a folder of each clip's name is expected; one in another Unicode form is named.
        otherwise: a sentence in the place of how to get the dataset, for folders that are nobody's dataset.
    """
    form = "" if folder is None else next(filter(None, (other_form(folder / name) for name in missing[:10])), "")
    shown = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    advice = (
        "Use --content text, which needs no masks"
        if len(missing) == total
        else "Pass --skip-missing to go on without them"
    )
    end = f"{advice}, or get them: {how_to_get}"
    if otherwise:
        end = f"{otherwise}." if len(missing) == total else f"{advice}. {otherwise}."
    return DataError(f"{len(missing)} of {total} {what}: {shown}{form}. {end}")
