"""Noise on what makes the task action-based: the narration of a clip, the flags of its objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from actiseg_noise.building.plan import NoiseT, Plan, Slot, Tally
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.noises.base import FlagNoise, NarrationNoise
from actiseg_noise.records import Clip, ObjectRecord, expression


class Narration(NamedTuple):
    """What a clip's noisy texts say of the action. ``noise_id`` is ``none`` for its own narration."""

    text: str
    noise_id: str


class Flag(NamedTuple):
    """Whether an object is given as positive. ``noise_id`` is ``none`` for the clean flag."""

    is_positive: bool
    noise_id: str


def names_narration(clip: Clip, item: ObjectRecord) -> bool:
    """Return whether the object's text is the usual one, which holds the narration of its clip."""
    if item.template is None:
        return True
    return expression(item.noun, clip.narration, item.template) == expression(item.noun, clip.narration)


def is_swapped(clip: Clip, item: ObjectRecord, narration: Narration) -> bool:
    """Return whether the object's noisy text names another narration than its clip's: then it is harmful."""
    return narration.text != clip.narration and names_narration(clip, item)


def noise_narration(clip: Clip, plan: Plan, tally: Tally) -> Narration:
    """Return the narration of the clip's noisy texts. Noises are tried in recipe order until one takes the clip."""
    hit = tally.first_hit(_narration_draws(clip, plan), any(item.is_positive for item in clip.objects))
    if hit is None:
        return Narration(clip.narration, NO_NOISE)
    slot, key = hit
    return Narration(slot.noise.apply(key, clip.narration, plan.vocabulary, **slot.options), slot.noise.noise_id)


def _narration_draws(clip: Clip, plan: Plan) -> Iterator[tuple[Slot[NarrationNoise], Key]]:
    """Yield the slots of the plan for which the clip is eligible, each with the key of its draw."""
    if not plan.narrations or not any(names_narration(clip, item) for item in clip.objects):
        return
    for slot in plan.narrations:
        if slot.noise.is_eligible(clip.narration, plan.vocabulary, **slot.options):
            yield slot, slot.base.child(clip.address)


def noise_flags(clip: Clip, plan: Plan, tally: Tally) -> Iterator[Flag]:
    """Yield the flag of each object, in order. Noises are tried in recipe order until one takes the sample."""
    for item in clip.objects:
        hit = tally.first_hit(_flag_draws(clip, item, plan), item.is_positive)
        if hit is None:
            yield Flag(item.is_positive, NO_NOISE)
        else:
            slot, key = hit
            yield Flag(slot.noise.apply(key, item.is_positive, **slot.options), slot.noise.noise_id)


def _flag_draws(clip: Clip, item: ObjectRecord, plan: Plan) -> Iterator[tuple[Slot[FlagNoise], Key]]:
    """Yield the slots of the plan for which the sample is eligible, each with the key of its draw."""
    for slot in plan.flags:
        if slot.noise.is_eligible(item.is_positive, **slot.options):
            yield slot, slot.base.child(clip.address, item.object_id)


def narration_uniforms(clip: Clip, plan: Plan) -> list[float]:
    """Return the uniform of every narration slot of the plan; NaN where the clip is not eligible."""
    return _uniforms(plan.narrations, _narration_draws(clip, plan))


def flag_uniforms(clip: Clip, plan: Plan) -> Iterator[list[float]]:
    """Yield, per object, the uniform of every flag slot of the plan; NaN where the sample is not eligible."""
    for item in clip.objects:
        yield _uniforms(plan.flags, _flag_draws(clip, item, plan))


def _uniforms(slots: Sequence[Slot[NoiseT]], draws: Iterable[tuple[Slot[NoiseT], Key]]) -> list[float]:
    """Return the uniform of the draw of each slot, NaN for one that has none."""
    found = {slot.index: key.uniform("decide") for slot, key in draws}
    return [found.get(slot.index, math.nan) for slot in slots]
