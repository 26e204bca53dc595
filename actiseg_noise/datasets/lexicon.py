"""A lexicon: categories and their nouns for a dataset that has no class table."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from actiseg_noise.borders.text import parse_toml
from actiseg_noise.errors import DataError
from actiseg_noise.fields import parse_number

FIRST_UNKNOWN_ID = 100_000
"""Ids of a lexicon lie in 1 … FIRST_UNKNOWN_ID - 1; words it does not know get an id from here to 2**31 - 1."""


@dataclass(frozen=True, slots=True)
class Category:
    """A class and the nouns for it; ``name`` is the first of ``nouns``."""

    category_id: int
    name: str
    nouns: tuple[str, ...]


class Lexicon:
    """Leads from a noun to its category.

    Attributes:
        version: raised by every change of a category, because what noun substitution draws changes with it.
        categories: in file order.
    """

    def __init__(self, version: int, categories: tuple[Category, ...]) -> None:
        self.version = version
        self.categories = categories
        self._by_noun = {noun: category for category in categories for noun in category.nouns}

    def find(self, noun: str) -> Category:
        """Return the category of ``noun``; a noun that no category lists is one of its own.

        The id of such a category depends on the noun alone, never on order or on what else was looked up.
        """
        known = self._by_noun.get(noun)
        return known or Category(unknown_category_id(noun), noun, (noun,))

    def __contains__(self, noun: str) -> bool:
        return noun in self._by_noun


def unknown_category_id(noun: str) -> int:
    """Return the id of a noun outside the lexicon: a hash of the noun in [FIRST_UNKNOWN_ID, 2**31)."""
    number = int.from_bytes(blake2b(noun.encode(), digest_size=8).digest(), "little")
    return FIRST_UNKNOWN_ID + number % (2**31 - FIRST_UNKNOWN_ID)


def parse_lexicon(text: str, origin: str) -> Lexicon:
    """Return the lexicon of a TOML text: ``version`` and the table ``categories``, id → nouns, the name first.

    Raises:
        DataError: ``origin`` is named, and the category that is not as promised.
    """
    data = parse_toml(text, origin)
    if set(data) != {"version", "categories"} or not isinstance(data["categories"], dict):
        raise DataError(f"{origin}: expected the keys 'version' and 'categories', found {sorted(data)}")
    if type(data["version"]) is not int:
        raise DataError(f"{origin}: 'version' must be an integer, found {data['version']!r}")
    categories = tuple(_category(key, nouns, origin) for key, nouns in data["categories"].items())
    _check_unique(categories, origin)
    return Lexicon(data["version"], categories)


def _category(key: str, nouns: object, origin: str) -> Category:
    """Return one line of the lexicon."""
    category_id = parse_number(key)
    if category_id is None or not 1 <= category_id < FIRST_UNKNOWN_ID:
        raise DataError(f"{origin}: a category id is an integer in 1 … {FIRST_UNKNOWN_ID - 1}, found {key!r:.80}")
    if not isinstance(nouns, list) or not nouns or not all(isinstance(n, str) and n for n in nouns):
        raise DataError(f"{origin}: category {key} must be a list of nouns, the name first, found {nouns!r}")
    return Category(category_id, nouns[0], tuple(nouns))


def _check_unique(categories: tuple[Category, ...], origin: str) -> None:
    """Raise DataError when a noun stands twice, or an id is written in two ways."""
    ids: set[int] = set()
    owner: dict[str, int] = {}
    for category in categories:
        if category.category_id in ids:
            raise DataError(f"{origin}: category id {category.category_id} is given twice")
        ids.add(category.category_id)
        for noun in category.nouns:
            if noun in owner:
                raise DataError(f"{origin}: {noun!r} is in category {owner[noun]} and in {category.category_id}")
            owner[noun] = category.category_id
