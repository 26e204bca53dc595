"""Finished runs on disk: the result and the files beside it, one of each per network."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from actiseg_bench.metrics.actionvos import METRICS, TITLES
from actiseg_bench.results.networks import PREDICTIONS_NAME, per_network
from actiseg_bench.results.predictions import PredictionError, count_rows
from actiseg_bench.results.result import (
    OWN_PROTOCOL,
    ResultError,
    RunResult,
    TrackInfo,
    find_results,
    folder_name,
    read_result,
)
from actiseg_noise.errors import ActisegError, ActisegWarning

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)


SUBMITTED_NAME = "submitted.json"
"""Beside a result that came in a submission: from which, and the digests of its tables."""


@dataclass(frozen=True)
class StoredRun:
    """A finished run and the folder it lies in."""

    folder: Path
    result: RunResult

    @property
    def is_submitted(self) -> bool:
        """True for a run that came in a submission: its predictions are not at hand."""
        return (self.folder / SUBMITTED_NAME).is_file()

    def files(self, first: str) -> list[Path]:
        """Return the file of every network; ``first`` names the first network's."""
        return [self.folder / name for name in per_network(self.result.predictions, first)]


class Results(Sequence[RunResult]):
    """Finished runs: a sequence of :class:`RunResult` that a notebook shows as a table.

    Attributes:
        runs: the same with their folders. failed: (name, message) of runs that were asked for and could not be made,
            or whose results cannot be read.
    """

    def __init__(self, runs: Iterable[StoredRun], failed: Iterable[tuple[str, str]] = ()) -> None:
        self.runs, self.failed = tuple(runs), tuple(failed)

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, index: int) -> RunResult: ...

    @overload
    def __getitem__(self, index: slice) -> Results: ...

    def __getitem__(self, index: int | slice) -> RunResult | Results:
        return Results(self.runs[index], self.failed) if isinstance(index, slice) else self.runs[index].result

    def __eq__(self, other: object) -> bool:
        """Compare results and what failed; two folders may hold equal runs."""
        return isinstance(other, Results) and (list(self), self.failed) == (list(other), other.failed)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<Results: {len(self)} runs{failed}>"

    def rows(self) -> list[dict[str, Any]]:
        """Return one dict per run: what it is, its scores in [0, 1] (None where undefined), cost, and folder."""
        return [_row(run) for run in self.runs]

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a data frame.

        Raises:
            ActisegError: pandas is not installed.
        """
        return to_pandas(self.rows())

    def _repr_html_(self) -> str:
        """Return the runs as a table, scores times 100."""
        shown = ("track", "strategy", "variant", "seed", *METRICS)
        head = "".join(f"<th>{TITLES.get(name, name)}</th>" for name in shown)
        lines = ["".join(f"<td>{_cell(name, row[name])}</td>" for name in shown) for row in self.rows()]
        failed = "".join(f"<p>{escape(name)} failed: {escape(message)}</p>" for name, message in self.failed)
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>{failed}"


def _row(run: StoredRun) -> dict[str, Any]:
    """Return a run as a row of a table."""
    result, track = run.result, run.result.track
    place = {"protocol": track.protocol, "dataset": track.dataset, "track": track.name, "model": result.model}
    run_of = {"strategy": result.strategy, "variant": result.variant, "seed": result.seed}
    return {**place, **run_of, **result.scores, **asdict(result.cost), "folder": str(run.folder)}


def _cell(name: str, value: Any) -> str:
    """Return a cell of the notebook's table."""
    if name not in METRICS:
        return escape(str(value))
    return "–" if value is None else f"{100 * value:.1f}"


def to_pandas(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a data frame.

    Raises:
        ActisegError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ActisegError("to_pandas needs pandas: pip install pandas") from None
    return pd.DataFrame(rows)


def read_results(folder: str | Path) -> Results:
    """Read every finished run under ``folder``, in the order of their paths; hidden folders are passed over.

    A result that cannot be read is left out, with an ActisegWarning that names it, and stands in ``failed``.

    Raises:
        ResultError: the folder is missing or holds no result, or none of them can be read.
    """
    runs, failed = [], []
    for path in find_results(Path(folder)):
        try:
            runs.append(StoredRun(path.parent, read_result(path)))
        except ResultError as error:
            failed.append((str(path.parent), str(error)))
    if not runs:
        raise ResultError(failed[0][1])
    _LOG.info("%d results under %s, %d unreadable", len(runs), folder, len(failed))
    for _, message in failed:
        warnings.warn(f"left out: {message}", ActisegWarning, stacklevel=2)
    return Results(runs, failed)


def run_folder(track: TrackInfo, model: str, row: str, seed: int, out: Path) -> Path:
    """Return ``<out>/<protocol>/<track>/<model>/<strategy>-<variant>/seed<k>``.

    Of labels that another seed than 0 drew, the last part is ``noise<n>-seed<k>``. A protocol fixes what is scored on;
    without one the first folder says it, so no table loses rows to another.

    Args:
        row: ``<strategy>-<variant>``, or the name of a reference row.

    Raises:
        DataError: a name that cannot be that of a folder.
    """
    group = f"{OWN_PROTOCOL}-{track.eval_manifest[:6]}" if track.protocol == OWN_PROTOCOL else track.protocol
    named = {"protocol, or digest of the evaluation labels": group, "track": track.name, "model": model}
    last = f"noise{track.noise_seed}-seed{seed}" if track.noise_seed else f"seed{seed}"
    parts = [folder_name(name, what) for what, name in {**named, "strategy": row, "seed": last}.items()]
    return out.joinpath(*parts)


def row_folder(result: RunResult) -> str:
    """Return ``<strategy>-<variant>``, or the name of a reference row."""
    return result.strategy if result.is_reference else f"{result.strategy}-{result.variant}"


def find_run(result: RunResult, out: Path) -> StoredRun:
    """Return the finished run that ``result`` is of."""
    return StoredRun(run_folder(result.track, result.model, row_folder(result), result.seed, out), result)


def why_incomplete(folder: Path, result: RunResult) -> str:
    """Say what is wrong with the predictions beside a result; empty when nothing is. Only their ends are read."""
    try:
        rows = [count_rows(path) for path in StoredRun(folder, result).files(PREDICTIONS_NAME)]
    except PredictionError as error:
        return str(error)
    wanted = result.counts["object_frames"]
    return f"{folder}: predictions of {min(rows)} of {wanted} object-frames" if min(rows) < wanted else ""
