"""A missing annotation: the object was not marked, in one frame or (``temporal = "clip"``) in any of a clip."""

from __future__ import annotations

import numpy as np

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import Options, Parameters, mask_noise


def no_parameters(options: Options, height: int, width: int) -> Parameters:
    """Return an empty dictionary: an object is there or it is not."""
    return {}


def paints_nothing(parameters: Parameters) -> int:
    """Return 0."""
    return 0


@mask_noise(
    "drop_object-v1",
    resolve=no_parameters,
    reach=paints_nothing,
    defaults={},
    erases=True,
    summary="the object is missing from the mask",
    source="missing annotations, as in MS-TFAL and in COCO-N's second version",
)
def drop_object(key: Key, mask: BinaryMask) -> BinaryMask:
    """Return an empty mask; the key is not used."""
    return np.zeros_like(mask)
