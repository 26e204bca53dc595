"""Leaderboards as one self-contained HTML page, readable in light and dark, with no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.cells import (
    BEST,
    SILENT,
    TIED,
    Cell,
    bold_notes,
    chunks,
    header,
    row_cells,
    summary_names,
    summary_rows,
    summary_title,
    text_columns,
    title_lines,
    track_line,
)

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ActiSeg-NL leaderboards</title>
<style>
:root { color-scheme: light dark; --faint: #767b80; --line: #d0d4d8; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
p, li { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap; }
th { border-bottom: 1px solid var(--line); }
.text { text-align: left; }
.reference td { color: var(--faint); }
.best { font-weight: 700; }
</style>
</head>
<body>
"""


def render_html(boards: Sequence[Leaderboard], metrics: Sequence[str] | None = None) -> str:
    """Return the page, with the columns ``metrics``, or with all."""
    return f"{_HEAD}{render_fragment(boards, metrics)}\n</body>\n</html>\n"


def render_fragment(boards: Sequence[Leaderboard], metrics: Sequence[str] | None = None) -> str:
    """Return what stands in the page's body, for a page of somebody else."""
    return "\n".join(line for board in boards for line in _lines(board, metrics))


def _lines(board: Leaderboard, metrics: Sequence[str] | None) -> Iterator[str]:
    """Yield the lines of one leaderboard."""
    yield f"<h1>{escape(board.model)} on {escape(board.dataset)}</h1>"
    yield f"<p>{'<br>'.join(map(escape, title_lines(board)))}</p>"
    for block in board.blocks:
        yield f"<h2>{escape(block.track.name)}</h2>"
        yield f"<p>{escape(track_line(block))}</p>"
        kinds = ["reference" if row.is_reference else "" for row in block.rows]
        cells = [row_cells(row, metrics) for row in block.rows]
        yield from _table(header(metrics), cells, text_columns(metrics), kinds)
    for tracks in chunks(board.blocks):
        scores = summary_names(metrics)
        yield f"<h2>Summary: {summary_title(scores)}</h2>"
        rows = [[Cell(text) for text in row] for row in summary_rows(tracks, scores)]
        yield from _table(["strategy", "variant", *(b.track.name for b in tracks)], rows, (0, 1), [""] * len(rows))
    yield "<ul>"
    yield from (f"<li>{escape(note)}</li>" for note in bold_notes(board))
    yield "</ul>"


def _table(
    names: Sequence[str], rows: Sequence[Sequence[Cell]], text: Sequence[int], kinds: Sequence[str]
) -> Iterator[str]:
    """Yield one table; ``kinds`` are the classes of its rows."""
    sides = [' class="text"' if i in text else "" for i in range(len(names))]
    yield '<div class="scroll"><table>'
    yield f"<tr>{''.join(f'<th{s}>{escape(name)}</th>' for s, name in zip(sides, names, strict=True))}</tr>"
    for kind, row in zip(kinds, rows, strict=True):
        cells = "".join(_cell(cell, side) for side, cell in zip(sides, row, strict=True))
        yield f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>"
    yield "</table></div>"


def _cell(cell: Cell, side: str) -> str:
    """Return a cell: the best bold, what is not separable from it behind its sign."""
    text = f"{cell.mark} {cell.text}" if cell.mark in (TIED, SILENT) else cell.text
    kind = ' class="best"' if cell.mark == BEST else side
    return f"<td{kind}>{escape(text)}</td>"
