"""What is printed with a leaderboard, so that its numbers are read right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

from actiseg_bench.grid.tracks import published_notes
from actiseg_bench.metrics.actionvos import METRICS, TITLES
from actiseg_bench.report.extras import EXTRAS
from actiseg_bench.report.inference import Difference
from actiseg_bench.report.marks import best_rows
from actiseg_bench.results.result import LONGER, SILENT, TUNED, TUNING, YARDSTICKS, RunResult
from actiseg_bench.results.score_code import PACKAGES, find_module, shared_code

if TYPE_CHECKING:
    from actiseg_bench.report.table import Block, Row

EFFECT = "p_miou"
"""The metric whose effect sizes are printed; those of all are in the JSON form and in comparisons.csv."""


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
        notes.append(f"{'; '.join(yardsticks)}. They are yardsticks, never marked or compared.")
    if any(row.values[name].mean is not None for block in blocks for row in block.rows for name in EXTRAS):
        notes.append(
            "J&F is volumetric: an object's frames are scored as one. AP is the average precision of the positive "
            "scores, which no threshold moves; chance is the share of samples that take part (docs/metrics.md)."
        )
    notes += [*_seed_notes(blocks), *_run_notes(blocks), *_difference_notes(blocks)]
    if any(r.strategy == "baseline" for r in results):
        notes.append(_cost_note())
    notes += [f"{name} knew what a user would not: {oracle}." for name, oracle in _oracles(results)]
    notes += _tuned_notes(groups)
    silence = {r.predictions for r in results if r.strategy == SILENT}
    notes += [note for runs in groups for note in _twins(runs, silence)]
    notes += _footing(results, groups)
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
            f"§ submitted: predictions not at hand, so that scores follow from submitted tables alone and AP is "
            f"unknown (docs/submitting.md): {names}."
        )


def _submitted(row: Row) -> str:
    """Name a row, with how many of its runs came in submissions where not all did."""
    return row.name if row.submitted == len(row.runs) else f"{row.name} ({row.submitted} of {len(row.runs)} runs)"


def _seed_notes(blocks: Sequence[Block]) -> Iterator[str]:
    """Say what the numbers of seeds allow to conclude."""
    marked = [block for block in blocks if any(row.best for row in block.rows)]
    if not marked and any(block.single_seed for block in blocks):
        yield "A single training seed: nothing is marked as best, and a difference of a few points can be chance."
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
    for block in blocks:
        best = best_rows(block.rows).get(EFFECT)
        gaps = [(row, row.to_best[EFFECT]) for row in block.rows if EFFECT in row.to_best]
        if best is not None and gaps:
            found = ", ".join(f"{_short(row, block.rows)} {_effect(gap)}" for row, gap in gaps)
            yield f"{block.track.name}, {TITLES[EFFECT]} against {_short(best, block.rows)}: {found}."
    found_by_metric = {
        name: [gap.detectable for block in blocks for row in block.rows if (gap := row.to_best.get(name)) is not None]
        for name in METRICS
    }
    known = {name: values for name, values in found_by_metric.items() if values}
    if known:
        sizes = ", ".join(
            f"{TITLES[name]} {100 * median(v):.1f} ({100 * min(v):.1f} to {100 * max(v):.1f})"
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


def _tuned_notes(groups: Sequence[Sequence[RunResult]]) -> Iterator[str]:
    """Say what the options of tuned rows are, track by track, and warn where they were not chosen alike."""
    budgets: set[str] = set()
    for runs in groups:
        rows = {run.strategy: run for run in runs if run.variant == TUNED}
        if not rows:
            continue
        own = {_budget(run) for run in rows.values()}
        budgets |= own
        found = "; ".join(f"{name} {_settings(run)}" for name, run in sorted(rows.items()))
        yield f"{runs[0].track.name}, tuned rows, {' or '.join(sorted(own))}: {found}."
    if budgets:
        yield (
            "The options of tuned rows were chosen on validation labels with the noise of the training ones, the first "
            "draw of it; trial 0 is the defaults (docs/tuning.md)."
        )
    if len(budgets) > 1:
        yield f"Warning: tuned rows had {len(budgets)} budgets: {', '.join(sorted(budgets))}."


def _budget(run: RunResult) -> str:
    """Return from how many trials, and by what, the options of a tuned run were chosen."""
    about = _tuning(run)
    return f"best {TITLES.get(str(about.get('by')), '?')} of {about.get('trials', '?')} trials"


def _settings(run: RunResult) -> str:
    """Return ``q 0.45, learning rate 0.0012 (trial 3)``: what a tuned run was trained with."""
    options, train = run.config.get("strategy_options"), run.config.get("train")
    values = dict(options) if isinstance(options, Mapping) else {}
    values["learning rate"] = train.get("learning_rate") if isinstance(train, Mapping) else None
    shown = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
    )
    return f"{shown} (trial {_tuning(run).get('trial', '?')})"


def _tuning(run: RunResult) -> Mapping[str, Any]:
    """Return what a run's configuration says of who chose its options; nothing where somebody wrote other things."""
    found = run.config.get(TUNING)
    return found if isinstance(found, Mapping) else {}


def _trainings(runs: Sequence[RunResult]) -> int:
    """Return how many training configurations runs have; the learning rate of a tuned row is its own.

    That of the longer baseline is another on purpose.
    """
    own = [(run.variant == TUNED, run.config.get("train")) for run in runs if run.strategy != LONGER]
    shared = {str({**train, "learning_rate": None} if isinstance(train, Mapping) else train) for _, train in own}
    return max(len(shared), len({str(train) for is_tuned, train in own if not is_tuned}))


def _twins(runs: Sequence[RunResult], silence: set[str]) -> Iterator[str]:
    """Say which rows of a track made the same predictions, run by run: one of them changed nothing of the other.

    Args:
        silence: digests of predictions that show nothing, which unlike methods may share.
    """
    made: dict[str, dict[tuple[int | None, int], str]] = {}
    for run in sorted(runs, key=lambda run: (run.strategy != "baseline", run.strategy, run.variant)):
        row = f"{run.strategy}@{run.variant}".removesuffix("@faithful")
        made.setdefault(row, {})[run.track.noise_seed, run.seed] = run.predictions
    for first, other in combinations(made, 2):
        shared = [(made[first][run], made[other][run]) for run in made[first].keys() & made[other].keys()]
        if shared and all(one == again and one not in silence for one, again in shared):
            where = f"in all {len(shared)} runs" if len(shared) > 1 else "in the run"
            yield f"{runs[0].track.name}: {other} predicts what {first} predicts, to the bit, {where} that both have."


def _footing(results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]]) -> list[str]:
    """Warn where rows of one block are not on equal footing."""
    notes = []
    for runs in groups:
        if _trainings(runs) > 1:
            notes.append(f"Warning: the rows of {runs[0].track.name} differ in their training configuration.")
    made_by: dict[str, set[str | None]] = {
        "versions of the code": _code_versions(results),
        "start weights": {r.provenance.start_weights_digest for r in results if r.strategy != SILENT},
        "versions of torch": {r.provenance.torch for r in results if r.strategy != SILENT},
        "kinds of machine": {_machine(r) for r in results if not r.is_reference},
    }
    notes += [*_mixed_pictures(results), *_edited_plugins(results)]
    for what, values in made_by.items():
        if len(values) > 1:
            notes.append(f"Warning: these runs were made with {len(values)} {what}.")
    return notes


def _mixed_pictures(results: Sequence[RunResult]) -> Iterator[str]:
    """Warn where equal labels were shown with different pictures: copies of a dataset, drawings of 'kitchen'."""
    drawn: dict[tuple[str, str], set[str]] = {}
    for track in (result.track for result in results):
        for what, labels, images in (
            ("training", track.train_manifest, track.train_images),
            ("evaluation", track.eval_manifest, track.eval_images),
        ):
            if labels is not None and images is not None:
                drawn.setdefault((what, labels), set()).add(images)
    for (what, labels), copies in drawn.items():
        if len(copies) > 1:
            yield (
                f"Warning: the pictures of the {what} labels {labels[:12]} are not the same in all runs: "
                f"{len(copies)} copies or drawings of the dataset, {', '.join(sorted(one[:6] for one in copies))}."
            )


def _code_versions(results: Sequence[RunResult]) -> set[str | None]:
    """Return the versions of what all runs share, or of one model and bundled strategy: whichever are more."""
    shared: set[str | None] = {shared_code(result.provenance.score_code) for result in results}
    own = [digests for (_, strategy), digests in _own_code(results).items() if _is_bundled(strategy)]
    return max([shared, *own], key=len)


def _own_code(results: Sequence[RunResult]) -> dict[tuple[str, str], set[str | None]]:
    """Return (model, strategy) → digests of the code of its runs."""
    found: dict[tuple[str, str], set[str | None]] = {}
    for result in results:
        found.setdefault((result.model, result.strategy), set()).add(result.provenance.score_code)
    return found


def _is_bundled(strategy: str) -> bool:
    """Return whether a strategy is one of this package, and not somebody's own."""
    return find_module(f"actiseg_bench.strategies.{strategy}", PACKAGES) is not None


def _edited_plugins(results: Sequence[RunResult]) -> Iterator[str]:
    """Warn where somebody's own strategy was changed between its runs; that they share the rest is said elsewhere."""
    for (_, strategy), digests in _own_code(results).items():
        versions = {str(digest).partition("+")[2] for digest in digests}
        if len(versions) > 1 and not _is_bundled(strategy):
            yield (
                f"Warning: the runs of {strategy}, which comes from another package, were made with {len(versions)} "
                "versions of that package's code; its means are over all of them."
            )


def _machine(result: RunResult) -> str:
    """Name what training ran on: cost is not comparable between two of these."""
    made = result.provenance
    return f"{made.device}, {made.threads} threads, {made.platform}"
