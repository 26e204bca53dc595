"""Two objects drawn as one: the annotator, or the tool, took what touches for a part."""

from __future__ import annotations

import numpy as np

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.noises.base import Options, mask_noise, no_parameters, no_reach
from actiseg_noise.noises.view import Neighbours, View

DEFAULTS: Options = {}


def area_of_both(view: View) -> Box:
    """Return the box around the object and the one it takes."""
    taken = partners(view.objects).get(view.object_id)
    return view.box if taken is None else view.box.union(view.objects.boxes[taken])


def partners(objects: Neighbours) -> dict[int, int]:
    """Return hit object → the object that it takes, each object in one pair at most.

    In the order in which objects keep a contested pixel, each that is hit and not taken yet takes, of the later ones
    that are free, the one with which it shares the longest border; of equal ones the first.
    """
    found: dict[int, int] = {}
    for place, object_id in enumerate(objects.order):
        if object_id not in objects.hit or object_id in found.values():
            continue
        free = [other for other in objects.order[place + 1 :] if other not in found.values()]
        lengths = [objects.borders.get((min(object_id, other), max(object_id, other)), 0) for other in free]
        if any(lengths):
            found[object_id] = free[int(np.argmax(lengths))]
    return found


@mask_noise(
    "merge_instances-v1",
    resolve=no_parameters,
    reach=no_reach,
    area=area_of_both,
    needs=frozenset({"objects"}),
    defaults=DEFAULTS,
    summary="two touching objects drawn as one: the other's pixels are given to this one",
    source="merged instances, a common error in instance labels; ours",
)
def merge_instances(key: Key, mask: BinaryMask, view: View) -> BinaryMask:
    """Return ``mask`` with the pixels of the object that it touches along the longest border; the key is not used.

    Only an object that gives way in an overlap can be taken: a negative one, or a positive one with a larger id. It
    loses all its pixels then. No object takes two others, or takes one and is taken; one that touches none to
    take stays as it is. Whom an object takes is looked at in every frame anew, under ``temporal = "clip"`` too.
    """
    taken = partners(view.objects).get(view.object_id)
    return mask.copy() if taken is None else mask | view.objects.mask(taken, view.box)
