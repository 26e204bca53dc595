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
from actiseg_bench.results import REFERENCES, SCORES, RunResult, TrackInfo

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
        train_s: mean seconds of training. oracle: what it knew that a user would not.
    """

    strategy: str
    variant: str
    seeds: tuple[int, ...]
    values: dict[str, Value]
    best: frozenset[str]
    oracle: str | None
    train_s: float

    @property
    def is_reference(self) -> bool:
        """True for ``start`` and ``silent``."""
        return self.strategy in REFERENCES


@dataclass(frozen=True)
class Block:
    """One track: the same training labels, the same evaluation labels."""

    track: TrackInfo
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Leaderboard:
    """What one model did under one protocol on one dataset. ``notes`` are to be printed with it."""

    model: str
    dataset: str
    protocol: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


def make_leaderboards(results: Iterable[RunResult]) -> list[Leaderboard]:
    """Group results by model, dataset and protocol, and each group by track.

    Tracks of one name but of other labels are parted. The reference rows join every block that is scored on their
    evaluation labels.
    """
    ordered = sorted(results, key=_group_key)
    return [_leaderboard(*key, list(group)) for key, group in groupby(ordered, _group_key)]


def _group_key(result: RunResult) -> tuple[str, str, str]:
    return result.model, result.track.dataset, result.track.protocol


def _leaderboard(model: str, dataset: str, protocol: str, results: list[RunResult]) -> Leaderboard:
    """Make one leaderboard."""
    references = [r for r in results if r.is_reference]
    trained = sorted((r for r in results if not r.is_reference), key=_block_key)
    groups = [list(group) for _, group in groupby(trained, _block_key)]
    blocks = [_block(group, references) for group in groups]
    if not groups:
        blocks = [_block([r], references) for r in references[:1]]
    return Leaderboard(model, dataset, protocol, tuple(blocks), tuple(_notes(results, groups)))


def _block_key(result: RunResult) -> tuple[Any, ...]:
    track = result.track
    return *track_order(track.name), track.train_manifest, track.eval_manifest


def track_order(name: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return a sort key: clean, text, flip, mask, mixed, then others; numbers by value, so text-0 … text-60."""
    family = re.split(r"[-_]", name)[0]
    place = _FAMILIES.index(family) if family in _FAMILIES else len(_FAMILIES)
    parts = re.findall(r"\d+|\D+", name)
    return place, tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _block(results: list[RunResult], references: list[RunResult]) -> Block:
    """Make the block of results on one track."""
    track = results[0].track
    kept = [r for r in references if r.track.eval_manifest == track.eval_manifest and r not in results]
    runs = sorted([*kept, *results], key=_row_key)
    groups = [list(group) for _, group in groupby(runs, lambda r: (r.strategy, r.variant))]
    rows = [_row(group) for group in groups]
    best = _best(rows)
    return Block(track, tuple(_with_best(row, best) for row in rows))


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
        oracle=first.oracle,
        train_s=fmean(r.cost.train_s for r in results),
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


def _notes(results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]]) -> list[str]:
    """Return what a reader has to know to read the numbers right."""
    seeds = {len(list(group)) for runs in groups for _, group in groupby(sorted(runs, key=_row_key), _row_name)}
    notes = [
        "Scores × 100 on clean labels. ↑ higher is better, ↓ lower is better. gIoU is the GRES generalised IoU with "
        "its no-target rule, not box GIoU."
    ]
    if any(r.is_reference for r in results):
        notes.append(
            "silent predicts nothing, start is the start weights untrained on the track: gIoU and Acc reward silence "
            "on objects that take no part, so read them against these rows."
        )
    notes.append(_seed_note(seeds))
    notes += [f"{name} knew what a user would not: {oracle}." for name, oracle in _oracles(results)]
    notes += _footing(results, groups)
    notes.append("These are scores of the bundled set-up; they do not reproduce the numbers of the ActiSeg-NL paper.")
    return notes


def _row_name(result: RunResult) -> tuple[str, str]:
    return result.strategy, result.variant


def _seed_note(seeds: set[int]) -> str:
    """Say what the numbers of seeds allow to conclude."""
    if not seeds or min(seeds) < 2:
        return "A single seed: nothing is marked as best, and a difference of a few points can be chance."
    return "Mean ± sample standard deviation over seeds; the best mean of a track is marked, whatever the spread."


def _oracles(results: Sequence[RunResult]) -> list[tuple[str, str]]:
    """Return strategy and oracle knowledge, without the value it had on a track."""
    found = {r.strategy: re.sub(r"\s*[\d.]+$", "", r.oracle) for r in results if r.oracle}
    return sorted(found.items())


def _footing(results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]]) -> list[str]:
    """Warn where rows of one block are not on equal footing."""
    notes = []
    for runs in groups:
        training = {str(run.config.get("train")) for run in runs}
        if len(training) > 1:
            notes.append(f"Warning: the rows of {runs[0].track.name} differ in their training configuration.")
    made_by: dict[str, set[str | None]] = {
        "versions of the code": {r.provenance.score_code for r in results},
        "start weights": {r.provenance.start_weights_digest for r in results if r.strategy != "silent"},
        "versions of torch": {r.provenance.torch for r in results if r.strategy != "silent"},
    }
    for what, values in made_by.items():
        if len(values) > 1:
            notes.append(f"Warning: these runs were made with {len(values)} {what}.")
    return notes
