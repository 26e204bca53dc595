"""Bicubic resampling of binary masks, to the same pixels on every machine.

It is what ``cv2.resize(mask, size, interpolation=cv2.INTER_CUBIC) > 0`` does to a mask of zeros and ones. That call
rounds differently from processor to processor; here the weights are multiples of 1/2048 (as OpenCV's own), so that
every sum is exact in float32, whatever its order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import BinaryMask

SHARPNESS = -0.75  # the cubic's free parameter, as OpenCV has it
FRACTION = 2048


def resample(mask: BinaryMask, height: int, width: int) -> BinaryMask:
    """Return ``mask`` as ``bool [height, width]``: interpolated from 4×4 pixels, one where that is more than ½.

    There is no smoothing before a reduction: structures finer than a pixel of the result may vanish.
    """
    rows, columns = _weights(mask.shape[0], height), _weights(mask.shape[1], width)
    return rows @ mask.astype(np.float32) @ columns.T > 0.5


def _weights(old: int, new: int) -> npt.NDArray[np.float32]:
    """Return the matrix ``[new, old]`` that resamples one axis; beyond its ends the end values go on."""
    place = (np.arange(new) + 0.5) * (old / new) - 0.5
    first = np.floor(place)
    matrix = np.zeros((new, old), np.float32)
    for tap in (-1, 0, 1, 2):
        source = np.clip(first + tap, 0, old - 1).astype(np.intp)
        np.add.at(matrix, (np.arange(new), source), _cubic(np.abs(place - first - tap)))
    return matrix


def _cubic(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weight of a pixel at ``distance`` in [0, 2], rounded to a multiple of 1/2048."""
    a, d = SHARPNESS, distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.rint(np.where(d <= 1, near, far) * FRACTION) / FRACTION
