"""The charts of a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.writing import write_figure
from actiseg_noise.errors import ActisegError, MissingExtraError
from actiseg_noise.manifest.info import ManifestInfo, SlotCounts
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.plot_style import BLUE, DPI, FAINT, INK, MUTED, ORANGE, RULE, new_figure, own_style
from actiseg_noise.view.chart_matrix import draw_confusions, subtitle
from actiseg_noise.view.chart_measure import IOU_BINS, MaskFigures, count_confusions, measure_masks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_OF_BOUNDARY = 0.97
SHORTEST_REACH, LONGEST_REACH = 5, 40  # of the axis of displacements, in px


def plot_manifest(manifest: Manifest, folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw a manifest's charts into ``folder`` and return the files: those of which it holds anything.

    ``rates``, ``iou``, ``displacement``, ``confusion``, each as ``.png``, ``.pdf`` or ``.svg``.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        ActisegError: the folder cannot be made or written.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("inspect --plot", "Matplotlib", "plots")
    info = manifest.info
    masks = measure_masks(manifest)
    confusions = count_confusions(manifest)
    charts: dict[str, tuple[bool, Callable[[], Figure]]] = {
        "rates": (bool(info.noises), lambda: draw_rates(info)),
        "iou": (bool(masks), lambda: draw_ious(info, masks)),
        "displacement": (
            any(figures.displacements for figures in masks.values()),
            lambda: draw_displacements(info, masks),
        ),
        "confusion": (
            any(clean != noisy for clean, noisy in confusions),
            lambda: draw_confusions(info, manifest.vocabulary, confusions),
        ),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [(name, draw) for name, (is_there, draw) in charts.items() if is_there]
        return [_save(draw, folder / f"{name}.{form}") for name, draw in there for form in formats]
    except OSError as error:
        raise ActisegError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder for --plot"
        ) from None


def _save(draw: Callable[[], Figure], path: Path) -> Path:
    """Draw a chart and write it."""
    with own_style():
        return write_figure(path, draw(), DPI)


def draw_rates(info: ManifestInfo) -> Figure:
    """Draw, per noise, the realised rate on the interval that chance allows around the requested one."""
    figure = new_figure("Realised rates", subtitle(info), 7.2, 1.3 + 0.55 * len(info.noises))
    axes = figure.subplots()
    for place, slot in enumerate(info.noises):
        _draw_rate(axes, place, slot)
    axes.set_yticks(range(len(info.noises)), [slot.noise_id for slot in info.noises])
    axes.set_ylim(len(info.noises) - 0.5, -0.5)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks([i / 5 for i in range(6)], [f"{i * 20} %" for i in range(6)])
    axes.set_xlabel("share of the eligible draws that were corrupted")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    names = {"rate asked for": "|", "realised": "o"}
    handles = [axes.plot([], [], mark, color=BLUE if mark == "o" else INK, label=n)[0] for n, mark in names.items()]
    handles.append(axes.plot([], [], color="#bcd7e8", linewidth=7, label="what chance allows (1 in 10⁶ beyond)")[0])
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8)
    return figure


def _draw_rate(axes: Any, place: int, slot: SlotCounts) -> None:
    """Draw one noise's line."""
    if slot.rate is None:
        axes.text(0, place, "nothing was eligible", va="center", color=MUTED)
        return
    low, high = (count / slot.eligible for count in slot.interval)
    axes.plot([low, high], [place, place], color="#bcd7e8", linewidth=7, solid_capstyle="butt")
    axes.plot([slot.requested], [place], "|", color=INK, markersize=14)
    axes.plot([slot.rate], [place], "o", color=BLUE if slot.is_allowed else ORANGE, markersize=6)
    text = f"{slot.realised:,} of {slot.eligible:,}"
    side, shift = ("right", -0.02) if max(high, slot.rate) > 0.75 else ("left", 0.02)
    edge = min(low, slot.rate) if side == "right" else max(high, slot.rate)
    axes.text(edge + shift, place, text, va="center", ha=side, fontsize=8, color=INK)


def draw_ious(info: ManifestInfo, masks: dict[str, MaskFigures]) -> Figure:
    """Draw, per noise, the share of noised masks per twentieth of IoU with the clean mask."""
    figure = new_figure("IoU of noised masks with the clean ones", subtitle(info), 6.4, 0.7 + 1.7 * len(masks))
    rows = figure.subplots(len(masks), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (noise, found) in zip(rows, masks.items(), strict=True):
        edges = [i / IOU_BINS for i in range(IOU_BINS)]
        shares = [100 * count / found.masks for count in found.ious]
        axes.bar(edges, shares, width=1 / IOU_BINS, align="edge", color=BLUE, edgecolor="white", linewidth=0.6)
        axes.set_title(f"{noise}: {found.masks:,} masks")
        axes.set_xlim(0, 1)
        _percent_axis(axes, "masks")
    rows[-1].set_xlabel("IoU with the clean mask")
    return figure


def draw_displacements(info: ManifestInfo, masks: dict[str, MaskFigures]) -> Figure:
    """Draw, per noise, how far the boundary pixels of noised masks lie from the clean boundary."""
    shown = {noise: found for noise, found in masks.items() if found.displacements}
    figure = new_figure("Boundary displacement of noised masks", subtitle(info), 6.4, 0.9 + 1.7 * len(shown))
    rows = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, (noise, found) in zip(rows, shown.items(), strict=True):
        reach = _reach(found.displacements)
        inner: Counter[int] = Counter()
        for value, count in found.displacements.items():
            inner[max(-reach, min(reach, value))] += count
        total = sum(inner.values())
        values = sorted(inner)
        colours = [BLUE if value < 0 else FAINT if value == 0 else ORANGE for value in values]
        axes.bar(values, [100 * inner[value] / total for value in values], width=0.9, color=colours)
        axes.set_xlim(-reach - 0.7, reach + 0.7)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(f"{noise}: {_sampled(found)}")
        _percent_axis(axes, "boundary pixels")
    rows[-1].set_xlabel(
        "pixels from the clean boundary: inward −, outward +\n(what lies further away is in the outermost bars)"
    )
    return figure


def _sampled(found: MaskFigures) -> str:
    """Say how many masks were measured, of how many."""
    drawn = f"{found.masks:,} masks" if found.sampled == found.masks else f"{found.sampled:,} of {found.masks:,} masks"
    return f"{drawn}, {found.erased:,} of them empty" if found.erased else drawn


def _reach(displacements: Counter[int]) -> int:
    """Return the end of the axis: the distance within which nearly all boundary pixels lie, within bounds."""
    total, seen = sum(displacements.values()), 0
    for distance in sorted({abs(value) for value in displacements}):
        seen += sum(displacements[value] for value in {distance, -distance})
        if seen >= MOST_OF_BOUNDARY * total:
            return min(max(distance, SHORTEST_REACH), LONGEST_REACH)
    return SHORTEST_REACH


def _percent_axis(axes: Any, what: str) -> None:
    """Dress a vertical axis of shares."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.set_ylabel(what)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
