"""Vague words: the annotator who writes "hand", "vegetable" or "it" where the dataset says which one."""

from __future__ import annotations

from dataclasses import dataclass

from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label, Options, Parameters, text_noise
from actiseg_noise.noises.wordnet import Dictionary, load_dictionary
from actiseg_noise.vocabulary import Vocabulary

THING, HEAD, PARENT = "thing", "head", "parent"
WORDS = ("it", "object", "something", "thing")
DEEPEST = 8


@dataclass(frozen=True)
class VaguerWords:
    """What says less than the nouns of a vocabulary do.

    Attributes:
        dictionary: None for levels that need none. owners: noun → the categories that have it.
    """

    level: str
    depth: int
    dictionary: Dictionary | None
    owners: dict[str, set[int]]

    def find(self, label: Label) -> tuple[str, ...]:
        """Return the vaguer words for a label's noun that no other category has."""
        if self.dictionary is not None:
            words = self.dictionary.parents(label.noun, self.depth)
        elif self.level == HEAD:
            words = tuple(label.noun.split()[-1:])
        else:
            words = () if label.noun in WORDS else WORDS
        own = {label.category_id}
        return tuple(word for word in words if word != label.noun and self.owners.get(word, own) <= own)


def resolve_level(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Return the vaguer words, with the dictionary of this machine where the level needs it.

    Raises:
        ActisegError: a level or depth that is none, or no dictionary for one that needs it.
    """
    level, depth = options["level"], options["depth"]
    if level not in (THING, HEAD, PARENT):
        raise UnknownNameError("level", str(level), (THING, HEAD, PARENT))
    if type(depth) is not int or not 1 <= depth <= DEEPEST:
        raise ActisegError(f"depth: expected how many steps up the dictionary, 1 to {DEEPEST}, got {depth!r}")
    owners: dict[str, set[int]] = {}
    for category_id, nouns in vocabulary.nouns.items():
        for noun in nouns:
            owners.setdefault(noun, set()).add(category_id)
    dictionary = load_dictionary() if level == PARENT else None
    return {"words": VaguerWords(level, depth, dictionary, owners)}


def used_dictionary(parameters: Parameters) -> dict[str, str]:
    """Return which dictionary the draws depend on, where they do."""
    dictionary = parameters["words"].dictionary
    return {} if dictionary is None else {"wordnet": dictionary.description}


def has_a_vaguer_word(label: Label, vocabulary: Vocabulary, *, words: VaguerWords) -> bool:
    """A sample is eligible when there is a vaguer word for its noun that is no noun of another category."""
    return bool(words.find(label))


@text_noise(
    "vague-v1",
    is_eligible=has_a_vaguer_word,
    resolve=resolve_level,
    uses=used_dictionary,
    defaults={"level": THING, "depth": 1},
    summary="a vaguer word: it, object, something or thing; or the noun's last word; or what it is a kind of",
    source="ours; kinds: the hypernyms of WordNet 3 (Miller, CACM 1995), read by NLTK",
)
def vague(key: Key, label: Label, vocabulary: Vocabulary, *, words: VaguerWords) -> Label:
    """Return the same category with a vaguer word, drawn uniformly where there are several.

    The level `thing` knows four: it, object, something, thing. `head` is the noun's last word: hand for left hand,
    board for chopping board. `parent` is what WordNet says that the noun is a kind of, up to `depth` steps: vegetable,
    then produce, for onion.

    A vague word names the object, and others with it: the text is ambiguous, not wrong. It is harmful only where it is
    another object's own noun, and a word that is a noun of another category is never drawn.
    """
    found = words.find(label)
    return Label(label.category_id, found[key.below("word", len(found))])
