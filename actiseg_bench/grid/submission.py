"""Submissions: finished runs of one row as one small file, without their predictions.

A JSON file with each run's result as it is, its tables of object-frames (Parquet, in base64) and a digest over all.
What of it can be checked again, :mod:`submittable` says.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_bench.grid.submittable import (
    MOST_BYTES,
    SubmissionError,
    check_result_digest,
    check_tables,
    row_of,
    table_digest,
)
from actiseg_bench.results.networks import per_network
from actiseg_bench.results.result import (
    RESULT_NAME,
    RunResult,
    json_digest,
    read_statements,
)
from actiseg_bench.results.stored import SUBMITTED_NAME, StoredRun
from actiseg_bench.results.typed import TypedReader, is_line
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_noise.borders.text import read_bytes, read_json_object
from actiseg_noise.borders.writing import json_bytes, write_bytes, write_json
from actiseg_noise.errors import raise_if

FORMAT = "actiseg-bench submission"
SCHEMA_VERSION = 1
MOST_RUNS = 256

_KEYS = ["format", "schema_version", "runs", "digest"]
_AGAIN = "Ask for it again, or make it again with actiseg-bench submit"


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
        {"name": name, "digest": table_digest(data), "base64": base64.b64encode(data).decode()} for name, data in tables
    ]
    return {"result": read_statements(run.folder / RESULT_NAME), "tables": packed}


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
    if not is_line(data["digest"]) or table_digest(raw) != data["digest"]:
        raise SubmissionError(f"{where}.digest: the table has another digest: {table_digest(raw)}")
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
        digests = {table: table_digest(data) for table, data in one.tables.items()}
        write_json(place / SUBMITTED_NAME, {"submission": submission.digest, "file": name, "tables": digests})
        write_json(place / RESULT_NAME, one.statements, allow_nan=False)
        run = StoredRun(place, one.result)
        check_tables(run, f"{name}: runs[{i}]")
        found.append(run)
    return found
