"""The table model: results grouped into leaderboards, blocks (one per track) and rows (one per strategy)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

from actiseg_bench.report.bootstrap import ClipSums, Run, are_comparable
from actiseg_bench.report.extras import EXTRAS, ExtrasOf, no_extras
from actiseg_bench.report.inference import Difference
from actiseg_bench.report.marks import compare_rows, correct_blocks, is_silent, mark_best
from actiseg_bench.report.notes import make_notes, submission_notes
from actiseg_bench.report.sums import SumsOf, no_sums
from actiseg_bench.results.networks import count_networks
from actiseg_bench.results.result import REFERENCES, SCORES, SILENT, START, YARDSTICKS, RunResult, TrackInfo

_FAMILIES = ("clean", "text", "flip", "mask", "mixed")
_FIRST_STRATEGIES = (SILENT, START, *YARDSTICKS, "baseline")


@dataclass(frozen=True)
class Value:
    """One score over the runs of a row, in [0, 1].

    Attributes:
        mean: None where the score is undefined. std: sample standard deviation, None for a single run.
    """

    mean: float | None
    std: float | None


@dataclass(frozen=True)
class Row:
    """One strategy on one track.

    Attributes:
        runs: (noise seed, training seed) of every run; a reference row's noise seed is 0. missing: those that other
            rows of the block have and this one lacks: its means are over fewer runs.
        values: score of ``SCORES`` or ``EXTRAS`` → value.
        best: the metrics in which no other strategy of the block has a better mean; empty unless every strategy has
            several training seeds.
        silent: a run of it predicts next to nothing: it is best in no metric, and not compared.
        to_best: metric → this row's mean minus the best row's, with its interval and test; empty for the best itself,
            and where nothing can be concluded.
        updates: of all networks together, the mean over the runs: twice the steps where two networks are trained.
        train_s, peak_rss_mb: means over the runs. time, memory: the same against the baseline's row of the block,
            None without one.
        oracle: what it knew that a user would not.
        submitted: how many of its runs came in submissions: their predictions are not at hand.
    """

    strategy: str
    variant: str
    runs: tuple[Run, ...]
    missing: tuple[Run, ...]
    values: dict[str, Value]
    best: frozenset[str]
    silent: bool
    to_best: dict[str, Difference]
    updates: float
    train_s: float
    peak_rss_mb: float
    time: float | None
    memory: float | None
    oracle: str | None
    submitted: int = 0

    @property
    def is_reference(self) -> bool:
        """True for ``start`` and ``silent``."""
        return self.strategy in REFERENCES

    @property
    def competes(self) -> bool:
        """False for reference rows and yardsticks, which are never marked or compared."""
        return self.strategy not in (*REFERENCES, *YARDSTICKS)

    @property
    def name(self) -> str:
        """Return ``gce-faithful``."""
        return row_name(self.strategy, self.variant)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the training seeds, each once."""
        return tuple(sorted({seed for _, seed in self.runs}))

    @property
    def tied(self) -> frozenset[str]:
        """Return the metrics in which this row is not the best and not separable from it."""
        return frozenset(name for name, gap in self.to_best.items() if not gap.is_separable)


@dataclass(frozen=True)
class Block:
    """One track: the same recipe, the same evaluation labels.

    Attributes:
        tracks: what results say about it, once per draw of the noise, by noise seed.
        compared: the rows that are not silent were held against the best ones.
        videos_known: the draws were of videos; if not, of clips, as if none shared a frame with another.
    """

    tracks: tuple[TrackInfo, ...]
    rows: tuple[Row, ...]
    compared: bool
    videos_known: bool = True

    @property
    def track(self) -> TrackInfo:
        """Return the first draw."""
        return self.tracks[0]

    @property
    def single_seed(self) -> bool:
        """True when a method's row has a single training seed, so that none is marked."""
        return any(row.competes and len(row.seeds) < 2 for row in self.rows)

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return (noise seed, training seed) of all runs that some trained row has."""
        return tuple(sorted({run for row in self.rows if not row.is_reference for run in row.runs}))


@dataclass(frozen=True)
class Leaderboard:
    """What one model did under one protocol on one dataset. ``notes`` are to be printed with it."""

    model: str
    dataset: str
    protocol: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


def make_leaderboards(
    results: Iterable[RunResult],
    sums_of: SumsOf = no_sums,
    extras_of: ExtrasOf = no_extras,
    submitted: Collection[tuple[str, str]] = (),
) -> list[Leaderboard]:
    """Group results by model, dataset and protocol, and each group by track.

    Tracks of one name and recipe are one block over their noise seeds; where one noise seed has several labels, each
    has a block of its own. The reference rows join every block that is scored on their evaluation labels. Equal runs
    count once.

    Args:
        sums_of: gives a result's clip sums, from which it is told what is separable from the best.
        extras_of: gives what stands beside a result's scores.
        submitted: protocol and key of runs that came in submissions.
    """
    ordered = sorted(results, key=_group_key)
    made = [_leaderboard(*key, list(group), sums_of, extras_of) for key, group in groupby(ordered, _group_key)]
    return [mark_submitted(board, ordered, submitted) for board in made] if submitted else made


def mark_submitted(
    board: Leaderboard, results: Sequence[RunResult], submitted: Collection[tuple[str, str]]
) -> Leaderboard:
    """Return a leaderboard whose rows say how many of their runs came in submissions, with a note on them."""
    counts = Counter(_cell_key(r) for r in results if (r.track.protocol, r.run_key) in submitted)
    at = board.protocol, board.dataset, board.model

    def count(block: Block, row: Row) -> int:
        return counts[(*at, "" if row.is_reference else block.track.name, block.track.eval_manifest, row.name)]

    blocks = tuple(
        replace(block, rows=tuple(replace(row, submitted=count(block, row)) for row in block.rows))
        for block in board.blocks
    )
    notes = submission_notes(blocks)
    return replace(board, blocks=blocks, notes=(*board.notes[:-1], *notes, *board.notes[-1:]))


def _cell_key(result: RunResult) -> tuple[str, ...]:
    """Return which row of which block a run stands in; the reference rows stand in all of them."""
    track, name = result.track, row_name(result.strategy, result.variant)
    place = "" if result.is_reference else track.name
    return track.protocol, track.dataset, result.model, place, track.eval_manifest, name


def _group_key(result: RunResult) -> tuple[str, str, str]:
    return result.model, result.track.dataset, result.track.protocol


def _leaderboard(
    model: str, dataset: str, protocol: str, results: list[RunResult], sums_of: SumsOf, extras_of: ExtrasOf
) -> Leaderboard:
    """Make one leaderboard."""
    references = [r for r in results if r.is_reference]
    groups = group_tracks([r for r in results if not r.is_reference])
    blocks = [_block(group, references, sums_of, extras_of) for group in groups]
    if not groups:
        blocks = [_block([r], references, sums_of, extras_of) for r in references[:1]]
    blocks = correct_blocks(blocks)
    return Leaderboard(model, dataset, protocol, tuple(blocks), tuple(make_notes(results, groups, blocks)))


def group_tracks(results: Iterable[RunResult]) -> list[list[RunResult]]:
    """Group trained runs by track, in reading order: the draws of one recipe together, other labels apart."""

    def key(result: RunResult) -> tuple[Any, ...]:
        track = result.track
        return *track_order(track.name), track.name, str(track.recipe), track.eval_manifest

    groups = []
    for _, some in groupby(sorted(results, key=key), key):
        group = list(some)
        labels = {(r.track.noise_seed, r.track.train_manifest) for r in group}
        if len({seed for seed, _ in labels}) == len(labels):
            groups.append(group)
        else:
            manifests = sorted({str(r.track.train_manifest) for r in group})
            groups += [[r for r in group if r.track.train_manifest == one] for one in manifests]
    return groups


def track_order(name: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return a sort key: clean, text, flip, mask, mixed, then others; numbers by value, so text-0 … text-60."""
    family = re.split(r"[-_]", name)[0]
    place = _FAMILIES.index(family) if family in _FAMILIES else len(_FAMILIES)
    parts = re.findall(r"\d+|\D+", name)
    return place, tuple((int(part), "") if part.isdecimal() and len(part) < 20 else (-1, part) for part in parts)


def _block(results: list[RunResult], references: list[RunResult], sums_of: SumsOf, extras_of: ExtrasOf) -> Block:
    """Make the block of results on one track."""
    results = list({(r.strategy, r.variant, r.run_key): r for r in sorted(results, key=run_of)}.values())
    tracks = {r.track.noise_seed: r.track for r in results}
    eval_manifest = results[0].track.eval_manifest
    kept = [r for r in references if r.track.eval_manifest == eval_manifest and r not in results]
    runs = sorted([*kept, *results], key=_row_key)
    groups = [list(group) for _, group in groupby(runs, lambda r: (r.strategy, r.variant))]
    expected = {run_of(r) for r in results}
    rows = mark_best(_with_cost([_row(group, expected, extras_of) for group in groups]))
    sums = _all_sums(rows, groups, sums_of) if any(row.best for row in rows) else {}
    compared = bool(sums) and are_comparable(list(sums.values()))
    known = all(one.videos for by_run in sums.values() for one in by_run.values())
    return Block(tuple(tracks.values()), tuple(compare_rows(rows, sums) if compared else rows), compared, known)


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


def _all_sums(
    rows: Sequence[Row], groups: Sequence[Sequence[RunResult]], sums_of: SumsOf
) -> dict[str, dict[Run, ClipSums]]:
    """Return a method's row that is not silent → run → clip sums, nothing unless all are there."""
    found: dict[str, dict[Run, ClipSums]] = {}
    for row, group in zip(rows, groups, strict=True):
        if not row.competes or row.silent:
            continue
        sums = {run_of(result): one for result in group if (one := sums_of(result)) is not None}
        if len(sums) < len(group):
            return {}
        found[row.name] = sums
    return found


def row_name(strategy: str, variant: str) -> str:
    """Return ``gce-faithful``."""
    return f"{strategy}-{variant}"


def run_of(result: RunResult) -> Run:
    """Return (noise seed, training seed); that of a reference row, which no noise reached, has noise seed 0."""
    return result.track.noise_seed or 0, result.seed


def _row_key(result: RunResult) -> tuple[int, str, str, Run]:
    """Order rows: references, yardsticks, baseline, then by name."""
    known = result.strategy in _FIRST_STRATEGIES
    place = _FIRST_STRATEGIES.index(result.strategy) if known else len(_FIRST_STRATEGIES)
    return place, result.strategy, result.variant, run_of(result)


def _row(results: Sequence[RunResult], expected: Set[Run], extras_of: ExtrasOf) -> Row:
    """Join the runs of one strategy; ``expected`` are those that some row of the block has."""
    first = results[0]
    runs = tuple(map(run_of, results))
    extras = [extras_of(r) for r in results]
    values = {name: summarise([r.scores[name] for r in results]) for name in SCORES}
    return Row(
        strategy=first.strategy,
        variant=first.variant,
        runs=runs,
        missing=() if first.is_reference else tuple(sorted(expected - set(runs))),
        values=values | {name: summarise([one[name] for one in extras]) for name in EXTRAS},
        best=frozenset(),
        silent=not first.is_reference and any(map(is_silent, results)),
        to_best={},
        updates=fmean(r.cost.steps * count_networks(r.predictions) for r in results),
        train_s=fmean(r.cost.train_s for r in results),
        peak_rss_mb=fmean(r.cost.peak_rss_mb for r in results),
        time=None,
        memory=None,
        oracle=first.oracle,
    )


def summarise(scores: Sequence[float | None]) -> Value:
    """Return mean and sample standard deviation; undefined as soon as one run's score is."""
    known = [score for score in scores if score is not None]
    if len(known) < len(scores) or not known:
        return Value(None, None)
    return Value(fmean(known), stdev(known) if len(known) > 1 else None)
