"""Leaderboards on a terminal, and the list of the other forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.report.board import Block, Leaderboard, Row
from actiseg_bench.report.cells import (
    BESIDE,
    COLUMNS,
    COST,
    KNOWS,
    SUMMARY_TRACKS,
    chunks,
    column_title,
    metric_cell,
    row_label,
    short_name,
    summary_names,
    summary_rows,
    summary_title,
    title_lines,
    track_line,
)
from actiseg_bench.report.files import render_csv, render_markdown, to_json
from actiseg_bench.report.latex import render_latex
from actiseg_bench.report.web import render_html
from actiseg_bench.results.result import REFERENCES
from actiseg_noise.plain import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style
    from rich.table import Table

__all__ = ["FORMATS", "RENDERERS", "print_leaderboards", "render_csv", "render_markdown", "to_json"]

RENDERERS: dict[str, Callable[[Sequence[Leaderboard], Sequence[str] | None], str]] = {
    "md": render_markdown,
    "csv": render_csv,
    "latex": render_latex,
    "html": render_html,
}
FORMATS = ("table", *RENDERERS)
_SHORT = {"updates": "upd", "train_s": "s", "memory": "mem"}
_FACTORS = ("time", "memory")


def render_text(boards: Sequence[Leaderboard], width: int = 120) -> str:
    """Return the terminal tables as plain text of so many columns."""
    from rich.console import Console

    console = Console(width=width, highlight=False, force_terminal=False, color_system=None, file=StringIO())
    with console.capture() as text:
        print_leaderboards(boards, console)
    return text.get()


def print_leaderboards(boards: Sequence[Leaderboard], console: Console, metrics: Sequence[str] | None = None) -> None:
    """Print terminal tables: one per track, a summary, the notes.

    A table shows what the width has room for: first the six metrics, then cost against the baseline, then hands and
    objects apart, then all else: J&F, AP, cost in updates, seconds and MiB. What there is no room for has a table of
    its own; what is left out is said.

    Args:
        metrics: the columns to show, in as many tables as the width asks for.
    """
    from rich.text import Text

    for board in boards:
        _print_lines(console, title_lines(board), "bold")
        left_out: dict[str, None] = {}
        for block in board.blocks:
            console.print()
            console.print(Text.assemble((printable(block.track.name), "bold"), "  ", (track_line(block), "dim")))
            if metrics is None:
                left_out |= dict.fromkeys(_print_block(block, console))
            else:
                _print_columns(block, metrics, console)
        if left_out:
            titles = ", ".join(column_title(name).rstrip("↑↓") for name in left_out)
            told = (
                f"Not shown in {console.width} columns: {titles}. A wider terminal, --metrics or --format csv has them."
            )
            console.print()
            _print_lines(console, [told], "")
        _print_summary(board, console, summary_names(metrics))
        console.print()
        warning = console.get_style("warning", default="dim")  # which consoles of our command line have
        for note in _notes(board):
            _print_lines(console, [f"· {note}"], warning if note.startswith("Warning:") else "dim")
        console.print()


def _print_summary(board: Leaderboard, console: Console, scores: Sequence[str]) -> None:
    """Print the rows on all tracks, as many tracks in a table as there is room for."""

    def table(tracks: Sequence[Block]) -> Table:
        rows = [[short_name(*row[:2]), *row[2:]] for row in summary_rows(tracks, scores)]
        return _rich_table(["strategy", *(block.track.name for block in tracks)], rows)

    fitting = (n for n in range(SUMMARY_TRACKS, 1, -1) if _all_fit(map(table, chunks(board.blocks, n)), console))
    for tracks in chunks(board.blocks, next(fitting, 1)):
        console.print(f"\nSummary: {summary_title(scores)}", style="bold", highlight=False)
        console.print(table(tracks))


def _all_fit(tables: Iterable[Table], console: Console) -> bool:
    return all(_width(table, console) <= console.width for table in tables)


def _notes(board: Leaderboard) -> list[str]:
    """Return the notes, those on oracle knowledge behind the sign that the tables have for it."""
    return [f"{KNOWS} {note}" if " knew what a user would not" in note else note for note in board.notes]


def _print_lines(console: Console, lines: Sequence[str], style: str | Style) -> None:
    """Print lines as they are."""
    from rich.text import Text

    for line in lines:
        console.print(Text(printable(line)), style=style)


def _print_block(block: Block, console: Console) -> list[str]:
    """Print the fullest table of a track that fits, and what stands beside the scores apart where that does not.

    Returns:
        The columns that have no table.
    """
    beside = [name for name in BESIDE if any(row.values[name].mean is not None for row in block.rows)]
    cost = list(COST) if any(row.time is not None for row in block.rows) else []
    factors = [name for name in cost if name in _FACTORS]
    choices = [[*COLUMNS, *beside, *cost], [*COLUMNS, *factors], [*METRICS, *factors], list(METRICS)]
    fits = [_all_fit([_block_table(block, names)], console) for names in choices]
    chosen = choices[fits.index(True) if True in fits else len(choices) - 1]
    _print_columns(block, chosen, console)
    if not {*beside, *cost} <= set(chosen):
        console.print()
        shown = tuple(row for row in block.rows if beside or not row.is_reference)
        _print_columns(replace(block, rows=shown), [*beside, *cost], console)
    return [name for name in COLUMNS if name not in chosen]


def _print_columns(block: Block, names: Sequence[str], console: Console) -> None:
    """Print columns of a track in as few tables as the width allows, a column at least in each."""
    count = next(n for n in range(len(names), 0, -1) if n == 1 or _fits(block, names[:n], console))
    console.print(_block_table(block, names[:count]))
    if names[count:]:
        console.print()
        _print_columns(block, names[count:], console)


def _fits(block: Block, names: Sequence[str], console: Console) -> bool:
    return _all_fit([_block_table(block, names)], console)


def _width(table: Table, console: Console) -> int:
    """Return how wide a table is, in characters, when nothing is cut."""
    return console.measure(table, options=console.options.update(max_width=1000)).maximum


def _block_table(block: Block, names: Sequence[str]) -> Table:
    """Return the table of one track with the columns ``names``."""
    several = any(row.missing for row in block.rows)
    rows = [[row_label(row, several), *(_cell(row, name) for name in names)] for row in block.rows]
    return _rich_table(["strategy", *(_SHORT.get(name) or column_title(name) for name in names)], rows)


def _cell(row: Row, name: str) -> str:
    """Return one cell."""
    cell = metric_cell(row, name)
    return cell.text + cell.mark


def _rich_table(header: list[str], rows: list[list[str]]) -> Table:
    """Return a table whose first column is text and the others numbers; reference rows are dim."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for i, name in enumerate(header):
        table.add_column(Text(name), justify="left" if i == 0 else "right", no_wrap=i > 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row), style="dim" if row[0] in REFERENCES else "")
    return table
