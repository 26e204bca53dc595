"""What runs are held against before others take them: their digests, their predictions, their tables of object-frames.

From the tables scores, counts and failure modes follow again; that they are of the predictions whose digest a result
states cannot be told without these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_bench.metrics.failure_modes import failure_modes
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME
from actiseg_bench.results.networks import PREDICTIONS_NAME, over_networks
from actiseg_bench.results.predictions import iter_predictions, predictions_digest
from actiseg_bench.results.result import DIGEST, RunResult, find_results, read_statements, result_digest
from actiseg_bench.results.stored import SUBMITTED_NAME, StoredRun, row_folder, why_incomplete
from actiseg_bench.results.typed import is_close
from actiseg_bench.scoring.evaluation import evaluate_object_frames
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import read_object_frames
from actiseg_noise.borders.text import read_bytes, read_json_object
from actiseg_noise.errors import ActisegError, raise_if

MOST_BYTES = 2**26
"""Of a submission: 64 MiB."""


class SubmissionError(ActisegError):
    """A file that is no submission, or not the one that was made; runs that cannot be submitted."""


@dataclass(frozen=True)
class TableScores:
    """What follows from a run's tables of object-frames: as in its result, but for ``flagged_clips`` of the counts."""

    scores: dict[str, float | None]
    counts: dict[str, int]
    failures: dict[str, float | None]


def row_of(result: RunResult) -> tuple[str, ...]:
    """Return what the runs of one row share: protocol, dataset, track, model, strategy with variant."""
    track = result.track
    return track.protocol, track.dataset, track.name, result.model, row_folder(result)


def list_submittable(folder: Path) -> list[StoredRun]:
    """Return the finished runs below ``folder``, which are of one row, each held against its digests and tables.

    Raises:
        ResultError: no run here, or one that cannot be read. SubmissionError: runs of several rows; a result that was
            edited; predictions or a table that are missing or not those of the result.
    """
    paths = find_results(folder)
    runs = [StoredRun(path.parent, _unedited(read_statements(path), path)) for path in paths]
    rows = {row_of(run.result): run.folder for run in runs}
    if len(rows) > 1:
        (one, place), (other, elsewhere) = list(rows.items())[:2]
        raise SubmissionError(
            f"{folder}: expected the runs of one strategy on one track, found {len(rows)}: {' '.join(one)} in {place}, "
            f"{' '.join(other)} in {elsewhere}. Submit one after another: give the folder that holds its seeds"
        )
    for run in runs:
        if not run.is_submitted:
            _check_predictions(run)
        check_tables(run)
    return runs


def check_what_is_there(path: Path) -> None:
    """Hold a finished run against its digests, and those of its predictions and tables that are there.

    Args:
        path: of its ``result.json``.

    Raises:
        ResultError: it cannot be read. SubmissionError: see :func:`list_submittable`.
    """
    run = StoredRun(path.parent, _unedited(read_statements(path), path))
    if all(one.is_file() for one in run.files(PREDICTIONS_NAME)):
        _check_predictions(run)
    training = run.folder / TRAINING_PREDICTIONS_NAME
    if run.result.training_predictions is not None and training.is_file():
        _check_rows(training, run.result.training_predictions)
    if all(one.is_file() for one in run.files(OBJECT_FRAMES_NAME)):
        check_tables(run)


def _unedited(statements: Any, path: Path) -> RunResult:
    """Return a result that is held by its own digest."""
    result = RunResult.from_json(statements, str(path))
    check_result_digest(statements, str(path))
    return result


def check_result_digest(statements: Mapping[str, Any], where: str) -> None:
    """Refuse a result that its digest does not hold; one of schema 2 has none.

    Raises:
        SubmissionError: it was edited.
    """
    if DIGEST in statements and result_digest(statements) != statements[DIGEST]:
        raise SubmissionError(f"{where}: it was edited: its digest is of other statements; make the run again")


def _check_predictions(run: StoredRun) -> None:
    """Refuse a run whose predictions are not those that it states."""
    raise_if(bool(why := why_incomplete(run.folder, run.result)), f"{why}; make the run again", SubmissionError)
    stated = run.result.predictions.split("+")
    for path, digest in zip(run.files(PREDICTIONS_NAME), stated, strict=True):
        _check_rows(path, digest)


def _check_rows(path: Path, digest: str) -> None:
    """Refuse predictions that do not have the digest that the result states."""
    found = predictions_digest(iter_predictions(path))
    raise_if(
        found != digest, f"{path}: digest {found}, the result states {digest}; make the run again", SubmissionError
    )


def scores_of_tables(run: StoredRun) -> TableScores:
    """Return what a run's tables of object-frames give.

    Raises:
        ActisegError: a table is missing or unreadable.
    """
    scores, modes, counts = [], [], []
    for path in run.files(OBJECT_FRAMES_NAME):
        clips, frames = read_object_frames(path)
        flagged = run.result.counts.get("flagged_clips", 0)
        evaluation = evaluate_object_frames(frames, clips, flagged, "ignore")
        scores.append(evaluation.scores_dict())
        counts.append(evaluation.counts_dict())
        modes.append(failure_modes(frames))
    return TableScores(over_networks(scores), counts[0], over_networks(modes))


def check_tables(run: StoredRun, where: str = "") -> None:
    """Refuse a run whose tables of object-frames do not give its scores, counts and failure modes.

    Args:
        where: what messages call it; empty for its folder.

    Raises:
        SubmissionError: they do not, or one is missing or unreadable.
    """
    where = where or str(run.folder)
    try:
        found = scores_of_tables(run)
    except ActisegError as error:
        raise SubmissionError(f"{where}: {error}") from None
    for what, stated, computed in (
        ("scores", run.result.scores, found.scores),
        ("counts", run.result.counts, found.counts),
        ("failures", run.result.failures, found.failures),
    ):
        for name in stated:
            one, other = stated[name], computed.get(name)
            if not is_close(one, other):
                raise SubmissionError(
                    f"{where}: {what}.{name}: the result states {one}, its table of object-frames gives {other}"
                )


def table_digest(data: bytes) -> str:
    """Return the BLAKE2b hex (32 characters) of a table's bytes."""
    return blake2b(data, digest_size=16).hexdigest()


def edited_tables(run: StoredRun) -> Iterable[tuple[str, str, str]]:
    """Yield (file, stated digest, found digest) of the tables of a submitted run that are not those it came with."""
    stated = read_json_object(run.folder / SUBMITTED_NAME, SubmissionError, most=MOST_BYTES).get("tables")
    for path in run.files(OBJECT_FRAMES_NAME):
        digest = str(stated.get(path.name)) if isinstance(stated, dict) else "none"
        found = table_digest(read_bytes(path, "table of object-frames", SubmissionError))
        if digest != found:
            yield path.name, digest, found
