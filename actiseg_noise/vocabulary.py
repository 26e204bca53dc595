"""The categories of a dataset, the nouns seen for each, and narrations: what text noise draws from."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import accumulate

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
        narrations: narration → clips of the split that have it, in ascending order; empty unless noise draws from them.
        verbs: narration → the action that most of its clips are, a verb or verb class; empty unless noise asks for it.
    """

    nouns: dict[int, tuple[str, ...]]
    names: dict[int, str]
    origin: str = "dataset"
    narrations: dict[str, int] = field(default_factory=dict)
    verbs: dict[str, str] = field(default_factory=dict)
    category_ids: tuple[int, ...] = field(init=False)
    _position: dict[int, int] = field(init=False, repr=False, compare=False)
    _others: dict[tuple[int, str], tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _clips: tuple[list[str], dict[str, int], list[int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ids = tuple(sorted(self.nouns))
        object.__setattr__(self, "category_ids", ids)
        object.__setattr__(self, "_position", {category: i for i, category in enumerate(ids)})
        object.__setattr__(self, "_others", {})
        told = sorted(self.narrations)
        bounds = list(accumulate((self.narrations[text] for text in told), initial=0))
        object.__setattr__(self, "_clips", (told, dict(zip(told, bounds, strict=False)), bounds))

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

    def with_narrations(self, narrations: Mapping[str, int], verbs: Mapping[str, str] | None = None) -> Vocabulary:
        """Return this vocabulary with other narrations and their verbs."""
        told = sorted(narrations)
        said = {} if verbs is None else {text: verbs[text] for text in told if text in verbs}
        return replace(self, narrations={text: narrations[text] for text in told}, verbs=said)

    def other_clips(self, narration: str) -> int:
        """Return how many clips have another narration."""
        return self._clips[2][-1] - self.narrations.get(narration, 0)

    def narration_of_other(self, narration: str, place: int) -> str:
        """Return the narration of the clip at ``place`` among those that have another one, in order of narrations.

        Args:
            place: from 0, below ``other_clips(narration)``.
        """
        told, first, bounds = self._clips
        if narration in first and place >= first[narration]:
            place += self.narrations[narration]
        return told[bisect_right(bounds, place) - 1]

    def digest(self) -> str:
        """Return the BLAKE2b hex (32 characters) of categories, nouns and, where there are any, narrations and verbs.

        Names and origin do not enter.
        """
        rows: list[object] = [[c, self.nouns[c]] for c in self.category_ids]
        rows += [{"narrations": list(self.narrations.items())}] if self.narrations else []
        rows += [{"verbs": list(self.verbs.items())}] if self.verbs else []
        text = json.dumps(rows, ensure_ascii=False)
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def to_json(self) -> dict[str, object]:
        """Return the JSON form, ``from_json``'s inverse."""
        rows: list[object] = [
            {"category_id": c, "name": self.names[c], "nouns": self.nouns[c]} for c in self.category_ids
        ]
        data: dict[str, object] = {"origin": self.origin, "digest": self.digest(), "categories": rows}
        told = [
            {"narration": text, "clips": clips} | ({"verb": self.verbs[text]} if text in self.verbs else {})
            for text, clips in self.narrations.items()
        ]
        return data | ({"narrations": told} if told else {})

    @classmethod
    def from_json(cls, data: object, where: str = "vocabulary", kind: type[ActisegError] = DataError) -> Vocabulary:
        """Return the vocabulary of a JSON object made by ``to_json``.

        Raises:
            ActisegError (``kind``): a key is missing, or has a value of another type; a category or a narration that
                stands twice, a category that has no noun; ``where`` is named.
        """
        fields_ = Fields(data, where, kind)
        nouns: dict[int, tuple[str, ...]] = {}
        names: dict[int, str] = {}
        for row in fields_.each("categories"):
            category = row.integer("category_id", least=-(2**31), most=2**31 - 1)
            raise_if(category in nouns, f"{where}: the category {category} stands twice", kind)
            nouns[category], names[category] = row.texts("nouns"), row.text("name")
            raise_if(not nouns[category], f"{where}: the category {category} has no noun", kind)
        narrations: dict[str, int] = {}
        verbs: dict[str, str] = {}
        for row in fields_.each("narrations") if "narrations" in fields_ else ():
            told = row.text("narration")
            raise_if(told in narrations, f"{where}: the narration {told!r:.60} stands twice", kind)
            narrations[told] = row.integer("clips", least=1)
            verbs |= {told: row.text("verb")} if "verb" in row else {}
        return cls(nouns, names, fields_.text("origin")).with_narrations(narrations, verbs)
