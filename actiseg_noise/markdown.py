"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence


def iter_table(header: Sequence[str], rows: Sequence[Sequence[str]], text: Collection[int] = (0,)) -> Iterator[str]:
    """Yield the lines of a table and an empty one; columns at the positions ``text`` to the left, others right."""
    yield _line(header)
    yield _line(["---" if i in text else "---:" for i in range(len(header))])
    yield from map(_line, rows)
    yield ""


def _line(cells: Sequence[str]) -> str:
    """Return a table's line; a cell stays on it, whatever it holds."""
    shown = [" ".join(cell.split()).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(shown)} |"
