"""What adapters share when they read other people's files: names that stay in the root, ids, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from actiseg_noise.borders.roots import full_path
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import FrameRecord

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


def list_stems(folder: Path, suffix: str) -> list[str]:
    """Return the stems of the files with ``suffix`` in ``folder``, hidden ones aside; none where it is absent."""
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith(".")]


def find_frames(root: Path, images: str, masks: str) -> tuple[FrameRecord, ...]:
    """Return every frame that has a JPEG in the folder ``images`` or a PNG in the folder ``masks``, by number."""
    annotated = set(list_stems(root / masks, ".png"))
    return tuple(
        FrameRecord(
            frame_id=stem,
            image_path=f"{images}/{stem}.jpg",
            mask_path=f"{masks}/{stem}.png" if stem in annotated else None,
            is_annotated=stem in annotated,
        )
        for stem in sorted(annotated.union(list_stems(root / images, ".jpg")), key=frame_order)
    )


def read_lines(path: Path, *, or_latin1: bool = False) -> list[tuple[int, str]]:
    """Return (line number, stripped line) of a text file. Blank lines, CRLF and a byte order mark are fine.

    Args:
        or_latin1: a file that is no UTF-8 is read as Latin-1.

    Raises:
        FileNotFoundError: for the caller, who knows which other files are there.
        DataError: the file is no UTF-8.
    """
    data = path.read_bytes()
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        if not or_latin1:
            raise DataError(f"{path}: not UTF-8 text ({error.reason}); fetch the file again") from None
        lines = data.decode("latin-1").splitlines()
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def near_root(root: Path, path: str) -> Path:
    """Return the path of a file that an option names: below the root when it is there, else as given."""
    given = full_path(path)
    below = root / given
    return below if below.is_file() else given


def image_size(path: Path) -> tuple[int, int] | None:
    """Return (width, height) of an image from its header, None where there is none to read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except OSError:  # UnidentifiedImageError is one
        return None


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
