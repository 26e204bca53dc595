"""Vertex jitter: the annotator whose clicks miss the outline by a few pixels.

COCO-N moves every corner of the traced outline by a Gaussian vector of its own. Here the vectors come from a random
field of Gaussians that lies over the object, its origin at the centre of mass, one every ``spacing`` pixels and
interpolated between: a function of the place on the object, not of a point's position in a list. So the same key gives
a moved object the same jitter, exactly, and a part that is hidden or changed leaves the rest of the outline nearly as
it was: under ``temporal = "clip"`` one annotator's bias. It fades where the outline turns or grows by more than
``spacing``: a larger one is a slower, steadier bias, a smaller one a more ragged line.

With the default of 8 px at 480 rows masks are hit about as hard as by COCO-N, whose corners are 2 px apart: median IoU
with the clean masks of VOST 0.83, 0.76, 0.69 at sigma 2, 3, 4 against 0.85, 0.78, 0.71
(``benchmarks/polygon_noises.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import numpy.typing as npt

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.polygons import Outline, box_of, centre_of, redraw
from actiseg_noise.noises.units import length_px

DEFAULTS: Options = {"sigma": 3, "spacing": 8, "unit": "480p"}
TRUNCATED_AT = 3  # sigmas, along x and along y: there is a furthest pixel it may paint
NODES = 64  # the field repeats itself after this many spacings

Vectors = npt.NDArray[np.float64]


def resolve_jitter(options: Options, height: int, width: int) -> Parameters:
    """Turn ``sigma`` and ``spacing`` into pixels.

    Raises:
        ActisegError: an option that is no positive length.
    """
    return {f"{name}_px": length_px(options, name, height, width) for name in ("sigma", "spacing")}


def reach_of_jitter(parameters: Parameters) -> int:
    """Return the largest displacement along an axis, rounded up."""
    return ceil(TRUNCATED_AT * parameters["sigma_px"])


@mask_noise(
    "vertex_jitter-v1",
    resolve=resolve_jitter,
    reach=reach_of_jitter,
    defaults=DEFAULTS,
    strength="sigma",
    summary="outline points moved by Gaussian vectors",
    source="COCO-N's localization noise (arXiv 2406.10891): sigma 2, 3, 4 px",
)
def vertex_jitter(key: Key, mask: BinaryMask, *, sigma_px: float, spacing_px: float) -> BinaryMask:
    """Return ``mask`` with every point of its outlines moved by a Gaussian vector, cut off at 3 sigma along each axis.

    Vectors at points more than about ``spacing_px`` apart are independent, nearer ones alike. Where the object meets
    the canvas border its outline slides along it: the object goes on outside.
    """
    field = key.generator("field").standard_normal((NODES, NODES, 2))
    box = box_of(mask)
    centre = np.array(centre_of(mask[box.slices])[::-1])
    at_border = _border_test(box, mask.shape)

    def move(outline: Outline) -> Outline:
        steps = interpolate(field, (outline - centre) / spacing_px).clip(-TRUNCATED_AT, TRUNCATED_AT)
        steps[at_border(outline)] = 0
        return outline + np.rint(sigma_px * steps).astype(np.int32)

    return redraw(mask, move, reach_of_jitter({"sigma_px": sigma_px}))


def interpolate(field: Vectors, places: Vectors) -> Vectors:
    """Return the vectors of a periodic field between its nodes, bilinear, of the nodes' variance everywhere.

    Args:
        field: ``[nodes along y, nodes along x, 2]``. places: ``[n, 2]``, (x, y) in nodes, of any size and sign.
    """
    nodes = np.floor(places).astype(np.int64)
    right, down = (places - nodes).T
    total = np.zeros_like(places)
    power = np.zeros(len(places))
    for dx, wx in ((0, 1 - right), (1, right)):
        for dy, wy in ((0, 1 - down), (1, down)):
            weight = wx * wy
            total += weight[:, None] * field[(nodes[:, 1] + dy) % len(field), (nodes[:, 0] + dx) % len(field[0])]
            power += weight * weight
    return total / np.sqrt(power)[:, None]


def _border_test(box: Box, shape: tuple[int, ...]) -> Callable[[Outline], npt.NDArray[np.bool_]]:
    """Return outline → ``bool [n, 2]``: the coordinates that hold a point to the canvas border.

    A crop leaves pixels free around the object wherever the canvas has some: at the crop's edge is the canvas's edge.
    """
    low = np.array([0 if box.left == 0 else -1, 0 if box.top == 0 else -1])
    size = np.array([box.right - box.left, box.bottom - box.top])
    high = np.where([box.right == shape[1], box.bottom == shape[0]], size - 1, -1)
    return lambda outline: (outline == low) | (outline == high)
