"""Mask noise of one frame: perturb objects one by one in crops, then settle who owns a contested pixel.

The rule is the published one: positive objects in object order, an earlier one keeps a contested pixel; negatives keep
only what is left; void is never painted. Nothing here is larger than the box around what changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import cv2
import numpy as np

from actiseg_noise.building.plan import Plan, Slot
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box, IndexMask
from actiseg_noise.noises.base import MaskNoise
from actiseg_noise.noises.view import View

Hit = tuple[Slot[MaskNoise], Key]
Look = Callable[[Slot[MaskNoise], int], View]
"""Slot, object id → what the slot's noise may see of it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A binary mask given by a crop; outside the box is background.

    Attributes:
        would_erase: a noise left nothing of the object, so it was kept as it was before that noise.
    """

    crop: BinaryMask
    box: Box
    would_erase: bool = False


@dataclass(frozen=True, slots=True)
class FrameMasks:
    """One frame's clean masks.

    Attributes:
        boxes: bounding box of every id in the frame. positives: object ids of the clip, in object order.
        void_id: palette value without label, None where there is none.
    """

    index_mask: IndexMask
    boxes: dict[int, Box]
    positives: Sequence[int]
    void_id: int | None

    def crop(self, object_id: int, box: Box) -> BinaryMask:
        """Return the object's clean mask inside ``box``."""
        return self.index_mask[box.slices] == object_id


def perturb(scene: FrameMasks, object_id: int, hits: Sequence[Hit], plan: Plan, look: Look) -> Patch:
    """Return one object after the noises that hit it, in order, before any overlap is settled.

    A noise that would erase the object leaves it as it was, for an annotator who sees an object marks something; unless
    erasing is what the noise is for, or the recipe allows it. What a noise sees beside the mask is as it was before
    any noise.
    """
    height, width = scene.index_mask.shape
    applied = [(slot, key, plan.parameters(slot, height, width)) for slot, key in hits]
    views = [look(slot, object_id) if slot.noise.needs else None for slot, _ in hits]
    reach = sum(slot.noise.reach(parameters) for slot, _, parameters in applied)
    area = scene.boxes[object_id]
    for (slot, _, parameters), view in zip(applied, views, strict=True):
        if slot.noise.area is not None:
            area = area.union(slot.noise.area(view, **parameters))
    area = area.padded(reach + 1, height, width)
    crop = scene.crop(object_id, area)
    would_erase = False
    for (slot, key, parameters), view in zip(applied, views, strict=True):
        seen = () if view is None else (replace(view, box=area),)
        noisy = slot.noise.apply(key, crop, *seen, **parameters)
        if noisy.any():
            crop = noisy
        elif slot.noise.erases or plan.recipe.allow_erase:
            return Patch(noisy, area)
        else:
            would_erase = True
    return Patch(crop, area, would_erase)


def settle(scene: FrameMasks, noised: dict[int, Patch]) -> dict[int, Patch]:
    """Return the objects that noise touched, after the overlap rule: the noised ones and neighbours that lost pixels.

    Args:
        noised: object_id → its perturbed mask, before the rule; all are positive.
    """
    if not noised:
        return {}
    window = reduce(Box.union, (patch.box for patch in noised.values()))
    canvas = _paint(scene, noised, window)
    after = {}
    for object_id, box in scene.boxes.items():
        if object_id in noised:
            area = noised[object_id].box
            after[object_id] = replace(noised[object_id], crop=canvas[area.within(window)] == object_id)
        elif object_id != scene.void_id and (shared := box.intersection(window)) is not None:
            left = canvas[shared.within(window)] == object_id
            if not np.array_equal(left, scene.crop(object_id, shared)):
                crop = scene.crop(object_id, box)
                crop[shared.within(box)] = left
                after[object_id] = Patch(crop, box)
    return after


def _paint(scene: FrameMasks, noised: dict[int, Patch], window: Box) -> IndexMask:
    """Return the noisy index mask inside ``window``: what is painted later wins, so the first positive comes last."""
    clean = scene.index_mask[window.slices]
    negatives = np.arange(256, dtype=np.uint8)
    negatives[list(scene.positives)] = 0
    canvas = np.asarray(cv2.LUT(clean, negatives), np.uint8)
    for object_id in reversed(scene.positives):
        if object_id in noised:
            patch = noised[object_id]
            np.copyto(canvas[patch.box.within(window)], np.uint8(object_id), where=patch.crop)
        elif object_id in scene.boxes and (shared := scene.boxes[object_id].intersection(window)) is not None:
            np.copyto(canvas[shared.within(window)], np.uint8(object_id), where=scene.crop(object_id, shared))
    if scene.void_id in scene.boxes:
        np.copyto(canvas, clean, where=clean == scene.void_id)
    return canvas
