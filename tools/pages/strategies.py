"""``docs/strategies.md``, from the strategies' cards: ``python -m tools.pages.strategies > docs/strategies.md``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from actiseg_bench.strategies.base import STRATEGIES, StrategyCard
from actiseg_bench.strategies.options import Option
from actiseg_noise.markdown import iter_table

_INTRO = """# The strategies

Every strategy of this package, made from its own card by `python -m tools.pages.strategies`. `actiseg-bench list
strategies` lists them on a terminal. How to write one: [add_a_strategy.md](add_a_strategy.md).

All are trained on equal footing: the same data and augmentation, the same base loss, the same number of updates, the
same start weights. The base loss of a sample is `2·focal + 5·dice + 2·CE(positive)`: focal loss and dice on the mask,
cross entropy on whether the object takes part; a strategy says below which part it replaces. Dice is of positive
samples alone; `--loss published`, the configuration `actionvos` and the first protocols have it of all. A network with
several decoder layers learns from every one of them like that, and adds what it learns beside: which query answers, and
boxes.
Action-guided weights, where a run has them, multiply the pixels of the mask term. The last checkpoint is scored.

*Variants*: `faithful` (the default) is the method as its own paper has it. `released` is the method as the published
ActiSeg-NL code runs it: every deviation is a switch of its own, so that `--option NAME=VALUE` turns one on alone.

*Tuned over* is what `actiseg-bench tune` draws an option from, and who justifies it; where nobody is named, the range
is ours, around the default ([tuning.md](tuning.md)). The learning rate is drawn for every strategy alike.

*Oracle* is what a strategy knows that a user would not; it stands beside the row in every table. *Cost* is time per
step against the baseline; what a run really cost stands in the leaderboard.
"""


_ROBUST = """## Who is robust to what

What protects each term of the base loss from wrong labels; – is a term that trusts the label as given. A robust mask
term beside a dice that trusts is half a protection: dice has more of the gradient than any mask term.
"""


def strategies_page() -> str:
    """Return the page as Markdown."""
    cards = own_cards()
    rows = [[f"[`{c.name}`](#{c.name})", c.title, c.replaces, c.cost, c.oracle or "–"] for c in cards]
    contents = iter_table(("strategy", "title", "replaces", "cost", "oracle"), rows, range(5))
    robust = [[f"[`{c.name}`](#{c.name})", *(text or "–" for text in c.robust)] for c in cards]
    terms = iter_table(("strategy", "mask term", "dice", "positive head", "several decoder layers"), robust, range(5))
    lines = [_INTRO, *contents, _ROBUST, *terms, *(line for card in cards for line in _describe(card))]
    return "\n".join(lines).rstrip() + "\n"


def own_cards() -> list[StrategyCard]:
    """Return the cards of this package's strategies, the baseline first."""
    things = [STRATEGIES[name] for name in STRATEGIES]
    cards = [thing.card for thing in things if thing.__module__.startswith("actiseg_bench.")]
    return sorted(cards, key=lambda card: (card.name != "baseline", card.name))


def _describe(card: StrategyCard) -> Iterator[str]:
    """Yield the lines of one strategy's section."""
    yield from (f"## {card.name}", "", f"    {card.formula}", "")
    rows = [
        ("source", card.source),
        ("replaces", card.replaces),
        ("networks", str(card.networks)),
        ("needs a second view", "yes" if card.views > 1 else "no"),
        ("cost", card.cost),
        ("oracle", card.oracle or "none"),
        ("when it hurts", card.hurts or "–"),
        ("deviates from its source", card.deviations or "–"),
        ("scored", card.scored),
        ("variants", ", ".join(f"`{name}`" for name in card.variants)),
    ]
    yield from iter_table(("", card.title), rows, (0, 1))
    if card.list_options():
        header, rows = _options(card)
        yield from iter_table(header, rows, range(len(header)))


def _options(card: StrategyCard) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the hyper-parameters; ``released`` has a column where the variant exists."""
    variants = [f"`{name}`" for name in card.variants]
    rows = []
    for one in card.list_options():
        released = option_value(one.released) if one.is_changed else ""
        values = [option_value(one.default), released][: len(variants)]
        rows.append([f"`{one.key}`", *values, one.allowed, one.meaning, _tuned(one)])
    return ["option", *variants, "allowed", "what it is", "tuned over"], rows


def _tuned(one: Option) -> str:
    """Return what tuning draws an option from, and who says so."""
    if one.tune is None:
        return "–"
    return f"{one.tune} ({one.tune.source})" if one.tune.source else str(one.tune)


def option_value(value: Any) -> str:
    """Return an option's value as ``--option`` takes it."""
    if isinstance(value, float):
        return f"`{value:.4g}`"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    sys.stdout.write(strategies_page())
