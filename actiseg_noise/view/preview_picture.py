"""The pictures of one row: the frame, and the frame under masks. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.borders.folders import is_inside
from actiseg_noise.borders.images import Picture, Size, read_frame
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.masks import BinaryMask

Colour = tuple[int, int, int]

EMPTY: Colour = (38, 42, 48)
VOID: Colour = (150, 150, 150)
TINT = 0.5
HATCH_PX = 6
COLOURS: tuple[Colour, ...] = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (213, 94, 0), (204, 121, 167), (0, 114, 178)),
    *((240, 228, 66), (145, 70, 190), (120, 150, 20), (230, 75, 53), (130, 95, 50), (110, 120, 240)),
)


def colour_of(object_id: int) -> Colour:
    """Return an object's colour."""
    return COLOURS[(object_id - 1) % len(COLOURS)]


def read_picture(frame: ManifestFrame | None, root: Path | None) -> Picture | None:
    """Return the frame's image, ``uint8 RGB [H, W, 3]``; None where there is no root, no image or not a readable one.

    A path that leaves the root by its name is not followed. A link below the root is: the disk's owner put it there, as
    people do whose images lie on another disk.
    """
    path = None if frame is None else frame.image_path
    if root is None or path is None or not is_inside(path):
        return None
    try:
        return read_frame(root / path)
    except DataError:
        return None


def masks_of(frame: ManifestFrame | None, labels: str) -> dict[int, BinaryMask]:
    """Return object_id → the frame's ``clean`` or ``noisy`` mask; withheld masks are left out."""
    masks = {} if frame is None else frame.masks
    return {object_id: mask.decode(labels) for object_id, mask in masks.items() if mask.rle(labels) is not None}


def fit(picture: Picture, size: Size) -> Picture:
    """Return a picture at another size (height, width)."""
    import cv2

    shrinks = picture.shape[0] > size[0]
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=kind), np.uint8)


def overlay(picture: Picture, masks: Mapping[int, BinaryMask], void: BinaryMask | None, positives: set[int]) -> Picture:
    """Return the picture, paled, with masks tinted and outlined in their objects' colours and void hatched grey.

    Args:
        picture: ``uint8 RGB [h, w, 3]`` at the size to draw; masks of another size are scaled to it.
        positives: object ids that are tinted; the others have an outline alone.
    """
    grey = picture.mean(2, keepdims=True)
    drawn: npt.NDArray[np.float64] = 0.35 * picture + 0.45 * grey + 20
    size = picture.shape[0], picture.shape[1]
    if void is not None:
        rows, columns = np.ogrid[: size[0], : size[1]]
        stripes = (rows + columns) // HATCH_PX % 2 == 0
        drawn[_scaled(void, size) & stripes] = VOID
    for object_id, mask in masks.items():
        scaled, colour = _scaled(mask, size), np.array(colour_of(object_id))
        if object_id in positives:
            drawn[scaled] = (1 - TINT) * drawn[scaled] + TINT * colour
        drawn[_outline(scaled, 2 if object_id in positives else 1)] = colour
    return drawn.astype(np.uint8)


def _scaled(mask: BinaryMask, size: Size) -> BinaryMask:
    """Return a mask at another size, without new values."""
    import cv2

    if mask.shape == size:
        return mask
    return cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT).view(bool)


def _outline(mask: BinaryMask, width_px: int) -> BinaryMask:
    """Return the pixels of a mask that lie within ``width_px`` of its boundary."""
    import cv2

    square = np.ones((2 * width_px + 1, 2 * width_px + 1), np.uint8)
    return mask & ~cv2.erode(mask.astype(np.uint8), square).view(bool)
