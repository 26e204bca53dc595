"""Folders with a mask file per object, ``<video>/<object>/<frame>.png``, as SA-V and Long-RVOS have them.

The one place that says which folders these are and how a file is read: for whoever builds labels of them, and whoever
scores on them. Masks of two objects may share pixels.
"""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.folders import list_folders, list_masks, natural_order
from actiseg_noise.borders.images import read_foreground
from actiseg_noise.masks import BinaryMask


def has_object_folders(folder: Path) -> bool:
    """Return whether a video's folder holds folders of masks, one per object, and no mask itself."""
    if list_masks(folder):
        return False
    return any(list_masks(folder / name) for name in list_folders(folder))


def list_object_masks(folder: Path) -> dict[str, dict[str, Path]]:
    """Return object's folder name → frame stem → mask file of a video's folder, both in natural order."""
    names = sorted(list_folders(folder), key=natural_order)
    files = {name: list_masks(folder / name) for name in names}
    return {
        name: {stem: folder / name / file for stem, file in masks.items()} for name, masks in files.items() if masks
    }


def read_object_mask(path: Path, threshold: int | None = None) -> BinaryMask:
    """Return where a mask file shows its object, ``bool [H, W]``: whatever is not 0, or at least so bright.

    Raises:
        DataError: see :func:`actiseg_noise.borders.images.read_foreground`.
    """
    return read_foreground(path, threshold).view(bool)


def object_number(name: str) -> int | None:
    """Return the number that an object's folder is called by, None where its name is none.

    >>> object_number("003"), object_number("cup")
    (3, None)
    """
    return int(name) if name.isascii() and name.isdigit() else None
