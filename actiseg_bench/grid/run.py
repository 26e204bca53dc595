"""The grid: every run once, in its own folder, whole or not at all.

A run is made in a hidden folder beside its place and renamed when its result is written, so that a kill at any moment
leaves finished runs and nothing else that counts. A finished run whose stored key is equal is reused.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from actiseg_bench.grid.tracks import Track, reference_track
from actiseg_bench.results.networks import over_networks
from actiseg_bench.results.provenance import Provenance, peak_memory_mb, reset_peak_memory
from actiseg_bench.results.result import (
    NO_VARIANT,
    REFERENCES,
    RESULT_NAME,
    Cost,
    RunIdentity,
    RunResult,
    read_old_result,
    write_result,
)
from actiseg_bench.results.stored import run_folder, why_incomplete
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_noise.borders.drafts import FolderDraft, remove_folder
from actiseg_noise.borders.writing import WriteError, remove_file, write_text
from actiseg_noise.errors import ActisegError, missing_extra

_LOG = logging.getLogger(__name__)

OnProgress = Callable[[int, int, float], None]
UNFINISHED_NAME = "training"


@dataclass(frozen=True)
class OwnSettings:
    """What one run has of its own, where the others of its strategy have the defaults.

    Attributes:
        options: hyper-parameters that differ from the method's paper, by key.
        learning_rate: instead of the configuration's.
        about: JSON values: who drew or chose these; part of the run's key and of its configuration.
    """

    options: Mapping[str, Any]
    learning_rate: float
    about: Mapping[str, Any]


@dataclass(frozen=True)
class RunSpec:
    """One cell of the grid, one seed.

    Attributes:
        own: settings of this run alone; its method is that of the strategy's paper, whatever ``variant`` calls it.
    """

    track: Track
    model: str
    strategy: str
    variant: str
    seed: int
    own: OwnSettings | None = None

    @property
    def name(self) -> str:
        """Return ``text-40 gce-faithful seed 0``."""
        drawn = f" noise {self.track.info.noise_seed}" if self.track.info.noise_seed else ""
        return f"{self.track.info.name} {self._row}{drawn} seed {self.seed}"

    @property
    def _row(self) -> str:
        return self.strategy if self.strategy in REFERENCES else f"{self.strategy}-{self.variant}"

    def folder(self, out: Path) -> Path:
        """Return where the run lies; see :func:`run_folder`."""
        return run_folder(self.track.info, self.model, self._row, self.seed, out)


@dataclass(frozen=True)
class Outcome:
    """What a runner hands back; it has written the predictions, and a checkpoint when asked for, into the folder.

    Attributes:
        evaluation: of the first network. others: of the strategy's other networks; a score is the mean of all.
        losses: mean loss per epoch. train_s, eval_s: seconds.
        predictions: digest of the stored rows, of several networks joined by "+".
        failures, fits, selection, training_predictions: as in :class:`RunResult`.
    """

    evaluation: Evaluation
    predictions: str
    losses: tuple[float, ...] = ()
    steps: int = 0
    train_s: float = 0.0
    eval_s: float = 0.0
    oracle: str | None = None
    others: tuple[Evaluation, ...] = ()
    failures: dict[str, float | None] = field(default_factory=dict)
    fits: tuple[dict[str, Any], ...] = ()
    selection: tuple[dict[str, Any], ...] = ()
    training_predictions: str | None = None

    def scores(self) -> dict[str, float | None]:
        """Return metric → mean over the networks, None where one has none."""
        return over_networks([one.scores_dict() for one in (self.evaluation, *self.others)])


class Runner(Protocol):
    """How a run is made: the real one trains with torch, tests put a quick one in its place."""

    def identity(self, spec: RunSpec) -> RunIdentity:
        """Return what decides the run's scores, without making it."""
        ...

    def provenance(self, spec: RunSpec) -> Provenance:
        """Return what makes the run, on this machine, now."""
        ...

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        """Train, predict into ``folder``, score; call ``on_progress(steps done, steps in all, loss)``."""
        ...


class Reporter:
    """Gets the events of a grid at work. This one ignores them; the command line draws bars or prints lines.

    A context manager: it is entered before the first event and left after the last.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, runs: int) -> None:
        """Show how many runs there are."""

    def begin(self, spec: RunSpec, why: str) -> None:
        """Show that a run starts, and why it is made again, if it is."""

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        """Show that an update was made."""

    def end(self, spec: RunSpec, status: str, detail: str) -> None:
        """Show that a run is ``done``, ``kept`` or ``failed``."""

    def note(self, text: str) -> None:
        """Show a line about the grid as a whole."""

    def warn(self, text: str) -> None:
        """Show what stops nothing and may not be what was wanted; a note, where that is not told apart."""
        self.note(f"warning: {text}")


@dataclass
class GridOutcome:
    """Results in the grid's order, how many of them were there already, and (name, message) of what failed."""

    results: list[RunResult] = field(default_factory=list)
    kept: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


class Finished(NamedTuple):
    """The end of a run: its result and whether it was there already, or why there is none."""

    spec: RunSpec
    result: RunResult | None = None
    kept: bool = False
    message: str = ""


def make_grid(
    tracks: Sequence[Track], strategies: Sequence[str], variant: str, seeds: int, model: str
) -> list[RunSpec]:
    """Return the reference rows of every set of evaluation labels, then seed by seed every track and strategy."""
    by_labels = {(t.info.protocol, t.info.eval_manifest): reference_track(t) for t in tracks}
    grid = [RunSpec(track, model, name, NO_VARIANT, 0) for track in by_labels.values() for name in REFERENCES]
    for seed in range(seeds):
        grid += [RunSpec(track, model, name, variant, seed) for track in tracks for name in strategies]
    return grid


def one_by_one(grid: Sequence[RunSpec], runner: Runner, out: Path, reporter: Reporter) -> Iterator[Finished]:
    """Yield every run of the grid as it ends. One that fails is yielded with its message, and the others are made.

    The caller holds ``locked(out)``.
    """
    for spec in grid:
        try:
            result, kept = run_one(spec, runner, out, reporter)
        except Exception as error:
            yield Finished(spec, message=fail(spec, out, error))
        else:
            yield Finished(spec, result, kept)


def collect(grid: Sequence[RunSpec], finished: Iterable[Finished], reporter: Reporter) -> GridOutcome:
    """Report every run that ends, and return what came of all, in the grid's order."""
    reporter.start(len(grid))
    found = GridOutcome()
    results: dict[int, RunResult] = {}
    for spec, result, kept, message in finished:
        if result is None:
            found.failed.append((spec.name, message))
            reporter.end(spec, "failed", message)
            continue
        results[id(spec)] = result
        found.kept += kept
        reporter.end(spec, "kept" if kept else "done", _headline(result))
    found.results = [results[id(spec)] for spec in grid if id(spec) in results]
    return found


def fail(spec: RunSpec, out: Path, error: Exception) -> str:
    """Keep the traceback of the error at hand beside the run's place; return what to say of it."""
    message = str(error) if isinstance(error, ActisegError) else f"{type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        message = missing_extra(error) or message
    _write_failure(spec.folder(out), message)
    return message


def run_one(spec: RunSpec, runner: Runner, out: Path, reporter: Reporter) -> tuple[RunResult, bool]:
    """Return the result of a run, and whether it was there already."""
    place = spec.folder(out)
    with FolderDraft(place, _replace_any_run, wait=True) as draft:  # for a killed grid's worker, which is just ending
        identity = runner.identity(spec)
        old, why = find_result(spec, identity, out)
        if old is not None:
            _LOG.info("kept %s: %s", spec.name, place)
            return old, True
        _LOG.info("making %s: %s", spec.name, place)
        reporter.begin(spec, why)
        result = _make(spec, runner, identity, draft.path, lambda *now: reporter.step(spec, *now))
        write_result(draft.path, result)
        draft.commit()
        remove_unfinished(draft.path)
    remove_file(_failure_note(place))
    return result, False


def find_result(spec: RunSpec, identity: RunIdentity, out: Path) -> tuple[RunResult | None, str]:
    """Return the whole result of a run, if it is there, or None and why what is there does not count."""
    place = spec.folder(out)
    old, why = read_old_result(place / RESULT_NAME)
    if old is None:
        return None, why
    stale = old.run_key != identity.key()
    why = f"{identity.changes_since(old)} changed" if stale else why_incomplete(place, old)
    return (None, f"made again: {why}") if why else (old, "")


def unfinished(folder: Path, key: str = "") -> Path | None:
    """Return where a run that is made in ``folder`` keeps its training, should it be stopped; None for no draft.

    Args:
        key: of the run; what another one kept there is not continued, and goes when this one is done.
    """
    place = FolderDraft.kept_beside(folder, UNFINISHED_NAME)
    return place and place / key


def remove_unfinished(folder: Path) -> None:
    """Remove what trainings of the run that was made in ``folder`` kept."""
    place = unfinished(folder)
    if place is not None:
        remove_folder(place)


def _replace_any_run(place: Path) -> None:
    """Accept that a run's own folder is replaced: it lies below ``out``, and its key says that it is another run."""


def _make(spec: RunSpec, runner: Runner, identity: RunIdentity, folder: Path, on_progress: OnProgress) -> RunResult:
    """Execute a run and put its result together."""
    provenance = runner.provenance(spec)
    reset_peak_memory()
    outcome = runner.execute(spec, folder, on_progress)
    return RunResult(
        run_key=identity.key(),
        track=spec.track.info,
        model=spec.model,
        strategy=spec.strategy,
        variant=spec.variant,
        seed=spec.seed,
        config=dict(identity.config),
        scores=outcome.scores(),
        counts=outcome.evaluation.counts_dict(),
        cost=Cost(outcome.train_s, outcome.eval_s, outcome.steps, peak_memory_mb()),
        failures=outcome.failures,
        losses=outcome.losses,
        fits=outcome.fits,
        selection=outcome.selection,
        oracle=outcome.oracle or None,
        predictions=outcome.predictions,
        provenance=provenance,
        training_predictions=outcome.training_predictions,
    )


def _headline(result: RunResult) -> str:
    """Return the scores of a run in one line."""
    shown = {"p-mIoU": "p_miou", "n-mIoU": "n_miou", "gIoU": "giou", "Acc": "acc"}
    scores = {title: result.scores[name] for title, name in shown.items()}
    return " ".join(f"{title} {100 * score:.1f}" for title, score in scores.items() if score is not None)


def _failure_note(place: Path) -> Path:
    """Return where the traceback of a failed run is kept."""
    return place.with_name(f"{place.name}.failed.txt")


def _write_failure(place: Path, message: str) -> None:
    """Keep the traceback of what just failed beside the run's place."""
    when = time.strftime("%Y-%m-%d %H:%M:%S")
    with suppress(WriteError):  # a full disk ends this run, not the others
        write_text(_failure_note(place), f"{when} {message}\n\n{traceback.format_exc()}")
