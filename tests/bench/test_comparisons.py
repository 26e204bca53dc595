"""Comparisons in a leaderboard: over draws of the noise, of rows that are missing or silent, corrected, or not made."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from bench_fakes import make_result
from board_fakes import START, board, compared, drawn, equal_on_clips, printed, seeds

from actiseg_bench.report.render import render_csv, render_markdown, to_json
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.result import RunResult


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
    more = board(*seeds(0.9), *seeds(0.1, 0.2, strategy="baseline"))
    assert any(note.startswith("A single training seed in clean gce-faithful: nothing") for note in more.notes)


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
