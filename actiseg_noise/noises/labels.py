"""Labels by number, for noises that are drawn for many samples at once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from actiseg_noise.noises.base import Label
from actiseg_noise.vocabulary import Vocabulary

Numbers = npt.NDArray[np.int64]


class LabelTable:
    """The labels of a vocabulary, category by category, each category's in its order; after them those met since.

    Attributes:
        labels: number → label. firsts, sizes: ``int64``, per category in ascending order, the number of its first label
            and how many it has.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.labels: list[Label] = []
        self._places, self._nouns = array("q"), array("q")
        self._vocabulary = vocabulary
        self._places_of = {category: place for place, category in enumerate(vocabulary.category_ids)}
        self._numbers: dict[tuple[int, str], int] = {}
        self._noun_numbers: dict[str, int] = {}
        self._others: dict[int, Sequence[int]] = {}
        sizes = [len(vocabulary.nouns[category]) for category in vocabulary.category_ids]
        self.sizes: Numbers = np.array(sizes, np.int64)
        self.firsts: Numbers = np.array(list(accumulate(sizes, initial=0))[:-1], np.int64)
        for category in vocabulary.category_ids:
            for noun in vocabulary.nouns[category]:
                self._add(category, noun)
        self._known = np.sort(_pairs(np.array(self._places, np.int64), np.array(self._nouns, np.int64)))

    def __len__(self) -> int:
        return len(self.labels)

    def number(self, category_id: int, noun: str) -> int:
        """Return the number of a label, a new one where it was not met before."""
        found = self._numbers.get((category_id, noun))
        return self._add(category_id, noun) if found is None else found

    def numbers(self, categories: Iterable[int], nouns: Iterable[str]) -> Numbers:
        """Return the numbers of labels, given by their category ids and nouns."""
        pairs = list(zip(categories, nouns, strict=True))
        found = list(map(self._numbers.get, pairs))
        if None in found:
            found = [self.number(*pair) for pair in pairs]
        return np.array(found, np.int64)

    def places(self, numbers: Numbers) -> Numbers:
        """Return the 0-based places of labels' categories among those of the vocabulary; −1: it is none of them."""
        places: Numbers = np.frombuffer(self._places, np.int64)[numbers]
        return places

    def nouns(self, numbers: Numbers) -> Numbers:
        """Return numbers of labels' nouns, equal where the nouns are."""
        nouns: Numbers = np.frombuffer(self._nouns, np.int64)[numbers]
        return nouns

    def has_nouns(self, places: Numbers, nouns: Numbers) -> npt.NDArray[np.bool_]:
        """Return whether the category at each place has the noun of each number, in the vocabulary."""
        pairs = _pairs(places, nouns)
        found = np.minimum(np.searchsorted(self._known, pairs), max(len(self._known) - 1, 0))
        return np.asarray(self._known[found] == pairs) if len(self._known) else np.zeros(len(pairs), bool)

    def others(self, numbers: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return the numbers of the category's other nouns: all of them in one array, and for each label where its own
        begin there, and how many they are.
        """
        different, which = np.unique(numbers, return_inverse=True)
        lists = [self._others_of(number) for number in different.tolist()]
        counts = np.array(list(map(len, lists)), np.int64)
        starts = np.cumsum(counts) - counts
        joined = np.array([other for found in lists for other in found], np.int64)
        return joined, starts[which], counts[which]

    def _others_of(self, number: int) -> Sequence[int]:
        """Return the numbers of a category's nouns except a label's own, remembered."""
        if number not in self._others:
            category_id, noun = self.labels[number].category_id, self.labels[number].noun
            others = self._vocabulary.other_nouns(category_id, noun)
            self._others[number] = [self.number(category_id, other) for other in others]
        return self._others[number]

    def _add(self, category_id: int, noun: str) -> int:
        """Give a label the next number."""
        number = len(self.labels)
        self.labels.append(Label(category_id, noun))
        self._places.append(self._places_of.get(category_id, -1))
        self._nouns.append(self._noun_numbers.setdefault(noun, len(self._noun_numbers)))
        return self._numbers.setdefault((category_id, noun), number)


def _pairs(places: Numbers, nouns: Numbers) -> Numbers:
    """Return one number for each pair of a category's place and a noun's number."""
    return places << 32 | nouns
