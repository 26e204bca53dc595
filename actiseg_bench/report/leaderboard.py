"""``leaderboard``: finished runs as tables, to print, to show in a notebook, to write in a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.extras import extras_reader
from actiseg_bench.report.files import leaderboard_rows
from actiseg_bench.report.render import RENDERERS, render_text
from actiseg_bench.report.sums import sums_reader
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.report.web import render_fragment
from actiseg_bench.results.stored import Results, read_results, to_pandas
from actiseg_noise.errors import UnknownNameError

if TYPE_CHECKING:
    import pandas as pd


class Leaderboards(Sequence[Leaderboard]):
    """The leaderboards of some runs: one per model, dataset and protocol. ``str()`` is what the command line prints."""

    def __init__(self, boards: Iterable[Leaderboard]) -> None:
        self._boards = tuple(boards)

    def __len__(self) -> int:
        return len(self._boards)

    @overload
    def __getitem__(self, index: int) -> Leaderboard: ...

    @overload
    def __getitem__(self, index: slice) -> Leaderboards: ...

    def __getitem__(self, index: int | slice) -> Leaderboard | Leaderboards:
        return Leaderboards(self._boards[index]) if isinstance(index, slice) else self._boards[index]

    def __repr__(self) -> str:
        names = ", ".join(f"{board.model} on {board.dataset}, {board.protocol}" for board in self)
        return f"<Leaderboards: {names}>"

    def __str__(self) -> str:
        return render_text(self)

    def _repr_html_(self) -> str:
        return render_fragment(self)

    def render(self, form: str, metrics: Sequence[str] | None = None) -> str:
        """Return the tables as ``md``, ``csv``, ``latex`` or ``html``.

        Args:
            metrics: the columns, such as ``p_miou``; None: all, and in LaTeX the six metrics.

        Raises:
            UnknownNameError: another form.
        """
        if form not in RENDERERS:
            raise UnknownNameError("format", form, RENDERERS)
        return RENDERERS[form](self, metrics)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per track and strategy: scores in [0, 1] with their deviations over seeds, marks, cost.

        Raises:
            ActisegError: pandas is not installed.
        """
        return to_pandas(leaderboard_rows(self))


def leaderboard(runs: str | Path | Results) -> Leaderboards:
    """Return the leaderboards of finished runs.

    Args:
        runs: the folder that they are in (the ``out`` of :func:`actiseg_bench.run`), or what
            :func:`actiseg_bench.read_results` gave.

    Raises:
        ResultError: the folder is missing or holds no result, or none of them can be read. One of several that cannot
            is left out, with an ActisegWarning.
    """
    results = runs if isinstance(runs, Results) else read_results(runs)
    submitted = {(run.result.track.protocol, run.result.run_key) for run in results.runs if run.is_submitted}
    known = sums_reader(results.runs), extras_reader(results.runs)
    return Leaderboards(make_leaderboards(results, *known, submitted))
