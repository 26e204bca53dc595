"""A missing annotation: the object was not marked, in one frame or (``temporal = "clip"``) in any of a clip."""

from __future__ import annotations

import numpy as np

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask
from actiseg_noise.noises.base import mask_noise, no_parameters, no_reach


@mask_noise(
    "drop_object-v1",
    resolve=no_parameters,
    reach=no_reach,
    defaults={},
    erases=True,
    summary="the object is missing from the mask",
    source="missing annotations, as in MS-TFAL and in COCO-N's second version",
)
def drop_object(key: Key, mask: BinaryMask) -> BinaryMask:
    """Return an empty mask; the key is not used."""
    return np.zeros_like(mask)
