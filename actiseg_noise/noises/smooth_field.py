"""Smooth random fields around an anchor, to the same values on every machine.

White noise is drawn in tiles, each from its own address, so that a value depends on where it lies from the anchor and
not on how much of the field is asked for. The Gaussian is three box means in a row (Kovesi, "Fast almost-Gaussian
filtering", 2010): whole numbers in float64, exact in any order of summation, which a convolution in floats is not.
"""

from __future__ import annotations

from math import floor, sqrt

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_noise.key import Key
from actiseg_noise.masks import Box

Field = npt.NDArray[np.float64]

TILE = 128  # side in pixels
PASSES = 3
ONE = 2.0**31  # fixed point; sums over boxes of up to 2000 pixels a side stay exact


def smooth_field(key: Key, area: Box, sigma: float) -> Field:
    """Return two planes of white noise, uniform in (-1, 1), smoothed by a Gaussian: ``float64 [h, w, 2]``.

    Args:
        area: pixels relative to the anchor; may be negative.
    """
    widths = box_widths(sigma)
    margin = sum(width // 2 for width in widths)
    wide = Box(area.top - margin, area.left - margin, area.bottom + margin, area.right + margin)
    field = _white(key, wide).astype(np.float64) * (ONE / 256)
    for width in widths:
        sums = cv2.boxFilter(field, -1, (width, width), normalize=False, borderType=cv2.BORDER_CONSTANT)
        field = np.asarray(np.rint(sums / width**2), np.float64)
    height, across = field.shape[:2]
    return field[margin : height - margin, margin : across - margin] / ONE


def box_widths(sigma: float) -> list[int]:
    """Return the odd widths of the box means whose variances add up to about sigma², in ascending order."""
    ideal = sqrt(12 * sigma**2 / PASSES + 1)
    low = max((floor(ideal) - 1) // 2 * 2 + 1, 1)
    lows = round((PASSES * ((low + 2) ** 2 - 1) - 12 * sigma**2) / (4 * low + 4))
    return [low] * lows + [low + 2] * (PASSES - lows)


def _white(key: Key, area: Box) -> npt.NDArray[np.int16]:
    """Return odd whole numbers from -255 to 255, ``int16 [h, w, 2]``."""
    rows, columns = (
        range(a // TILE, (b - 1) // TILE + 1) for a, b in ((area.top, area.bottom), (area.left, area.right))
    )
    tiles = [np.concatenate([_tile(key, row, column) for column in columns], axis=1) for row in rows]
    top, left = area.top - rows[0] * TILE, area.left - columns[0] * TILE
    shown = np.concatenate(tiles)[top : top + area.bottom - area.top, left : left + area.right - area.left]
    return shown.astype(np.int16) * 2 + 1


def _tile(key: Key, row: int, column: int) -> npt.NDArray[np.int8]:
    """Return one tile's random bytes, ``int8 [TILE, TILE, 2]``."""
    raw = key.generator(f"field {row} {column}").bit_generator.random_raw(TILE * TILE * 2 // 8)
    return raw.astype("<u8").view(np.int8).reshape(TILE, TILE, 2)
