"""The leaderboard: what is grouped, what is marked, what is said, and how it is printed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from bench_fakes import make_result
from rich.console import Console

from actiseg_bench.report.bootstrap import ClipSums
from actiseg_bench.report.cells import HEADER
from actiseg_bench.report.extras import EXTRAS
from actiseg_bench.report.latex import escape, render_latex
from actiseg_bench.report.render import print_leaderboards, render_csv, render_markdown, to_json
from actiseg_bench.report.table import Leaderboard, make_leaderboards, summarise, track_order
from actiseg_bench.report.web import render_html
from actiseg_bench.results.result import Cost, RunResult

START = make_result(track="reference", strategy="start", scores={"giou": 0.4})
SILENT = make_result(track="reference", strategy="silent", scores={"giou": 0.45, "p_miou": 0.0})


def board(*results: RunResult) -> Leaderboard:
    (only,) = make_leaderboards(results)
    return only


def printed(*results: RunResult, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), no_color=True)
    print_leaderboards(make_leaderboards(results), console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def equal_on_clips(**shift: float) -> Callable[[RunResult], ClipSums]:
    """Clip sums of four clips whose every score is the run's gIoU, moved by ``shift`` of the strategy on odd clips."""

    def sums(result: RunResult) -> ClipSums:
        mean, move = result.scores["giou"] or 0.0, shift.get(result.strategy, 0.0)
        scores = np.array([mean - move, mean + move, mean - move, mean + move])
        top = np.repeat(scores[None, :, None], 6, 2)
        return ClipSums(("a", "b", "c", "d"), top, np.ones_like(top))

    return sums


def compared(*results: RunResult, **shift: float) -> Leaderboard:
    (only,) = make_leaderboards(results, equal_on_clips(**shift))
    return only


def seeds(*scores: float, **what: str) -> list[RunResult]:
    return [make_result(seed=k, scores={"giou": s, "n_miou": s}, **what) for k, s in enumerate(scores)]  # type: ignore[arg-type]


def test_blocks_are_tracks_and_rows_are_strategies_with_the_references_first() -> None:
    found = board(make_result(track="text-40"), make_result(), make_result(strategy="baseline"), START, SILENT)
    assert [block.track.name for block in found.blocks] == ["clean", "text-40"]
    assert [row.strategy for row in found.blocks[0].rows] == ["silent", "start", "baseline", "gce"]
    assert [row.strategy for row in found.blocks[1].rows] == ["silent", "start", "gce"]


def test_tracks_come_in_reading_order() -> None:
    names = [
        "mixed-40-15",
        "text-60",
        "mask-9",
        "zeta",
        "mask-15",
        "text-0",
        "flip-40",
        "clean",
        "mixed-20-9",
        "text-20",
    ]
    assert sorted(names, key=track_order) == [
        "clean",
        "text-0",
        "text-20",
        "text-60",
        "flip-40",
        "mask-9",
        "mask-15",
        "mixed-20-9",
        "mixed-40-15",
        "zeta",
    ]


def test_models_datasets_and_protocols_have_leaderboards_of_their_own() -> None:
    mine = make_result()
    other = replace(mine, track=replace(mine.track, protocol="full-v1"))
    found = make_leaderboards([mine, other, replace(mine, model="big")])
    assert [(b.model, b.protocol) for b in found] == [("big", "quick-v1"), ("tiny", "full-v1"), ("tiny", "quick-v1")]


def test_a_track_of_other_labels_is_a_block_of_its_own() -> None:
    mine = make_result()
    rebuilt = make_result(strategy="baseline")
    rebuilt = replace(rebuilt, track=replace(rebuilt.track, train_manifest="rebuilt"))
    assert len(board(mine, rebuilt).blocks) == 2


def test_references_join_only_the_tracks_scored_on_their_labels() -> None:
    other = replace(START, track=replace(START.track, eval_manifest="other"))
    assert [row.strategy for row in board(make_result(), other).blocks[0].rows] == ["gce"]


def test_references_alone_make_a_block() -> None:
    assert [row.strategy for row in board(START, SILENT).blocks[0].rows] == ["silent", "start"]


def test_mean_and_sample_deviation_over_seeds() -> None:
    assert summarise([0.25, 0.5, 0.75]) == summarise([0.75, 0.5, 0.25])
    assert (summarise([0.25, 0.5, 0.75]).mean, summarise([0.25, 0.5, 0.75]).std) == (0.5, 0.25)
    assert (summarise([0.5]).mean, summarise([0.5]).std) == (0.5, None)
    assert (summarise([0.5, None]).mean, summarise([None]).std) == (None, None)


def test_a_single_seed_marks_nothing_as_best() -> None:
    found = board(*seeds(0.9), *seeds(0.1, strategy="baseline"))
    assert all(not row.best for row in found.blocks[0].rows)
    assert any("nothing is marked as best" in note for note in found.notes)


def test_a_method_that_stands_alone_with_several_seeds_is_not_said_to_have_one() -> None:
    found = board(*seeds(0.9, 0.8), *seeds(0.1, 0.3, strategy="frozen"))
    text = " ".join(found.notes)
    assert "Nothing is marked as best" in text
    assert "single" not in text
    assert "single" not in render_latex([found])
    assert "A single seed: no best." in render_latex([board(*seeds(0.9), *seeds(0.1, strategy="baseline"))])


def test_one_row_with_a_single_seed_is_enough_to_mark_nothing() -> None:
    found = board(*seeds(0.9, 0.8), *seeds(0.1, strategy="baseline"))
    assert all(not row.best for row in found.blocks[0].rows)


def test_with_several_seeds_the_best_mean_is_marked_and_lower_is_better_for_negatives() -> None:
    found = board(*seeds(0.9, 0.7), *seeds(0.1, 0.3, strategy="baseline"), START)
    best = {row.strategy: row.best for row in found.blocks[0].rows}
    assert "giou" in best["gce"]
    assert "n_miou" not in best["gce"]
    assert "n_miou" in best["baseline"]
    assert not best["start"]


def test_a_metric_undefined_for_one_row_is_best_for_none() -> None:
    nothing = [replace(r, scores=r.scores | {"giou": None}) for r in seeds(0.1, 0.3, strategy="baseline")]
    found = board(*seeds(0.9, 0.7), *nothing)
    assert all("giou" not in row.best for row in found.blocks[0].rows)


def test_what_is_ten_points_worse_on_every_clip_is_separable_from_the_best() -> None:
    found = compared(*seeds(0.7, 0.7), *seeds(0.6, 0.6, strategy="baseline"), START)
    rows = {row.strategy: row for row in found.blocks[0].rows}
    gap = rows["baseline"].to_best["giou"]
    assert (gap.mean, gap.low, gap.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert (rows["baseline"].tied, "giou" in rows["gce"].to_best, rows["start"].to_best) == (frozenset(), False, {})


def test_what_is_better_on_half_of_the_clips_and_worse_on_the_others_is_not_separable() -> None:
    found = compared(*seeds(0.7, 0.7), *seeds(0.69, 0.69, strategy="baseline"), baseline=0.2)
    rows = {row.strategy: row for row in found.blocks[0].rows}
    assert "giou" in rows["gce"].best
    assert "giou" in rows["baseline"].tied
    assert any("≈ is not separable from the best" in note for note in found.notes)


def drawn(noise_seed: int, *results: RunResult) -> list[RunResult]:
    """The runs on another draw of the noise, with labels of its own."""
    labels = {"noise_seed": noise_seed, "train_manifest": f"train {noise_seed}"}
    return [
        replace(r, track=replace(r.track, **labels), run_key=f"{r.run_key} noise {noise_seed}")  # type: ignore[arg-type]
        for r in results
    ]


def two_draws(**second: float) -> list[RunResult]:
    """Two rows with two training seeds on each of two draws of the noise."""
    gce, base = seeds(0.7, 0.72, track="text-40"), seeds(0.5, 0.52, track="text-40", strategy="baseline")
    found = [*drawn(0, *gce, *base), *drawn(1, *seeds(0.74, 0.76, track="text-40"))]
    return [*found, *drawn(1, *seeds(*(second.values() or (0.54, 0.56)), track="text-40", strategy="baseline"))]


def test_draws_of_the_noise_are_one_block_and_its_means_are_over_all_of_them() -> None:
    (block,) = board(*two_draws()).blocks
    gce = next(row for row in block.rows if row.strategy == "gce")
    assert [track.noise_seed for track in block.tracks] == [0, 1]
    assert gce.runs == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert gce.values["giou"].mean == pytest.approx(0.73)
    text = printed(*two_draws())
    assert "noise seeds 0, 1 · training seeds 0, 1" in text
    assert "recipe text-40, noise seeds 0, 1" in " ".join(text.split())
    assert "| gce | faithful | 2×2 |" in render_markdown(make_leaderboards(two_draws()))


def test_noise_seeds_are_a_level_of_the_comparison() -> None:
    """Both draws favour gce by .2: that is known well. A second draw without a difference leaves one degree."""
    same = compared(*two_draws()).blocks[0].rows
    other = compared(*two_draws(a=0.74, b=0.76)).blocks[0].rows
    known, unknown = (next(row for row in rows if row.strategy == "baseline").to_best["giou"] for rows in (same, other))
    assert (known.mean, known.p_corrected < 0.05) == (pytest.approx(-0.2), True)
    assert (unknown.mean, unknown.is_separable) == (pytest.approx(-0.1), False)
    assert unknown.df == pytest.approx(1)


def test_equal_runs_on_equal_labels_count_once() -> None:
    """Clean labels have no noise to draw: the same run under two noise seeds is no second observation."""
    once = seeds(0.7, 0.72)
    again = [replace(r, track=replace(r.track, noise_seed=1)) for r in once]
    (block,) = board(*once, *again).blocks
    assert [len(row.runs) for row in block.rows] == [2]


def test_one_training_seed_on_several_draws_marks_nothing() -> None:
    one = [*seeds(0.9), *seeds(0.1, strategy="baseline")]
    found = board(*drawn(0, *one), *drawn(1, *one), *drawn(2, *one))
    assert not any(row.best for row in found.blocks[0].rows)
    assert any(note.startswith("A single training seed: nothing is marked") for note in found.notes)


def test_a_run_that_is_missing_is_named_and_the_row_says_of_how_many() -> None:
    runs = [r for r in two_draws() if (r.strategy, r.track.noise_seed, r.seed) != ("gce", 1, 0)]
    found = compared(*runs)
    gce = next(row for row in found.blocks[0].rows if row.strategy == "gce")
    assert gce.missing == ((1, 0),)
    assert not any(row.to_best for row in found.blocks[0].rows)
    text = " ".join(found.notes)
    assert "text-40 gce-faithful: 1 of 4 runs are missing: noise seed 1 training seed 0." in text
    assert "gce ×3 of 4" in printed(*runs)
    assert "| gce | faithful | 3 of 4 |" in render_markdown([found])


def test_a_silent_row_is_best_in_nothing_and_not_compared() -> None:
    """It has the lowest n-mIoU and the highest gIoU of the three, both for saying nothing."""
    mute = [replace(r, failures={"missed": m}) for r, m in zip(quiet(0.0, 0.0), (0.2, 0.995), strict=True)]
    found = compared(*seeds(0.6, 0.6), *seeds(0.5, 0.5, strategy="baseline"), *mute)
    rows = {row.strategy: row for row in found.blocks[0].rows}
    assert (rows["sce"].silent, rows["sce"].best, rows["sce"].to_best) == (True, frozenset(), {})
    assert "giou" in rows["gce"].best
    assert "n_miou" in rows["baseline"].best
    assert any("∅ a run of the row misses 99 %" in note and "clean sce-faithful" in note for note in found.notes)
    (line,) = [line for line in render_markdown([found]).splitlines() if line.startswith("| sce")]
    assert line.startswith(
        "| sce | faithful | 2 | 50.0±0.0 | ∅ 0.0±0.0 | 50.0±0.0 | ∅ 50.0±0.0 | ∅ 90.0±0.0 | ∅ 50.0±0.0 |"
    )
    csv_rows = {row["strategy"]: row for row in csv.DictReader(io.StringIO(render_csv([found])))}
    assert csv_rows["sce"]["n_miou_mark"] == "silent"


def quiet(*n_miou: float) -> list[RunResult]:
    scores = [{"giou": 0.9, "n_miou": score} for score in n_miou]
    return [make_result(seed=k, strategy="sce", scores=one) for k, one in enumerate(scores)]  # type: ignore[arg-type]


def test_a_row_without_failure_modes_is_silent_when_it_has_no_p_miou() -> None:
    runs = [make_result(seed=k, scores={"p_miou": 0.0}) for k in (0, 1)]
    assert [row.silent for row in board(*runs, *seeds(0.5, 0.5, strategy="baseline")).blocks[0].rows] == [False, True]


def test_all_comparisons_of_a_leaderboard_are_corrected_together() -> None:
    """Two tracks of three rows: a comparison has to be a share of 5 % among the two rows × six metrics × two tracks."""
    tracks = [
        run
        for track in ("clean", "text-40")
        for name, base in (("gce", 0.7), ("baseline", 0.66), ("sce", 0.6))
        for run in seeds(base, base + 0.01, track=track, strategy=name)
    ]
    found = compared(*tracks, baseline=0.03, sce=0.2)
    gaps = [gap for block in found.blocks for row in block.rows for gap in row.to_best.values()]
    count = len(gaps)
    assert {gap.comparisons for gap in gaps} == {count}
    assert all(gap.p_corrected >= gap.p for gap in gaps)
    least = min(gaps, key=lambda gap: gap.p)
    assert least.p_corrected == pytest.approx(min(1, count * least.p))
    assert any(f"Holm's correction for the {count} comparisons" in note for note in found.notes)


def test_effect_sizes_and_the_smallest_detectable_difference_are_printed_and_in_json() -> None:
    runs = [*seeds(0.7, 0.73, 0.72), *seeds(0.6, 0.61, 0.64, strategy="baseline")]
    runs = [replace(r, scores=r.scores | {"p_miou": r.scores["giou"]}) for r in runs]
    found = compared(*runs, baseline=0.01)
    text = " ".join(found.notes)
    assert re.search(r"clean, p-mIoU against gce: baseline -10\.0 points \(g -\d\.\d\)\.", text)
    assert re.search(r"Smallest true difference in points .*p-mIoU \d+\.\d \(\d+\.\d to \d+\.\d\)", text)
    plain = json.loads(json.dumps(to_json([found])))[0]["blocks"][0]["rows"]
    gap = next(row for row in plain if row["strategy"] == "baseline")["to_best"]["giou"]
    assert gap["mean"] == pytest.approx(-0.1)
    assert set(gap) >= {"low", "high", "p", "p_corrected", "standardised", "detectable", "df"}


def test_clips_whose_videos_are_not_known_are_said_to_be_drawn_alone() -> None:
    two = [*seeds(0.7, 0.7), *seeds(0.6, 0.6, strategy="baseline")]
    assert any("do not say which clips are of one video" in note for note in compared(*two).notes)
    of_video = equal_on_clips()
    known = lambda result: replace(of_video(result), videos=("v", "v", "w", "w"))  # noqa: E731
    (found,) = make_leaderboards(two, known)
    assert not any("do not say which clips" in note for note in found.notes)


def test_nothing_is_compared_where_rows_have_other_seeds() -> None:
    found = compared(*seeds(0.7, 0.7), *seeds(0.6, 0.6, 0.6, strategy="baseline"))
    assert not any(row.to_best for row in found.blocks[0].rows)
    assert any("clean: the best is marked whatever the spread" in note for note in found.notes)


def test_nothing_is_compared_where_a_run_has_no_clip_sums() -> None:
    found = board(*seeds(0.7, 0.7), *seeds(0.6, 0.6, strategy="baseline"))
    assert not found.blocks[0].compared
    assert any("so nothing was tested" in note for note in found.notes)


def test_a_track_of_a_single_seed_is_named_beside_one_of_several() -> None:
    two = [*seeds(0.7, 0.7), *seeds(0.6, 0.6, strategy="baseline")]
    one = [make_result(track="text-40"), make_result(track="text-40", strategy="baseline")]
    assert any(note.startswith("text-40: nothing is marked") for note in compared(*two, *one).notes)


def test_cost_is_held_against_the_baseline_of_the_same_track() -> None:
    twice = Cost(train_s=3.0, eval_s=1.0, steps=10, peak_rss_mb=150.0)
    found = board(make_result(strategy="baseline"), make_result(cost=twice), make_result(track="text-40"), START)
    rows = {row.strategy: row for row in found.blocks[0].rows}
    assert (rows["baseline"].time, rows["gce"].time, rows["gce"].memory) == (1, 3, 1.5)
    assert (rows["start"].time, found.blocks[1].rows[1].time) == (None, None)
    assert (rows["baseline"].updates, rows["gce"].train_s, rows["gce"].peak_rss_mb) == (10, 3, 150)
    assert any("relative to the baseline's row of the same track" in note for note in found.notes)


def test_what_stands_beside_the_metrics_is_shown_and_marked_nowhere() -> None:
    def beside(result: RunResult) -> dict[str, float | None]:
        none = dict.fromkeys(EXTRAS)
        return none if result.is_reference else none | {"p_jf_volume": 0.25 + 0.5 * result.seed, "positive_ap": 0.75}

    runs = [*seeds(0.7, 0.7), *seeds(0.6, 0.6, strategy="baseline"), START]
    (found,) = make_leaderboards(runs, extras_of=beside)
    row = next(row for row in found.blocks[0].rows if row.strategy == "gce")
    assert (row.values["p_jf_volume"].mean, row.values["positive_ap"].mean) == (0.5, 0.75)
    assert not {"p_jf_volume", "positive_ap"} & row.best
    (line,) = [line for line in render_markdown([found]).splitlines() if line.startswith("| gce")]
    assert "| 50.0±35.4 | 75.0±0.0 | 10 |" in line
    for width, widest in ((80, "mem"), (160, "mem")):
        console = Console(width=width, file=io.StringIO(), no_color=True)
        print_leaderboards([found], console)
        headers = [line.split() for line in console.file.getvalue().splitlines() if line.startswith("strategy")]  # type: ignore[attr-defined]
        assert (headers[-1][-1], any("J&F↑" in header for header in headers)) == (widest, True)
        assert len(headers) == (2 if width == 80 else 1)
    assert any(note.startswith("J&F is volumetric") for note in found.notes)
    assert "p_jf_volume" not in render_csv([found])


def test_updates_are_those_of_all_networks_together() -> None:
    """Two networks that take ten steps each cost as many updates as one that takes twenty."""
    two = make_result(strategy="co_teaching", predictions="one+other")
    found = board(make_result(strategy="baseline"), two, START)
    assert {row.strategy: row.updates for row in found.blocks[0].rows} == {
        "start": 10,
        "baseline": 10,
        "co_teaching": 20,
    }
    (line,) = [line for line in render_markdown([found]).splitlines() if line.startswith("| co_teaching")]
    assert line.endswith("| 20 | 1.0 | 100 | 1.0× | 1.0× | – |")


def test_the_notes_say_how_to_read_the_numbers() -> None:
    told = make_result(strategy="co_teaching", oracle="noise rate 0.400")
    text = " ".join(board(told, START, SILENT).notes)
    two = make_result(strategy="co_teaching", oracle="noise rates of both flags 0.400, 0.031")
    assert "knew what a user would not: noise rates of both flags." in " ".join(board(two, START, SILENT).notes)
    assert "gIoU is the GRES generalised IoU" in text
    assert "gIoU and Acc reward silence" in text
    assert "co_teaching knew what a user would not: noise rate." in text
    assert "do not reproduce the numbers of the ActiSeg-NL paper" in text
    assert "Warning" not in text


def test_unequal_footing_is_warned_of() -> None:
    short = make_result(strategy="baseline", config={"train": {"steps": 1}})
    other = make_result(strategy="co_teaching")
    other = replace(other, provenance=replace(other.provenance, score_code="older"))
    text = " ".join(board(make_result(), short, other).notes)
    assert "the rows of clean differ in their training configuration" in text
    assert "made with 2 versions of the code" in text


def coded(strategy: str, score_code: str, **values: Any) -> RunResult:
    """A result that other code made."""
    result = make_result(strategy=strategy, **values)
    return replace(result, provenance=replace(result.provenance, score_code=score_code))


def test_rows_of_other_strategies_are_other_code_and_no_reason_to_warn() -> None:
    rows = [coded("baseline", "all+baseline"), coded("gce", "all+gce"), coded("silent", "all")]
    assert "versions of the code" not in " ".join(board(*rows).notes)
    trained_by_another = " ".join(board(*rows, coded("sce", "other+sce")).notes)
    assert "made with 2 versions of the code" in trained_by_another
    strategy_edited_between_seeds = " ".join(board(*rows, coded("gce", "all+edited", seed=1)).notes)
    assert "made with 2 versions of the code" in strategy_edited_between_seeds


def test_the_terminal_table_names_what_made_it() -> None:
    noisy = make_result(
        track="text-40", severity={"harmful_positives": 0.431, "median_iou": 0.667}, scores={"giou": 0.6612}
    )
    text = printed(noisy, START, SILENT)
    assert "model tiny · dataset kitchen · protocol quick-v1" in text
    assert "variant faithful · training seeds 0 · evaluation labels eval" in text
    assert "43.1 % of positives have a wrong noun · median IoU of noised masks 0.67" in " ".join(text.split())
    line = next(line for line in text.splitlines() if line.startswith("gce"))
    assert line.split() == ["gce", "50.0", "50.0", "50.0", "50.0", "66.1", "50.0", "50.0", "50.0"]


def test_an_undefined_score_is_a_dash() -> None:
    text = printed(make_result(scores={"n_miou": None}))
    assert next(line for line in text.splitlines() if line.startswith("gce")).split()[2] == "–"


@pytest.mark.parametrize(("width", "count"), [(80, 1), (100, 1), (120, 3)])
def test_the_terminal_table_fits_its_terminal(width: int, count: int) -> None:
    tracks = ["clean", "text-40", "mask-15", "mixed-40-15", "mixed-60-21", "flip-40"]
    runs = [
        r
        for t in tracks
        for s in ("baseline", "co_teaching")
        for r in seeds(*[0.661, 0.702, 0.683][:count], track=t, strategy=s)
    ]
    lines = printed(*runs, START, SILENT, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert any("time" in line for line in lines)
    assert any("objects↑" in line for line in lines) == (width > 80)


def test_another_variant_is_named_with_its_strategy() -> None:
    text = printed(make_result(), make_result(variant="released"))
    assert "gce@released" in text
    assert "variant faithful, released" in text


def test_a_markdown_table_has_a_section_per_track_and_a_summary() -> None:
    text = render_markdown(make_leaderboards([make_result(), make_result(track="text-40", scores={"giou": 0.25})]))
    assert "# Leaderboard: tiny on kitchen" in text
    scores = "50.0 | 50.0 | 50.0 | 50.0 | 25.0 | 50.0 | 50.0 | 50.0"
    assert f"| gce | faithful | 1 | {scores} | – | – | 10 | 1.0 | 100 | – | – | – |" in text
    assert "| gce | faithful | 50.0 / 50.0 | 25.0 / 50.0 |" in text
    assert "**" not in text


def test_best_values_are_bold_in_markdown() -> None:
    text = render_markdown(make_leaderboards([*seeds(0.9, 0.7), *seeds(0.1, 0.3, strategy="baseline")]))
    assert "**80.0±14.1**" in text


def test_a_csv_has_a_line_per_track_and_row_and_reads_back() -> None:
    rows = list(
        csv.DictReader(io.StringIO(render_csv(make_leaderboards([make_result(scores={"n_miou": None}), START]))))
    )
    assert [row["strategy"] for row in rows] == ["start", "gce"]
    assert (rows[1]["giou"], rows[1]["n_miou"], rows[1]["giou_std"], rows[1]["seeds"]) == ("50.0000", "", "", "0")
    assert (rows[1]["train_manifest"], rows[1]["eval_manifest"]) == ("train", "eval")


def test_json_holds_scores_in_zero_to_one() -> None:
    data = json.loads(json.dumps(to_json(make_leaderboards([*seeds(0.25, 0.75), START]))))
    row = data[0]["blocks"][0]["rows"][1]
    assert (row["strategy"], row["values"]["giou"]["mean"], row["seeds"], row["best"]) == ("gce", 0.5, [0, 1], [])


FULL = [
    *seeds(0.7, 0.72, track="text-40"),
    *seeds(0.69, 0.71, track="text-40", strategy="baseline"),
    *[replace(r, oracle="noise rate 0.4") for r in seeds(0.5, 0.52, track="text-40", strategy="co_teaching")],
    START,
    SILENT,
]


def full() -> list[Leaderboard]:
    return make_leaderboards(FULL, equal_on_clips(baseline=0.2))


def test_marks_cost_and_oracle_knowledge_are_on_the_terminal() -> None:
    console = Console(width=140, file=io.StringIO(), no_color=True)
    print_leaderboards(full(), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    row = {line.split()[0]: line for line in text.splitlines() if line.startswith(("gce", "baseline", "co_"))}
    assert "71.0±1.4*" in row["gce"]
    assert "70.0±1.4≈" in row["baseline"]
    assert "51.0±1.4 " in row["co_teaching†"]
    assert row["gce"].split()[-5:] == ["10", "1.0", "100", "1.0×", "1.0×"]
    assert "† co_teaching knew what a user would not: noise rate." in text


def test_a_narrow_terminal_has_cost_in_a_table_of_its_own() -> None:
    lines = printed(*FULL, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    headers = [line.split() for line in lines if line.startswith("strategy")]
    assert [header[-1] for header in headers] == ["Acc↑", "mem"]


def test_every_format_says_what_made_the_table() -> None:
    for text in (render_markdown(full()), render_csv(full()), render_latex(full()), render_html(full())):
        for word in ("tiny", "kitchen", "quick-v1", "text-40", "faithful", "eval", "train", "noise rate"):
            assert word in text, (word, text)


def test_latex_signs_are_escaped() -> None:
    assert escape("50 % of a_b & c#{}$") == r"50 \% of a\_b \& c\#\{\}\$"
    assert escape("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
    assert escape("↑ × ± ≈ – 間") == r"$\uparrow$ $\times$ $\pm$ $\approx$ -- ?"


def test_a_latex_table_is_balanced_and_has_as_many_cells_as_columns() -> None:
    text = render_latex(full())
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert re.sub(r"\\.", "", text).count("{") == re.sub(r"\\.", "", text).count("}")
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + 5
    assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in rows} == {len(columns)}
    assert not re.search(r"(?<!\\)[%_#]", re.sub(r"(?m)^% .*$|%$|\\label\{.*\}", "", text))
    assert r"\textbf{71.0$\pm$1.4}" in text
    assert r"$\approx$\,70.0$\pm$1.4" in text


def test_an_html_page_stands_alone_and_is_well_formed() -> None:
    page = render_html(make_leaderboards([make_result(strategy="<b>&")]))
    opened: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Checker().feed(page)
    assert not opened
    assert "&lt;b&gt;&amp;" in page
    assert "src=" not in page
    assert "http" not in page


def test_the_marks_of_markdown_html_and_csv() -> None:
    assert "| **71.0±1.4** |" in render_markdown(full())
    assert "| ≈ 70.0±1.4 |" in render_markdown(full())
    assert '<td class="best">71.0±1.4</td>' in render_html(full())
    rows = {row["strategy"]: row for row in csv.DictReader(io.StringIO(render_csv(full())))}
    assert [rows[name]["giou_mark"] for name in ("gce", "baseline", "co_teaching")] == ["best", "not separable", ""]
    assert float(rows["co_teaching"]["giou_to_best_high"]) < 0
    assert rows["gce"]["giou_to_best_low"] == ""


HOSTILE = "<script>alert(1)</script>[a](javascript:b)[/red]{x}%$\\input{a}$`c`=|²"


def hostile_boards() -> list[Leaderboard]:
    """Two tracks whose every name is one that some format would act on; a result can have no line break or escape."""
    runs = [make_result(strategy=HOSTILE, track=f"{sign}{HOSTILE}", oracle=HOSTILE) for sign in "=-"]
    track = {"protocol": HOSTILE, "dataset": HOSTILE, "recipe": HOSTILE}
    named = [replace(run, model=f"@{HOSTILE}", track=replace(run.track, **track)) for run in runs]
    return make_leaderboards([RunResult.from_json(json.loads(json.dumps(run.to_json()))) for run in named])


def test_a_name_is_shown_as_it_is_in_html() -> None:
    page = render_html(hostile_boards())
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10
    assert "href" not in page


def test_a_name_is_shown_as_it_is_in_markdown() -> None:
    page = render_markdown(hostile_boards())
    assert "<" not in page
    assert not re.search(r"(?<!\\)[\[\]`]", page)
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(HEADER) + 1, 5}


def test_a_name_is_shown_as_it_is_in_latex() -> None:
    code = "\n".join(line for line in render_latex(hostile_boards()).splitlines() if not line.startswith("%"))
    assert "\\input" not in code
    assert code.count("\\textbackslash{}input\\{a\\}\\$") > 4


def test_a_name_is_no_formula_in_csv() -> None:
    (row, other) = csv.DictReader(io.StringIO(render_csv(hostile_boards())))
    assert (row["model"], row["track"]) == (f"'@{HOSTILE}", f"'-{HOSTILE}")
    assert other["track"] == f"'={HOSTILE}"
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "@", "-"))]


def test_a_name_is_no_markup_on_the_terminal() -> None:
    console = Console(width=2000, file=io.StringIO(), no_color=True)
    print_leaderboards(hostile_boards(), console)
    assert console.file.getvalue().count(HOSTILE) > 6  # type: ignore[attr-defined]


def test_other_pictures_under_equal_labels_are_warned_of() -> None:
    runs = [make_result(strategy=name) for name in ("gce", "sce")]
    pictures = [replace(runs[i], track=replace(runs[i].track, eval_images=str(i) * 32)) for i in (0, 1)]
    (note,) = [note for note in board(*pictures).notes if "pictures" in note]
    assert note.startswith("Warning: the pictures of the evaluation labels eval are not the same in all runs: 2 copies")
    assert note.endswith("or drawings of the dataset, 000000, 111111.")
    assert not [note for note in board(pictures[0], replace(pictures[0], seed=1)).notes if "pictures" in note]
