"""Text noise of one clip: which samples are corrupted, and what they say then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actiseg_noise.building.plan import Plan, Slot, Tally
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.noises.base import Label, TextNoise
from actiseg_noise.records import NOUN, Clip, ObjectRecord
from actiseg_noise.vocabulary import Vocabulary


class NoisyText(NamedTuple):
    """What one sample says after noise. ``noise_id`` is ``none`` for a clean one."""

    label: Label
    noise_id: str
    is_harmful: bool


def noise_text(clip: Clip, plan: Plan, tally: Tally) -> list[NoisyText]:
    """Return the text of each object, in order. Noises are tried in recipe order until one takes the sample.

    ``draws`` gives the same for many clips, by column.
    """
    local = local_vocabulary(clip, plan)
    keys = [slot.base.child(clip.address) for slot in plan.text]
    nouns = [item.noun for item in clip.objects]
    texts = []
    for item in clip.objects:
        label, eligible = _label(item, plan, local)
        draws = [(s, k.child(item.object_id)) for s, k, yes in zip(plan.text, keys, eligible, strict=True) if yes]
        hit = tally.first_hit(draws, item.is_positive)
        texts.append(
            NoisyText(label, NO_NOISE, False) if hit is None else _noisy(*hit, label, item, nouns, plan, local)
        )
    return texts


def _noisy(
    slot: Slot[TextNoise],
    key: Key,
    label: Label,
    item: ObjectRecord,
    nouns: Sequence[str],
    plan: Plan,
    local: Vocabulary | None,
) -> NoisyText:
    """Return the text of an object of a clip, whose objects have these nouns, after the noise that hit it."""
    noisy = slot.noise.apply(key, label, plan.vocabulary_of(slot, local), **slot.options)
    harmful = slot.noise.misnames or _is_harmful(noisy, item, nouns, plan.vocabulary)
    return NoisyText(noisy, slot.noise.noise_id, harmful)


def text_uniforms(clip: Clip, plan: Plan) -> Iterator[list[float]]:
    """Yield, per object, the uniform of every text slot of the plan; NaN where the sample is not eligible."""
    clip_keys = [slot.base.child(clip.address) for slot in plan.text]
    local = local_vocabulary(clip, plan)
    for item in clip.objects:
        _, eligible = _label(item, plan, local)
        keys = [clip_key.child(item.object_id) for clip_key in clip_keys]
        yield [key.uniform("decide") if yes else float("nan") for key, yes in zip(keys, eligible, strict=True)]


def local_vocabulary(clip: Clip, plan: Plan) -> Vocabulary | None:
    """Return the categories and nouns of the clip's own objects, where the plan draws from them."""
    return Vocabulary.collect(clip.objects, "clip") if plan.draws_within_clips else None


def _label(item: ObjectRecord, plan: Plan, local: Vocabulary | None) -> tuple[Label, list[bool]]:
    """Return the object's label and, per text slot, whether it is eligible; a text without its noun never is."""
    label, eligible = plan.label(item.category_id, item.noun, local)
    return label, eligible if can_be_noised(item.template) else [False] * len(eligible)


def can_be_noised(template: str | None) -> bool:
    """Return whether a noun stands in an object's text."""
    return template is None or NOUN in template


def is_harmful(noisy: Label, item: ObjectRecord, clip: Clip, vocabulary: Vocabulary) -> bool:
    """Return whether the noisy noun does not name this object any more.

    A text that names another clip's action is harmful, too: ``action_sample_row`` says so.

    It does not when it is a noun of another category alone (a flip), and when it is the clean noun of another
    object of the same clip (a substitution that lands on a neighbour: "knife" for the one called "cleaver" beside it).
    """
    return _is_harmful(noisy, item, [other.noun for other in clip.objects], vocabulary)


def _is_harmful(noisy: Label, item: ObjectRecord, nouns: Sequence[str], vocabulary: Vocabulary) -> bool:
    """Return whether the noisy noun does not name this object of a clip, whose objects have these nouns."""
    if noisy.category_id != item.category_id and noisy.noun not in vocabulary.nouns[item.category_id]:
        return True
    return nouns.count(noisy.noun) > (item.noun == noisy.noun)
