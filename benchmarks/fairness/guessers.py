"""How far ``kitchen``'s positive flag can be guessed without pixels: ``python benchmarks/fairness/guessers.py``.

Lookup tables on facts of the text, fitted on ``pretrain``, scored on ``val``; no network, nothing is drawn.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from actiseg_noise.datasets.kitchen import Kitchen

GUESSERS = {
    "majority": (),
    "noun": ("noun",),
    "noun + verb": ("noun", "verb"),
    "noun + narration": ("noun", "verb", "narration"),
    "category + verb + is it named": ("category", "verb", "is named", "is any named"),
}


class Example(NamedTuple):
    """One sample as a guesser sees it, and its flag."""

    facts: Mapping[str, Any]
    is_positive: bool


def iter_examples(split: str) -> Iterator[Example]:
    """Yield the samples of a split of ``kitchen``, from its plans; nothing is drawn."""
    for clip in Kitchen(Path()).iter_clips(split, with_frames=False):
        for item in clip.objects:
            facts = {"noun": item.noun, "category": item.category, "verb": clip.verb, "narration": clip.narration}
            named = {"is named": item.in_narration, "is any named": any(other.in_narration for other in clip.objects)}
            yield Example(facts | named, item.is_positive)


def guess(keys: Sequence[str], known: Sequence[Example], asked: Sequence[Example]) -> float:
    """Return the share of flags that a lookup table gets right.

    The table knows how often each combination of facts was positive; a combination it never met is looked up by all
    facts but the last, and so on down to the majority.
    """
    tables: list[dict[tuple[Any, ...], Counter[bool]]] = [defaultdict(Counter) for _ in range(len(keys) + 1)]
    for example in known:
        for depth, table in enumerate(tables):
            table[tuple(example.facts[key] for key in keys[:depth])][example.is_positive] += 1
    right = 0
    for example in asked:
        levels = (tables[n].get(tuple(example.facts[key] for key in keys[:n])) for n in range(len(keys), -1, -1))
        counts = next(counts for counts in levels if counts)
        right += (counts[True] > counts[False]) == example.is_positive
    return right / len(asked)


def guess_all() -> dict[str, float]:
    """Return the score of every guesser, fitted on ``pretrain`` and scored on ``val``."""
    known, asked = list(iter_examples("pretrain")), list(iter_examples("val"))
    return {name: guess(keys, known, asked) for name, keys in GUESSERS.items()}


if __name__ == "__main__":
    for title, share in guess_all().items():
        print(f"{title:30s} {100 * share:5.1f} %")
