"""Boundary perturbation by a square structuring element: the annotator who draws too wide, or too narrow."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, IndexMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise, no_reach
from actiseg_noise.noises.units import LONGEST, check_unit

DEFAULTS: Options = {"kernel": 15, "unit": "480p"}


def kernel_px(kernel: int, height: int, width: int) -> int:
    """Return the side in pixels, on this canvas, of a ``kernel`` given at 480-pixel short side.

    The side is kernel · short side / 480, rounded to the nearest odd number, ties up: 9, 15, 21 at 240 rows
    are 5, 7, 11.
    """
    return kernel * min(height, width) // 960 * 2 + 1


def resolve_kernel(options: Options, height: int, width: int) -> Parameters:
    """Turn ``kernel`` and ``unit`` (``480p`` or ``px``) into ``kernel_px``.

    Raises:
        ActisegError: an unknown unit, an even or non-integer kernel, or a side below 3 pixels, which is no noise.
    """
    kernel, unit = options["kernel"], options["unit"]
    if not isinstance(kernel, int) or isinstance(kernel, bool) or not 1 <= kernel <= LONGEST or kernel % 2 == 0:
        raise ActisegError(
            f"expected an odd number of pixels as the kernel, 3 or more, got {kernel!r:.40}; at most {LONGEST:,}"
        )
    check_unit(unit)
    side = kernel if unit == "px" else kernel_px(kernel, height, width)
    if side < 3:
        raise ActisegError(
            f"a kernel of {kernel} ({unit}) is {side} px on a {height}×{width} canvas, which changes nothing. "
            "Use a larger kernel, or unit 'px'."
        )
    return {"kernel_px": side}


def reach_of_kernel(parameters: Parameters) -> int:
    """Return half the kernel: how far dilation paints outside the object."""
    return int(parameters["kernel_px"]) // 2


@mask_noise(
    "dilate-v1",
    resolve=resolve_kernel,
    reach=reach_of_kernel,
    defaults=DEFAULTS,
    strength="kernel",
    summary="dilation by a K×K square of ones",
    source="ActiSeg-NL mask noise (arXiv 2509.16677): K 9, 15, 21 on 854×480 masks",
)
def dilate(key: Key, mask: BinaryMask, *, kernel_px: int) -> BinaryMask:
    """Return ``mask`` dilated by a ``kernel_px`` square; the key is not used, every draw is the same."""
    return cv2.dilate(mask.view(np.uint8), _square(kernel_px)).view(bool)


@mask_noise(
    "erode-v1",
    resolve=resolve_kernel,
    reach=no_reach,
    defaults=DEFAULTS,
    strength="kernel",
    summary="erosion by a K×K square of ones",
    source="the counterpart of ActiSeg-NL's dilation; medical segmentation and COCO-N use it with K 3, 5, 7",
)
def erode(key: Key, mask: BinaryMask, *, kernel_px: int) -> BinaryMask:
    """Return ``mask`` eroded by a ``kernel_px`` square; the key is not used, every draw is the same.

    What lies beyond the canvas counts as object, so that one cut off by the picture's edge keeps its pixels there.
    """
    return cv2.erode(mask.view(np.uint8), _square(kernel_px)).view(bool)


@mask_noise(
    "dilate_or_erode-v1",
    resolve=resolve_kernel,
    reach=reach_of_kernel,
    defaults=DEFAULTS,
    strength="kernel",
    summary="dilation or erosion by a K×K square of ones, one of the two per draw",
    source="COCO-N's random boundary noise (arXiv 2406.10891), with the kernels of ActiSeg-NL",
)
def dilate_or_erode(key: Key, mask: BinaryMask, *, kernel_px: int) -> BinaryMask:
    """Return ``mask`` dilated or eroded by a ``kernel_px`` square, each with probability ½."""
    operation = (dilate, erode)[key.below("op", 2)]
    return operation(key, mask, kernel_px=kernel_px)


@cache
def _square(side: int) -> IndexMask:
    """Return the structuring element, ``uint8 [side, side]`` of ones."""
    return np.ones((side, side), np.uint8)
