"""What is printed with a leaderboard, so that its numbers are read right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from statistics import median

from actiseg_bench.grid.protocols import published_notes
from actiseg_bench.metrics.actionvos import TITLES
from actiseg_bench.metrics.ungated import TITLE, UNGATED_SCORES
from actiseg_bench.metrics.volume import VOLUME_SCORES
from actiseg_bench.report.board import Block, Row
from actiseg_bench.report.bootstrap import COMPARED
from actiseg_bench.report.cells import SUBMITTED
from actiseg_bench.report.footing import footing_notes, tuned_notes, twin_notes
from actiseg_bench.report.inference import Difference
from actiseg_bench.report.marks import best_rows
from actiseg_bench.results.result import LONGER, SILENT, YARDSTICKS, RunResult

EFFECTS = ("p_miou", *UNGATED_SCORES)
"""The metrics whose effect sizes are printed; those of all are in the JSON form and in comparisons.csv."""
_TITLES = TITLES | dict.fromkeys(UNGATED_SCORES, TITLE)


def make_notes(
    results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]], blocks: Sequence[Block]
) -> list[str]:
    """Return what a reader has to know to read the numbers right.

    Args:
        groups: the trained runs of each track. blocks: what is printed of them.
    """
    notes = [
        "Scores × 100 on clean labels. ↑ higher is better, ↓ lower is better. gIoU is the GRES generalised IoU with "
        "its no-target rule, not box GIoU."
    ]
    if any(r.is_reference for r in results):
        notes.append(
            "silent predicts nothing, start is the start weights untrained on the track: gIoU and Acc reward silence "
            "on objects that take no part, so read them against these rows."
        )
    told = {
        "frozen": "frozen trains the positive head alone: masks no better than its own were not learned here",
        "clean_subset": "clean_subset trains on the right labels alone, as the manifest knows them: perfect selection",
        LONGER: "longer_baseline is the baseline with twice the updates, as many as two networks make",
    }
    yardsticks = [told[name] for name in YARDSTICKS if any(r.strategy == name for r in results)]
    if yardsticks:
        count = "A yardstick" if len(yardsticks) == 1 else "Yardsticks"
        notes.append(f"{count}, never marked or compared: {'; '.join(yardsticks)}.")
    rows = [row for block in blocks for row in block.rows]
    if any(row.values[name].mean is not None for row in rows for name in UNGATED_SCORES):
        notes.append(
            "ungated is p-mIoU of the masks behind the positive head, which no score and no other object empties: it "
            "says what a strategy did to masks, where p-mIoU also says what the head leaves out."
        )
    if any(row.values[name].mean is not None for row in rows for name in (*VOLUME_SCORES, "positive_ap")):
        notes.append(
            "J&F is volumetric: an object's frames are scored as one. AP is the average precision of the positive "
            "scores, which no threshold moves; chance is the share of samples that take part (docs/metrics.md)."
        )
    notes += [*_seed_notes(blocks), *_run_notes(blocks), *_difference_notes(blocks)]
    if any(r.strategy == "baseline" for r in results):
        notes.append(_cost_note())
    notes += [f"{name} knew what a user would not: {oracle}." for name, oracle in _oracles(results)]
    notes += tuned_notes(groups)
    silence = {r.predictions for r in results if r.strategy == SILENT}
    notes += [note for runs in groups for note in twin_notes(runs, silence)]
    notes += footing_notes(results, groups)
    published = [note for name in dict.fromkeys(r.track.protocol for r in results) for note in published_notes(name)]
    what = "this package, with the differences above" if published else "the bundled set-up"
    notes += published
    notes.append(f"These are scores of {what}; they do not reproduce the numbers of the ActiSeg-NL paper.")
    return notes


def submission_notes(blocks: Sequence[Block]) -> Iterator[str]:
    """Name the rows whose runs came in submissions."""
    rows = [(block, row) for block in blocks for row in block.rows if row.submitted]
    if rows:
        names = ", ".join(dict.fromkeys(f"{block.track.name} {_submitted(row)}" for block, row in rows))
        yield (
            f"{SUBMITTED} submitted: predictions not at hand, so that scores follow from submitted tables alone and AP "
            f"is unknown (docs/submitting.md): {names}."
        )


def _submitted(row: Row) -> str:
    """Name a row, with how many of its runs came in submissions where not all did."""
    return row.name if row.submitted == len(row.runs) else f"{row.name} ({row.submitted} of {len(row.runs)} runs)"


def _seed_notes(blocks: Sequence[Block]) -> Iterator[str]:
    """Say what the numbers of seeds allow to conclude."""
    marked = [block for block in blocks if any(row.best for row in block.rows)]
    if not marked and any(block.single_seed for block in blocks):
        yield (
            f"A single training seed{_where_single(blocks)}: nothing is marked as best, and a difference of a few "
            "points can be chance."
        )
        return
    if not marked:
        yield "Nothing is marked as best: no track has two methods of which one is not silent."
        return
    yield "Mean ± sample standard deviation over runs; the best mean of a track is marked (*)."
    count = sum(len(row.to_best) for block in blocks for row in block.rows)
    if count:
        yield (
            f"≈ is not separable from the best: p is not below 5 % after Holm's correction for the {count} comparisons "
            "of this leaderboard. Variance: paired hierarchical bootstrap over noise seeds, training seeds and videos, "
            "with Student's t; docs/decisions/0012 simulates how often such an interval holds the truth."
        )
        if not all(block.videos_known for block in marked):
            yield (
                "The tables of object-frames do not say which clips are of one video, so that clips were drawn as if "
                "none shared frames: make the runs again to have videos drawn."
            )
    untested = [block.track.name for block in marked if not block.compared]
    if untested:
        yield (
            f"{', '.join(untested)}: the best is marked whatever the spread: not every row has the same seeds and "
            "whole tables of object-frames, so nothing was tested."
        )
    unmarked = [block.track.name for block in blocks if block not in marked]
    if unmarked:
        yield f"{', '.join(unmarked)}: nothing is marked, a row has a single training seed, stands alone or is silent."


def _where_single(blocks: Sequence[Block]) -> str:
    """Name the methods with a single training seed, where others of their track have more."""
    competing = [(block, row) for block in blocks for row in block.rows if row.competes]
    single = [f"{block.track.name} {row.name}" for block, row in competing if len(row.seeds) < 2]
    return "" if len(single) == len(competing) else f" in {', '.join(single)}"


def _run_notes(blocks: Sequence[Block]) -> Iterator[str]:
    """Say which runs there are not, and which predict nothing."""
    trained = [block for block in blocks if block.track.train_manifest is not None]
    if trained and all(len(block.tracks) == 1 for block in trained):
        yield (
            "The labels of a track are one draw of its noise, which every run shares: nothing here is about another "
            "draw."
        )
    for block in blocks:
        for row in block.rows:
            if row.missing:
                runs = ", ".join(_name_run(block, *run) for run in row.missing)
                yield (
                    f"Warning: {block.track.name} {row.name}: {len(row.missing)} of {len(block.runs)} runs are "
                    f"missing: {runs}. Its means are over the others."
                )
    silent = [f"{block.track.name} {row.name}" for block in blocks for row in block.rows if row.silent]
    if silent:
        yield (
            "∅ a run of the row misses 99 % or more of the visible objects that take part; n-mIoU, n-cIoU, gIoU and "
            f"Acc reward that, so it is best in nothing and not compared: {', '.join(silent)}."
        )


def _name_run(block: Block, noise_seed: int, seed: int) -> str:
    """Name a run of a block, with its noise seed where there are several."""
    return f"noise seed {noise_seed} training seed {seed}" if len(block.tracks) > 1 else f"training seed {seed}"


def _difference_notes(blocks: Sequence[Block]) -> Iterator[str]:
    """Say how large differences are, and how large one has to be to be found."""
    for block, name in product(blocks, EFFECTS):
        best = best_rows(block.rows).get(name)
        gaps = [(row, row.to_best[name]) for row in block.rows if name in row.to_best]
        if best is not None and gaps:
            found = ", ".join(f"{_short(row, block.rows)} {_effect(gap)}" for row, gap in gaps)
            yield f"{block.track.name}, {_TITLES[name]} against {_short(best, block.rows)}: {found}."
    found_by_metric = {
        name: [gap.detectable for block in blocks for row in block.rows if (gap := row.to_best.get(name)) is not None]
        for name in COMPARED
    }
    known = {name: values for name, values in found_by_metric.items() if values}
    if known:
        sizes = ", ".join(
            f"{_TITLES[name]} {100 * median(v):.1f} ({100 * min(v):.1f} to {100 * max(v):.1f})"
            for name, v in known.items()
        )
        yield (
            "Smallest true difference in points that a comparison finds with a power of 80 % at the first step of the "
            f"correction, median and range over comparisons: {sizes}."
        )


def _short(row: Row, rows: Sequence[Row]) -> str:
    """Name a row by its strategy, with its variant where the block has another one of it."""
    return row.name if sum(row.strategy == other.strategy for other in rows) > 1 else row.strategy


def _effect(gap: Difference) -> str:
    """Return ``-4.6 points (g -0.8)``: the difference, and Hedges' g where it is defined."""
    g = "" if gap.standardised is None else f" (g {gap.standardised:+.1f})"
    return f"{100 * gap.mean:+.1f} points{g}"


def _cost_note() -> str:
    return (
        "Cost: updates of all networks together, seconds of training and peak memory of the whole process in MiB, as "
        "measured on the machine that made the runs; time and memory relative to the baseline's row of the same track."
    )


def _oracles(results: Sequence[RunResult]) -> list[tuple[str, str]]:
    """Return strategy and oracle knowledge, without the values it had on a track."""
    found = {r.strategy: re.sub(r"[\s\d.,]+$", "", r.oracle) for r in results if r.oracle}
    return sorted(found.items())
