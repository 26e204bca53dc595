"""Asymmetric flips: the plausible mistake, another object of the same clip or what a confusion matrix says."""

from __future__ import annotations

import difflib
import math
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label, Options, Parameters, text_noise
from actiseg_noise.vocabulary import Vocabulary

WITHIN_CLIP = "clip"

Row = tuple[tuple[int, ...], tuple[float, ...]]  # category ids, ascending, and their cumulative weights
Confusion = dict[int, Row]


def resolve_confusion(options: Options, vocabulary: Vocabulary) -> Parameters:
    """Turn the option ``confusion`` into rows of category ids and cumulative weights, None for ``"clip"``.

    A table has a row per category, ``{category: {what it is taken for: weight}}``, categories by name or id. Weights of
    a row need not sum to 1; a category without a row, or without a weight above 0, is not eligible. What a row says of
    its own category is left aside: how often a label stays right is the rate's business, so a confusion matrix can be
    given with its diagonal.

    Raises:
        ActisegError: no table, a category that the vocabulary lacks, a weight that is none, or a table that never
            flips anything.
    """
    confusion = options["confusion"]
    if confusion == WITHIN_CLIP:
        return {"confusion": None}
    if not isinstance(confusion, Mapping):
        raise ActisegError(
            f'confusion must be "{WITHIN_CLIP}", a table {{category: {{category: weight}}}} or "@FILE", '
            f"the name of such a table beside the recipe; got {confusion!r}"
        )
    ids = _ids_by_name(vocabulary)
    rows: Confusion = {}
    for name, weights in confusion.items():
        category_id = _find(name, ids)
        raise_if(category_id in rows, f"confusion: category {category_id} has two rows, one of them called {name!r}")
        rows[category_id] = _row(category_id, str(name), weights, ids)
    rows = {category_id: row for category_id, row in rows.items() if row[0]}
    raise_if(not rows, "confusion: no row has a weight above 0 for another category, so nothing would ever be flipped")
    return {"confusion": rows}


def is_within_clip(parameters: Parameters) -> bool:
    """Return whether flips go to the categories of the clip's own objects."""
    return parameters["confusion"] is None


def has_a_likely_mistake(label: Label, vocabulary: Vocabulary, *, confusion: Confusion | None) -> bool:
    """A sample is eligible when its category has a row, or its clip a second category."""
    return len(vocabulary.category_ids) > 1 if confusion is None else label.category_id in confusion


@text_noise(
    "asymmetric_flip-v1",
    is_eligible=has_a_likely_mistake,
    defaults={"confusion": WITHIN_CLIP},
    resolve=resolve_confusion,
    within_clip=is_within_clip,
    summary="a category of the same clip, or one drawn by a confusion matrix, then one of its nouns, uniformly",
    source="class-dependent label noise (Patrini et al., arXiv 1609.03683); within a clip: ours",
)
def asymmetric_flip(key: Key, label: Label, vocabulary: Vocabulary, *, confusion: Confusion | None) -> Label:
    """Return a label of another category: uniformly one of ``vocabulary``, the clip's own, or by its row's weights.

    The noun is drawn uniformly from the nouns that ``vocabulary`` has for that category.
    """
    category_id = (
        _in_clip(key, label, vocabulary) if confusion is None else _by_weight(key, confusion[label.category_id])
    )
    nouns = vocabulary.nouns[category_id]
    return Label(category_id, nouns[key.below("noun", len(nouns))])


def _in_clip(key: Key, label: Label, vocabulary: Vocabulary) -> int:
    """Return one of the vocabulary's other categories, uniformly."""
    others = [category_id for category_id in vocabulary.category_ids if category_id != label.category_id]
    return others[key.below("category", len(others))]


def _by_weight(key: Key, row: Row) -> int:
    """Return one of a row's categories, drawn by cumulative weight from one uniform."""
    category_ids, bounds = row
    place = bisect_right(bounds, key.uniform("category") * bounds[-1])
    return category_ids[min(place, len(category_ids) - 1)]


def _row(category_id: int, name: str, weights: Any, ids: dict[str, int]) -> Row:
    """Return the other categories of one row of the table with a weight above 0, and their cumulative weights."""
    if not isinstance(weights, Mapping):
        raise ActisegError(f"confusion, row {name!r}: expected a table {{category: weight}}, got {weights!r}")
    found: dict[int, float] = {}
    for other, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ActisegError(
                f"confusion, row {name!r}: the weight of {other!r} must be a number from 0, got {weight!r}"
            )
        other_id = _find(other, ids)
        raise_if(other_id in found, f"confusion, row {name!r}: category {other_id} is named twice, once as {other!r}")
        found[other_id] = float(weight)
    flips = {other_id: found[other_id] for other_id in sorted(found) if other_id != category_id and found[other_id]}
    return tuple(flips), tuple(accumulate(flips.values()))


def _ids_by_name(vocabulary: Vocabulary) -> dict[str, int]:
    """Return what a category may be called in a table: its id in digits, and its name, which goes first."""
    names = {str(category_id): category_id for category_id in vocabulary.category_ids}
    return names | {vocabulary.names[category_id]: category_id for category_id in reversed(vocabulary.category_ids)}


def _find(name: object, ids: dict[str, int]) -> int:
    """Return the id of a category.

    Raises:
        ActisegError: none is called so; the message has the nearest, not the hundreds there are.
    """
    if str(name) in ids:
        return ids[str(name)]
    near = difflib.get_close_matches(str(name), ids, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ActisegError(f"confusion: the vocabulary has no category {name!r}.{hint}")
