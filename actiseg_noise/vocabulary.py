"""The categories of a dataset and the nouns seen for each: what text noise draws from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from actiseg_noise.errors import ActisegError, DataError, raise_if
from actiseg_noise.fields import Fields
from actiseg_noise.records import ObjectRecord


@dataclass(frozen=True)
class Vocabulary:
    """Categories and their nouns, taken from a whole dataset before any filter.

    Attributes:
        nouns: category_id → nouns seen, both in ascending order.
        names: category_id → category name.
        origin: ``dataset`` (train and evaluation splits, as published), ``train``, or a file's name.
    """

    nouns: dict[int, tuple[str, ...]]
    names: dict[int, str]
    origin: str = "dataset"
    category_ids: tuple[int, ...] = field(init=False)
    _position: dict[int, int] = field(init=False, repr=False, compare=False)
    _others: dict[tuple[int, str], tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ids = tuple(sorted(self.nouns))
        object.__setattr__(self, "category_ids", ids)
        object.__setattr__(self, "_position", {category: i for i, category in enumerate(ids)})
        object.__setattr__(self, "_others", {})

    @classmethod
    def collect(cls, objects: Iterable[ObjectRecord], origin: str = "dataset") -> Vocabulary:
        """Gather the nouns of ``objects``; the first name met for a category is kept."""
        nouns: dict[int, set[str]] = {}
        names: dict[int, str] = {}
        for item in objects:
            nouns.setdefault(item.category_id, set()).add(item.noun)
            names.setdefault(item.category_id, item.category)
        ordered = sorted(nouns)
        return cls({c: tuple(sorted(nouns[c])) for c in ordered}, {c: names[c] for c in ordered}, origin)

    def position(self, category_id: int) -> int:
        """Return the 0-based place of a category in ``category_ids``."""
        return self._position[category_id]

    def other_nouns(self, category_id: int, noun: str) -> tuple[str, ...]:
        """Return the category's nouns except ``noun``, in ascending order."""
        others = self._others.get((category_id, noun))
        if others is None:
            others = tuple(n for n in self.nouns[category_id] if n != noun)
            self._others[category_id, noun] = others
        return others

    def digest(self) -> str:
        """Return the BLAKE2b hex (32 characters) of the categories and nouns; names and origin do not enter."""
        text = json.dumps([[c, self.nouns[c]] for c in self.category_ids], ensure_ascii=False)
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def to_json(self) -> dict[str, object]:
        """Return the JSON form, ``from_json``'s inverse."""
        rows = [{"category_id": c, "name": self.names[c], "nouns": self.nouns[c]} for c in self.category_ids]
        return {"origin": self.origin, "digest": self.digest(), "categories": rows}

    @classmethod
    def from_json(cls, data: object, where: str = "vocabulary", kind: type[ActisegError] = DataError) -> Vocabulary:
        """Return the vocabulary of a JSON object made by ``to_json``.

        Raises:
            ActisegError (``kind``): a key is missing, or has a value of another type; a category that stands twice or
                has no noun; ``where`` is named.
        """
        fields_ = Fields(data, where, kind)
        nouns: dict[int, tuple[str, ...]] = {}
        names: dict[int, str] = {}
        for row in fields_.each("categories"):
            category = row.integer("category_id", least=-(2**31), most=2**31 - 1)
            raise_if(category in nouns, f"{where}: the category {category} stands twice", kind)
            nouns[category], names[category] = row.texts("nouns"), row.text("name")
            raise_if(not nouns[category], f"{where}: the category {category} has no noun", kind)
        return cls(nouns, names, fields_.text("origin"))
