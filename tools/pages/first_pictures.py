"""The pictures of the README and of ``docs/quickstart.md``: ``python -m tools.pages.first_pictures``.

``first.png``: labels of a published manifest, scores of ``docs/analysis``, a frame that the embedded dataset draws.
``quickstart.png``: the contact sheet that the page's commands make.
"""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from actiseg_noise import build, preview, read_manifest
from actiseg_noise.datasets.kitchen import plan_video, render_video
from actiseg_noise.manifest.clips import ManifestClip, ManifestSample
from actiseg_noise.plot_style import BLUE, DPI, FAINT, INK, ORANGE, RULE, own_style
from actiseg_noise.view.preview_picture import masks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
MANIFEST = ROOT / "manifests" / "kitchen" / "train" / "mixed-40-15-s0"
SCORES = ROOT / "docs" / "analysis" / "full-v2-flip-40.csv"
CLIP = "train_00002a"
ROWS = ("silent", "clean_subset", "baseline", "adele", "elr", "npn", "co_teaching", "gce", "sce", "pmhm")
HEADER = ("40 % of nouns flipped", "p-mIoU ↑", "gIoU ↑")
TINTS = {"bowl": (0, 114, 178), "left hand": (230, 159, 0), "milk": (145, 70, 190)}
WINDOW = np.s_[:, 40:360]  # rows, columns of the frame that are shown
Picture = npt.NDArray[np.uint8]


def table_rows() -> list[tuple[str, str, str]]:
    """Return (strategy, p-mIoU, gIoU) of the rows shown: mean ± standard deviation, as the leaderboard prints them."""
    with SCORES.open(encoding="utf-8", newline="") as file:
        by_name = {row["strategy"]: row for row in csv.DictReader(file)}
    return [(name, _score(by_name[name], "p_miou"), _score(by_name[name], "giou")) for name in ROWS]


def draw() -> Figure:
    """Return the picture: a clip with clean and with noisy labels, and a leaderboard beside it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (clip,) = read_manifest(MANIFEST).iter_clips([CLIP])
    frame = render_video(plan_video("train", int(CLIP[6:11])))[0].image
    with own_style():
        figure = Figure(figsize=(9.6, 3.1), facecolor="white")
        FigureCanvasAgg(figure)
        for left, side in ((0.012, "clean"), (0.3, "noisy")):
            _draw_side(figure.add_axes((left, 0.29, 0.275, 0.62)), frame, clip, side)
        _draw_table(figure.add_axes((0.62, 0.0, 0.365, 1)))
    return figure


def _draw_side(axes: Axes, frame: Picture, clip: ManifestClip, side: str) -> None:
    """Draw the frame under one side's masks of the objects that take part, and their nouns below."""
    positive = [sample for sample in clip.samples if sample.is_positive]
    axes.imshow(_overlay(frame, clip, positive, side), interpolation="antialiased")
    axes.set_axis_off()
    axes.set_title(f"{side}: “{clip.narration}”", fontsize=9, weight="bold", pad=4)
    for index, sample in enumerate(positive):
        is_wrong = side == "noisy" and sample.is_harmful
        noun, (tint, y) = (
            sample.noun if side == "clean" else sample.noisy_noun,
            (TINTS[sample.noun], -0.05 - 0.125 * index),
        )
        place: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "fontsize": 8.5}
        axes.text(0, y, "■", color=[value / 255 for value in tint], **place)
        axes.text(0.06, y, noun, color=ORANGE if is_wrong else INK, weight="bold" if is_wrong else "normal", **place)


def _overlay(frame: Picture, clip: ManifestClip, samples: list[ManifestSample], side: str) -> Picture:
    """Return the frame, ``uint8 RGB [2 h, 2 w, 3]``, under one side's masks."""
    import cv2

    large = frame[WINDOW].repeat(2, 0).repeat(2, 1).astype(np.float64)
    shown = 0.35 * large + 0.5 * large.mean(2, keepdims=True) + 20
    masks = masks_of(clip.frames[0], side)
    for sample in samples:
        mask = masks[sample.object_id][WINDOW].repeat(2, 0).repeat(2, 1)
        tint = np.array(TINTS[sample.noun])
        shown[mask] = 0.45 * shown[mask] + 0.55 * tint
        shown[mask & ~cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).view(bool)] = tint
    return shown.astype(np.uint8)


def _draw_table(axes: Axes) -> None:
    """Draw the leaderboard: a line per strategy."""
    rows = [HEADER, *table_rows()]
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(len(rows) + 0.4, -0.6))
    for y, (name, *scores) in enumerate(rows):
        weight = "bold" if y == 0 else "normal"
        axes.text(0, y, name, va="center", weight=weight, color=BLUE if name == "baseline" else INK, fontsize=8.5)
        for x, score in zip((0.78, 1), scores, strict=True):
            axes.text(x, y, score, va="center", ha="right", weight=weight, fontsize=8.5)
        axes.axhline(y + 0.5, color=FAINT if y == 0 else RULE, linewidth=0.8)
    note = "kitchen, 6 trainings a row, mean ± sd · silent, clean_subset: yardsticks"
    axes.text(0, len(rows) - 0.1, note, color=FAINT, fontsize=7, va="center")


def _score(row: dict[str, str], metric: str) -> str:
    """Return one score as the leaderboard prints it."""
    deviation = row[f"{metric}_std"]
    return f"{float(row[metric]):.1f}" + (f" ± {float(deviation):.1f}" if deviation else "")


def pixels_of(figure: Figure) -> Picture:
    """Return a figure's pixels, ``uint8 RGB [H, W, 3]``."""
    figure.set_dpi(DPI)
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def draw_sheet() -> Image.Image:
    """Return the contact sheet of the page's manifest, 1,200 pixels wide."""
    with TemporaryDirectory() as folder:
        path = build("kitchen", recipe="mixed-40-15", limit=20, out=Path(folder) / "first")
        image = preview(path, limit=4).image
    return image.resize((1200, round(1200 * image.height / image.width)), Image.Resampling.LANCZOS)


def write_pictures(folder: Path = IMAGES) -> None:
    """Write both pictures, with few colours, so that a page with them opens quickly."""
    for name, image in (("first", Image.fromarray(pixels_of(draw()))), ("quickstart", draw_sheet().convert("RGB"))):
        image.quantize(144, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    write_pictures()
