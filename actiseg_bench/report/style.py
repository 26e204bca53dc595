"""How the charts look: one font, one colour and marker per strategy in all of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
INK, FAINT, RULE = "#222222", "#8a8f94", "#e8e8e8"
GIVEN, CLEAN = "#D55E00", "#0072B2"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
}
# Okabe and Ito's colours; the baseline is black, and a strategy looks the same in every study.
_LOOKS = {
    "baseline": (INK, "o"),
    "co_teaching": ("#E69F00", "s"),
    "sce": ("#56B4E9", "^"),
    "gce": ("#009E73", "v"),
    "apl": ("#7a6a00", "D"),
    "elr": ("#0072B2", "P"),
    "npn": ("#D55E00", "X"),
    "pmhm": ("#CC79A7", "*"),
}
_OTHERS = (("#6a3d9a", "<"), ("#8c564b", ">"), ("#17becf", "h"), ("#bcbd22", "p"), ("#7f7f7f", "d"))


class RowStyle(NamedTuple):
    """Colour, marker and dashes of one row."""

    color: str
    marker: str
    dashes: Any


def looks(rows: Sequence[str]) -> dict[str, RowStyle]:
    """Return row → look; another variant of a strategy has its colour and a dashed line."""
    names = [row.split("@")[0] for row in rows]
    strangers = [name for name in dict.fromkeys(names) if name not in _LOOKS]
    known = _LOOKS | {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(strangers)}
    return {row: RowStyle(*known[name], "--" if "@" in row else "-") for row, name in zip(rows, names, strict=True)}


@contextmanager
def own_style() -> Iterator[None]:
    """Draw with our settings alone; letters that the font lacks become boxes, without a warning for each."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def new_figure(title: str, subtitle: str, width: float, height: float, foot: float = 0.0) -> Figure:
    """Return a figure headed by what it shows and of which runs; sizes in inches, ``foot`` for a legend below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = max(width, 0.2 + 0.084 * len(title))
    figure = Figure(figsize=(width, height + foot))
    FigureCanvasAgg(figure)
    whole = height + foot
    figure.set_layout_engine("constrained", rect=(0, foot / whole, 1, 1 - (foot + 0.55) / whole))
    figure.text(0.08 / width, 1 - 0.2 / whole, title, fontsize=10, weight="bold", va="center")
    figure.text(0.08 / width, 1 - 0.4 / whole, subtitle, fontsize=8, color=FAINT, va="center")
    return figure


def foot_of(width: float, names: Sequence[str]) -> tuple[int, float]:
    """Return how many legend entries fit side by side, and how high the legend is in inches."""
    longest = max(map(len, names), default=1)
    columns = max(1, min(len(names), int((width - 0.3) / (0.55 + 0.075 * longest))))
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


def panels(figure: Figure, count: int, columns: int, **options: Any) -> list[Any]:
    """Return ``count`` axes in rows of ``columns``; places that stay empty are taken away."""
    rows = -(-count // columns)
    found = list(figure.subplots(rows, min(columns, count), squeeze=False, **options).flat)
    for axes in found[count:]:
        axes.remove()
    return found[:count]
