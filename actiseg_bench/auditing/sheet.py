"""The contact sheet of the worst labels: the frame around the object, the given boundary, what is believed of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_bench.auditing.findings import FrameFinding, SampleFinding
from actiseg_bench.auditing.options import FLAG, MASK, NOUN
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.plot_style import BLUE, ORANGE, new_figure, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
TITLE_WIDTH = 34  # letters of a line, which fit over a panel
MARGIN = 0.25  # of the object's box, shown around it


def draw_sheet(
    manifest: Manifest, data: ManifestDataset, samples: Sequence[SampleFinding], frames: Sequence[FrameFinding]
) -> Figure:
    """Return a figure with a picture for every sample, worst first."""
    by_sample: dict[str, list[FrameFinding]] = {}
    for frame in frames:
        by_sample.setdefault(frame.sample_id, []).append(frame)
    rows = max(1, -(-len(samples) // COLUMNS))
    subtitle = f"manifest {manifest.digest[:12]}; given boundary orange, where the picture has an edge blue"
    with own_style():
        figure = new_figure(f"Most suspected labels of {manifest.info.name}", subtitle, 12.0, 2.3 * rows + 0.6)
        axes = figure.subplots(rows, COLUMNS, squeeze=False)
        for panel in axes.flat:
            panel.set_axis_off()
            panel.set_anchor("NW")  # a narrow picture leaves its panel's room to the right, where its title goes on
        for panel, one in zip(axes.flat, samples, strict=False):
            _draw(panel, data, one, by_sample.get(one.sample_id, []))
    return figure


def _draw(panel: Any, data: ManifestDataset, one: SampleFinding, frames: Sequence[FrameFinding]) -> None:
    """Draw one sample in its worst frame, or in the one where most of it is seen."""
    lines = textwrap.wrap(f"{one.score:.3f}  {describe(one)}", TITLE_WIDTH) + textwrap.wrap(one.sample_id, TITLE_WIDTH)
    panel.set_title("\n".join(lines), fontsize=7, loc="left")
    if not frames:
        return
    item = data[data.clip_ids.index(one.clip_id)]
    worst = next((f for f in frames if f.frame_idx == one.worst_frame_idx and one.suspect == MASK), None)
    frame = worst or max(frames, key=lambda f: f.area_px)
    at, k = item.frame_idx.index(frame.frame_idx), item.sample_ids.index(one.sample_id)
    mask = item.masks[k, at].numpy() > 127
    panel.imshow(item.frames[at].permute(1, 2, 0).numpy())
    panel.contour(mask, [0.5], colors=[ORANGE], linewidths=1.2)
    if one.suspect == MASK and frame.move_px:
        moved = _moved(mask, round(frame.move_px * mask.shape[0] / item.canvas[0]))
        if moved.any() and not moved.all():
            panel.contour(moved, [0.5], colors=[BLUE], linewidths=1.0)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    room = max(12.0, MARGIN * max(np.ptp(rows), np.ptp(columns)))
    panel.set_xlim(columns[0] - room, columns[-1] + room)
    panel.set_ylim(rows[-1] + room, rows[0] - room)


def describe(one: SampleFinding) -> str:
    """Return in words what is suspected of a sample.

    ``onion → knife?``, ``onion: boundary?``, ``onion: negative?``
    """
    if one.suspect == NOUN:
        return f"{one.given_noun} → {one.suggested_noun or 'another'}?"
    if one.suspect == FLAG:
        return f"{one.given_noun}: {'negative' if one.given_is_positive else 'positive'}?"
    return f"{one.given_noun}: boundary?" if one.suspect == MASK else one.given_noun


def _moved(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    square = np.ones((2 * abs(pixels) + 1,) * 2, np.uint8)
    return (cv2.dilate if pixels > 0 else cv2.erode)(mask.view(np.uint8), square).view(bool)
