"""Mask noise of one frame: perturb objects one by one in crops, then settle who owns a contested pixel.

The rule is the published one: positive objects in object order, an earlier one keeps a contested pixel; negatives keep
only what is left; void is never painted. Noise sees crops, in pixels; the rule is settled on runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from actiseg_noise.building.plan import Plan, Slot
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box, IndexMask, find_edges
from actiseg_noise.noises.base import MaskNoise
from actiseg_noise.noises.view import View
from actiseg_noise.runs import LabelRuns, Positions, count_shared

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


class Settled(NamedTuple):
    """The noisy masks of frames.

    Attributes:
        shared: per frame and id 0–255: pixels that have it before and after.
    """

    runs: LabelRuns
    shared: list[list[int]]


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


def settle(
    clean: LabelRuns, noised: Sequence[Mapping[int, Patch]], positives: Sequence[int], void_id: int | None
) -> Settled:
    """Return frames of one clip after the overlap rule.

    Args:
        noised: per frame, object_id → its perturbed mask, before the rule; all are positive.
        positives, void_id: see ``FrameMasks``.
    """
    starts, before, inside = _cut(clean, noised)
    frame = starts // clean.pixels
    after = _stays(positives)[before]
    for object_id in reversed(positives):  # what is painted later wins, so the first positive comes last
        is_noised = np.array([object_id in patches for patches in noised])
        mine = (before == object_id) & ~is_noised[frame]
        after[mine | inside[object_id] if object_id in inside else mine] = object_id
    if void_id is not None:
        after[before == void_id] = void_id
    return Settled(clean.relabelled(starts, after), count_shared(clean, starts, before, after))


def _cut(clean: LabelRuns, noised: Sequence[Mapping[int, Patch]]) -> tuple[Positions, IndexMask, dict[int, BinaryMask]]:
    """Return the runs that remain where clean and noised masks cut each other.

    Each begin and end is sorted with the number of its object in the lowest eight bits, so that counting those of one
    object says, of each run, how often it has begun or ended up to there.

    Returns:
        Where runs begin; their clean ids; per noised object whether they lie inside of it.
    """
    numbers = {i: number for number, i in enumerate(sorted({i for patches in noised for i in patches}), 1)}
    events = [clean.starts << 8]
    for place, patches in enumerate(noised):
        for i, patch in patches.items():
            edges = find_edges(patch.crop, patch.box, clean.height)
            events.append((edges + place * clean.pixels << 8) + numbers[i])
    event = np.concatenate(events)
    event.sort()
    starts = event >> 8
    is_last = np.empty(len(starts), bool)  # of those at one place
    is_last[:-1], is_last[-1] = starts[1:] != starts[:-1], True
    is_last &= starts < clean.pixels * clean.count
    number = event.astype(np.uint8)
    before = clean.values[((number == 0).cumsum() - 1)[is_last]]
    inside = {i: ((number == n).cumsum() & 1 == 1)[is_last] for i, n in numbers.items()}
    return starts[is_last], before, inside


def _stays(positives: Sequence[int]) -> IndexMask:
    """Return per id what stays of it before the positives are painted: the negatives."""
    stays = np.arange(256, dtype=np.uint8)
    stays[list(positives)] = 0
    return stays
