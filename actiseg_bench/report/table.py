"""Results become leaderboards: grouped into blocks and rows, summed up, marked and annotated."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import replace
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

from actiseg_bench.report.board import Block, Leaderboard, Row, Value, board_key, run_of
from actiseg_bench.report.bootstrap import ClipSums, Run, are_comparable
from actiseg_bench.report.extras import EXTRAS, ExtrasOf, no_extras
from actiseg_bench.report.marks import compare_rows, correct_blocks, is_silent, mark_best
from actiseg_bench.report.notes import make_notes, submission_notes
from actiseg_bench.report.sums import SumsOf, no_sums
from actiseg_bench.results.networks import count_networks
from actiseg_bench.results.result import SCORES, SILENT, START, YARDSTICKS, RunResult

_FAMILIES = ("clean", "text", "flip", "mask", "mixed")
_FIRST_STRATEGIES = (SILENT, START, *YARDSTICKS, "baseline")


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
    ordered = sorted(results, key=board_key)
    made = [_leaderboard(*key, list(group), sums_of, extras_of) for key, group in groupby(ordered, board_key)]
    return [mark_submitted(board, ordered, submitted) for board in made] if submitted else made


def mark_submitted(
    board: Leaderboard, results: Sequence[RunResult], submitted: Collection[tuple[str, str]]
) -> Leaderboard:
    """Return a leaderboard whose rows say how many of their runs came in submissions, with a note on them."""
    arrived = {r.run_key: r for r in results if board.holds(r) and (r.track.protocol, r.run_key) in submitted}

    def count(block: Block, row: Row) -> int:
        return sum(block.holds(row, result) for result in arrived.values())

    blocks = tuple(
        replace(block, rows=tuple(replace(row, submitted=count(block, row)) for row in block.rows))
        for block in board.blocks
    )
    notes = submission_notes(blocks)
    return replace(board, blocks=blocks, notes=(*board.notes[:-1], *notes, *board.notes[-1:]))


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
