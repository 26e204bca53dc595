"""What a leaderboard marks: the best of a block, what is not separable from it, and rows that predict next to nothing.

All comparisons of one leaderboard are corrected together: they are printed together and read together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER
from actiseg_bench.report.board import Block, Row
from actiseg_bench.report.bootstrap import COMPARED, ClipSums, Run, resample
from actiseg_bench.report.inference import Difference, compare, correct
from actiseg_bench.results.result import RunResult

SILENT_SHARE = 0.99
REWARDS_SILENCE = frozenset({"n_miou", "n_ciou", "giou", "acc"})


def is_silent(result: RunResult) -> bool:
    """Return whether a run misses 99 % of the visible objects that take part: silence is no skill at leaving alone."""
    missed = result.failures.get("missed")
    return result.scores["p_miou"] == 0 if missed is None else missed >= SILENT_SHARE


def mark_best(rows: Sequence[Row]) -> list[Row]:
    """Mark the best mean of every metric over the rows of methods that are not silent.

    Nothing is marked when a row stands alone, or when one of them has a single training seed.
    """
    trained = [row for row in rows if row.competes]
    if len(trained) < 2 or any(len(row.seeds) < 2 for row in trained):
        return list(rows)
    best = _best([row for row in trained if not row.silent])
    return [replace(row, best=_names(row, best)) if row.competes and not row.silent else row for row in rows]


def _best(rows: Sequence[Row]) -> dict[str, float]:
    """Return metric → best mean, of the metrics that every row has."""
    best = {}
    for name in COMPARED:
        known = [mean for row in rows if (mean := row.values[name].mean) is not None]
        if known and len(known) == len(rows):
            best[name] = min(known) if name in LOWER_IS_BETTER else max(known)
    return best


def _names(row: Row, best: Mapping[str, float]) -> frozenset[str]:
    """Return the metrics in which a row is best."""
    means = {name: row.values[name].mean for name in best}
    return frozenset(name for name, mean in means.items() if mean is not None and math.isclose(mean, best[name]))


def best_rows(rows: Sequence[Row]) -> dict[str, Row]:
    """Return metric → the row that is best in it, of several the first: what the others are held against."""
    return {name: row for row in reversed(rows) for name in row.best}


def compare_rows(rows: Sequence[Row], sums: Mapping[str, Mapping[Run, ClipSums]]) -> list[Row]:
    """Hold every trained row that is not silent against the best of each metric.

    Args:
        sums: row's name → run → clip sums, of the trained rows that are not silent; they are comparable.
    """
    drawn = resample(sums)
    best = best_rows(rows)

    def gaps(row: Row) -> Iterator[tuple[str, Difference]]:
        for i, name in enumerate(COMPARED):
            if name in best and name not in row.best:
                gap = compare(drawn[row.name], drawn[best[name].name], i)
                if gap is not None:
                    yield name, gap

    return [replace(row, to_best=dict(gaps(row))) if row.name in drawn else row for row in rows]


def correct_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Correct all comparisons of one leaderboard for their number."""
    places = [
        (b, r, name) for b, block in enumerate(blocks) for r, row in enumerate(block.rows) for name in row.to_best
    ]
    found = correct([blocks[b].rows[r].to_best[name] for b, r, name in places])
    corrected = dict(zip(places, found, strict=True))

    def fix(b: int, r: int, row: Row) -> Row:
        return replace(row, to_best={name: corrected[b, r, name] for name in row.to_best})

    return [
        replace(block, rows=tuple(fix(b, r, row) for r, row in enumerate(block.rows))) for b, block in enumerate(blocks)
    ]
