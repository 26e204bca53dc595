"""Typing errors: a key beside the right one, two letters exchanged, one left out, one doubled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label, Options, Parameters, text_noise
from actiseg_noise.vocabulary import Vocabulary

QWERTY = {
    **{"q": "aw", "w": "aeqs", "e": "drsw", "r": "deft", "t": "fgry", "y": "ghtu", "u": "hijy", "i": "jkou"},
    **{"o": "iklp", "p": "lo", "a": "qswz", "s": "adewxz", "d": "cefrsx", "f": "cdgrtv", "g": "bfhtvy"},
    **{"h": "bgjnuy", "j": "hikmnu", "k": "ijlmo", "l": "kop", "z": "asx", "x": "cdsz", "c": "dfvx"},
    **{"v": "bcfg", "b": "ghnv", "n": "bhjm", "m": "jkn"},
}
"""Letter → the letters on the keys that touch its key, in ascending order."""
LEAST_LETTERS = 3


def check_strength(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Return the strength, and the vocabulary's nouns, none of which a typing error may give.

    Raises:
        ActisegError: the strength is no whole number from 1 on.
    """
    strength = options["strength"]
    if type(strength) is not int or strength < 1:
        raise ActisegError(f"strength: expected how many words have an error, 1 or more, got {strength!r}")
    return {"strength": strength, "nouns": frozenset(n for nouns in vocabulary.nouns.values() for n in nouns)}


def has_a_word_to_mistype(label: Label, vocabulary: Vocabulary, *, strength: int, nouns: frozenset[str]) -> bool:
    """A sample is eligible when its noun has a word of three letters or more that can be mistyped without becoming
    another noun of the vocabulary.
    """
    parts = _split(label.noun)
    return any(_mistyped(parts, place, nouns) for place in _words(parts))


@text_noise(
    "typo-v1",
    is_eligible=has_a_word_to_mistype,
    resolve=check_strength,
    defaults={"strength": 1},
    summary="a typing error in one word or, with a higher strength, in several, one error each",
    source="the four single errors of Damerau (CACM 1964), on a QWERTY keyboard; ours",
)
def typo(key: Key, label: Label, vocabulary: Vocabulary, *, strength: int, nouns: frozenset[str]) -> Label:
    """Return the same category with errors in up to ``strength`` words of the noun, one each, words drawn uniformly.

    An error is drawn uniformly among the kinds that the word can have — a letter of a key that touches the right one,
    two neighbouring letters exchanged, a letter left out, a letter doubled — and then among the words of that kind.
    What comes out is never a noun of the vocabulary. Words of one or two letters stay.
    """
    parts = _split(label.noun)
    waiting = _words(parts)
    for number in range(strength):
        waiting = [place for place in waiting if _mistyped(parts, place, nouns)]
        if not waiting:
            break
        place = waiting.pop(key.below(f"word {number}", len(waiting)))
        kinds = _mistyped(parts, place, nouns)
        words = kinds[key.below(f"kind {number}", len(kinds))]
        parts[place] = words[key.below(f"error {number}", len(words))]
    return Label(label.category_id, "".join(parts))


def _split(noun: str) -> list[str]:
    """Return the words of a noun and what stands between them, in turn: words are at the even places."""
    return re.split(r"([\s/,:;()-]+)", noun)


def _words(parts: list[str]) -> list[int]:
    """Return the places of the words that are long enough."""
    return [place for place in range(0, len(parts), 2) if len(_letters(parts[place])) >= LEAST_LETTERS]


def _mistyped(parts: list[str], place: int, nouns: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """Return what the word at ``place`` may become, by kind of error, kinds without any left out."""
    return _errors("".join(parts[:place]), parts[place], "".join(parts[place + 1 :]), nouns)


@lru_cache(maxsize=4096)
def _errors(before: str, word: str, after: str, nouns: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """Return what a word between others may become, remembered: few words come again and again."""
    kinds = (
        tuple(sorted({wrong for wrong in kind if wrong != word and before + wrong + after not in nouns}))
        for kind in (_substituted(word), _exchanged(word), _omitted(word), _doubled(word))
    )
    return tuple(kind for kind in kinds if kind)


def _letters(word: str) -> list[int]:
    """Return the places of the letters; one that a combining accent follows is left out, as is the accent."""
    followed = [*map(unicodedata.combining, word[1:]), 0]
    return [place for place, letter in enumerate(word) if letter.isalpha() and not followed[place]]


def _substituted(word: str) -> Iterator[str]:
    """Yield the word with one letter replaced by one whose key touches its key."""
    for place in _letters(word):
        for other in QWERTY.get(word[place].lower(), ""):
            yield word[:place] + (other.upper() if word[place].isupper() else other) + word[place + 1 :]


def _exchanged(word: str) -> Iterator[str]:
    """Yield the word with two neighbouring letters exchanged."""
    letters = _letters(word)
    for first, second in pairwise(letters):
        if second == first + 1:
            yield word[:first] + word[second] + word[first] + word[second + 1 :]


def _omitted(word: str) -> Iterator[str]:
    """Yield the word with one letter left out."""
    for place in _letters(word):
        yield word[:place] + word[place + 1 :]


def _doubled(word: str) -> Iterator[str]:
    """Yield the word with one letter twice."""
    for place in _letters(word):
        yield word[: place + 1] + word[place:]
