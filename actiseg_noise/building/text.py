"""Text noise of one clip: which samples are corrupted, and what they say then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import NamedTuple

from actiseg_noise.building.plan import Plan, Slot, Tally
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
    """Return the text of each object, in order. Noises are tried in recipe order until one takes the sample."""
    return noise_texts([clip], plan, tally)


def noise_texts(clips: Sequence[Clip], plan: Plan, tally: Tally) -> list[NoisyText]:
    """Return the texts of one clip after the other, drawn noise by noise: each passes over what those before left."""
    samples = _Samples(clips, plan)
    texts: list[NoisyText | None] = [None] * len(samples.objects)
    waiting: Sequence[int] = range(len(texts))
    for place, slot in enumerate(plan.text):
        drawn = [index for index in waiting if samples.labels[index][1][place]]
        hit = samples.fired(slot, drawn)
        on_positives = sum(samples.objects[index].is_positive for index in hit)
        tally.count_all(slot.index, len(drawn), len(hit), on_positives)
        if hit:
            samples.apply(slot, hit, texts)
            waiting = [index for index in waiting if texts[index] is None]
    for index in waiting:
        texts[index] = NoisyText(samples.labels[index][0], NO_NOISE, False)
    return [text for text in texts if text is not None]


class _Samples:
    """The samples of some clips: for each its object, the number of its clip, its label and which slots may take it."""

    def __init__(self, clips: Sequence[Clip], plan: Plan) -> None:
        self.clips = clips
        self.plan = plan
        self.locals = [_local_vocabulary(clip, plan) for clip in clips]
        self.objects = [item for clip in clips for item in clip.objects]
        self.numbers = [number for number, clip in enumerate(clips) for _ in clip.objects]
        pairs = zip(self.objects, self.numbers, strict=True)
        self.labels = [_label(item, plan, self.locals[number]) for item, number in pairs]

    def fired(self, slot: Slot[TextNoise], drawn: list[int]) -> list[int]:
        """Return which of the drawn samples the slot corrupts."""
        ids: dict[int, list[int]] = {}
        for index in drawn:
            ids.setdefault(self.numbers[index], []).append(self.objects[index].object_id)
        fires = (slot.fires_on(self.clips[number].address, found) for number, found in ids.items())
        return list(compress(drawn, chain.from_iterable(fires)))

    def apply(self, slot: Slot[TextNoise], hit: list[int], texts: list[NoisyText | None]) -> None:
        """Put the noisy texts of the samples that the slot's noise hit into ``texts``."""
        apply, noise_id, misnames, options = slot.noise.apply, slot.noise.noise_id, slot.noise.misnames, slot.options
        last, all_nouns = -1, self.plan.vocabulary
        for index in hit:
            number, item = self.numbers[index], self.objects[index]
            if number != last:
                clip, last = self.clips[number], number
                clip_key, nouns = slot.base.child(clip.address), [other.noun for other in clip.objects]
                vocabulary = self.plan.vocabulary_of(slot, self.locals[number])
            label = apply(clip_key.child(item.object_id), self.labels[index][0], vocabulary, **options)
            harmful = misnames or _is_harmful(label, item, nouns, all_nouns)
            texts[index] = NoisyText(label, noise_id, harmful)


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
    return _is_harmful(noisy, item, [other.noun for other in clip.objects], vocabulary)


def _is_harmful(noisy: Label, item: ObjectRecord, nouns: Sequence[str], vocabulary: Vocabulary) -> bool:
    """Return whether the noisy noun does not name this object of a clip, whose objects have these nouns."""
    if noisy.category_id != item.category_id and noisy.noun not in vocabulary.nouns[item.category_id]:
        return True
    return nouns.count(noisy.noun) > (item.noun == noisy.noun)
