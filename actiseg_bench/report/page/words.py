"""What a leaderboard found, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from actiseg_bench.metrics.actionvos import TITLES
from actiseg_bench.report.board import Block, Row
from actiseg_bench.report.cells import short_name
from actiseg_bench.report.marks import best_rows

SHOWN = ("p_miou", "giou")


def describe_block(block: Block) -> list[str]:
    """Return what the rows of one track show: who is best, who is not separable from it, who is silent or missing."""
    found = [sentence for name in SHOWN if (sentence := _separable(block, name))]
    if block.single_seed:
        found.append("Some method has one training seed, so nothing is marked as best.")
    silent = [_name(row) for row in block.rows if row.silent]
    if silent:
        found.append(f"Predicts next to nothing in some run: {_listed(silent)}.")
    found += [f"{_name(row)} lacks {len(row.missing)} of its runs." for row in block.rows if row.missing]
    return found


def _separable(block: Block, name: str) -> str:
    """Say who is best in a metric and whom it is separable from; empty where nothing is marked."""
    best = best_rows(block.rows).get(name)
    if best is None:
        return ""
    mean = best.values[name].mean
    head = f"{TITLES[name]}: the best mean is that of {_name(best)} ({100 * (mean or 0):.1f})"
    others = {_name(row): row.to_best[name] for row in block.rows if name in row.to_best}
    if not others:
        return f"{head}; nothing was compared."
    apart = [row for row, gap in others.items() if gap.is_separable]
    if not apart:
        return f"{head}, and it is not separable from {'any of ' if len(others) > 1 else ''}{_others(len(others))}."
    rest = f", and not from {_others(len(others) - len(apart))}" if len(apart) < len(others) else ""
    return f"{head}. It is separable from {_listed(apart)}{rest}."


def _name(row: Row) -> str:
    return short_name(row.strategy, row.variant)


def _others(count: int) -> str:
    """Return ``the 3 others``."""
    return "the other" if count == 1 else f"the {count} others"


def _listed(names: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
