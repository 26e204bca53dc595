"""``docs/metrics.md``, every metric with a drawn example: ``python -m tools.pages.metrics [docs]``.

The example is one clip of two frames and four objects. Its numbers are computed by the package's own functions, from
the masks that are drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER, METRICS, TITLES, score_parts
from actiseg_bench.metrics.davis import tolerance_px
from actiseg_bench.metrics.failure_modes import MODES, ObjectFrames, band_px, failure_modes
from actiseg_bench.metrics.failure_modes import TITLES as MODE_TITLES
from actiseg_bench.metrics.object_scores import mean_scores, object_scores
from actiseg_bench.metrics.ranking import average_precision
from actiseg_bench.metrics.ungated import ungated_scores
from actiseg_bench.metrics.volume import volume_scores
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.measure import measure_frames
from actiseg_bench.scoring.truth import ScoredFrame
from actiseg_noise.masks import IndexMask
from tools.pages.markdown import table
from tools.pages.metrics_text import CONCLUSIONS, COSTS, FILES, FILES_TEXT, INTRO, MODE_TEXT, SIX_TEXT, TRAINING

HEIGHT, WIDTH, CELL, GAP, HEAD = 30, 40, 7, 24, 22  # the canvas in pixels; the drawing in points
PICTURE = "metrics.svg"


@dataclass(frozen=True)
class Drawn:
    """An object of the example.

    Attributes:
        truth, predicted: per frame (top, left, bottom, right), half-open; None where it is not.
        score: the positive score that the model gives it.
    """

    noun: str
    is_positive: bool
    color: str
    score: float
    truth: tuple[tuple[int, int, int, int] | None, ...]
    predicted: tuple[tuple[int, int, int, int] | None, ...]


OBJECTS = {
    1: Drawn("onion", True, "#E69F00", 0.9, ((6, 4, 16, 14), (6, 4, 11, 8)), ((6, 5, 16, 15), None)),
    2: Drawn(
        "left hand", True, "#0072B2", 0.8, ((20, 6, 24, 26), (20, 10, 24, 30)), ((20, 6, 24, 16), (20, 10, 24, 30))
    ),
    3: Drawn("pan", False, "#9a9a9a", 0.6, ((6, 24, 14, 36), (6, 24, 14, 36)), ((6, 30, 14, 36), None)),
    4: Drawn("cup", True, "#009E73", 0.4, (None, (16, 32, 20, 38)), (None, (6, 24, 14, 32))),
}
FRAMES = 2


@cache
def paint(frame: int, side: str) -> IndexMask:
    """Return the index mask of a frame, ``truth`` or ``predicted``."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for object_id, drawn in OBJECTS.items():
        box = getattr(drawn, side)[frame]
        if box is not None:
            mask[box[0] : box[2], box[1] : box[3]] = object_id
    return mask


def example() -> tuple[Evaluation, ObjectFrames]:
    """Return what the package makes of the example."""
    flags, nouns = [one.is_positive for one in OBJECTS.values()], [one.noun for one in OBJECTS.values()]
    scored = [
        ScoredFrame("clip", frame, list(OBJECTS), flags, nouns, paint(frame, "truth"), paint(frame, "predicted"))
        for frame in range(FRAMES)
    ]
    found = measure_frames(scored, 0, "ignore")
    return found.evaluation, found.frames


def draw_example() -> str:
    """Return the picture as SVG: the truth of both frames above, the predictions below."""
    wide, high = WIDTH * CELL, HEIGHT * CELL
    total = 2 * wide + GAP, 2 * (high + HEAD) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" width="{total[0]}" '
        f'height="{total[1]}" font-family="sans-serif" font-size="13">',
        f'<rect width="{total[0]}" height="{total[1]}" fill="#ffffff"/>',
    ]
    for row, (side, title) in enumerate((("truth", "truth"), ("predicted", "prediction"))):
        for frame in range(FRAMES):
            left, top = frame * (wide + GAP), row * (high + HEAD + GAP)
            parts.append(f'<text x="{left}" y="{top + 15}">frame {frame}, {title}</text>')
            parts += _draw_panel(frame, side, left, top + HEAD)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw_panel(frame: int, side: str, left: int, top: int) -> Iterator[str]:
    """Yield one panel: objects filled, and over a prediction the outlines of the truth."""
    yield (
        f'<rect x="{left + 0.5}" y="{top + 0.5}" width="{WIDTH * CELL - 1}" height="{HEIGHT * CELL - 1}" '
        'fill="none" stroke="#b0b0b0"/>'
    )
    for drawn in OBJECTS.values():
        box, true = getattr(drawn, side)[frame], drawn.truth[frame]
        if box is not None:
            yield _box(box, left, top, f'fill="{drawn.color}" fill-opacity="{1 if side == "truth" else 0.6}"')
        if true is not None and side != "truth":
            yield _box(true, left, top, 'fill="none" stroke="#202020" stroke-dasharray="4 3"')
        if box is not None:
            sign = "+" if drawn.is_positive else "–"
            yield (f'<text x="{left + box[1] * CELL + 3}" y="{top + box[0] * CELL + 14}">{drawn.noun} {sign}</text>')


def _box(box: Sequence[int], left: int, top: int, look: str) -> str:
    """Return a rectangle of the picture."""
    y, x, bottom, right = (CELL * side for side in box)
    return f'<rect x="{left + x}" y="{top + y}" width="{right - x}" height="{bottom - y}" {look}/>'


def metrics_page() -> str:
    """Return the page as Markdown."""
    evaluation, frames = example()
    parts = [INTRO, *_object_frames(frames), *_six(evaluation), *_beside(frames), *_failures(frames)]
    return "\n".join([*parts, TRAINING, CONCLUSIONS, COSTS, *_files()]).rstrip() + "\n"


_CASES = {(True, True): "TP", (False, False): "TN", (False, True): "FP", (True, False): "FN"}


def _object_frames(frames: ObjectFrames) -> Iterator[str]:
    """Yield the table of the example's object-frames."""
    top, _ = score_parts(frames.counts)
    giou = top[METRICS.index("giou")]
    rows = []
    for i in range(len(frames)):
        drawn, union = OBJECTS[int(frames.object_id[i])], int(frames.counts.union[i])
        areas = [int(column[i]) for column in (frames.gt_area, frames.pred_area, frames.intersection)]
        case = _CASES[drawn.is_positive and areas[0] > 0, areas[1] > 0]
        iou = f"{frames.iou[i]:.3f}" if union else "–"
        kind = "positive" if drawn.is_positive else "negative"
        place = [str(frames.frame_idx[i]), drawn.noun, kind]
        rows.append([*place, *map(str, areas), str(union), iou, f"{giou[i]:.3f}", case])
    header = ("frame", "object", "", "g", "p", "I", "U", "I/U", "in gIoU", "presence")
    yield table(header, rows) + "\n"


def _six(evaluation: Evaluation) -> Iterator[str]:
    """Yield the six metrics, each with its fraction in the example."""
    yield "## The six metrics\n"
    top, bottom = score_parts(evaluation.counts)
    rows = []
    for i, name in enumerate(METRICS):
        counted = bottom[i] > 0
        terms = " + ".join(f"{value:.3g}" for value in top[i][counted])
        better = "↓" if name in LOWER_IS_BETTER else "↑"
        score = getattr(evaluation.scores, name)
        rows.append(
            [f"**{TITLES[name]}** {better}", SIX_TEXT[name], f"({terms}) / {bottom[i].sum():.4g}", f"{100 * score:.1f}"]
        )
    rows.append(["**hands** ↑", SIX_TEXT["p_miou_hands"], "", f"{100 * (evaluation.p_miou_hands or 0):.1f}"])
    rows.append(["**objects** ↑", SIX_TEXT["p_miou_objects"], "", f"{100 * (evaluation.p_miou_objects or 0):.1f}"])
    yield table(("metric", "definition", "in the example", "× 100"), rows) + "\n"
    yield SIX_TEXT["after"]


def _beside(frames: ObjectFrames) -> Iterator[str]:
    """Yield the volumetric scores and the threshold-free one."""
    yield "## Beside the six\n"
    yield _ungated(frames)
    volume = {name: 100 * (value or 0.0) for name, value in volume_scores(frames).items()}
    yield SIX_TEXT["volume"]
    rows = []
    for object_id, drawn in OBJECTS.items():
        if drawn.is_positive:
            own = frames.select(frames.object_id == object_id)
            scores = volume_scores(own)
            cells = [f"{scores[name]:.3f}" for name in ("p_j_volume", "p_f_volume", "p_jf_volume")]
            sums = f"{own.intersection.sum()} / {own.counts.union.sum()}"
            rows.append([drawn.noun, sums, *cells])
    rows.append(
        ["**mean**", "", *(f"**{volume[name] / 100:.3f}**" for name in ("p_j_volume", "p_f_volume", "p_jf_volume"))]
    )
    yield table(("positive object", "Σ I / Σ U", "J", "F", "J&F"), rows) + "\n"
    yield SIX_TEXT["frames"].format(**mean_scores(object_scores(frames, ["clip"])))
    ranked = sorted(OBJECTS.values(), key=lambda one: -one.score)
    scores = np.array([one.score for one in ranked])
    found = average_precision(scores, np.array([one.is_positive for one in ranked]))
    order = ", ".join(f"{one.noun} {one.score:g} ({'+' if one.is_positive else '–'})" for one in ranked)
    yield SIX_TEXT["ap"].format(order=order, ap=f"{100 * (found or 0.0):.1f}")


def _ungated(frames: ObjectFrames) -> str:
    """Return the paragraph of ungated masks: those of the example, and half of the onion where it is not predicted."""
    half = np.where((frames.object_id == 1) & (frames.frame_idx == 1), frames.gt_area // 2, 0)
    behind = replace(frames, ungated_intersection=frames.intersection + half, ungated_area=frames.pred_area + half)
    gated = replace(frames, ungated_intersection=frames.intersection, ungated_area=frames.pred_area)
    shown = {name: ungated_scores(each)["p_miou_ungated"] for name, each in (("ungated", behind), ("gated", gated))}
    return SIX_TEXT["ungated"].format(**{name: f"{100 * (score or 0.0):.1f}" for name, score in shown.items()})


def _failures(frames: ObjectFrames) -> Iterator[str]:
    """Yield the failure modes."""
    yield "## Failure modes\n"
    found = failure_modes(frames)
    yield MODE_TEXT["intro"].format(band=f"{band_px(HEIGHT, WIDTH):g}", tolerance=tolerance_px(HEIGHT, WIDTH))
    rows = [[f"**{MODE_TITLES[mode]}**", MODE_TEXT[mode], f"{100 * (found[mode] or 0.0):.1f}"] for mode in MODES]
    yield table(("mode", "definition", "in the example, %"), rows) + "\n"


def _files() -> Iterator[str]:
    """Yield the columns of the files that the analysis writes."""
    yield "## Files\n"
    yield FILES_TEXT
    for name, (what, columns) in FILES.items():
        yield f"**`{name}`**: {what}\n"
        yield table(("column", "meaning"), [[f"`{column}`", text] for column, text in columns.items()]) + "\n"


def write_page(docs: Path) -> None:
    """Write the page and its picture."""
    (docs / "metrics.md").write_text(metrics_page(), "utf-8")
    (docs / "images" / PICTURE).write_text(draw_example(), "utf-8")


if __name__ == "__main__":
    write_page(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))
