"""Verb swaps: the right thing, another action: "peel onion" where an onion is cut."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.noises.base import Options, Parameters, narration_noise
from actiseg_noise.vocabulary import Vocabulary

ARTICLES = frozenset({"a", "an", "her", "his", "my", "some", "that", "the", "their", "this", "your"})
PRONOUNS = frozenset({"it", "them"})
PARTICLES = frozenset(
    {"around", "at", "away", "back", "down", "for", "from", "in", "inside", "into", "of", "off", "on", "onto", "out"}
    | {"over", "through", "to", "together", "towards", "under", "up", "with"}
)
STILL = frozenset({"begin", "continue", "finish", "keep", "start", "still", "stop"})
A_NOUN, A_PRONOUN, NOTHING = "noun", "pronoun", "nothing"
Choices = tuple[tuple[str, ...], tuple[int, ...]]  # verb phrases, ascending, and their clips, added up


class Told(NamedTuple):
    """A narration taken apart.

    Attributes:
        phrase: the verb before the first noun or pronoun: ``pour from`` of "pour from the mug".
        rest: what follows it. form: what ``phrase`` is followed by. category_id: of the noun, None without one.
    """

    phrase: str
    rest: str
    form: str
    category_id: int | None


class Actions:
    """Which verbs are told of which things, in the narrations of a split."""

    def __init__(self, vocabulary: Vocabulary, *, any_verb: bool) -> None:
        self._verbs = vocabulary.verbs
        self._any_verb = any_verb
        self._categories = _names(vocabulary)
        self._longest = max((name.count(" ") + 1 for name in self._categories), default=0)
        self._of_category: dict[int | None, Counter[tuple[str, str]]] = {}
        self._of_form: dict[str, Counter[tuple[str, str]]] = {}
        for narration, clips in vocabulary.narrations.items():
            told = self.take_apart(narration)
            action = (told.phrase, self._verb(narration, told))
            self._of_category.setdefault(told.category_id, Counter())[action] += clips
            self._of_form.setdefault(told.form, Counter())[action] += clips
        self.choices = cache(self._choices)

    def take_apart(self, narration: str) -> Told:
        """Return the parts of a narration; its first word is never a noun."""
        words = list(re.finditer(r"\S+", narration))
        lower = [word[0].lower() for word in words]
        for place in range(1, len(words)):
            category_id = self._category_at(lower, place)
            if category_id is None and lower[place] not in PRONOUNS:
                continue
            start = _end_of_verb(lower[:place])
            before, rest = narration[: words[start - 1].end()], narration[words[start].start() :]
            return Told(before.strip(), rest, A_PRONOUN if category_id is None else A_NOUN, category_id)
        return Told(narration.strip(), "", NOTHING, None)

    def _category_at(self, words: list[str], place: int) -> int | None:
        """Return the category of the longest noun that begins at ``place``, in singular or plural, None without one."""
        for length in range(min(self._longest, len(words) - place), 0, -1):
            name = " ".join(words[place : place + length])
            for form in (name, name.removesuffix("s"), name.removesuffix("es")):
                if form in self._categories:
                    return self._categories[form]
        return None

    def _verb(self, narration: str, told: Told) -> str:
        """Return which action a narration names: as its dataset says, else in its own words."""
        return self._verbs.get(narration) or told.phrase

    def _choices(self, narration: str) -> Choices:
        """Return the phrases that tell of another action on the same thing, or on any where that was asked for."""
        told = self.take_apart(narration)
        own = self._verb(narration, told)
        found = {} if told.category_id is None else _others(self._of_category.get(told.category_id), told, own)
        if not found and self._any_verb:
            found = _others(self._of_form.get(told.form), told, own)
        phrases = tuple(sorted(found))
        return phrases, tuple(accumulate(found[phrase] for phrase in phrases))


def _end_of_verb(words: list[str]) -> int:
    """Return how many of the words before a noun are the verb: all up to an article that end in a particle, else one.

    "put spring" of "put spring onion" is no verb; "keep stirring" is one.
    """
    count = next((place for place, word in enumerate(words) if place and word in ARTICLES), len(words))
    if words[count - 1] in PARTICLES:
        return count
    return min(count, 2 if words[0] in STILL else 1)


def _names(vocabulary: Vocabulary) -> dict[str, int]:
    """Return the vocabulary's nouns in lower case, each name of ``bin/garbage can``, with the first category of it."""
    pairs = [(noun, category) for category in reversed(vocabulary.category_ids) for noun in vocabulary.nouns[category]]
    return {name.strip().lower(): category for noun, category in pairs for name in noun.split("/") if name.strip()}


def _others(actions: Counter[tuple[str, str]] | None, told: Told, own: str) -> Counter[str]:
    """Return phrase → clips of the actions that are another verb's than ``own``."""
    pairs: Iterable[tuple[tuple[str, str], int]] = actions.items() if actions else ()
    found: Counter[str] = Counter()
    for (phrase, verb), clips in pairs:
        if verb != own and phrase != told.phrase:
            found[phrase] += clips
    return found


def read_actions(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Return the verbs of the split's narrations.

    Raises:
        ActisegError: ``any_verb`` is neither true nor false.
    """
    any_verb = options["any_verb"]
    if not isinstance(any_verb, bool):
        raise ActisegError(f"any_verb: expected true or false, got {any_verb!r}")
    return {"actions": Actions(vocabulary, any_verb=any_verb)}


def has_another_verb(narration: str, vocabulary: Vocabulary, *, actions: Actions) -> bool:
    """A clip is eligible when a text of it holds its narration, that names a noun of the vocabulary after its verb, and
    a clip of the split does something else to a thing of that category.
    """
    return bool(actions.choices(narration)[0])


@narration_noise(
    "verb_swap-v1",
    is_eligible=has_another_verb,
    resolve=read_actions,
    needs_verbs=True,
    defaults={"any_verb": False},
    summary="another verb that is told of the same thing in the split, as often as clips have it",
    source="ours: the wrong action in narrations of egocentric video",
)
def verb_swap(key: Key, narration: str, vocabulary: Vocabulary, *, actions: Actions) -> str:
    """Return the narration with the verb of another action that clips of the split do to a thing of the same category.

    The verb is what stands before the narration's first noun, "pour from" of "pour from the mug"; the rest stays.
    It is drawn in proportion to the clips that have it. Another word for the clip's own action is not among them where
    the dataset says what they are one class of: "chop" is no other verb for a clip of the action "cut". With
    `any_verb`, where no other verb is told of the thing, or the narration names none ("pour it"), any verb of the split
    is drawn.
    """
    phrases, bounds = actions.choices(narration)
    phrase = phrases[bisect_right(bounds, key.below("clip", bounds[-1]))]
    return f"{phrase} {actions.take_apart(narration).rest}".rstrip()
