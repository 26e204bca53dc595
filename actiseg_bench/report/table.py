"""The table model: results grouped into leaderboards, blocks (one per track) and rows (one per strategy)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER, METRICS
from actiseg_bench.report.bootstrap import ClipSums, Difference, are_comparable, difference, resample
from actiseg_bench.report.notes import make_notes
from actiseg_bench.report.sums import SumsOf, no_sums
from actiseg_bench.results.result import REFERENCES, SCORES, RunResult, TrackInfo

_FAMILIES = ("clean", "text", "flip", "mask", "mixed")
_FIRST_STRATEGIES = ("silent", "start", "baseline")


@dataclass(frozen=True)
class Value:
    """One score over the seeds of a row, in [0, 1].

    Attributes:
        mean: None where the score is undefined. std: sample standard deviation, None for a single seed.
    """

    mean: float | None
    std: float | None


@dataclass(frozen=True)
class Row:
    """One strategy on one track.

    Attributes:
        values: score → value. best: the metrics in which no other strategy of the block has a better mean; empty
            unless every strategy has several seeds.
        to_best: metric → this row's mean minus the best row's, with its interval; empty for the best itself, and
            where nothing can be concluded.
        train_s, peak_rss_mb: means over the seeds. time, memory: the same against the baseline's row of the block,
            None without one.
        oracle: what it knew that a user would not.
    """

    strategy: str
    variant: str
    seeds: tuple[int, ...]
    values: dict[str, Value]
    best: frozenset[str]
    to_best: dict[str, Difference]
    train_s: float
    peak_rss_mb: float
    time: float | None
    memory: float | None
    oracle: str | None

    @property
    def is_reference(self) -> bool:
        """True for ``start`` and ``silent``."""
        return self.strategy in REFERENCES

    @property
    def tied(self) -> frozenset[str]:
        """Return the metrics in which this row is not the best and not separable from it."""
        return frozenset(name for name, gap in self.to_best.items() if not gap.is_separable)


@dataclass(frozen=True)
class Block:
    """One track: the same training labels, the same evaluation labels.

    ``compared`` is True when every trained row was held against the best ones.
    """

    track: TrackInfo
    rows: tuple[Row, ...]
    compared: bool


@dataclass(frozen=True)
class Leaderboard:
    """What one model did under one protocol on one dataset. ``notes`` are to be printed with it."""

    model: str
    dataset: str
    protocol: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


def make_leaderboards(results: Iterable[RunResult], sums_of: SumsOf = no_sums) -> list[Leaderboard]:
    """Group results by model, dataset and protocol, and each group by track.

    Tracks of one name but of other labels are parted. The reference rows join every block that is scored on their
    evaluation labels.

    Args:
        sums_of: gives a result's clip sums, from which it is told what is separable from the best.
    """
    ordered = sorted(results, key=_group_key)
    return [_leaderboard(*key, list(group), sums_of) for key, group in groupby(ordered, _group_key)]


def _group_key(result: RunResult) -> tuple[str, str, str]:
    return result.model, result.track.dataset, result.track.protocol


def _leaderboard(model: str, dataset: str, protocol: str, results: list[RunResult], sums_of: SumsOf) -> Leaderboard:
    """Make one leaderboard."""
    references = [r for r in results if r.is_reference]
    trained = sorted((r for r in results if not r.is_reference), key=_block_key)
    groups = [list(group) for _, group in groupby(trained, _block_key)]
    blocks = [_block(group, references, sums_of) for group in groups]
    if not groups:
        blocks = [_block([r], references, sums_of) for r in references[:1]]
    marks = {b.track.name: b.compared if any(row.best for row in b.rows) else None for b in blocks}
    return Leaderboard(model, dataset, protocol, tuple(blocks), tuple(make_notes(results, groups, marks)))


def _block_key(result: RunResult) -> tuple[Any, ...]:
    track = result.track
    return *track_order(track.name), track.train_manifest, track.eval_manifest


def track_order(name: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return a sort key: clean, text, flip, mask, mixed, then others; numbers by value, so text-0 … text-60."""
    family = re.split(r"[-_]", name)[0]
    place = _FAMILIES.index(family) if family in _FAMILIES else len(_FAMILIES)
    parts = re.findall(r"\d+|\D+", name)
    return place, tuple((int(part), "") if part.isdecimal() and len(part) < 20 else (-1, part) for part in parts)


def _block(results: list[RunResult], references: list[RunResult], sums_of: SumsOf) -> Block:
    """Make the block of results on one track."""
    track = results[0].track
    kept = [r for r in references if r.track.eval_manifest == track.eval_manifest and r not in results]
    runs = sorted([*kept, *results], key=_row_key)
    groups = [list(group) for _, group in groupby(runs, lambda r: (r.strategy, r.variant))]
    rows = _with_cost([_row(group) for group in groups])
    best = _best(rows)
    marked = [_with_best(row, best) for row in rows]
    sums = _all_sums(groups, sums_of) if best else {}
    return Block(track, tuple(_with_gaps(marked, sums)), bool(sums))


def _with_cost(rows: list[Row]) -> list[Row]:
    """Hold the cost of trained rows against the baseline's."""
    base = next((row for row in rows if row.strategy == "baseline"), None)
    if base is None or not base.train_s or not base.peak_rss_mb:
        return rows
    return [
        row
        if row.is_reference
        else replace(row, time=row.train_s / base.train_s, memory=row.peak_rss_mb / base.peak_rss_mb)
        for row in rows
    ]


def _all_sums(groups: list[list[RunResult]], sums_of: SumsOf) -> dict[str, dict[int, ClipSums]]:
    """Return trained row → seed → clip sums, nothing unless all are there and on the same seeds and clips."""
    found: dict[str, dict[int, ClipSums]] = {}
    for group in groups:
        if group[0].is_reference:
            continue
        sums = {run.seed: one for run in group if (one := sums_of(run)) is not None}
        if len(sums) < len(group):
            return {}
        found[row_name(group[0])] = sums
    return found if are_comparable(list(found.values())) else {}


def row_name(row: Row | RunResult) -> str:
    """Return ``gce-faithful``."""
    return f"{row.strategy}-{row.variant}"


def _with_gaps(rows: list[Row], sums: dict[str, dict[int, ClipSums]]) -> list[Row]:
    """Hold every trained row against the best of each metric."""
    if not sums:
        return rows
    drawn = resample(sums)
    best = {name: row for row in reversed(rows) for name in row.best}

    def gap(row: Row, name: str) -> Difference | None:
        mean, highest = row.values[name].mean, best[name].values[name].mean
        if mean is None or highest is None:
            return None
        column = METRICS.index(name)
        return difference(drawn[row_name(row)][:, column], drawn[row_name(best[name])][:, column], mean - highest)

    def gaps(row: Row) -> dict[str, Difference]:
        found = {name: gap(row, name) for name in METRICS if name in best and name not in row.best}
        return {name: one for name, one in found.items() if one is not None}

    return [row if row.is_reference else replace(row, to_best=gaps(row)) for row in rows]


def _row_key(result: RunResult) -> tuple[int, str, str, int]:
    """Order rows: references, baseline, then by name."""
    known = result.strategy in _FIRST_STRATEGIES
    place = _FIRST_STRATEGIES.index(result.strategy) if known else len(_FIRST_STRATEGIES)
    return place, result.strategy, result.variant, result.seed


def _row(results: Sequence[RunResult]) -> Row:
    """Join the seeds of one strategy."""
    first = results[0]
    return Row(
        strategy=first.strategy,
        variant=first.variant,
        seeds=tuple(r.seed for r in results),
        values={name: summarise([r.scores[name] for r in results]) for name in SCORES},
        best=frozenset(),
        to_best={},
        train_s=fmean(r.cost.train_s for r in results),
        peak_rss_mb=fmean(r.cost.peak_rss_mb for r in results),
        time=None,
        memory=None,
        oracle=first.oracle,
    )


def summarise(scores: Sequence[float | None]) -> Value:
    """Return mean and sample standard deviation; undefined as soon as one seed's score is."""
    known = [score for score in scores if score is not None]
    if len(known) < len(scores) or not known:
        return Value(None, None)
    return Value(fmean(known), stdev(known) if len(known) > 1 else None)


def _best(rows: Sequence[Row]) -> dict[str, float]:
    """Return metric → best mean over the trained rows, or nothing when a single seed or a single row decides."""
    trained = [row for row in rows if not row.is_reference]
    if len(trained) < 2 or any(len(row.seeds) < 2 for row in trained):
        return {}
    best = {}
    for name in METRICS:
        means = [row.values[name].mean for row in trained]
        known = [mean for mean in means if mean is not None]
        if len(known) == len(means):
            best[name] = min(known) if name in LOWER_IS_BETTER else max(known)
    return best


def _with_best(row: Row, best: dict[str, float]) -> Row:
    """Mark the metrics in which this row is best."""
    if row.is_reference:
        return row
    means = {name: row.values[name].mean for name in best}
    marked = frozenset(name for name, mean in means.items() if mean is not None and math.isclose(mean, best[name]))
    return replace(row, best=marked)
