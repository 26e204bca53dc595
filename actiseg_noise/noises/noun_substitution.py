"""Noun substitution: the prompt uses another noun of the right category."""

from __future__ import annotations

from actiseg_noise.key import Key, Keys
from actiseg_noise.noises.base import Label, text_noise
from actiseg_noise.noises.labels import LabelTable, Numbers
from actiseg_noise.vocabulary import Vocabulary


def has_another_noun(label: Label, vocabulary: Vocabulary) -> bool:
    """A sample is eligible when its category has a noun beside its own."""
    return bool(vocabulary.other_nouns(label.category_id, label.noun))


def substitute_all(keys: Keys, numbers: Numbers, labels: LabelTable, vocabulary: Vocabulary) -> Numbers:
    """Return what ``noun_substitution`` gives for many samples."""
    others, starts, counts = labels.others(numbers)
    return others[starts + keys.below("noun", counts)]


@text_noise(
    "noun_substitution-v1",
    is_eligible=has_another_noun,
    apply_all=substitute_all,
    summary="another noun of the same category, uniformly",
    source="the released ActiSeg-NL split files (arXiv 2509.16677), measured on their first sequences",
)
def noun_substitution(key: Key, label: Label, vocabulary: Vocabulary) -> Label:
    """Return the same category with a noun drawn uniformly from its other nouns."""
    nouns = vocabulary.other_nouns(label.category_id, label.noun)
    return Label(label.category_id, nouns[key.below("noun", len(nouns))])
