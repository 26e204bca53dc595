"""How charts are laid out: nothing is cut, no text lies on another, no two rows look alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bench_fakes import make_result
from board_fakes import at, study

from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.report import charts, training_charts
from actiseg_bench.report.study import Study
from actiseg_bench.report.style import name_on_lines, row_styles
from actiseg_noise.plot_style import own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRACKS = ("clean", "text-20", "text-40", "text-60", "flip-40", "mask-9", "mask-15", "mask-21", "mask-rand-15")
TRACKS += ("mixed-20-9", "mixed-40-15")
ROWS = ("baseline", "adele", "apl", "clean_subset", "co_teaching", "confident_learning", "elr", "ema_teacher", "gce")
ROWS += ("label_smoothing", "npn", "pmhm", "sce", "small_loss_pixels", "their_package_strategy")


def drawable(rows: Sequence[str], tracks: Sequence[str], probed: int = 15) -> Study:
    """A study with something for every chart; of its rows the first ``probed`` have probes of their fit."""
    draw = np.random.default_rng(0).random
    steps = (100, 1000, 1900)
    return study(
        *(
            make_result(
                track=track,
                strategy=row,
                scores={"p_miou": draw(), "n_miou": draw(), "giou": draw()},
                failures={mode: draw() for mode in MODES},
                fits=[{"step": step, "fit_given": draw(), "fit_clean": draw()} for step in steps] * (i < probed),
                selection=[{"samples": {"precision": draw(), "recall": draw()}}] * 2 * (row in ROWS[4:6]),
            )
            for track in tracks
            for i, row in enumerate(rows)
        )
    )


def shown_texts(figure: Figure) -> list[Any]:
    """The texts of a figure that are drawn: headings, titles, labels, ticks within view, legends, cells."""
    from matplotlib.text import Text

    ticks = [
        (axis.get_view_interval(), tick)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
    ]
    out_of_view = {tick.label1 for view, tick in ticks if not min(view) - 1e-9 <= tick.get_loc() <= max(view) + 1e-9}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if text not in out_of_view]


def check_layout(figure: Figure) -> int:
    """No text is outside of the figure or on another one; return how many there are."""
    figure.canvas.draw()
    boxes = {text: text.get_window_extent() for text in shown_texts(figure)}
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes.items():
        inside = box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1
        assert inside, f"{text.get_text()!r} is cut: {box} in {width}×{height}"
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, f"{one.get_text()!r} lies on {other.get_text()!r}"
    return len(boxes)


CASES = {
    "two rows, eleven tracks": (ROWS[:2], TRACKS),
    "two rows, one track": (ROWS[:2], ("text-40",)),
    "fifteen rows, one track": (ROWS, ("text-40",)),
}
DRAWN = (
    *(charts.draw_failures, charts.draw_profiles, charts.draw_levels, charts.draw_trade_off),
    *(training_charts.draw_selection, training_charts.draw_memorisation),
)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_and_no_text_lies_on_another(case: str) -> None:
    runs = drawable(*CASES[case])
    with own_style(grid=True):
        counts = [check_layout(figure) for draw in DRAWN if (figure := draw(runs)) is not None]
    assert len(counts) >= 3
    assert min(counts) > 5


def test_fifteen_rows_and_eleven_tracks_fit() -> None:
    with own_style(grid=True):
        for draw in (charts.draw_failures, charts.draw_levels, training_charts.draw_memorisation):
            figure = draw(drawable(ROWS, TRACKS, probed=3))
            assert figure is not None
            assert figure.get_size_inches()[0] < 15
            check_layout(figure)


def test_titles_that_collide_are_found() -> None:
    """The check itself: two panels too narrow for their titles."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    FigureCanvasAgg(figure)
    for axes in figure.subplots(1, 2):
        axes.set_title("identity substitution")
    with pytest.raises(AssertionError, match=r"is cut|lies on"):
        check_layout(figure)


def test_every_point_of_a_level_says_which_track_it_is() -> None:
    runs = study(*(at(track, 0.5) for track in ("clean", "text-20", "text-40", "mask-9")))
    figure = charts.draw_levels(runs)
    assert figure is not None
    labels = {label.get_text() for axes in figure.axes for label in axes.get_xticklabels()}
    assert {"0\nclean", "20\ntext-20", "40\ntext-40", "1\nclean", "9\nmask-9"} <= labels
    origin = charts.draw_levels(study(*(at(track, 0.5) for track in ("clean", "text-0", "text-20"))))
    assert origin is not None
    assert [label.get_text() for label in origin.axes[-1].get_xticklabels()] == ["0\ntext-0", "20\ntext-20"]


def test_no_two_rows_look_alike() -> None:
    rows = [*ROWS, "longer_baseline", "frozen", *(f"plugin_{i}" for i in range(24))]
    assert len(set(row_styles(rows).values())) == len(rows)


def test_a_long_name_is_broken_where_its_words_end() -> None:
    assert name_on_lines("small_loss_pixels", 12) == "small_loss_\npixels"
    assert name_on_lines("gce", 12) == "gce"
    assert name_on_lines("a" * 15, 10) == "a" * 10 + "\n" + "a" * 5
