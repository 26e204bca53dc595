"""The pictures of one row: the frame, and the frame under masks. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.manifest.rows import Size, read_mask
from actiseg_noise.masks import BinaryMask
from actiseg_noise.view.preview_clips import Scene

Picture = npt.NDArray[np.uint8]
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


def read_picture(scene: Scene, root: Path | None) -> Picture | None:
    """Return the frame's image, ``uint8 RGB [H, W, 3]``; None where there is no root, no image or not a readable one.

    A path that leaves the root is not followed.
    """
    from PIL import Image

    path = scene.frame["image_path"] if scene.frame else None
    if root is None or path is None or not (root / path).resolve().is_relative_to(root.resolve()):
        return None
    try:
        with Image.open(root / path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None


def masks_of(scene: Scene, side: str) -> dict[int, BinaryMask]:
    """Return object_id → mask of the scene's ``clean`` or ``noisy`` side; withheld masks are left out."""
    size = size_of(scene)
    if size is None:
        return {}
    found = {}
    for object_id, values in scene.masks.items():
        counts = (values["noisy_rle"] if side == "noisy" else None) or values["clean_rle"]
        if counts is not None:
            found[object_id] = read_mask(counts, size)
    return found


def void_of(scene: Scene) -> BinaryMask | None:
    """Return the frame's void pixels, None where it has none."""
    size = size_of(scene)
    if scene.frame is None or size is None or scene.frame["void_rle"] is None:
        return None
    return read_mask(scene.frame["void_rle"], size)


def size_of(scene: Scene) -> Size | None:
    """Return (height, width) of the frame's masks, None without."""
    if scene.frame is None or scene.frame["height"] is None:
        return None
    return scene.frame["height"], scene.frame["width"]


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
