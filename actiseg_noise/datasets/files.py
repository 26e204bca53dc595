"""What adapters share when they read other people's files: names that stay in the root, ids, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask

_SEPARATOR = re.compile(r"[/\\\0]")


def check_file_name(name: str, where: str) -> str:
    """Return ``name`` when it is one part of a path.

    Raises:
        DataError: it is empty, leads elsewhere ('..'), or contains a separator; ``where`` is named.
    """
    if name in ("", ".", "..") or _SEPARATOR.search(name):
        raise DataError(f"{where}: {name!r} cannot be the name of a file or folder; expected a name without '/', '\\'")
    return name


def frame_order(frame_id: str) -> tuple[int, str]:
    """Return the key that sorts zero-padded frame names by number, also where the padding overflows."""
    return len(frame_id), frame_id


def find_other_ids(index_mask: IndexMask, known: Iterable[int], void_id: int | None = None) -> list[int]:
    """Return the ids in ``index_mask`` (``uint8 [H, W]``) that are not background, void or ``known``, ascending."""
    import cv2

    is_other = np.ones(256, np.uint8)
    is_other[[0, *known]] = 0
    if void_id is not None:
        is_other[void_id] = 0
    if not cv2.LUT(index_mask, is_other).any():
        return []
    return [int(value) for value in np.unique(index_mask) if is_other[value]]


def missing_clips(what: str, missing: Sequence[str], total: int, how_to_get: str) -> DataError:
    """Return the error for listed clips whose files are absent: the count, the first ten, what to do."""
    shown = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    advice = (
        "Use --content text, which needs no masks"
        if len(missing) == total
        else "Pass --skip-missing to go on without them"
    )
    return DataError(f"{len(missing)} of {total} {what}: {shown}. {advice}, or get them: {how_to_get}")
