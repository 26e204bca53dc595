"""A boundary that walks: label noise as a Markov process of steps out and in.

The process is Definition 1 of Yao et al., "Learning to Segment from Noisy Annotations: A Spatial Correction Approach"
(ICLR 2023). It starts at the clean mask. In each of ``T`` steps one coin decides for the whole outline whether it
goes out (chance ``theta1``) or in, and each pixel of the edge on that side, the four neighbours, changes with chance
``theta2``. So errors of neighbouring pixels go together, and ``theta1`` other than ½ is a bias: an annotator who
draws wide, or narrow. At the end the outline is smoothed: a pixel is what a 5×5 Gaussian of sigma 2 finds more of
around it. Their settings: ``T`` 180 to 200, ``theta1`` 0.8 or 0.2, ``theta2`` 0.05 on pictures of 256 rows. Their
third number, pixels flipped at random before the smoothing takes most of them away again, is left out: no annotator
speckles.

``T`` is given at 480 rows. On larger canvases the walk is walked on a mask scaled down to 480 rows, and what it adds
and takes is scaled up, pixel by pixel; details that it did not touch stay as they are.
"""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, nearest_pixels
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.polygons import box_of, cut
from actiseg_noise.noises.units import number, whole_number

DEFAULTS: Options = {"steps": 180, "expand": 0.8, "flip": 0.05}
ROWS = 480
CHANCES = 1 << 16  # chances are whole numbers of this
FURTHEST = 3  # times the mean way of a walk that goes one way only

GAUSSIAN = np.array([61, 89, 100, 89, 61], np.float32)  # sigma 2; sums of whole numbers, exact in any order

Pixels = npt.NDArray[np.uint8]


def resolve_walk(options: Options, height: int, width: int) -> Parameters:
    """Turn ``steps`` at 480 rows, ``expand`` (theta1) and ``flip`` (theta2) into what is walked on this canvas.

    ``scale`` is how many pixels of the canvas one of the walk is, ``limit`` how many of the walk's it goes at most.

    Raises:
        ActisegError: no whole number of steps, a chance that is none, or a walk that flips nothing.
    """
    steps, expand, flip = whole_number(options, "steps", 1), number(options, "expand"), number(options, "flip")
    raise_if(round(flip * CHANCES) == 0, f"the option flip must be above 0.00001, got {flip:g}: no pixel would change")
    rows = min(height, width)
    walked = max(1, steps * min(rows, ROWS) // ROWS)
    limit = min(walked, ceil(FURTHEST * walked * flip) + 2)
    return {"steps": walked, "expand": expand, "flip": flip, "scale": max(1.0, rows / ROWS), "limit": limit}


def reach_of_walk(parameters: Parameters) -> int:
    """Return how far outside the object the walk may go, in pixels of the canvas."""
    return ceil((parameters["limit"] + 1) * parameters["scale"])


@mask_noise(
    "boundary_walk-v1",
    resolve=resolve_walk,
    reach=reach_of_walk,
    defaults=DEFAULTS,
    strength="steps",
    summary="the outline walks out or in, step by step, as a two-state Markov process",
    source="Yao et al., Spatial Correction (ICLR 2023), Def. 1: T 180 to 200, theta1 .8 or .2, theta2 .05 at 256 rows",
)
def boundary_walk(
    key: Key, mask: BinaryMask, *, steps: int, expand: float, flip: float, scale: float, limit: int
) -> BinaryMask:
    """Return ``mask`` after ``steps`` steps of its outline, out with chance ``expand``, else in.

    In a step every pixel beside the outline, on the side that it goes to, changes with chance ``flip``. No more than
    ``limit`` steps lie between a pixel that is added and the object. The outline is smoothed at the end. Where the
    canvas cuts the object it is taken to go on outside.
    """
    if not mask.any():
        return mask.copy()
    box = box_of(mask)
    tight = np.ascontiguousarray(mask[box.slices]).view(np.uint8)
    size = tuple(max(1, round(side / scale)) for side in tight.shape)
    goes_on = [(box.top == 0, box.bottom == mask.shape[0]), (box.left == 0, box.right == mask.shape[1])]
    clean = _padded(tight[nearest_pixels(tight.shape, size)], limit + 1, goes_on)
    walked = smoothed(clean, walk(key, clean, steps, expand, flip))
    reach = reach_of_walk({"limit": limit, "scale": scale})
    added, lost = (_scaled_up(part, limit + 1, tight.shape, reach) for part in (walked & ~clean, clean & ~walked))
    wide = (_padded(tight, reach, goes_on) | added) & ~lost
    return cut(wide, reach - box.top, reach - box.left, mask.shape)


def walk(key: Key, mask: Pixels, steps: int, expand: float, flip: float) -> Pixels:
    """Return a mask, ``uint8`` of 0 and 1, after the steps; the outermost pixels of the array never change."""
    coins = key.generator("coins").random(steps) < expand
    bits = key.generator("flips").bit_generator
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    words = -(-mask.size // 4)
    below = round(flip * CHANCES)
    for goes_out in coins.tolist():
        drawn = bits.random_raw(words).astype("<u8", copy=False).view("<u2")[: mask.size].reshape(mask.shape)
        flips = (drawn < below).view(np.uint8)
        side = np.asarray(cv2.dilate(mask, cross) if goes_out else cv2.erode(mask, cross), np.uint8)
        mask = mask ^ ((mask ^ side) & flips)
    mask[[0, -1]] = mask[:, [0, -1]] = 0
    return mask


def smoothed(clean: Pixels, walked: Pixels) -> Pixels:
    """Return the walked mask with a smooth outline; where it is the clean one all around, details stay."""
    share = cv2.sepFilter2D(walked, cv2.CV_32F, GAUSSIAN, GAUSSIAN)
    changed = cv2.dilate(clean ^ walked, np.ones((5, 5), np.uint8)).view(bool)
    half = float(GAUSSIAN.sum()) ** 2 / 2
    return np.where(changed, (share > half).view(np.uint8), clean)


def _padded(mask: Pixels, margin: int, goes_on: list[tuple[bool, bool]]) -> Pixels:
    """Return a mask with background around it, and with its last pixels again where it goes on outside the canvas."""
    for axis, ends in enumerate(goes_on):
        for end, repeats in enumerate(ends):
            sides = [(0, 0), (0, 0)]
            sides[axis] = (0, margin) if end else (margin, 0)
            mask = np.pad(mask, sides, mode="edge" if repeats else "constant")
    return mask


def _scaled_up(part: Pixels, margin: int, shape: tuple[int, ...], reach: int) -> Pixels:
    """Return a part of the walk's canvas on the object's: ``shape`` and ``reach`` more pixels on every side."""
    across = []
    for side, inner in zip(part.shape, shape, strict=True):
        walked = side - 2 * margin
        place = (np.arange(-reach, inner + reach) * walked) // inner + margin
        across.append(np.clip(place, 0, side - 1))
    return part[across[0][:, None], across[1]]
