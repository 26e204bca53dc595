"""How strategies look in charts: one colour and marker each in all of them; panels and legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from actiseg_noise.plot_style import BLUE, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GIVEN, CLEAN = ORANGE, BLUE
# Okabe and Ito's colours; the baseline is black, and a strategy looks the same in every study.
_STYLES = {
    "baseline": (INK, "o"),
    "co_teaching": ("#E69F00", "s"),
    "sce": ("#56B4E9", "^"),
    "gce": ("#009E73", "v"),
    "apl": ("#7a6a00", "D"),
    "elr": ("#0072B2", "P"),
    "npn": ("#D55E00", "X"),
    "pmhm": ("#CC79A7", "*"),
    "adele": ("#6a3d9a", "<"),
    "confident_learning": ("#8c564b", ">"),
    "ema_teacher": ("#12919c", "h"),
    "label_smoothing": ("#94961b", "p"),
    "small_loss_pixels": ("#b2182b", "8"),
    "longer_baseline": ("#7f7f7f", "d"),
    "clean_subset": ("#5c5c5c", "H"),
    "frozen": ("#a5a5a5", "s"),
}
_OTHER_COLOURS = ("#3b5b92", "#a6611a", "#5aae61", "#c2185b", "#4d4d4d")
_OTHER_MARKERS = ("<", ">", "h", "p", "d")
PER_LETTER = 0.075  # of a name at 8 points, in inches


class RowStyle(NamedTuple):
    """Colour, marker and dashes of one row."""

    color: str
    marker: str
    dashes: Any


def row_styles(rows: Sequence[str]) -> dict[str, RowStyle]:
    """Return row → style; another variant of a strategy has its colour and a dashed line.

    The styles of up to 25 strategies that have none of their own are all different.
    """
    names = [row.split("@")[0] for row in rows]
    others = [name for name in dict.fromkeys(names) if name not in _STYLES]
    known = _STYLES | {name: _other_style(i) for i, name in enumerate(others)}
    return {row: RowStyle(*known[name], "--" if "@" in row else "-") for row, name in zip(rows, names, strict=True)}


def _other_style(place: int) -> tuple[str, str]:
    """Return colour and marker of a strategy that has none: colours in turn, then again with other markers."""
    count = len(_OTHER_COLOURS)
    return _OTHER_COLOURS[place % count], _OTHER_MARKERS[(place + place // count) % count]


def foot_of(width: float, names: Sequence[str]) -> tuple[int, float]:
    """Return how many legend entries fit side by side, and how high the legend is in inches."""
    longest = max(map(len, names), default=1)
    columns = max(1, min(len(names), int((width - 0.3) / (0.6 + PER_LETTER * longest))))
    return columns, 0.15 + 0.19 * -(-len(names) // columns)


def legend_below(figure: Figure, handles: Sequence[Any], columns: int) -> None:
    """Put a legend under all panels, to the left."""
    x = 0.08 / figure.get_size_inches()[0]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(x, 0.0),
        ncols=columns,
        frameon=False,
        fontsize=8,
        columnspacing=1.2,
        handletextpad=0.5,
        borderaxespad=0.2,
    )


def name_on_lines(name: str, letters: int) -> str:
    """Return a name on lines of at most so many letters, broken behind ``_``, ``-`` and blanks where it can be."""
    import re
    import textwrap

    lines = [""]
    for part in re.findall(r"[^_\- ]+[_\- ]*|[_\- ]+", name):
        if len(lines[-1]) + len(part.rstrip()) > letters and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(piece for line in lines for piece in textwrap.wrap(line, letters) or [""])


def panels(figure: Figure, count: int, columns: int, **options: Any) -> list[Any]:
    """Return ``count`` axes in rows of ``columns``; places that stay empty are taken away."""
    rows = -(-count // columns)
    found = list(figure.subplots(rows, min(columns, count), squeeze=False, **options).flat)
    for axes in found[count:]:
        axes.remove()
    return found[:count]
