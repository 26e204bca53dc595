"""Noise on what makes the task action-based: the narration of a clip, the flags of its objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.manifest.schema import NO_NOISE
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


def noise_narration(clip: Clip, plan: Plan, tally: Tally) -> Narration:
    """Return the narration of the clip's noisy texts. Noises are tried in recipe order until one takes the clip."""
    if plan.narrations and any(names_narration(clip, item) for item in clip.objects):
        has_positive = any(item.is_positive for item in clip.objects)
        for slot in plan.narrations:
            if not slot.noise.is_eligible(clip.narration, plan.vocabulary, **slot.options):
                continue
            key = slot.base.child(clip.address)
            fired = slot.fires(key)
            tally.count(slot.index, fired, has_positive)
            if fired:
                text = slot.noise.apply(key, clip.narration, plan.vocabulary, **slot.options)
                return Narration(text, slot.noise.noise_id)
    return Narration(clip.narration, NO_NOISE)


def noise_flags(clip: Clip, plan: Plan, tally: Tally) -> Iterator[Flag]:
    """Yield the flag of each object, in order. Noises are tried in recipe order until one takes the sample."""
    slots = [(slot, slot.base.child(clip.address)) for slot in plan.flags]
    for item in clip.objects:
        for slot, clip_key in slots:
            if not slot.noise.is_eligible(item.is_positive, **slot.options):
                continue
            key = clip_key.child(item.object_id)
            fired = slot.fires(key)
            tally.count(slot.index, fired, item.is_positive)
            if fired:
                yield Flag(slot.noise.apply(key, item.is_positive, **slot.options), slot.noise.noise_id)
                break
        else:
            yield Flag(item.is_positive, NO_NOISE)


def narration_uniforms(clip: Clip, plan: Plan) -> list[float]:
    """Return the uniform of every narration slot of the plan; NaN where the clip is not eligible."""
    has_text = any(names_narration(clip, item) for item in clip.objects)
    return [
        slot.base.child(clip.address).uniform("decide")
        if has_text and slot.noise.is_eligible(clip.narration, plan.vocabulary, **slot.options)
        else float("nan")
        for slot in plan.narrations
    ]


def flag_uniforms(clip: Clip, plan: Plan) -> Iterator[list[float]]:
    """Yield, per object, the uniform of every flag slot of the plan; NaN where the sample is not eligible."""
    slots = [(slot, slot.base.child(clip.address)) for slot in plan.flags]
    for item in clip.objects:
        yield [
            key.child(item.object_id).uniform("decide")
            if slot.noise.is_eligible(item.is_positive, **slot.options)
            else float("nan")
            for slot, key in slots
        ]
