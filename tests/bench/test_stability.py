"""Whether other seeds rank the methods in the same order, on scores that a reader can sort by eye."""

from __future__ import annotations

import pytest
from board_fakes import at, drawn, study

from actiseg_bench.report.sheets import make_sheets
from actiseg_bench.report.stability import (
    ALL_TRACKS,
    compare_rankings,
    rank_methods,
    split_rankings,
    stability_records,
)

NAMES = ("baseline", "elr", "gce", "npn", "sce")
FORWARD = dict(zip(NAMES, (0.5, 0.4, 0.3, 0.2, 0.1), strict=True))
SWAPPED = FORWARD | {"baseline": 0.4, "elr": 0.5}


def test_two_neighbours_that_change_places_cost_two_tenths_of_tau_with_five_rows() -> None:
    found = compare_rankings(FORWARD, SWAPPED)
    assert found is not None
    assert (found.rows, found.top, found.bottom) == (5, 3, 3)
    assert found.tau == pytest.approx((9 - 1) / 10)


def test_the_reverse_order_has_tau_minus_1_and_the_middle_row_in_common() -> None:
    found = compare_rankings(FORWARD, {name: -score for name, score in FORWARD.items()})
    assert found is not None
    assert (found.tau, found.top, found.bottom) == (pytest.approx(-1), 1, 1)


def test_ties_of_all_rows_have_no_tau_and_two_rows_no_agreement() -> None:
    found = compare_rankings(FORWARD, dict.fromkeys(NAMES, 0.5))
    assert found is not None and found.tau is None
    assert compare_rankings(FORWARD, {"elr": 0.1, "gce": 0.2, "another": 0.3}) is None


def test_noise_seeds_and_training_seeds_are_compared_apart() -> None:
    one = [at("flip-40", FORWARD[name], seed, name) for name in NAMES for seed in (0, 1)]
    other = [at("flip-40", SWAPPED[name], seed, name) for name in NAMES for seed in (0, 1)]
    records = list(stability_records(study(*one, *drawn(1, *other))))
    found = {(r["metric"], r["between"]): (r["pairs"], r["rows"], r["Kendall's tau"]) for r in records}
    assert found["p-mIoU", "noise seeds"] == (1, 5, 0.8)
    assert found["p-mIoU", "training seeds"] == (1, 5, 1.0)
    assert {r["track"] for r in records} == {"flip-40"}


def test_the_mean_over_tracks_is_of_runs_that_every_track_has_and_clean_labels_stand_beside_every_draw() -> None:
    clean = [at("clean", FORWARD[name], 0, name) for name in NAMES]
    noisy = [at("flip-40", SWAPPED[name], 0, name) for name in NAMES]
    found = study(*clean, *noisy, *drawn(1, *noisy))
    means = rank_methods(found, ["clean", "flip-40"], "p_miou")
    assert means["elr"] == {(0, 0): pytest.approx(0.45), (1, 0): pytest.approx(0.45)}
    names = {r["track"] for r in stability_records(found)}
    assert names == {"flip-40", ALL_TRACKS}  # clean labels alone have one run: nothing to compare


def test_yardsticks_are_not_ranked_and_parts_are_means() -> None:
    runs = [at("flip-40", score, seed, "gce") for seed, score in enumerate((0.2, 0.4))]
    found = rank_methods(study(*runs, at("flip-40", 0.9, 0, "frozen")), ["flip-40"], "p_miou")
    assert set(found) == {"gce"}
    assert split_rankings(found, lambda run: run[0]) == [{"gce": pytest.approx(0.3)}]


def test_one_run_of_each_has_no_sheet() -> None:
    runs = [at("flip-40", FORWARD[name], 0, name) for name in NAMES]
    assert "stability" not in {sheet.name for sheet in make_sheets(study(*runs))}
    assert "stability" in {s.name for s in make_sheets(study(*runs, *drawn(1, *runs)))}
