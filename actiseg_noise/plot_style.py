"""How all charts look: one font, one set of colours, one heading, whatever Matplotlib's settings are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
INK, FAINT, RULE = "#222222", "#8a8f94", "#e8e8e8"
MUTED = "#666b70"  # the faintest that small text is read in on white: 5.4 to 1
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito
Colour = tuple[int, int, int]
COLOURS: tuple[Colour, ...] = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (213, 94, 0), (204, 121, 167), (0, 114, 178)),
    *((240, 228, 66), (145, 70, 190), (120, 150, 20), (230, 75, 53), (130, 95, 50), (110, 120, 240)),
)
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a name with two dollars is no formula
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "svg.hashsalt": "actiseg",  # ids in a file do not change from run to run
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
}


def colour_of(object_id: int) -> Colour:
    """Return an object's colour in pictures and pages, RGB."""
    return COLOURS[(object_id - 1) % len(COLOURS)]


@contextmanager
def own_style(*, grid: bool = False) -> Iterator[None]:
    """Draw with our settings alone; letters that the font lacks become boxes, without a warning for each."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | {"axes.grid": grid})
        yield


def width_for(title: str, width: float) -> float:
    """Return the width of a figure in inches: as asked for, or what its title needs."""
    return max(width, 0.2 + 0.084 * len(title))


def new_figure(title: str, subtitle: str, width: float, height: float, foot: float = 0.0) -> Figure:
    """Return a figure headed by what it shows and of which runs; sizes in inches, ``foot`` for a legend below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = width_for(title, width)
    figure = Figure(figsize=(width, height + foot))
    FigureCanvasAgg(figure)
    whole = height + foot
    figure.set_layout_engine("constrained", rect=(0, foot / whole, 1, 1 - (foot + 0.55) / whole))
    figure.text(0.08 / width, 1 - 0.2 / whole, title, fontsize=10, weight="bold", va="center")
    figure.text(0.08 / width, 1 - 0.4 / whole, subtitle, fontsize=8, color=MUTED, va="center")
    return figure
