"""What the command line looks like: tables, a progress bar on a terminal, plain lines in a log, errors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from actiseg_noise.progress import Progress

LINE_EVERY_S = 10.0

WIDTH_OF_A_LOG = 140
WIDTH_OF_A_NAME = 24
WIDEST_FOLDED = 1.5  # of the terminal's width; wider, folded columns are hard to read


def _console(stream: TextIO, *, stderr: bool) -> Console:
    """Return a console as wide as the terminal; what is not a terminal gets a fixed width."""
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else WIDTH_OF_A_LOG)


out = _console(sys.stdout, stderr=False)
err = _console(sys.stderr, stderr=True)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; a header of empty names is left out. Cells fold but for short first ones, nothing is cut.

    A table far wider than the terminal is printed as one block per row, its columns below each other.
    """
    if any(header) and _natural_width(header, rows) > WIDEST_FOLDED * out.width:
        _print_blocks(title, header, rows)
        return
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.show_header = any(header)
    is_short = all(len(line) <= WIDTH_OF_A_NAME for row in rows for line in row[0].splitlines())
    for index, name in enumerate(header):
        table.add_column(Text(name), overflow="fold", no_wrap=index == 0 and is_short)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)
    out.print()


def _natural_width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table is when nothing folds, in characters."""
    columns = zip(header, *rows, strict=True)
    return sum(2 + max(cell_len(line) for cell in column for line in cell.splitlines() or [""]) for column in columns)


def _print_blocks(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row as its first cell, then the other cells that are not empty, each beside its column's name."""
    out.print(Text(title, style="bold"))
    for row in rows:
        out.print(Text(row[0], style="bold"), soft_wrap=True)
        block = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1, 0, 1))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell:
                block.add_row(Text(f" {name}", style="dim"), Text(cell))
        out.print(block)
    out.print()


def print_json(data: Any) -> None:
    """Print JSON and nothing else on standard output."""
    out.out(json.dumps(data, ensure_ascii=False, indent=1))


def print_error(message: str) -> None:
    """Print an error on standard error, unwrapped."""
    err.print(Text(f"error: {message}"), style="red", soft_wrap=True)


class ProgressBars:
    """Progress on standard error: bars on a terminal, in a log a line every few seconds. A context manager."""

    def __init__(self) -> None:
        self._bars = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._printed = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def add(self, title: str, total: int | None = None) -> ProgressBar:
        """Return a new bar, below those that are there. ``total``: None where it is not known."""
        return ProgressBar(self, title, total)

    def note(self, text: str) -> None:
        """Print a line, above the bars where there are any."""
        self._printed = time.monotonic()
        err.print(Text(text), soft_wrap=True)

    def is_line_due(self) -> bool:
        """Return whether a log has had no line for some time."""
        return not err.is_terminal and time.monotonic() - self._printed >= LINE_EVERY_S


class ProgressBar:
    """One bar, or its lines in a log."""

    def __init__(self, bars: ProgressBars, title: str, total: int | None) -> None:
        self._bars, self._title = bars, title
        self._task = bars._bars.add_task(title, total=total)

    def move(self, done: int, total: int | None, detail: str = "") -> None:
        """Show ``done`` of ``total`` (None: not known), and a detail such as a loss."""
        shown = f"{self._title}  {detail}".rstrip()
        self._bars._bars.update(self._task, completed=done, total=total, description=shown)
        if self._bars.is_line_due():
            of = "" if total is None else f" of {total:,}"
            self._bars.note(f"{self._title}: {done:,}{of}" + (f", {detail}" if detail else ""))

    def remove(self) -> None:
        """Take the bar away."""
        self._bars._bars.remove_task(self._task)


class ClipProgress(ProgressBars, Progress):
    """A build's progress on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._clips: ProgressBar | None = None
        self._done = 0

    def advance(self, clips: int, total: int | None) -> None:
        """Move the bar."""
        self._done += clips
        self._clips = self._clips or self.add("clips")
        self._clips.move(self._done, total)


def run_app(app: Callable[[], Any], known: type[Exception]) -> None:
    """Run a typer app; a ``known`` error, or one of the system, prints its message alone and exits with 2."""
    try:
        app()
    except (known, OSError) as error:
        print_error(str(error))
        raise SystemExit(2) from None
