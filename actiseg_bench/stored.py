"""Finished runs on disk: the result and the files beside it, one of each per network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actiseg_bench.predictions import PredictionError, count_rows
from actiseg_bench.results import PREDICTIONS_NAME, RunResult, find_results, per_network, read_result


@dataclass(frozen=True)
class StoredRun:
    """A finished run and the folder it lies in."""

    folder: Path
    result: RunResult

    def files(self, first: str) -> list[Path]:
        """Return the file of every network; ``first`` names the first network's."""
        return [self.folder / name for name in per_network(self.result.predictions, first)]


def read_runs(folder: Path) -> list[StoredRun]:
    """Read every finished run under ``folder``, in the order of their paths.

    Raises:
        ResultError: the folder is missing or holds no result, or one of them cannot be read.
    """
    return [StoredRun(path.parent, read_result(path)) for path in find_results(folder)]


def why_incomplete(folder: Path, result: RunResult) -> str:
    """Say what is wrong with the predictions beside a result; empty when nothing is. Only their ends are read."""
    try:
        rows = [count_rows(path) for path in StoredRun(folder, result).files(PREDICTIONS_NAME)]
    except PredictionError as error:
        return str(error)
    wanted = result.counts["object_frames"]
    return f"{folder}: predictions of {min(rows)} of {wanted} object-frames" if min(rows) < wanted else ""
