"""Masks of referring datasets that are images: an index mask per frame, or a folder of masks per object."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from actiseg_noise.borders.folders import list_folders, list_masks
from actiseg_noise.borders.images import mask_size, read_index_mask
from actiseg_noise.borders.object_folders import read_object_mask
from actiseg_noise.datasets.files import find_name
from actiseg_noise.errors import DataError
from actiseg_noise.fields import parse_number
from actiseg_noise.masks import BinaryMask, IndexMask

VOID_ID = 255
ANNOTATIONS = "Annotations"


def list_objects(folder: Path) -> dict[int, str]:
    """Return object id → name of its folder, of a video with a folder per object; none where it has index masks.

    Raises:
        DataError: two folders have one number, such as ``1`` and ``01``.
    """
    try:
        return _list_objects(folder, folder.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(8)
def _list_objects(folder: Path, changed_ns: int) -> dict[int, str]:
    """Return what ``list_objects`` promises; that of the last few folders is kept while they stay the same."""
    found: dict[int, str] = {}
    for name in list_folders(folder):
        object_id = parse_number(name)
        if object_id is not None:
            if object_id in found:
                raise DataError(f"{folder}: the folders {found[object_id]!r} and {name!r} are of one object; keep one")
            found[object_id] = name
    return {} if found and list_masks(folder) else found


def list_drawn(folder: Path, object_ids: tuple[int, ...]) -> dict[str, str]:
    """Return stem → path below a video's folder of what has a mask of the objects: of all objects where none is named.

    Of several objects that have a mask of one frame, the path is the first one's.
    """
    objects = list_objects(folder)
    if not objects:
        return list_masks(folder)
    found: dict[str, str] = {}
    for object_id in object_ids or objects:
        name = objects.get(object_id, "")
        for stem, file in list_masks(folder / name).items() if name else ():
            found.setdefault(stem, f"{name}/{file}")
    return found


def read_drawn(path: Path, video: str, object_ids: tuple[int, ...], value: int) -> IndexMask:
    """Return ``value`` where one of the objects is, 0 elsewhere, 255 for void, ``uint8 [H, W]``.

    Args:
        path: of an index mask, or of the mask of one of the objects in its folder; a folder has no void. video: its
            name, whose folder the path lies in.

    Raises:
        DataError: a missing or malformed mask, or masks of different sizes.
    """
    depth = len(video.split("/"))
    if path.parts[-depth - 2] == ANNOTATIONS:
        return _keep(read_index_mask(path), object_ids, value)
    objects = list_objects(path.parent.parent)
    found: BinaryMask = np.zeros(mask_size(path), bool)
    for object_id in object_ids:
        folder = path.parent.parent / objects[object_id] if object_id in objects else None
        name = None if folder is None else find_name(folder, path.stem)
        if folder is not None and name is not None:
            mask = read_object_mask(folder / name)
            if mask.shape != found.shape:
                raise DataError(
                    f"{folder / name}: the mask is {mask.shape[1]}×{mask.shape[0]}, but {path} is "
                    f"{found.shape[1]}×{found.shape[0]} (width×height); fetch the folder again"
                )
            found |= mask
    return (found * np.uint8(value)).astype(np.uint8)


def _keep(index_mask: IndexMask, object_ids: tuple[int, ...], value: int) -> IndexMask:
    """Return ``index_mask`` with these ids turned into ``value`` and all others but void into 0."""
    import cv2

    table = np.zeros(256, np.uint8)
    table[list(object_ids)] = value
    table[VOID_ID] = VOID_ID
    return np.asarray(cv2.LUT(index_mask, table), np.uint8)
