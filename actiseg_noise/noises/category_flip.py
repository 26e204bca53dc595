"""Category flips: the prompt names an object of another class."""

from __future__ import annotations

from actiseg_noise.key import Key, Keys
from actiseg_noise.noises.base import Label, text_noise
from actiseg_noise.noises.labels import LabelTable, Numbers
from actiseg_noise.vocabulary import Vocabulary


def has_another_category(label: Label, vocabulary: Vocabulary) -> bool:
    """Every sample is eligible — negatives and hands too — as long as there is a second category."""
    return len(vocabulary.category_ids) > 1


def flip_all(keys: Keys, numbers: Numbers, labels: LabelTable, vocabulary: Vocabulary) -> Numbers:
    """Return what ``category_flip`` gives for many samples."""
    count = len(vocabulary.category_ids)
    steps = 1 + keys.below("category", count - 1)
    places = (labels.places(numbers) + steps) % count
    return labels.firsts[places] + keys.below("noun", labels.sizes[places])


@text_noise(
    "category_flip-v1",
    is_eligible=has_another_category,
    apply_all=flip_all,
    summary="another category, uniformly, then one of its nouns, uniformly",
    source="ActiSeg-NL generate_prompt_name_noise.py (arXiv 2509.16677), with addressed draws",
)
def category_flip(key: Key, label: Label, vocabulary: Vocabulary) -> Label:
    """Return a label of a category drawn uniformly from all others, with a noun drawn uniformly from its nouns."""
    ids = vocabulary.category_ids
    step = 1 + key.below("category", len(ids) - 1)
    category_id = ids[(vocabulary.position(label.category_id) + step) % len(ids)]
    nouns = vocabulary.nouns[category_id]
    return Label(category_id, nouns[key.below("noun", len(nouns))])
