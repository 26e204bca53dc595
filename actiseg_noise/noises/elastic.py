"""Elastic deformation of the label alone: an outline that wavers around the object."""

from __future__ import annotations

from math import ceil, pi, sqrt

import numpy as np

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.polygons import box_of, centre_of
from actiseg_noise.noises.smooth_field import smooth_field
from actiseg_noise.noises.units import length_px

DEFAULTS: Options = {"alpha": 100, "sigma": 5, "unit": "480p"}
BOUND = 4  # standard deviations of the displacement at which it is cut off


def resolve_deformation(options: Options, height: int, width: int) -> Parameters:
    """Turn ``alpha``, ``sigma`` and ``unit`` into ``alpha_px``, ``sigma_px`` and the bound ``limit_px``.

    Given at 480-pixel short side, the whole deformation is scaled: sigma with the side, alpha with its square, for
    smoothing over twice the length halves what is left of the amplitude.

    Raises:
        ActisegError: an unknown unit, a number that is not positive, or a displacement that never reaches half a pixel.
    """
    sigma = length_px(options, "sigma", height, width)
    alpha = length_px(options, "alpha", height, width) * sigma / options["sigma"]
    bound = min(alpha, BOUND * alpha / sqrt(3) / (2 * sqrt(pi) * sigma))
    if bound < 0.5:
        raise ActisegError(
            f"alpha {options['alpha']} and sigma {options['sigma']} ({options['unit']}) displace by {bound:.2g} px at "
            f"most on a {height}×{width} canvas, which changes nothing. Use a larger alpha or a smaller sigma."
        )
    return {"alpha_px": alpha, "sigma_px": sigma, "limit_px": ceil(min(bound, max(height, width)))}


def reach_of_deformation(parameters: Parameters) -> int:
    """Return the bound of the displacement."""
    return int(parameters["limit_px"])


@mask_noise(
    "elastic-v1",
    resolve=resolve_deformation,
    reach=reach_of_deformation,
    defaults=DEFAULTS,
    strength="alpha",
    summary="elastic deformation: a random displacement field, smoothed by a Gaussian of sigma, times alpha",
    source="NSegment (arXiv 2504.19634): alpha 1 to 100, sigma 3, 5 or 10; here one field per object, not per image",
)
def elastic(key: Key, mask: BinaryMask, *, alpha_px: float, sigma_px: float, limit_px: int) -> BinaryMask:
    """Return ``mask`` where every pixel is read from a place displaced by a smooth random field.

    The displacements down and right are ``alpha_px`` times uniform values in (-1, 1) smoothed by a Gaussian of
    ``sigma_px``, cut off at ±``limit_px`` — four standard deviations — and rounded to whole pixels. The field is
    anchored to the object's centroid. Reading beyond the canvas finds its last pixel, as published.
    """
    if not mask.any():
        return mask.copy()
    box = box_of(mask)
    down, right = centre_of(mask[box.slices])
    row, column = box.top + int(down), box.left + int(right)
    near = box.padded(limit_px, *mask.shape)
    around = Box(near.top - row, near.left - column, near.bottom - row, near.right - column)
    field = smooth_field(key, around, sigma_px) * alpha_px
    step = np.rint(np.clip(field, -limit_px, limit_px)).astype(np.intp)
    deformed = np.zeros_like(mask)
    deformed[near.slices] = mask[
        np.clip(step[..., 0] + np.arange(near.top, near.bottom)[:, None], 0, mask.shape[0] - 1),
        np.clip(step[..., 1] + np.arange(near.left, near.right), 0, mask.shape[1] - 1),
    ]
    return deformed
