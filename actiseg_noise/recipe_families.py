"""Recipes that are named by their numbers: ``text-35``, ``mask-11`` and ``mixed-10-7`` need no file.

What a name means is what the files of the published levels say (``recipes/text-40.toml``, …), with other numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

Table = dict[str, Any]


class Family(NamedTuple):
    """Recipes of one form.

    Attributes:
        form: how their names look, with R for a rate in per cent and K for a side in pixels at 480 rows.
        title: with ``{0}``, ``{1}`` for the numbers. noises: numbers → the ``[[noise]]`` tables.
    """

    form: str
    title: str
    noises: Callable[..., list[Table]]

    def match(self, name: str) -> list[float] | None:
        """Return the numbers of a name, None where it is not one of these."""
        pattern = re.escape(self.form).replace("R", r"(\d{1,3}(?:\.\d{1,3})?)").replace("K", r"(\d{1,3})")
        found = re.fullmatch(pattern, name)
        return None if found is None else [float(text) for text in found.groups()]


def _flip(rate: float) -> Table:
    return {"noise": "category_flip-v1", "rate": rate / 100}


def _nouns() -> Table:
    return {"noise": "noun_substitution-v1", "rate": 1.0}


def _kernel(noise: str, side: float) -> Table:
    return {"noise": noise, "rate": 1.0, "kernel": int(side), "unit": "480p"}


_SQUARE = "by a {0}×{0} square at 480-pixel short side"
FAMILIES = (
    Family("flip-R", "{0} % category flips alone", lambda r: [_flip(r)]),
    Family(
        "text-R",
        "{0} % category flips, and every other eligible noun replaced by another of its category",
        lambda r: [_flip(r), _nouns()] if r else [_nouns()],
    ),
    Family("mask-K", f"Every positive object dilated {_SQUARE}", lambda k: [_kernel("dilate-v1", k)]),
    Family(
        "mask-rand-K",
        f"Every positive object dilated or eroded, drawn per object and frame, {_SQUARE}",
        lambda k: [_kernel("dilate_or_erode-v1", k)],
    ),
    Family(
        "mixed-R-K",
        "text-{0} and mask-{1} together",
        lambda r, k: [_flip(r), _nouns(), _kernel("dilate-v1", k)],
    ),
    Family(
        "flag-R",
        "{0} % of the objects given as negative instead of positive, or the reverse",
        lambda r: [{"noise": "flag_flip-v1", "rate": r / 100}],
    ),
    Family(
        "narration-R",
        "{0} % of the clips with the narration of another clip in their texts",
        lambda r: [{"noise": "narration_swap-v1", "rate": r / 100}],
    ),
)
FORMS = tuple(family.form for family in FAMILIES)


def recipe_of_family(name: str) -> Table | None:
    """Return what a file of this name would say, None where the name is of no family.

    >>> recipe_of_family("flip-35")["noise"]
    [{'noise': 'category_flip-v1', 'rate': 0.35}]
    """
    for family in FAMILIES:
        numbers = family.match(name)
        if numbers is not None:
            title = family.title.format(*(f"{number:g}" for number in numbers))
            return {"id": name, "title": title, "noise": family.noises(*numbers)}
    return None
