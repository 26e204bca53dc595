"""The pictures of one row: the frame, and the frame under masks. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.masks import BinaryMask, Picture, Size
from actiseg_noise.plot_style import Colour, colour_of

EMPTY: Colour = (38, 42, 48)
VOID: Colour = (150, 150, 150)
TINT = 0.5
HATCH_PX = 6


def masks_of(frame: ManifestFrame | None, labels: str) -> dict[int, BinaryMask]:
    """Return object_id → the frame's ``clean`` or ``noisy`` mask; withheld masks are left out."""
    masks = {} if frame is None else frame.masks
    return {object_id: mask.decode(labels) for object_id, mask in masks.items() if mask.rle(labels) is not None}


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
