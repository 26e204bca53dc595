"""Category flips: the prompt names an object of another class."""

from __future__ import annotations

from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label, text_noise
from actiseg_noise.vocabulary import Vocabulary


def has_another_category(label: Label, vocabulary: Vocabulary) -> bool:
    """Every sample is eligible — negatives and hands too — as long as there is a second category."""
    return len(vocabulary.category_ids) > 1


@text_noise(
    "category_flip-v1",
    is_eligible=has_another_category,
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
