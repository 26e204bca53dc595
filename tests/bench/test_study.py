"""What runs say together: sensitivity, trade-off, profiles and curves, on numbers that a reader can check by eye."""

from __future__ import annotations

import pytest
from bench_fakes import make_result
from board_fakes import at, drawn, modes, study

from actiseg_bench.report.board import Value
from actiseg_bench.report.curves import axis_tracks, measure
from actiseg_bench.report.pareto import pareto_front
from actiseg_bench.report.sensitivity import AXES, find_place, relative_area, slope
from actiseg_bench.report.sheets import find_gaps, make_sheets, profile
from actiseg_bench.report.study import matched
from actiseg_bench.report.style import row_styles
from actiseg_bench.report.training_charts import fit_curves, selection_curves

TEXT, FLIP, MASK, MASK_RAND, MIXED = AXES


@pytest.mark.parametrize(
    ("recipe", "place"),
    [
        ("clean", ("clean", 0)),
        ("text-0", ("text", 0)),
        ("text-40", ("text", 40)),
        ("flip-40", ("flip", 40)),
        ("mask-15", ("mask", 15)),
        ("mask-rand-15", ("mask-rand", 15)),
        ("mixed-60-21", ("mixed", 60)),
        ("my-text-40", None),
        ("text-40-mine", None),
        (None, None),
    ],
)
def test_a_recipe_has_a_place_on_an_axis(recipe: str | None, place: tuple[str, float] | None) -> None:
    assert find_place(recipe) == place


def test_a_line_has_its_slope() -> None:
    assert slope([0, 20, 40, 60], [0.8, 0.7, 0.6, 0.5]) == pytest.approx(-0.005)
    assert slope([0, 60], [0.5, 0.5]) == 0


def test_a_slope_is_that_of_least_squares() -> None:
    """Points (0, 0), (1, 0), (2, 1): slope 1/2."""
    assert slope([0, 1, 2], [0, 0, 1]) == pytest.approx(0.5)


def test_a_slope_needs_two_levels() -> None:
    with pytest.raises(ValueError, match="two different levels"):
        slope([40, 40], [0.1, 0.2])


def test_the_area_of_a_score_that_noise_does_not_move_is_1() -> None:
    assert relative_area([0, 20, 60], [0.8, 0.8, 0.8], 0.8) == pytest.approx(1)


def test_the_area_of_a_line_from_clean_to_nothing_is_a_half_whatever_the_order() -> None:
    assert relative_area([0, 60], [0.8, 0.0], 0.8) == pytest.approx(0.5)
    assert relative_area([60, 0], [0.0, 0.8], 0.8) == pytest.approx(0.5)


def test_levels_far_apart_weigh_more() -> None:
    """.8 from 0 to 10, then falling to .4 at 50: (10·1 + 40·.75) / 50."""
    assert relative_area([0, 10, 50], [0.8, 0.8, 0.4], 0.8) == pytest.approx(0.8)


def test_a_point_that_another_beats_in_both_is_off_the_front() -> None:
    assert pareto_front([(0.7, 0.2), (0.6, 0.1), (0.6, 0.3)]) == [True, True, False]


def test_a_point_as_good_in_one_and_worse_in_the_other_is_off_the_front() -> None:
    assert pareto_front([(0.7, 0.2), (0.7, 0.3), (0.6, 0.2)]) == [True, False, False]


def test_equal_points_stand_on_the_front_together() -> None:
    assert pareto_front([(0.7, 0.2), (0.7, 0.2)]) == [True, True]


def test_clean_labels_are_the_origin_of_an_axis_that_has_none() -> None:
    found = study(at("clean", 0.8), at("mask-15", 0.7), at("mask-9", 0.75), at("mixed-40-15", 0.5))
    assert axis_tracks(found, MASK) == {"clean": 1, "mask-9": 9, "mask-15": 15}
    assert axis_tracks(found, MIXED) == {"clean": 0, "mixed-40-15": 40}
    assert axis_tracks(found, FLIP) == {}


def test_text_0_is_the_origin_of_the_text_axis_where_it_ran() -> None:
    tracks = [at("clean", 0.8), at("text-40", 0.5)]
    assert axis_tracks(study(*tracks), TEXT) == {"clean": 0, "text-40": 40}
    assert axis_tracks(study(*tracks, at("text-0", 0.78)), TEXT) == {"text-0": 0, "text-40": 40}


def test_sensitivity_is_measured_seed_by_seed() -> None:
    """Seed 0 falls from 80 to 40 over 40 %, seed 1 from 60 to 50: 10 and 2.5 points per 10 %."""
    runs = [at("clean", 0.8), at("flip-40", 0.4), at("clean", 0.6, seed=1), at("flip-40", 0.5, seed=1)]
    levels, found = measure(study(*runs), FLIP, "baseline", "p_miou")
    assert levels == [0, 40]
    assert found["slope"].mean == pytest.approx(-0.0625)
    assert found["slope"].std == pytest.approx(0.075 / 2**0.5)
    assert found["area"].mean == pytest.approx((0.75 + 11 / 12) / 2)
    assert found["clean"].mean == pytest.approx(0.7)


def test_draws_of_the_noise_are_one_track_and_clean_labels_stand_beside_each() -> None:
    """Draw 0 falls by 40 points over 40 %, draw 1 by 20: slopes of -10 and -5 per 10 %."""
    noisy = [*drawn(0, at("flip-40", 0.4)), *drawn(1, at("flip-40", 0.6))]
    found = study(at("clean", 0.8), *noisy)
    assert found.tracks == ("clean", "flip-40")
    assert found.score("flip-40", "baseline", "p_miou").mean == pytest.approx(0.5)
    assert "noise seeds 0, 1, training seed 0" in found.title
    levels, values = measure(found, FLIP, "baseline", "p_miou")
    assert levels == [0, 40]
    assert (values["slope"].mean, values["slope"].std) == (pytest.approx(-0.075), pytest.approx(0.05 / 2**0.5))


def test_a_profile_takes_every_draw_of_the_noise() -> None:
    noisy = [*drawn(0, modes("text-20", missed=0.2)), *drawn(1, modes("text-20", missed=0.6))]
    value = profile(study(modes("clean", missed=0.1), *noisy), "text", "baseline", "missed")
    assert (value.mean, value.std) == (pytest.approx(0.3), pytest.approx(0.4 / 2**0.5))


def test_a_value_belongs_to_its_own_run_where_every_draw_has_one() -> None:
    both = {(0, 0): 0.1, (1, 0): 0.2}
    assert matched(both, [(0, 0), (1, 0), (1, 1), (2, 0)]) == both
    assert matched({(0, 0): 0.1}, [(0, 0), (1, 0), (1, 1)]) == {(0, 0): 0.1, (1, 0): 0.1}
    assert matched({}, [(0, 0)]) == {}


def test_a_run_that_another_row_has_is_missed_by_name() -> None:
    runs = [*drawn(0, at("text-40", 0.5), at("text-40", 0.5, strategy="gce")), *drawn(1, at("text-40", 0.5))]
    found = study(*runs)
    gaps = find_gaps(found, make_sheets(found))
    assert "text-40 gce lacks 1 of 2 runs: noise seed 1 training seed 0" in gaps


def test_a_row_that_ran_on_one_level_alone_has_no_sensitivity() -> None:
    found = study(at("clean", 0.8), at("flip-40", 0.4), at("clean", 0.8, strategy="gce"))
    assert measure(found, FLIP, "gce", "p_miou") == ([], {})


def test_a_profile_is_the_change_against_clean_labels_of_the_same_seed() -> None:
    found = study(
        modes("clean", missed=0.1),
        modes("clean", seed=1, missed=0.3),
        modes("text-20", missed=0.2),
        modes("text-20", seed=1, missed=0.4),
        modes("text-60", missed=0.4),
        modes("text-60", seed=1, missed=0.6),
    )
    value = profile(found, "text", "baseline", "missed")
    assert (value.mean, value.std) == (pytest.approx(0.2), pytest.approx(0))


def test_without_clean_labels_there_is_no_profile() -> None:
    assert profile(study(modes("text-20", missed=0.2)), "text", "baseline", "missed") == Value(None, None)


def test_another_recipe_is_a_kind_of_noise_of_its_own() -> None:
    assert study(at("clean", 0.8), at("mine", 0.5), at("text-40", 0.5)).kinds() == {
        "text": ["text-40"],
        "mine": ["mine"],
    }


def test_selection_is_the_mean_over_seeds_per_epoch() -> None:
    one = ({"samples": {"precision": 0.6, "recall": 0.8}}, {"samples": {"precision": 0.8, "recall": 0.8}})
    other = ({"samples": {"precision": 0.8, "recall": None}}, {"samples": {"precision": 0.8, "recall": 0.6}})
    found = study(make_result(selection=one), make_result(selection=other, seed=1))
    curves = selection_curves(found, "clean", "gce", "samples")
    assert [x for x, _ in curves["precision"]] == [1, 2]
    assert [y for _, y in curves["precision"]] == pytest.approx([0.7, 0.8])
    assert curves["recall"] == [(2, pytest.approx(0.7))]
    assert selection_curves(found, "clean", "gce", "pixels") == {}


def test_fits_are_drawn_where_all_seeds_were_probed() -> None:
    one = ({"step": 5, "fit_given": 0.1, "fit_clean": 0.5}, {"step": 10, "fit_given": 0.3, "fit_clean": 0.4})
    other = ({"step": 10, "fit_given": 0.5, "fit_clean": None},)
    curves = fit_curves(study(make_result(fits=one), make_result(fits=other, seed=1)), "clean", "gce")
    assert curves == {"given": [(10, pytest.approx(0.4))]}


def test_rows_have_the_baseline_first_and_a_look_of_their_own() -> None:
    found = study(*(at("clean", 0.5, strategy=s) for s in ("pmhm", "mine", "apl", "baseline", "other")))
    assert found.rows == ("baseline", "apl", "mine", "other", "pmhm")
    assert len({(look.color, look.marker) for look in row_styles(found.rows).values()}) == 5
    assert row_styles(["gce@released"])["gce@released"][:2] == row_styles(["gce"])["gce"][:2]


def test_what_is_missing_is_said() -> None:
    found = study(at("text-40", 0.5), at("mask-9", 0.5), at("mask-9", 0.5, strategy="gce"))
    text = "; ".join(find_gaps(found, make_sheets(found)))
    for said in (
        "not run: text-40 gce",
        "no track of clean labels",
        "no track of flip, mask-rand, mixed",
        "no text-0: clean labels stand at 0 %",
        "no selection quality",
        "no memorisation curves",
        "no run with failure modes",
    ):
        assert said in text
