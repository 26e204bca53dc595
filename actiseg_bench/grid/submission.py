"""Submissions: finished runs of one row as one small file, without their predictions.

A JSON file with each run's result as it is, its tables of object-frames (Parquet, in base64) and a digest over all.
From the tables scores, counts and failure modes follow again, and videos can be drawn; that the tables are of the
predictions whose digest a result states cannot be told without these.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_bench.metrics.failure_modes import failure_modes
from actiseg_bench.results.networks import PREDICTIONS_NAME, over_networks, per_network
from actiseg_bench.results.predictions import iter_predictions, predictions_digest
from actiseg_bench.results.result import (
    DIGEST,
    RESULT_NAME,
    RunResult,
    find_results,
    json_digest,
    read_statements,
    result_digest,
)
from actiseg_bench.results.stored import SUBMITTED_NAME, StoredRun, row_folder, why_incomplete
from actiseg_bench.results.typed import TypedReader, is_line
from actiseg_bench.scoring.evaluation import evaluate_object_frames
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import read_object_frames
from actiseg_noise.borders.text import read_bytes, read_json_object
from actiseg_noise.borders.writing import json_bytes, write_bytes, write_json
from actiseg_noise.errors import ActisegError, raise_if

FORMAT = "actiseg-bench submission"
SCHEMA_VERSION = 1
MOST_BYTES = 2**26
"""Of a submission: 64 MiB."""
MOST_RUNS = 256
CLOSE = 1e-9

_KEYS = ["format", "schema_version", "runs", "digest"]
_AGAIN = "Ask for it again, or make it again with actiseg-bench submit"


class SubmissionError(ActisegError):
    """A file that is no submission, or not the one that was made; runs that cannot be submitted."""


class NewerSubmissionError(SubmissionError):
    """A submission that a newer version of this package wrote."""


@dataclass(frozen=True)
class SubmittedRun:
    """One run of a submission.

    Attributes:
        statements: the JSON of its result, as it is. result: the same, read.
        tables: file name → bytes of its tables of object-frames, one of each network.
    """

    statements: Mapping[str, Any]
    result: RunResult
    tables: Mapping[str, bytes]


@dataclass(frozen=True)
class Submission:
    """What a submission holds: the runs of one row, and the digest of all that it states."""

    runs: tuple[SubmittedRun, ...]
    digest: str


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


def is_close(one: float | None, other: float | None) -> bool:
    """Return whether two numbers are equal up to rounding, or both undefined."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= CLOSE


def write_submission(path: Path, runs: Sequence[StoredRun]) -> int:
    """Write the runs, which :func:`list_submittable` gave, as one file; return its size in bytes.

    Raises:
        SubmissionError: more than ``MOST_RUNS`` runs or ``MOST_BYTES``; ``path`` is there and is no submission.
        WriteError: the system refused.
    """
    raise_if(len(runs) > MOST_RUNS, f"{len(runs)} runs, expected {MOST_RUNS} at most in a submission", SubmissionError)
    if path.exists():
        try:
            read_submission(path)
        except NewerSubmissionError:
            raise
        except SubmissionError as error:
            raise SubmissionError(
                f"--out {path}: exists and is no submission ({error}); choose another --out"
            ) from None
    data: dict[str, Any] = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "runs": [_packed(run) for run in runs]}
    written = json_bytes({**data, "digest": json_digest(data)}, allow_nan=False)
    raise_if(
        len(written) > MOST_BYTES,
        f"{len(written):,} bytes, expected {MOST_BYTES:,} at most in a submission: submit fewer of its runs at once",
        SubmissionError,
    )
    write_bytes(path, written)
    return len(written)


def _packed(run: StoredRun) -> dict[str, Any]:
    """Return a run as the JSON of a submission has it."""
    tables = [
        (path.name, read_bytes(path, "table of object-frames", most=MOST_BYTES))
        for path in run.files(OBJECT_FRAMES_NAME)
    ]
    packed = [
        {"name": name, "digest": _digest(data), "base64": base64.b64encode(data).decode()} for name, data in tables
    ]
    return {"result": read_statements(run.folder / RESULT_NAME), "tables": packed}


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def read_submission(path: Path) -> Submission:
    """Read a submission; its tables stay bytes.

    Raises:
        NewerSubmissionError: of a newer schema.
        SubmissionError: no submission, larger than ``MOST_BYTES``, edited, or runs of several rows.
    """
    data = read_json_object(path, SubmissionError, most=MOST_BYTES, unique=True)
    where = str(path)
    raise_if(
        data.get("format") != FORMAT, f"{where}: no submission: 'format' is not {FORMAT!r}. {_AGAIN}", SubmissionError
    )
    _check_version(data.get("schema_version"), where)
    fields = TypedReader(where, SubmissionError)
    fields.check_keys(data, _KEYS)
    stated = data["digest"]
    found = _digest_of(data, where)
    raise_if(
        stated != found, f"{where}: it was edited or damaged: its digest is of other content. {_AGAIN}", SubmissionError
    )
    listed = data["runs"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_RUNS:
        raise SubmissionError(f"{where}: runs: expected a list of 1 to {MOST_RUNS} runs")
    runs = tuple(_read_run(one, f"{where}: runs[{i}]") for i, one in enumerate(listed))
    _check_row(runs, where)
    return Submission(runs, found)


def _digest_of(data: Mapping[str, Any], where: str) -> str:
    """Return the digest of all that a submission states."""
    try:
        return json_digest({name: value for name, value in data.items() if name != "digest"})
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{where}: it has no digest ({error}). {_AGAIN}") from None


def _check_version(version: Any, where: str) -> None:
    """Refuse another schema."""
    raise_if(type(version) is not int, f"{where}: schema_version: expected a whole number", SubmissionError)
    if version > SCHEMA_VERSION:
        raise NewerSubmissionError(
            f"{where}: a submission of schema {version}, but this version reads {SCHEMA_VERSION}. "
            "Upgrade: pip install -U actiseg-nl"
        )
    raise_if(
        version != SCHEMA_VERSION, f"{where}: schema_version: expected {SCHEMA_VERSION}, got {version}", SubmissionError
    )


def _read_run(data: Any, where: str) -> SubmittedRun:
    """Return one run of a submission."""
    raise_if(not isinstance(data, dict), f"{where}: expected a JSON object", SubmissionError)
    TypedReader(where, SubmissionError).check_keys(data, ["result", "tables"])
    result = RunResult.from_json(data["result"], f"{where}.result")
    check_result_digest(data["result"], f"{where}.result")
    names = per_network(result.predictions, OBJECT_FRAMES_NAME)
    listed = data["tables"]
    if not isinstance(listed, list) or len(listed) != len(names):
        raise SubmissionError(f"{where}.tables: expected a list of {len(names)}, one of each network")
    tables = [
        _read_table(one, name, f"{where}.tables[{i}]") for i, (one, name) in enumerate(zip(listed, names, strict=True))
    ]
    return SubmittedRun(data["result"], result, dict(zip(names, tables, strict=True)))


def _read_table(data: Any, name: str, where: str) -> bytes:
    """Return the bytes of a table."""
    raise_if(not isinstance(data, dict), f"{where}: expected a JSON object", SubmissionError)
    TypedReader(where, SubmissionError).check_keys(data, ["name", "digest", "base64"])
    raise_if(data["name"] != name, f"{where}.name: expected {name!r}", SubmissionError)
    try:
        raw = base64.b64decode(data["base64"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise SubmissionError(f"{where}.base64: no base64 ({error})") from None
    if not is_line(data["digest"]) or _digest(raw) != data["digest"]:
        raise SubmissionError(f"{where}.digest: the table has another digest: {_digest(raw)}")
    return raw


def _check_row(runs: Sequence[SubmittedRun], where: str) -> None:
    """Refuse runs of several rows, and a run that stands twice."""
    rows = {row_of(run.result) for run in runs}
    raise_if(len(rows) > 1, f"{where}: expected the runs of one row, found {len(rows)} rows", SubmissionError)
    cells = [(run.result.track.noise_seed, run.result.seed) for run in runs]
    raise_if(len(set(cells)) < len(cells), f"{where}: a noise seed and training seed stand twice", SubmissionError)


def unpack(submission: Submission, name: str, folder: Path) -> list[StoredRun]:
    """Write the runs of a submission into new folders below ``folder``, each held against its tables, and return them.

    Args:
        name: of the file, for people.

    Raises:
        SubmissionError: a table is unreadable, or does not give what its result states. WriteError: see there.
    """
    found = []
    for i, one in enumerate(submission.runs):
        place = folder / str(i)
        for table, data in one.tables.items():
            write_bytes(place / table, data)
        digests = {table: _digest(data) for table, data in one.tables.items()}
        write_json(place / SUBMITTED_NAME, {"submission": submission.digest, "file": name, "tables": digests})
        write_json(place / RESULT_NAME, one.statements, allow_nan=False)
        run = StoredRun(place, one.result)
        check_tables(run, f"{name}: runs[{i}]")
        found.append(run)
    return found


def edited_tables(run: StoredRun) -> Iterable[tuple[str, str, str]]:
    """Yield (file, stated digest, found digest) of the tables of a submitted run that are not those it came with."""
    stated = read_json_object(run.folder / SUBMITTED_NAME, SubmissionError, most=MOST_BYTES).get("tables")
    for path in run.files(OBJECT_FRAMES_NAME):
        digest = str(stated.get(path.name)) if isinstance(stated, dict) else "none"
        found = _digest(read_bytes(path, "table of object-frames", SubmissionError))
        if digest != found:
            yield path.name, digest, found
