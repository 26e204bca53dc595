"""Leaderboards as LaTeX: one floating table per track, with the packages booktabs and graphicx."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from actiseg_bench.report.cells import (
    BEST,
    HEADER,
    SILENT,
    TEXT_COLUMNS,
    TIED,
    Cell,
    bold_notes,
    row_cells,
    title_lines,
    track_line,
)
from actiseg_bench.report.table import Block, Leaderboard

_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
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


def render_latex(boards: Sequence[Leaderboard]) -> str:
    """Return a table per track, each behind comments that say what made it."""
    return "\n".join(line for board in boards for line in _lines(board))


def _lines(board: Leaderboard) -> Iterator[str]:
    """Yield the lines of one leaderboard."""
    yield r"% \usepackage{booktabs,graphicx}"
    yield from (f"% {escape(line)}" for line in (*title_lines(board), *bold_notes(board)))
    for block in board.blocks:
        yield from _table(board, block)


def _table(board: Leaderboard, block: Block) -> Iterator[str]:
    """Yield one table."""
    columns = "".join("l" if i in TEXT_COLUMNS else "r" for i in range(len(HEADER)))
    yield from (r"\begin{table}", r"\centering", rf"\caption{{{escape(_caption(board, block))}}}")
    yield rf"\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', f'{board.protocol}-{block.track.name}')}}}"
    yield from (r"\resizebox{\linewidth}{!}{%", rf"\begin{{tabular}}{{{columns}}}", r"\toprule")
    yield rf"{' & '.join(map(escape, HEADER))} \\"
    yield r"\midrule"
    rows = [row for row in block.rows if row.is_reference], [row for row in block.rows if not row.is_reference]
    for i, some in enumerate(filter(None, rows)):
        if i:
            yield r"\midrule"
        yield from (rf"{' & '.join(map(_cell, row_cells(row)))} \\" for row in some)
    yield from (r"\bottomrule", r"\end{tabular}}", r"\end{table}", "")


def _caption(board: Leaderboard, block: Block) -> str:
    """Say what made the table, and what its marks mean."""
    why_none = " A single seed: no best." if block.single_seed else " No best."
    marks = " Bold: best mean." if any(row.best for row in block.rows) else why_none
    tied = " ≈: not separable from it at 5 % after Holm's correction." if block.compared else ""
    tied += " ∅: predicts next to nothing." * any(row.silent for row in block.rows)
    tied += " §: submitted, predictions not at hand." * any(row.submitted for row in block.rows)
    what = "; ".join(title_lines(board)).replace(" · ", ", ")
    return f"{block.track.name}: {track_line(block).replace(' · ', ', ')}; {what}. Scores × 100.{marks}{tied}"


def _cell(cell: Cell) -> str:
    """Return a cell: the best bold, what is not separable from it, or silent, behind its sign."""
    text = escape(cell.text)
    marked = {BEST: rf"\textbf{{{text}}}", TIED: rf"$\approx$\,{text}", SILENT: rf"$\emptyset$\,{text}"}
    return marked.get(cell.mark, text)
