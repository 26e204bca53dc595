"""The WordNet dictionary: found on this machine, never downloaded, read by NLTK.

It is looked for in the folder that ``ACTISEG_WORDNET`` names, in NLTK's data path, and where Debian's package
``wordnet-base`` puts it. A recipe never holds a path: what was used is told by its digest.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_noise.borders.roots import full_path
from actiseg_noise.errors import ActisegError, DataError

VARIABLE = "ACTISEG_WORDNET"
SYSTEM_FOLDER = Path("/usr/share/wordnet")
HOW_TO_GET = (
    "Get it one of three ways: `python -m nltk.downloader wordnet`; or `apt-get install wordnet-base` on Debian and "
    f"Ubuntu; or download WordNet 3.0 or 3.1 and set {VARIABLE}=DIR to the folder that holds data.noun."
)

# WordNet sorts senses into 45 lexicographer files. NLTK reads their names from a file that some packages leave out;
# here each is called by its number.
_LEXNAMES = "".join(f"{number:02d} {number:02d} 1\n" for number in range(45)).encode()
ARTIFACT, FOOD, SUBSTANCE = "06", "13", "27"
ANIMAL, BODY, OBJECT, PLANT = "05", "08", "17", "20"
ON_COUNTER = (ARTIFACT, FOOD, SUBSTANCE)
TANGIBLE = (*ON_COUNTER, ANIMAL, BODY, OBJECT, PLANT)


class Dictionary:
    """WordNet's nouns.

    Attributes:
        description: version, where it was found, and digest of its ``data.noun``.
    """

    def __init__(self, root: Any, origin: str) -> None:
        self._reader = _open_reader(root)
        digest = blake2b(_read(root, "data.noun"), digest_size=16).hexdigest()
        self.description = f"{self._reader.get_version()} ({origin}), data.noun {digest}"
        self.synonyms = cache(self._synonyms)
        self.parents = cache(self._parents)

    def _synonyms(self, noun: str) -> tuple[str, ...]:
        """Return the other words for the thing that ``noun`` names, in ascending order.

        A plural is looked up by its singular; singular and plural of the noun are no synonyms. ``bin/garbage can`` is
        looked up by its first name; the others are names that it has already. Words with a capital are left out: Latin
        and people.
        """
        names = [self._base(name.strip()) for name in noun.split("/")]
        own = {name + ending for name in names for ending in ("", "s", "es")}
        sense = self._sense(names[0])
        words = {word for word in _words(sense) if word.islower() and word not in own}
        return tuple(sorted(word.replace("_", " ") for word in words))

    def _parents(self, noun: str, depth: int) -> tuple[str, ...]:
        """Return the words for what ``noun`` is a kind of, the nearest first: vegetable, produce, food for onion.

        The noun is looked up as for synonyms. Of each level up to ``depth`` the first word of each sense that is a
        thing one can touch, in the dictionary's order; a word that the noun holds already is no parent.
        """
        names = [self._base(name.strip()) for name in noun.split("/")]
        sense = self._sense(names[0])
        level = [] if sense is None else [sense]
        found: dict[str, None] = {}
        for _ in range(depth):
            level = [parent for one in level for parent in one.hypernyms() if parent.lexname() in TANGIBLE]
            found |= dict.fromkeys(_words(parent)[0] for parent in level)
        return tuple(word.replace("_", " ") for word in found if word.islower() and word not in names)

    def _base(self, word: str) -> str:
        """Return a word's singular as WordNet writes it: ``cutting_board``."""
        form = word.lower().replace(" ", "_")
        return self._reader.morphy(form, "n") or form

    def _sense(self, form: str) -> Any:
        """Return the most frequent sense that can lie on a counter, None where there is none.

        That is an artifact, a food or a substance, else another thing one can touch: the most frequent sense of all is
        a dancer's for peeler, a goblin's for hob.
        """
        senses = self._reader.synsets(form, "n")
        for kinds in (ON_COUNTER, TANGIBLE):
            for sense in senses:
                if sense.lexname() in kinds:
                    return sense
        return None


def _words(sense: Any) -> list[str]:
    """Return the words of a sense, none of None."""
    return [] if sense is None else list(sense.lemma_names())


def load_dictionary() -> Dictionary:
    """Return the dictionary of this machine, read once.

    Raises:
        ActisegError: NLTK is not installed, or there is no dictionary; the message says how to get it.
        DataError: ``ACTISEG_WORDNET`` names no dictionary, or a file of it is missing or damaged.
    """
    try:
        import nltk.data  # noqa: F401
    except ImportError:
        raise ActisegError('noise from WordNet needs NLTK: pip install "actiseg-nl[wordnet]"') from None
    return _load(os.environ.get(VARIABLE))


@cache
def _load(folder: str | None) -> Dictionary:
    """Read the first dictionary there is."""
    for root, origin in _candidates(folder):
        try:
            return Dictionary(root, origin)
        except Exception as error:  # NLTK meets a damaged file with whatever its parser stumbles over
            reason = f"{type(error).__name__} {error}".strip()
            raise DataError(f"{root}: not a whole WordNet dictionary ({reason}). {HOW_TO_GET}") from None
    raise ActisegError(f"no WordNet dictionary on this machine. {HOW_TO_GET}")


def _candidates(folder: str | None) -> Iterator[tuple[Any, str]]:
    """Yield NLTK's pointers to the folders that may hold a dictionary, and what kind of place each is."""
    import nltk.data

    if folder is not None:
        path = full_path(folder)
        if not (path / "data.noun").is_file():
            raise DataError(f"{VARIABLE} = {folder}: no file data.noun in it. {HOW_TO_GET}")
        yield _allowed(path), VARIABLE
        return
    for name in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        try:
            yield nltk.data.find(name), "NLTK data"
        except LookupError:
            continue
    if (SYSTEM_FOLDER / "data.noun").is_file():
        yield _allowed(SYSTEM_FOLDER), "system package"


def _allowed(folder: Path) -> Any:
    """Return NLTK's pointer to a folder outside its data path, once NLTK has been told that it may read there."""
    import nltk.data

    if str(folder) not in nltk.data.path:
        nltk.data.path.append(str(folder))
    return nltk.data.FileSystemPathPointer(str(folder))


def _read(root: Any, file: str) -> bytes:
    """Return the contents of one file of a dictionary."""
    with root.join(file).open() as stream:
        return bytes(stream.read())


def _open_reader(root: Any) -> Any:
    """Return NLTK's reader of a dictionary: an object with ``synsets``, ``morphy`` and ``get_version``.

    Files are read into memory, so that none stays open. What NLTK needs for other languages alone (``index.sense`` and
    a second dictionary) is left out, as packages do.
    """
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        def open(self, file: str) -> Any:
            content = _LEXNAMES if file == "lexnames" else _read(self._root, file)
            return io.TextIOWrapper(io.BytesIO(content), "latin-1", newline="\n")

        def map_wn(self, version: str = "wordnet") -> None:
            """Map no other dictionary to this one."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that other languages are not available
        return Reader(root, None)
