"""A shifted mask: the annotator's tool lags behind the object, or the mask belongs to another moment."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.units import length_px

DEFAULTS: Options = {"length": 10, "unit": "480p"}


def resolve_length(options: Options, height: int, width: int) -> Parameters:
    """Turn ``length`` and ``unit`` (``480p`` or ``px``) into ``length_px``.

    Raises:
        ActisegError: an unknown unit, no positive length, one below a pixel, or one of the whole canvas.
    """
    length = length_px(options, "length", height, width)
    what = f"a shift of {options['length']} ({options['unit']}) is {length:g} px on a {height}×{width} canvas"
    raise_if(length < 1, f"{what}, which changes nothing. Use a larger length, or unit 'px'.")
    raise_if(length >= max(height, width), f"{what}, which leaves nothing of any object. Use a smaller length.")
    return {"length_px": length}


def reach_of_shift(parameters: Parameters) -> int:
    """Return the largest whole step along one axis."""
    return int(parameters["length_px"] + 0.5)


@mask_noise(
    "shift-v1",
    resolve=resolve_length,
    reach=reach_of_shift,
    defaults=DEFAULTS,
    strength="length",
    summary="translation by a fixed length in a random direction",
    source="shifted masks, as in MS-TFAL and in COCO-N's second version",
)
def shift(key: Key, mask: BinaryMask, *, length_px: float) -> BinaryMask:
    """Return ``mask`` moved by ``length_px`` in a direction drawn uniformly, rounded to whole pixels.

    What leaves the canvas is lost, and what comes in from beyond it is background.
    """
    ring = steps_of_length(length_px)
    down, right = ring[key.below("step", len(ring))]
    moved = np.zeros_like(mask)
    moved[_target(down), _target(right)] = mask[_target(-down), _target(-right)]
    return moved


@lru_cache(maxsize=64)
def steps_of_length(length: float) -> tuple[tuple[int, int], ...]:
    """Return every whole (down, right) step whose length rounds to ``length``: in [length - ½, length + ½).

    They lie evenly around the circle; to draw one of them needs no sine, which machines round differently.
    """
    axis = range(-int(length + 0.5), int(length + 0.5) + 1)
    return tuple((y, x) for y in axis for x in axis if (length - 0.5) ** 2 <= y * y + x * x < (length + 0.5) ** 2)


def _target(step: int) -> slice:
    """Return the part of an axis that a step of ``step`` pixels fills from inside."""
    return slice(step, None) if step >= 0 else slice(None, step)
