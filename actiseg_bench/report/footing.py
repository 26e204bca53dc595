"""Whether the rows of a leaderboard stand on equal footing: their tuning, configurations, code, pictures, machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from actiseg_bench.metrics.actionvos import TITLES
from actiseg_bench.results.result import LONGER, SILENT, TUNED, TUNING, RunResult
from actiseg_bench.results.score_code import PACKAGES, find_module, shared_code

_MACHINES = "kinds of machine"
_ROUNDING = "they round sums differently, which moves a score as another training seed does"


def tuned_notes(groups: Sequence[Sequence[RunResult]]) -> Iterator[str]:
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


def twin_notes(runs: Sequence[RunResult], silence: set[str]) -> Iterator[str]:
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


def footing_notes(results: Sequence[RunResult], groups: Sequence[Sequence[RunResult]]) -> list[str]:
    """Warn where rows of one block are not on equal footing."""
    notes = []
    for runs in groups:
        if _trainings(runs) > 1:
            notes.append(f"Warning: the rows of {runs[0].track.name} differ in their training configuration.")
    made_by: dict[str, set[str | None]] = {
        "versions of the code": _code_versions(results),
        "start weights": {r.provenance.start_weights_digest for r in results if r.strategy != SILENT},
        "versions of torch": {r.provenance.torch for r in results if r.strategy != SILENT},
        _MACHINES: {_machine(r) for r in results if not r.is_reference},
    }
    notes += [*_mixed_pictures(results), *_edited_plugins(results)]
    for what, values in made_by.items():
        if len(values) > 1:
            why = f": {_ROUNDING}" if what == _MACHINES else ""
            notes.append(f"Warning: these runs were made with {len(values)} {what}{why}.")
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
    """Name what training ran on: cost is not comparable between two of these, scores but for rounding."""
    made = result.provenance
    return f"{made.device}, {made.threads} threads, {made.platform}"
