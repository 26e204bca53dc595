"""Every run by itself, and every comparison, as CSV: what the tables and charts of the analysis are means of.

Scores, failure modes and shares are fractions, empty where undefined. A run is named by track, strategy, noise seed and
training seed in all of these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.cells import short_name
from actiseg_bench.report.extras import EXTRAS, ExtrasOf
from actiseg_bench.report.inference import Difference
from actiseg_bench.report.marks import best_rows, is_silent
from actiseg_bench.report.study import Study
from actiseg_bench.results.networks import count_networks
from actiseg_bench.results.result import SCORES, RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_noise.borders.writing import remove_file, whole_csv

Record = dict[str, Any]

RUN = ("track", "strategy", "noise_seed", "seed")
SHARES = ("precision", "recall", "base_rate", "auroc")
FITS = ("step", "fit_given", "fit_clean", "held_out")
CONFUSIONS = ("tp", "tn", "fp", "fn")
COSTS = ("steps", "train_s", "eval_s", "peak_rss_mb")
_RUN_COLUMNS = (*SCORES, *EXTRAS, *MODES, "silent", *CONFUSIONS, "networks", "updates", *COSTS, "oracle", "run_key")
_NUMBERS = ("mean", "low", "high", "error", "df", "p", "p_corrected", "comparisons", "standardised", "detectable")


def iter_runs(study: Study) -> Iterator[tuple[Record, StoredRun]]:
    """Yield every run with the columns that name it."""
    for (track, row), runs in study.cells.items():
        for run in runs:
            yield name_run(track, row, run.result), run


def name_run(track: str, row: str, result: RunResult) -> Record:
    """Return the columns ``RUN`` of a run."""
    return {"track": track, "strategy": row, "noise_seed": result.track.noise_seed, "seed": result.seed}


def run_records(study: Study, extras_of: ExtrasOf) -> Iterator[Record]:
    """Yield scores, what stands beside them, failure modes, confusions of the first network and cost of every run."""
    for head, run in iter_runs(study):
        result = run.result
        networks = count_networks(result.predictions)
        cost: dict[str, Any] = asdict(result.cost)
        yield {
            **head,
            **{name: result.scores[name] for name in SCORES},
            **extras_of(result),
            **{mode: result.failures.get(mode) for mode in MODES},
            "silent": is_silent(result),
            **{name: result.counts.get(name) for name in CONFUSIONS},
            "networks": networks,
            "updates": networks * result.cost.steps,
            **{name: cost[name] for name in COSTS},
            "oracle": result.oracle,
            "run_key": result.run_key,
        }


def selection_records(study: Study) -> Iterator[Record]:
    """Yield precision and recall of what every run believed, per epoch and unit (samples, pixels)."""
    for head, run in iter_runs(study):
        for epoch, units in enumerate(run.result.selection, start=1):
            for unit, shares in units.items():
                yield head | {"epoch": epoch, "unit": unit} | {name: shares.get(name) for name in SHARES}


def probe_records(study: Study) -> Iterator[Record]:
    """Yield how well every run fits given and clean labels of samples with a wrong one, per probe."""
    for head, run in iter_runs(study):
        for fit in run.result.fits:
            yield head | {name: fit.get(name) for name in FITS}


def comparison_records(boards: Iterable[Leaderboard]) -> Iterator[Record]:
    """Yield every comparison of a leaderboard: a row against the best of a metric, in [-1, 1]."""
    for board in boards:
        for block in board.blocks:
            best = best_rows(block.rows)
            for row in block.rows:
                for name, gap in row.to_best.items():
                    against = short_name(best[name].strategy, best[name].variant)
                    place = {"track": block.track.name, "metric": name, "best": against}
                    yield {**place, "strategy": short_name(row.strategy, row.variant), **_numbers(gap)}


def _numbers(gap: Difference) -> Record:
    """Return the numbers of a comparison, and whether it is separable."""
    return {name: getattr(gap, name) for name in _NUMBERS} | {"separable": gap.is_separable}


COLUMNS = {
    "runs.csv": (*RUN, *_RUN_COLUMNS),
    "selection_epochs.csv": (*RUN, "epoch", "unit", *SHARES),
    "memorisation_probes.csv": (*RUN, *FITS),
    "comparisons.csv": ("track", "metric", "best", "strategy", *_NUMBERS, "separable"),
}
"""File → its columns."""


def write_records(study: Study, boards: Sequence[Leaderboard], extras_of: ExtrasOf, folder: Path) -> list[Path]:
    """Write the files of ``COLUMNS``.

    One without a row is not written, and an older one goes.
    """
    records = {
        "runs.csv": run_records(study, extras_of),
        "selection_epochs.csv": selection_records(study),
        "memorisation_probes.csv": probe_records(study),
        "comparisons.csv": comparison_records(boards),
    }
    written = []
    for name, found in records.items():
        path = folder / name
        remove_file(path)
        rows = list(found)
        if rows:
            with whole_csv(path, COLUMNS[name]) as writer:
                writer.writerows(rows)
            written.append(path)
    return written
