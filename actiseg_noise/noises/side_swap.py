"""Side swaps: left and right exchanged, a slip of people who narrate what two hands do."""

from __future__ import annotations

import re

from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label, Options, Parameters, text_noise
from actiseg_noise.vocabulary import Vocabulary

OTHER = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "LEFT": "RIGHT", "RIGHT": "LEFT"}
_SIDE = re.compile(rf"\b({'|'.join(OTHER)})\b")


def find_pairs(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Return the vocabulary's nouns that name a side, with the first category that has each."""
    sided = {
        noun: category_id
        for category_id in reversed(vocabulary.category_ids)
        for noun in vocabulary.nouns[category_id]
        if _SIDE.search(noun)
    }
    return {"sided": sided}


def has_a_side(label: Label, vocabulary: Vocabulary, *, sided: dict[str, int]) -> bool:
    """A sample is eligible when its noun names one side, left or right, as a word of its own."""
    return len({side.lower() for side in _SIDE.findall(label.noun)}) == 1


@text_noise(
    "side_swap-v1",
    is_eligible=has_a_side,
    resolve=find_pairs,
    misnames=True,
    summary="left and right exchanged in the noun",
    source="ours: the wrong hand in narrations of egocentric video",
)
def side_swap(key: Key, label: Label, vocabulary: Vocabulary, *, sided: dict[str, int]) -> Label:
    """Return the label of the other side: "right hand" for "left hand"; the key is not used.

    Where the vocabulary has the other side in a category of its own, the category changes, too; "left glove" and "right
    glove" of one category keep it. Either way the noun does not name this object any more. A side that only the
    narration names ("with right hand") stays.
    """
    noun = _SIDE.sub(lambda side: OTHER[side[0]], label.noun)
    if noun in vocabulary.nouns[label.category_id]:
        return Label(label.category_id, noun)
    return Label(sided.get(noun, label.category_id), noun)
