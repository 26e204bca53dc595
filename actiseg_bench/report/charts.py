"""The charts over tracks: failure modes, noise levels, the trade-off."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from actiseg_bench.metrics.actionvos import TITLES as METRIC_TITLES
from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.metrics.failure_modes import TITLES as MODE_TITLES
from actiseg_bench.report.curves import SENSITIVE, axis_tracks, iter_points
from actiseg_bench.report.pareto import pareto_front
from actiseg_bench.report.sensitivity import AXES, Axis
from actiseg_bench.report.sheets import profile
from actiseg_bench.report.study import Study
from actiseg_bench.report.style import PER_LETTER, RowStyle, foot_of, legend_below, panels, row_styles
from actiseg_noise.plot_style import FAINT, INK, new_figure, width_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEAST_DARK = 20.0  # %; a failure mode below it everywhere stays pale
WIDEST = 12.0  # inches; panels side by side are no wider
LEAST_SPAN = 4.0  # points; an axis shows no less, so that chance does not look like a difference


def handles_of(styles: dict[str, RowStyle], *, lines: bool) -> list[Any]:
    """Return legend entries of rows."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=s.color, marker=s.marker, linestyle=s.dashes if lines else "", markersize=5, label=row)
        for row, s in styles.items()
    ]


def draw_levels(study: Study) -> Figure | None:
    """Draw p-mIoU and gIoU against the level of every kind of noise that has two levels, None where none has."""
    axes_there = [axis for axis in AXES if len(axis_tracks(study, axis)) > 1]
    if not axes_there:
        return None
    styles = row_styles(study.rows)
    title = "Scores against the level of noise, mean and range over seeds"
    width = width_for(title, 0.6 + 2.7 * len(axes_there))
    columns, foot = foot_of(width, study.rows)
    figure = new_figure(title, study.title, width, 0.8 + 2.4 * len(SENSITIVE), foot)
    grid = figure.subplots(len(SENSITIVE), len(axes_there), sharey="row", sharex="col", squeeze=False)
    for metric, line in zip(SENSITIVE, grid, strict=True):
        for axis, axes in zip(axes_there, line, strict=True):
            for row, shift in zip(study.rows, _shifts(study, axis), strict=True):
                _draw_curve(axes, study, axis, row, metric, styles[row], shift)
        line[0].set_ylabel(f"{METRIC_TITLES[metric]} × 100")
    for axis, top, bottom in zip(axes_there, grid[0], grid[-1], strict=True):
        top.set_title(axis.name)
        bottom.set_xlabel(_wrapped(axis.label), fontsize=8)
        _name_levels(bottom, axis_tracks(study, axis))
    legend_below(figure, handles_of(styles, lines=True), columns)
    return figure


def _wrapped(text: str) -> str:
    """Return a label on lines that fit under a panel."""
    import textwrap

    return "\n".join(textwrap.wrap(text, 32))


def _shifts(study: Study, axis: Axis) -> list[float]:
    """Return how far each row stands beside the level it was measured at, so that ranges do not hide each other."""
    levels = axis_tracks(study, axis).values()
    reach = 0.03 * (max(levels) - min(levels))
    middle = (len(study.rows) - 1) / 2
    return [reach * (i - middle) / max(1.0, middle) for i in range(len(study.rows))]


def _name_levels(axes: Any, levels: dict[str, float]) -> None:
    """Write under every level which track was measured there; upright where the names have no room side by side."""
    tracks: dict[float, list[str]] = {}
    for track, level in levels.items():
        tracks.setdefault(level, []).append(track)
    places = sorted(tracks)
    names = ["\n".join([f"{level:g}", *tracks[level]]) for level in places]
    widest = max(len(track) for track in levels) * PER_LETTER
    room = 2.3 * min(b - a for a, b in pairwise(places)) / (places[-1] - places[0]) if len(places) > 1 else 2.3
    axes.set_xticks(places, names, fontsize=7, rotation=0 if widest < room else 90)


def _draw_curve(axes: Any, study: Study, axis: Axis, row: str, metric: str, look: RowStyle, shift: float) -> None:
    """Draw one row along one axis, ``shift`` beside the levels, with the range of its seeds."""
    points = list(iter_points(study, axis, row, metric))
    levels = [level + shift for level, _ in points]
    axes.plot(
        levels,
        [100 * (value.mean or 0) for _, value in points],
        color=look.color,
        marker=look.marker,
        linestyle=look.dashes,
        markersize=4,
        linewidth=2 if row == "baseline" else 1.2,
        zorder=3 if row == "baseline" else 2,
    )
    for track, level in axis_tracks(study, axis).items():
        scores = [score for r in study.results(track, row) if (score := r.scores[metric]) is not None]
        if len(scores) > 1:
            axes.plot(
                [level + shift] * 2, [100 * min(scores), 100 * max(scores)], color=look.color, linewidth=0.8, alpha=0.5
            )


def draw_profiles(study: Study) -> Figure | None:
    """Draw, per failure mode, what every kind of noise adds to it, one mark per row."""
    kinds = list(study.kinds())
    values = {
        (kind, row, mode): profile(study, kind, row, mode).mean
        for kind in kinds
        for row in study.rows
        for mode in MODES
    }
    if all(value is None for value in values.values()):
        return None
    styles = row_styles(study.rows)
    title = "What each kind of noise adds to each failure mode, points over clean labels"
    width = width_for(title, 1.0 + 2.1 * len(MODES))
    columns, foot = foot_of(width, study.rows)
    figure = new_figure(title, study.title, width, 1.2 + 0.6 * len(kinds), foot)
    for mode, axes in zip(MODES, figure.subplots(1, len(MODES), sharey=True), strict=True):
        axes.axvline(0, color=INK, linewidth=0.8)
        for i, row in enumerate(study.rows):
            shift = 0.6 * ((i + 0.5) / len(study.rows) - 0.5)
            found = [(values[kind, row, mode], place + shift) for place, kind in enumerate(kinds)]
            shown = [(100 * x, y) for x, y in found if x is not None]
            look = styles[row]
            if shown:
                axes.plot(*zip(*shown, strict=True), look.marker, color=look.color, markersize=5)
        axes.set_title(MODE_TITLES[mode])
        axes.set_xlim(_at_least(axes.get_xlim()))
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        for edge in range(1, len(kinds)):
            axes.axhline(edge - 0.5, color=FAINT, linewidth=0.4)
        axes.set_yticks(range(len(kinds)), kinds)
    legend_below(figure, handles_of(styles, lines=False), columns)
    return figure


def _at_least(limits: tuple[float, float]) -> tuple[float, float]:
    """Return the limits of an axis, widened about their middle to ``LEAST_SPAN``."""
    low, high = limits
    missing = max(0.0, LEAST_SPAN - (high - low)) / 2
    return low - missing, high + missing


def draw_failures(study: Study) -> Figure | None:
    """Draw the failure modes of every track and row as numbers on a ground that darkens with them, mode by mode."""
    import numpy as np

    table = {
        mode: np.array([[_mean(study, track, row, mode) for row in study.rows] for track in study.tracks])
        for mode in MODES
    }
    if all(np.isnan(values).all() for values in table.values()):
        return None
    title = "Failure modes, % of hits (missed: of visible positives)"
    each = max(0.35 + 0.33 * len(study.rows), 0.3 + 0.085 * max(map(len, MODE_TITLES.values())))
    across = max(1, min(len(MODES), int(WIDEST / each)))
    names = 0.3 + 0.065 * max(map(len, study.rows))
    high = (0.35 + 0.24 * len(study.tracks) + names) * -(-len(MODES) // across)
    left = 0.3 + PER_LETTER * max(map(len, study.tracks))
    figure = new_figure(title, study.title, left + across * each, 0.6 + high)
    for i, (mode, axes) in enumerate(zip(MODES, panels(figure, len(MODES), across, sharey=True), strict=True)):
        _draw_matrix(axes, 100 * table[mode], study)
        axes.set_title(MODE_TITLES[mode])
        axes.tick_params(labelleft=i % across == 0)
    return figure


def _mean(study: Study, track: str, row: str, mode: str) -> float:
    """Return a failure mode's mean, NaN where there is none."""
    found = study.failure(track, row, mode).mean
    return float("nan") if found is None else found


def _draw_matrix(axes: Any, values: Any, study: Study) -> None:
    """Draw one mode: rows are tracks, columns strategies."""
    import numpy as np

    top = max(LEAST_DARK, np.nanmax(values, initial=0.0))
    axes.imshow(np.ma.masked_invalid(values), cmap="Oranges", aspect="auto", vmin=0, vmax=top)
    for i, j in np.argwhere(~np.isnan(values)).tolist():
        colour = "white" if values[i, j] > 0.7 * top else INK
        text = f"{values[i, j]:.{1 if values[i, j] < 9.95 else 0}f}"
        axes.text(j, i, text, ha="center", va="center", fontsize=6.5, color=colour)
    axes.set_xticks(range(len(study.rows)), study.rows, rotation=90, fontsize=7)
    axes.set_yticks(range(len(study.tracks)), study.tracks, fontsize=8)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_trade_off(study: Study) -> Figure | None:
    """Draw p-mIoU against n-mIoU per track, the front as a line; small marks are seeds."""
    points = {track: _points(study, track) for track in study.tracks}
    tracks = [track for track, found in points.items() if found]
    if not tracks:
        return None
    styles = row_styles(study.rows)
    title = "Trade-off: upper left is better; the line joins the Pareto front, small marks are seeds"
    across = min(4, len(tracks))
    width = width_for(title, 0.5 + 2.5 * across)
    columns, foot = foot_of(width, study.rows)
    figure = new_figure(title, study.title, width, 0.8 + 2.2 * -(-len(tracks) // across), foot)
    shown = panels(figure, len(tracks), across)
    for i, (axes, track) in enumerate(zip(shown, tracks, strict=True)):
        _draw_points(axes, study, track, points[track], styles)
        axes.set_title(track)
        if i % across == 0:
            axes.set_ylabel("p-mIoU × 100")
        if i + across >= len(tracks):
            axes.set_xlabel("n-mIoU × 100")
    legend_below(figure, handles_of(styles, lines=False), columns)
    return figure


def _points(study: Study, track: str) -> dict[str, tuple[float, float]]:
    """Return row → mean (p-mIoU, n-mIoU) × 100, where both are defined."""
    found = {}
    for row in study.rows:
        p, n = (study.score(track, row, metric).mean for metric in ("p_miou", "n_miou"))
        if p is not None and n is not None:
            found[row] = (100 * p, 100 * n)
    return found


def _draw_points(
    axes: Any, study: Study, track: str, points: dict[str, tuple[float, float]], styles: dict[str, RowStyle]
) -> None:
    """Draw the rows of one track."""
    on_front = pareto_front(list(points.values()))
    front = sorted((n, p) for (p, n), is_on in zip(points.values(), on_front, strict=True) if is_on)
    axes.plot(*zip(*front, strict=True), color=FAINT, linewidth=1.2, zorder=1)
    for row, (p, n) in points.items():
        look = styles[row]
        seeds = study.results(track, row)
        if len(seeds) > 1:
            pairs = [(100 * (r.scores["n_miou"] or 0), 100 * (r.scores["p_miou"] or 0)) for r in seeds]
            axes.plot(*zip(*pairs, strict=True), look.marker, color=look.color, markersize=3, alpha=0.45)
        axes.plot([n], [p], look.marker, color=look.color, markersize=8, mec="white", mew=0.4, zorder=3)
    axes.set_xlim(_at_least(axes.get_xlim()))
    axes.set_ylim(_at_least(axes.get_ylim()))
