"""Boundary noise in proportion to the object: a small one loses or gains as large a share as a big one."""

from __future__ import annotations

from math import ceil, sqrt

import cv2
import numpy as np

from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.cubic import resample

OPERATIONS = ("both", "dilate", "erode")
DEFAULTS: Options = {"area": 1000, "iterations_min": 2, "iterations_max": 4, "op": "both"}
AREA_LIMIT = 1_000_000  # every object is rescaled to this, however small

_SMALL_MARGIN = 2  # pixels of the rescaled object: how far interpolation looks


def resolve_iterations(options: Options, height: int, width: int) -> Parameters:
    """Check the options and add ``reach_px``, for an object as large as the canvas.

    Raises:
        ActisegError: an area or iterations that are no positive whole numbers, a range upside down or
            beyond the object's size, an unknown op.
    """
    for name in ("area", "iterations_min", "iterations_max"):
        value = options[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ActisegError(f"the option {name} must be a positive whole number, got {value!r}")
    low, high, area = options["iterations_min"], options["iterations_max"], options["area"]
    raise_if(low > high, f"iterations_min is {low}, more than iterations_max, which is {high}")
    raise_if(high**2 > area, f"iterations_max is {high}, more than the width of an object of {area} pixels")
    raise_if(area > AREA_LIMIT, f"the area must be at most {AREA_LIMIT} pixels, got {area}")
    if options["op"] not in OPERATIONS:
        raise UnknownNameError("op of scale_relative", options["op"], OPERATIONS)
    return {**options, "reach_px": _margin_px(high, sqrt(area / (height * width)))}


def reach_of_iterations(parameters: Parameters) -> int:
    """Return the margin of the largest object."""
    return int(parameters["reach_px"])


def _margin_px(iterations: int, ratio: float) -> int:
    """Return how many pixels of the canvas ``iterations`` need when ``ratio`` pixels of the small picture make one."""
    return ceil((iterations + _SMALL_MARGIN) / ratio)


@mask_noise(
    "scale_relative-v1",
    resolve=resolve_iterations,
    reach=reach_of_iterations,
    defaults=DEFAULTS,
    summary="rescaled to 1000 pixels, 2-4 iterations of 3×3 dilation or erosion, rescaled back",
    source="ADELE (CVPR 2022, arXiv 2110.03740), the noise of its SegTHOR experiments, per object instead of per image",
)
def scale_relative(
    key: Key, mask: BinaryMask, *, area: int, iterations_min: int, iterations_max: int, op: str, reach_px: int
) -> BinaryMask:
    """Return ``mask`` dilated or eroded while it is ``area`` pixels large.

    Iterations and, for ``op`` both, the operation are drawn uniformly. As published, dilation only adds to the mask and
    erosion only takes from it, so that details too fine for the small picture stay; an object whose erosion leaves
    nothing there vanishes. The object's box is rescaled, not the picture, so that its place does not matter. An
    object cut off by the picture's edge is taken to go on beyond it.
    """
    count = np.count_nonzero(mask)
    if not count:
        return mask.copy()
    iterations = iterations_min + key.below("iterations", iterations_max - iterations_min + 1)
    grows = op == "dilate" or (op == "both" and key.below("op", 2) == 0)
    ratio = sqrt(area / count)
    margin = min(_margin_px(iterations, ratio), reach_px)
    around, (top, left) = _cut_out(mask, margin)
    changed = _operate(around, ratio, iterations, grows)
    result = mask.copy()
    rows, columns = max(-top, 0), max(-left, 0)
    inside = result[max(top, 0) : top + around.shape[0], max(left, 0) : left + around.shape[1]]
    shown = changed[rows : rows + inside.shape[0], columns : columns + inside.shape[1]]
    (np.logical_or if grows else np.logical_and)(inside, shown, out=inside)
    return result


def _operate(mask: BinaryMask, ratio: float, iterations: int, grows: bool) -> BinaryMask:
    """Return ``mask`` rescaled by ``ratio``, dilated or eroded by 3×3 squares, and rescaled back."""
    height, width = mask.shape
    small = resample(mask, max(round(height * ratio), 1), max(round(width * ratio), 1))
    operate = cv2.dilate if grows else cv2.erode
    changed = operate(small.view(np.uint8), np.ones((3, 3), np.uint8), iterations=iterations)
    return resample(changed.view(bool), height, width)


def _cut_out(mask: BinaryMask, margin: int) -> tuple[BinaryMask, tuple[int, int]]:
    """Return the object's box with ``margin`` pixels on every side, and where that begins in ``mask``.

    Where the object touches an end of ``mask``, which is then the canvas's, the margin repeats its last pixels.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    crop = mask[top : top + height, left : left + width].view(np.uint8)
    ends = (top == 0, left == 0, top + height == mask.shape[0], left + width == mask.shape[1])
    go_on = [margin * end for end in ends]
    stop = [margin - more for more in go_on]
    longer = cv2.copyMakeBorder(crop, go_on[0], go_on[2], go_on[1], go_on[3], cv2.BORDER_REPLICATE)
    around = cv2.copyMakeBorder(longer, stop[0], stop[2], stop[1], stop[3], cv2.BORDER_CONSTANT, value=0)
    return around.view(bool), (top - margin, left - margin)
