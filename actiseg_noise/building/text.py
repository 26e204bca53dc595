"""Text noise of one clip: which samples are corrupted, and what they say then."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from typing import NamedTuple

from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.noises.base import Label
from actiseg_noise.records import NOUN, Clip, ObjectRecord
from actiseg_noise.vocabulary import Vocabulary


class NoisyText(NamedTuple):
    """What one sample says after noise. ``noise_id`` is ``none`` for a clean one."""

    label: Label
    noise_id: str
    is_harmful: bool


def noise_text(clip: Clip, plan: Plan, tally: Tally) -> Iterator[NoisyText]:
    """Yield the text of each object, in order. Noises are tried in recipe order until one takes the sample."""
    slots = [(slot, slot.base.child(clip.address)) for slot in plan.text]
    local = _local_vocabulary(clip, plan)
    for item in clip.objects:
        clean, eligible = _label(item, plan, local)
        draws = ((slot, clip_key.child(item.object_id)) for slot, clip_key in compress(slots, eligible))
        hit = tally.first_hit(draws, item.is_positive)
        if hit is None:
            yield NoisyText(clean, NO_NOISE, False)
            continue
        slot, key = hit
        label = slot.noise.apply(key, clean, plan.vocabulary_of(slot, local), **slot.options)
        harmful = slot.noise.misnames or is_harmful(label, item, clip, plan.vocabulary)
        yield NoisyText(label, slot.noise.noise_id, harmful)


def text_uniforms(clip: Clip, plan: Plan) -> Iterator[list[float]]:
    """Yield, per object, the uniform of every text slot of the plan; NaN where the sample is not eligible."""
    clip_keys = [slot.base.child(clip.address) for slot in plan.text]
    local = _local_vocabulary(clip, plan)
    for item in clip.objects:
        _, eligible = _label(item, plan, local)
        keys = [clip_key.child(item.object_id) for clip_key in clip_keys]
        yield [key.uniform("decide") if yes else float("nan") for key, yes in zip(keys, eligible, strict=True)]


def _local_vocabulary(clip: Clip, plan: Plan) -> Vocabulary | None:
    """Return the categories and nouns of the clip's own objects, where the plan draws from them."""
    return Vocabulary.collect(clip.objects, "clip") if plan.draws_within_clips else None


def _label(item: ObjectRecord, plan: Plan, local: Vocabulary | None) -> tuple[Label, list[bool]]:
    """Return the object's label and, per text slot, whether it is eligible; a text without its noun never is."""
    label, eligible = plan.label(item.category_id, item.noun, local)
    if item.template is not None and NOUN not in item.template:
        return label, [False] * len(eligible)
    return label, eligible


def is_harmful(noisy: Label, item: ObjectRecord, clip: Clip, vocabulary: Vocabulary) -> bool:
    """Return whether the noisy noun does not name this object any more.

    A text that names another clip's action is harmful, too: ``action_sample_row`` says so.

    It does not when it is a noun of another category alone (a flip), and when it is the clean noun of another
    object of the same clip (a substitution that lands on a neighbour: "knife" for the one called "cleaver" beside it).
    """
    if noisy.category_id != item.category_id and noisy.noun not in vocabulary.nouns[item.category_id]:
        return True
    called_so = [other.noun for other in clip.objects].count(noisy.noun)
    return called_so > (item.noun == noisy.noun)
