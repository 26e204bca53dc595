"""Text noise of many clips at once: what ``text`` draws sample by sample, noise by noise over arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_noise.building.clip_columns import ClipColumns
from actiseg_noise.building.plan import Plan, Slot, Tally
from actiseg_noise.building.text import can_be_noised, local_vocabulary
from actiseg_noise.key import Keys
from actiseg_noise.noises.base import TextNoise
from actiseg_noise.noises.labels import LabelTable, Numbers
from actiseg_noise.vocabulary import Vocabulary

Flags = npt.NDArray[np.bool_]


class DrawnTexts(NamedTuple):
    """The texts of samples, in order.

    Attributes:
        table: the plan's, as long as these are used. clean, noisy: numbers of labels in it. slots: the place of the
            noise in ``plan.text``, −1 for none. harmful: whether the noisy noun does not name the object any more.
    """

    table: LabelTable
    clean: Numbers
    noisy: Numbers
    slots: Numbers
    harmful: Flags


def draw_texts(columns: ClipColumns, plan: Plan, tally: Tally) -> DrawnTexts:
    """Return the texts of all samples. Noises are tried in recipe order until one takes the sample."""
    samples = _Samples(columns, plan)
    noisy, harmful = samples.clean.copy(), np.zeros(len(samples.clean), bool)
    slots = np.full(len(noisy), -1, np.int64)
    waiting = np.arange(len(noisy))
    for place, slot in enumerate(plan.text):
        drawn = waiting[samples.are_eligible(place, waiting)]
        hit, keys = samples.fired(slot, drawn)
        tally.count_all(slot.index, len(drawn), len(hit), int(samples.positive[hit].sum()))
        if len(hit):
            noisy[hit] = samples.apply(slot, keys, hit)
            harmful[hit] = slot.noise.misnames or samples.are_harmful(hit, noisy[hit])
            slots[hit] = place
            waiting = waiting[slots[waiting] < 0]
    return DrawnTexts(samples.table, samples.clean, noisy, slots, harmful)


class _Samples:
    """The samples of some clips as arrays.

    Attributes:
        clean: numbers of their labels. positive: their flags. clips: number of the clip of each.
    """

    def __init__(self, columns: ClipColumns, plan: Plan) -> None:
        self.plan = plan
        self.columns = columns
        self.table = plan.table
        self.clean = self.table.numbers(columns.objects["category_id"], columns.objects["noun"])
        self.positive = np.array(columns.objects["is_positive"], bool)
        self.clips = np.repeat(np.arange(len(columns.clips)), columns.object_counts)
        self.local: dict[int, Vocabulary | None] = {}
        different, self.which = np.unique(self.clean, return_inverse=True)
        self.labels = [self.table.labels[number] for number in different.tolist()]

    def are_eligible(self, place: int, samples: Numbers) -> Flags:
        """Return which of some samples the slot at ``place`` may take."""
        slot = self.plan.text[place]
        if slot.noise.within_clip(slot.options):
            labels = (self.labels[which] for which in self.which[samples].tolist())
            vocabularies = map(self._local, self.clips[samples].tolist())
            pairs = zip(labels, vocabularies, strict=True)
            found = np.array([slot.noise.is_eligible(*pair, **slot.options) for pair in pairs], bool)
        else:
            of_label = [self.plan.label(label.category_id, label.noun)[1][place] for label in self.labels]
            found = np.array(of_label, bool)[self.which[samples]]
        templates = self.columns.objects["template"]
        if templates.count(None) < len(templates):
            found &= np.array([can_be_noised(templates[sample]) for sample in samples.tolist()], bool)
        return found

    def fired(self, slot: Slot[TextNoise], drawn: Numbers) -> tuple[Numbers, Keys]:
        """Return which of the drawn samples the slot corrupts, and their keys."""
        ids = self.columns.objects["object_id"]
        names = self.columns.of_clips["address"]
        keys = Keys(slot.base, names, self.clips[drawn].tolist(), [ids[sample] for sample in drawn.tolist()])
        if slot.threshold >= 1:
            return drawn, keys
        fired = np.flatnonzero(keys.uniforms("decide") < slot.threshold)
        return drawn[fired], keys.take(fired.tolist())

    def apply(self, slot: Slot[TextNoise], keys: Keys, hit: Numbers) -> Numbers:
        """Return the noisy labels of the samples that the slot's noise hit."""
        noise, options = slot.noise, slot.options
        if noise.apply_all is not None and not noise.within_clip(options):
            found: Numbers = noise.apply_all(keys, self.clean[hit], self.table, self.plan.vocabulary, **options)
            return found
        return np.fromiter(self._applied(slot, keys, hit), np.int64, len(hit))

    def _applied(self, slot: Slot[TextNoise], keys: Keys, hit: Numbers) -> Iterator[int]:
        """Yield the noisy labels one by one."""
        is_within = slot.noise.within_clip(slot.options)
        for key, sample in zip(keys, hit.tolist(), strict=True):
            vocabulary = self._local(int(self.clips[sample])) if is_within else self.plan.vocabulary
            label = slot.noise.apply(key, self.labels[self.which[sample]], vocabulary, **slot.options)
            yield self.table.number(label.category_id, label.noun)

    def are_harmful(self, hit: Numbers, noisy: Numbers) -> Flags:
        """Return which of the noisy labels do not name their objects any more; see ``text.is_harmful``."""
        clean, table = self.clean[hit], self.table
        places, nouns = table.places(clean), table.nouns(noisy)
        is_other = (places != table.places(noisy)) & ~table.has_nouns(places, nouns)
        of_clips = np.sort(self.clips << 32 | table.nouns(self.clean))
        wanted = self.clips[hit] << 32 | nouns
        count = np.searchsorted(of_clips, wanted, "right") - np.searchsorted(of_clips, wanted, "left")
        return np.asarray(is_other | (count > (table.nouns(clean) == nouns)))

    def _local(self, clip: int) -> Vocabulary | None:
        """Return what the noises of a plan that draws within clips draw from."""
        if clip not in self.local:
            self.local[clip] = local_vocabulary(self.columns.clips[clip], self.plan)
        return self.local[clip]
