"""WordNet synonyms: another word for the same thing, where a dataset has no nouns of its own to offer."""

from __future__ import annotations

from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label, Options, Parameters, text_noise
from actiseg_noise.noises.wordnet import Dictionary, load_dictionary
from actiseg_noise.vocabulary import Vocabulary


def resolve_dictionary(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Return the dictionary of this machine.

    Raises:
        ActisegError: there is none, or nothing to read it with; the message says how to get it.
    """
    return {"dictionary": load_dictionary()}


def used_dictionary(parameters: Parameters) -> dict[str, str]:
    """Return which dictionary the draws depend on."""
    return {"wordnet": parameters["dictionary"].description}


def has_a_synonym(label: Label, vocabulary: Vocabulary, *, dictionary: Dictionary) -> bool:
    """A sample is eligible when the dictionary has another word for what its noun names."""
    return bool(dictionary.synonyms(label.noun))


@text_noise(
    "wordnet_synonym-v1",
    is_eligible=has_a_synonym,
    resolve=resolve_dictionary,
    uses=used_dictionary,
    summary="another word for the same thing in WordNet, uniformly",
    source="WordNet 3 (Miller, CACM 1995), read by NLTK",
)
def wordnet_synonym(key: Key, label: Label, vocabulary: Vocabulary, *, dictionary: Dictionary) -> Label:
    """Return the same category with a synonym of the noun, drawn uniformly."""
    words = dictionary.synonyms(label.noun)
    return Label(label.category_id, words[key.below("synonym", len(words))])
