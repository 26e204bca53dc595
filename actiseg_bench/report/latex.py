"""Leaderboards as LaTeX: a floating table per track and of the summary, with booktabs, for a page of two columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.report.board import Block, Leaderboard
from actiseg_bench.report.cells import (
    BEST,
    KNOWS,
    SILENT,
    SUBMITTED,
    TIED,
    Cell,
    bold_notes,
    chunks,
    column_title,
    count_runs,
    metric_cell,
    row_label,
    short_name,
    summary_names,
    summary_rows,
    summary_title,
    title_lines,
    track_line,
)

COLUMN_PT, PAGE_PT = 237, 496  # how wide a column and a page of two columns are, in conferences' styles
LETTER_PT, GAP_PT = 4.6, 6  # of \small, on average; between two columns of a table

_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{sign: f"{{{sign}}}" for sign in "[]*"},  # behind \\ they would be an option of it
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "∅": r"$\emptyset$",
    "§": r"\S{}",
    "†": r"$\dagger$",
    "·": r"$\cdot$",
    "–": "--",
    "…": r"\ldots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def escape(text: str) -> str:
    """Return text as LaTeX prints it, in any input encoding; what is no ASCII and has no command becomes ``?``."""
    known = "".join(_SIGNS.get(sign, sign) for sign in text)
    return re.sub(r"[^\x00-\x7f]", "?", known)


@dataclass(frozen=True)
class _Table:
    """What stands in one table; ``rules`` are the rows that a line stands above."""

    caption: str
    label: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    rules: Sequence[int] = (0,)


def render_latex(boards: Sequence[Leaderboard], metrics: Sequence[str] | None = None) -> str:
    """Return a table per track and of the summary, behind comments that say what made them.

    Args:
        metrics: the columns; None: the six metrics. What is the same in all rows stands in the caption.
    """
    return "\n".join(line for board in boards for line in _lines(board, tuple(metrics or METRICS)))


def _lines(board: Leaderboard, metrics: Sequence[str]) -> Iterator[str]:
    """Yield the lines of one leaderboard."""
    yield r"% \usepackage{booktabs,graphicx}"
    yield from (f"% {escape(line)}" for line in (*title_lines(board), *bold_notes(board)))
    for block in board.blocks:
        yield f"% {escape(f'{block.track.name}: {track_line(block)}')}"
        yield from (f"% {escape(f'{row.strategy} knew: {row.oracle}')}" for row in block.rows if row.oracle)
        yield from _float(_track_table(board, block, metrics))
    for number, tracks in enumerate(chunks(board.blocks), 1):
        yield from _float(_summary_table(board, tracks, metrics, number))


def _track_table(board: Leaderboard, block: Block, metrics: Sequence[str]) -> _Table:
    """Return the table of one track, reference rows first."""
    rows = sorted(block.rows, key=lambda row: not row.is_reference)
    counts = {count_runs(row) for row in rows if not row.is_reference}
    shown = [[Cell(row_label(row, len(counts) > 1)), *(metric_cell(row, name) for name in metrics)] for row in rows]
    references = sum(row.is_reference for row in rows)
    header = ["Strategy", *map(column_title, metrics)]
    caption = _caption(board, block, metrics, counts)
    return _Table(caption, _label(board, block.track.name), header, shown, sorted({0, references} - {len(rows)}))


def _caption(board: Leaderboard, block: Block, metrics: Sequence[str], counts: set[str]) -> str:
    """Say what the table shows, what all rows share, and what its marks mean."""
    is_spread = any(row.values[name].std is not None for row in block.rows for name in metrics if name in row.values)
    over = f" over {counts.copy().pop()} runs" if len(counts) == 1 and counts != {"1"} else ""
    spread = f", mean ± standard deviation{over}" if is_spread else over
    why_none = "A single seed: no best." if block.single_seed else "No best."
    marks = {cell.mark for row in block.rows for cell in (metric_cell(row, name) for name in metrics)}
    legend = [
        "Bold: best mean." if BEST in marks else why_none,
        "≈: not separable from the best at 5 % (paired bootstrap, Holm's correction)." if TIED in marks else "",
        "∅: shows next to nothing, which these metrics reward." if SILENT in marks else "",
        f"{KNOWS}: was told what a user would not know." if any(row.oracle for row in block.rows) else "",
        f"{SUBMITTED}: submitted, predictions not at hand." if any(row.submitted for row in block.rows) else "",
    ]
    what = f"{board.model} on {board.dataset} ({board.protocol}), labels {block.track.name}: scores × 100{spread}."
    return " ".join(filter(None, [what, *legend]))


def _summary_table(board: Leaderboard, tracks: Sequence[Block], metrics: Sequence[str], number: int) -> _Table:
    """Return the table of all rows on some tracks."""
    names = summary_names(metrics)
    rows = [[Cell(short_name(*row[:2])), *map(Cell, row[2:])] for row in summary_rows(tracks, names)]
    caption = f"{board.model} on {board.dataset} ({board.protocol}): {summary_title(names)} × 100 by labels, means."
    return _Table(caption, _label(board, f"summary-{number}"), ["Strategy", *(t.track.name for t in tracks)], rows)


def _label(board: Leaderboard, name: str) -> str:
    return "tab:" + re.sub("[^A-Za-z0-9]+", "-", f"{board.model}-{board.dataset}-{board.protocol}-{name}")


def _float(table: _Table) -> Iterator[str]:
    """Yield the lines of a table: in one column where it fits, over both else, made smaller only where it must be."""
    width = table_width(table.header, table.rows)
    kind = "table" if width <= COLUMN_PT else "table*"
    is_scaled = width > PAGE_PT
    yield from (rf"\begin{{{kind}}}", r"\centering", r"\small")
    yield r"\setlength{\tabcolsep}{3pt}\setlength{\belowcaptionskip}{4pt}"
    yield from (rf"\caption{{{escape(table.caption)}}}", rf"\label{{{table.label}}}")
    if is_scaled:
        yield r"\resizebox{\linewidth}{!}{%"
    yield from (rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}", r"\toprule")
    yield rf"{' & '.join(map(escape, table.header))} \\"
    for number, row in enumerate(table.rows):
        if number in table.rules:
            yield r"\midrule"
        yield rf"{' & '.join(map(_cell, row))} \\"
    yield from (r"\bottomrule", r"\end{tabular}" + "}" * is_scaled, rf"\end{{{kind}}}", "")


def table_width(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> float:
    """Return about how wide a table of these cells is in small print, in points."""
    texts = [header, *([f"{cell.mark} {cell.text}".strip() for cell in row] for row in rows)]
    return sum(GAP_PT + LETTER_PT * max(map(len, column)) for column in zip(*texts, strict=True))


def _cell(cell: Cell) -> str:
    """Return a cell: the best bold, what is not separable from it, or silent, behind its sign."""
    text = escape(cell.text)
    marked = {BEST: rf"\textbf{{{text}}}", TIED: rf"$\approx$\,{text}", SILENT: rf"$\emptyset$\,{text}"}
    return marked.get(cell.mark, text)
