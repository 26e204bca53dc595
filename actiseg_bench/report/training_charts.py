"""The charts over a training: what was believed per epoch, how well wrong labels are fit per step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actiseg_bench.report.charts import handles_of
from actiseg_bench.report.study import Study
from actiseg_bench.report.style import CLEAN, GIVEN, foot_of, legend_below, name_on_lines, panels, row_styles
from actiseg_bench.report.table import summarise
from actiseg_noise.plot_style import FAINT, new_figure, width_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = list[tuple[float, float]]
MOST_ACROSS = 8  # panels of memorisation side by side, where few tracks leave room below
FEW_TRACKS = 4
MOST_MARKS = 12  # along one curve


def selection_curves(study: Study, track: str, row: str, unit: str) -> dict[str, Curve]:
    """Return ``precision`` and ``recall`` → (epoch from 1, mean over seeds), where any was counted."""
    runs = [result.selection for result in study.results(track, row) if result.selection]
    curves: dict[str, Curve] = {"precision": [], "recall": []}
    for epoch in range(min(map(len, runs), default=0)):
        for name, curve in curves.items():
            mean = summarise([(run[epoch].get(unit) or {}).get(name) for run in runs]).mean
            if mean is not None:
                curve.append((epoch + 1, mean))
    return {name: curve for name, curve in curves.items() if curve}


def fit_curves(study: Study, track: str, row: str) -> dict[str, Curve]:
    """Return ``given`` and ``clean`` → (step, mean fit over seeds), over the probes that all seeds have."""
    runs = [
        {fit["step"]: fit for fit in result.fits if fit["step"] is not None}
        for result in study.results(track, row)
        if result.fits
    ]
    steps = sorted(set.intersection(*map(set, runs))) if runs else []
    curves: dict[str, Curve] = {"given": [], "clean": []}
    for step in steps:
        for name, curve in curves.items():
            mean = summarise([run[step][f"fit_{name}"] for run in runs]).mean
            if mean is not None:
                curve.append((step, mean))
    return {name: curve for name, curve in curves.items() if curve}


def draw_selection(study: Study) -> Figure | None:
    """Draw precision and recall of what strategies believed per epoch, a panel per track and unit."""
    from matplotlib.ticker import MaxNLocator

    found = {
        (track, unit, row): curves
        for track in study.tracks
        for unit in ("samples", "pixels")
        for row in study.rows
        if (curves := selection_curves(study, track, row, unit))
    }
    if not found:
        return None
    rows = [row for row in study.rows if any(key[2] == row for key in found)]
    places = list(dict.fromkeys(key[:2] for key in found))
    least = min(y for curves in found.values() for curve in curves.values() for _, y in curve)
    lowest = 25 * int(4 * least)  # of the axis, in %
    styles = row_styles(rows)
    title = "Selection: is what was believed clean (precision), is what is clean believed (recall)"
    across = min(4, len(places))
    width = width_for(title, 0.5 + 2.4 * across)
    columns, foot = foot_of(width, [*rows, "precision", "recall"])
    figure = new_figure(title, study.title, width, 0.8 + 1.9 * -(-len(places) // across), foot)
    shown = panels(figure, len(places), across, sharey=True)
    for i, (axes, place) in enumerate(zip(shown, places, strict=True)):
        for row in rows:
            for name, curve in found.get((*place, row), {}).items():
                is_hollow = name == "recall"
                _draw(axes, curve, styles[row].color, ":" if is_hollow else "-", styles[row].marker, is_hollow)
        _dress(axes, i, across, len(places), "% of labels", "epoch")
        axes.set_title(f"{place[0]}, {place[1]}")
        axes.set_ylim(lowest - 3, 103)
        axes.set_xlim(0.5, max(x for curves in found.values() for curve in curves.values() for x, _ in curve) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    kinds = _lines({"precision": "-", "recall": ":"})
    kinds[0].set_marker("o")
    kinds[1].set(marker="o", markerfacecolor="white")
    legend_below(figure, [*handles_of(styles, lines=False), *kinds], columns)
    return figure


def draw_memorisation(study: Study) -> Figure | None:
    """Draw the fit to given and to clean labels per step: a row of panels per track, a column per strategy."""
    found = {(t, row): curves for t in study.tracks for row in study.rows if (curves := fit_curves(study, t, row))}
    if not found:
        return None
    tracks = [track for track in study.tracks if any(key[0] == track for key in found)]
    rows = [row for row in study.rows if any(key[1] == row for key in found)]
    title = "Memorisation: fit of training samples whose label is wrong (of all, on clean labels)"
    across = min(len(rows), MOST_ACROSS) if len(tracks) <= FEW_TRACKS else len(rows)
    titles = {row: name_on_lines(row, 15) for row in rows}
    pieces = [rows[i : i + across] for i in range(0, len(rows), across)]
    lines = [(track, piece) for track in tracks for piece in pieces]
    title_height = 0.14 * max(name.count("\n") + 1 for name in titles.values())
    width = width_for(title, 1.0 + 1.35 * across)
    names = ["fit to the label as given", "fit to the clean label"]
    columns, foot = foot_of(width, names)
    each = 1.1 + (title_height if len(pieces) > 1 else 0)
    figure = new_figure(title, study.title, width, 0.8 + title_height + each * len(lines), foot)
    grid = figure.subplots(len(lines), across, sharex=True, sharey=True, squeeze=False)
    for number, ((track, piece), line) in enumerate(zip(lines, grid, strict=True)):
        for row, axes in zip(piece, line, strict=False):
            for name, curve in found.get((track, row), {}).items():
                _draw(axes, curve, GIVEN if name == "given" else CLEAN, "-" if name == "given" else "--", "o")
            axes.tick_params(labelsize=7)
            if number == 0 or len(pieces) > 1:
                axes.set_title(titles[row], fontsize=8)
        for axes in line[len(piece) :]:
            axes.remove()
        line[0].set_ylabel(f"{track}\nIoU × 100", fontsize=8)
    for bottom in grid[-1][: len(lines[-1][1])]:
        bottom.set_xlabel("step", fontsize=8)
    grid[0][0].set_ylim(0, 103)
    legend_below(figure, _lines({names[0]: "-", names[1]: "--"}, [GIVEN, CLEAN]), columns)
    return figure


def _draw(axes: Any, curve: Curve, color: str, dashes: str, marker: str, is_hollow: bool = False) -> None:
    """Draw one curve, × 100."""
    x, y = zip(*curve, strict=True)
    look: dict[str, Any] = {"color": color, "linestyle": dashes, "marker": marker, "markersize": 4, "linewidth": 1.3}
    (line,) = axes.plot(x, [100 * v for v in y], markevery=-(-len(x) // MOST_MARKS), **look)
    if is_hollow:
        line.set_markerfacecolor("white")


def _dress(axes: Any, place: int, across: int, count: int, left: str, below: str) -> None:
    """Label the outer panels."""
    if place % across == 0:
        axes.set_ylabel(left)
    if place + across >= count:
        axes.set_xlabel(below)


def _lines(names: dict[str, Any], colors: list[str] | None = None) -> list[Any]:
    """Return legend entries of line styles."""
    from matplotlib.lines import Line2D

    shades = colors or [FAINT] * len(names)
    return [
        Line2D([], [], color=color, linestyle=dashes, label=name)
        for (name, dashes), color in zip(names.items(), shades, strict=True)
    ]
