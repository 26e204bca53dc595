"""Finished runs on disk: the result and the files beside it, one of each per network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actiseg_bench.results.predictions import PredictionError, count_rows
from actiseg_bench.results.result import (
    OWN_PROTOCOL,
    PREDICTIONS_NAME,
    RunResult,
    TrackInfo,
    find_results,
    network_file,
    read_result,
)


@dataclass(frozen=True)
class StoredRun:
    """A finished run and the folder it lies in."""

    folder: Path
    result: RunResult

    def files(self, first: str) -> list[Path]:
        """Return the file of every network; ``first`` names the first network's."""
        networks = self.result.predictions.count("+") + 1
        return [self.folder / network_file(first, number) for number in range(1, networks + 1)]


def read_runs(folder: Path) -> list[StoredRun]:
    """Read every finished run under ``folder``, in the order of their paths.

    Raises:
        ResultError: the folder is missing or holds no result, or one of them cannot be read.
    """
    return [StoredRun(path.parent, read_result(path)) for path in find_results(folder)]


def run_folder(track: TrackInfo, model: str, row: str, seed: int, out: Path) -> Path:
    """Return ``<out>/<protocol>/<track>/<model>/<strategy>-<variant>/seed<k>``.

    A protocol fixes what is scored on; without one the first folder says it, so no table loses rows to another.

    Args:
        row: ``<strategy>-<variant>``, or the name of a reference row.
    """
    group = f"{OWN_PROTOCOL}-{track.eval_manifest[:6]}" if track.protocol == OWN_PROTOCOL else track.protocol
    return out / group / track.name / model / row / f"seed{seed}"


def find_run(result: RunResult, out: Path) -> StoredRun:
    """Return the finished run that ``result`` is of."""
    row = result.strategy if result.is_reference else f"{result.strategy}-{result.variant}"
    return StoredRun(run_folder(result.track, result.model, row, result.seed, out), result)


def why_incomplete(folder: Path, result: RunResult) -> str:
    """Say what is wrong with the predictions beside a result; empty when nothing is. Only their ends are read."""
    try:
        rows = [count_rows(path) for path in StoredRun(folder, result).files(PREDICTIONS_NAME)]
    except PredictionError as error:
        return str(error)
    wanted = result.counts["object_frames"]
    return f"{folder}: predictions of {min(rows)} of {wanted} object-frames" if min(rows) < wanted else ""
