"""The rows of the released ActiSeg-NL split files give the rates with which they were measured."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from actiseg_noise.view.observed import Prompt, count_prompts
from actiseg_noise.vocabulary import Vocabulary

# all, hands, others, positives, negatives, unflipped renamed, several nouns, one noun
RATES = {
    20: ("16.8%", "19.5%", "15.6%", "16.2%", "18.8%", "64.2%", "100.0%", "0.0%"),
    40: ("42.7%", "32.4%", "47.2%", "38.7%", "53.1%", "59.2%", "100.0%", "0.0%"),
    60: ("60.5%", "58.0%", "61.6%", "59.9%", "62.3%", "61.0%", "100.0%", "0.0%"),
}


def read(path: Path) -> list[Prompt]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Prompt(int(r["class_id_org"]), r["category_org"], int(r["class_id"]), r["category"], r["positive"] == "1")
            for r in csv.DictReader(file)
        ]


@pytest.mark.parametrize("level", RATES)
def test_the_released_rates_are_observed(level: int, released_prompts: Path) -> None:
    prompts = read(released_prompts / f"noise{level}_first_sequences.csv")
    nouns: dict[int, set[str]] = {}
    for prompt in prompts:
        nouns.setdefault(prompt.category_id, set()).add(prompt.noun)
        nouns.setdefault(prompt.noisy_category_id, set()).add(prompt.noisy_noun)
    vocabulary = Vocabulary({c: tuple(sorted(some)) for c, some in nouns.items()}, {c: str(c) for c in nouns})
    shares = count_prompts(prompts, vocabulary)
    assert tuple(share.row()[2] for share in shares[:-1]) == RATES[level]
