"""Folders with a mask file per object, ``<video>/<object>/<frame>.png``, as SA-V and Long-RVOS have them.

The one place that says which folders these are and how a file is read: for whoever builds labels of them, and whoever
scores on them. Masks of two objects may share pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actiseg_noise.borders.folders import list_folders, list_masks
from actiseg_noise.borders.images import read_foreground, read_index_mask
from actiseg_noise.errors import DataError
from actiseg_noise.masks import BinaryMask, IndexMask, find_values

MOST_SHOWN = 10


def has_object_folders(folder: Path) -> bool:
    """Return whether a video's folder holds folders of masks, one per object, and no mask itself."""
    if list_masks(folder):
        return False
    return any(list_masks(folder / name) for name in list_folders(folder))


def read_object_mask(path: Path, threshold: int | None = None) -> BinaryMask:
    """Return where a mask file shows its object, ``bool [H, W]``: whatever is not 0, or at least so bright.

    Raises:
        DataError: see :func:`actiseg_noise.borders.images.read_foreground`; or a mask with several ids.
    """
    if threshold is not None:
        return read_foreground(path, threshold).view(np.bool_)
    try:
        mask = read_index_mask(path)
    except DataError:
        return read_foreground(path).view(np.bool_)  # colours and 16 bits may be one object too
    _check_one(path, mask)
    return mask != 0


def _check_one(path: Path, mask: IndexMask) -> None:
    """Raise DataError for a mask with several ids."""
    ids = [value for value in find_values(mask) if value]
    if len(ids) > 1:
        raise DataError(
            f"{path}: the values {ids[:MOST_SHOWN]}, expected a mask of one object: 0, and one other value. "
            "A threshold of 128 cuts one that was smoothed; where the numbers are object ids, "
            f"{path.parent.name!r} is a clip, and the folder to name is {path.parent.parent}."
        )
