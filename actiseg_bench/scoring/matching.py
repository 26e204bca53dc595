"""Which predicted track is which object, where tracks say a category and a score but no object.

Of a category with n objects in a video, the n tracks of the highest scores are taken; the truth is not looked at. Where
n is 1, that is all. Where it is more, those n are assigned one to one so that their mean IoU is largest (Hungarian
method): nobody but the truth says which of two people is which. That step is an *oracle* and flatters: no prediction
could know it. YouTube-VIS's tools match with the truth too, at thresholds of IoU and for average precision; DAVIS's
unsupervised track assigns as here, by J&F, among all proposals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import Rle, coco_code

Floats = npt.NDArray[np.float64]


def best_scored(scores: Sequence[float], most: int) -> list[int]:
    """Return the positions of the ``most`` highest scores, highest first; of equal ones the earlier.

    >>> best_scored([0.2, 0.9, 0.9], 2)
    [1, 2]
    """
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:most]


def assign(iou: Floats) -> list[tuple[int, int]]:
    """Return pairs (track, object), each at most once, whose I/U sum to the most; ``iou`` is ``[tracks, objects]``."""
    from scipy.optimize import linear_sum_assignment

    tracks, objects = linear_sum_assignment(iou, maximize=True)
    return list(zip(tracks.tolist(), objects.tolist(), strict=True))


def mean_iou(tracks: Sequence[Sequence[Rle | None]], objects: Sequence[Mapping[int, Rle]]) -> Floats:
    """Return the mean I/U of every track with every object, ``float64 [tracks, objects]``, in [0, 1].

    The mean is over the places where one of the two has a pixel; 0 where there is none. Masks of another size than the
    object's have an I/U of 0.

    Args:
        tracks: a mask per place, or None. objects: place → mask.

    Raises:
        DataError: run lengths that do not fill their canvas.
    """
    total = np.zeros((len(tracks), len(objects)))
    count = np.zeros((len(tracks), len(objects)))
    for place in sorted(set[int]().union(*objects)):
        there = [o for o, masks in enumerate(objects) if place in masks]
        iou, is_counted = _ious([track[place] for track in tracks], [objects[o][place] for o in there])
        total[:, there] += iou
        count[:, there] += is_counted
    return total / np.maximum(count, 1)


def _ious(predicted: Sequence[Rle | None], true: Sequence[Rle]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return I/U of every pair of one frame's masks, and where one of the two has a pixel, ``[tracks, objects]``."""
    from pycocotools import mask as coco

    there = [i for i, one in enumerate(predicted) if one is not None and one.area and _size(one) == _size(true[0])]
    codes = [_code(one) for one in (predicted[i] for i in there) if one is not None]
    areas = np.array([0 if one is None else one.area for one in predicted])[:, None]
    is_counted = (areas + np.array([one.area for one in true])) > 0
    iou = np.zeros(is_counted.shape)
    if codes:
        iou[there] = coco.iou(codes, [_code(one) for one in true], [False] * len(true))
    return np.where(is_counted, iou, 0.0), is_counted


def _size(mask: Rle) -> tuple[int, int]:
    return mask.height, mask.width


def _code(mask: Rle) -> dict[str, Any]:
    return coco_code(mask.counts, mask.height, mask.width)
