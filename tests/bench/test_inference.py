"""Intervals, tests, effect sizes and power of differences: against slow references, and on numbers checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from actiseg_bench.report.bootstrap import ClipSums, Run, resample
from actiseg_bench.report.inference import (
    Difference,
    Level,
    combine,
    compare,
    correct,
    hedges_g,
    holm,
    p_value,
    seed_levels,
    smallest_detectable,
    video_level,
)

TWO_BY_THREE: list[Run] = [(noise, seed) for noise in (0, 1) for seed in (0, 1, 2)]


def test_the_level_of_training_seeds_is_the_squared_standard_error_of_their_mean() -> None:
    """s² of .4, .5, .6 is .01; over three seeds, .01 / 3 with two degrees of freedom."""
    (level,) = seed_levels(np.array([0.4, 0.5, 0.6]), [(0, 0), (0, 1), (0, 2)])
    assert level == (pytest.approx(0.01 / 3), 2)


def test_noise_seeds_are_a_level_of_their_own_when_there_are_several() -> None:
    """Means .2 and .6: s² = .08 over two draws. Within, .01 twice with two degrees of freedom each, over six runs."""
    noise, training = seed_levels(np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.7]), TWO_BY_THREE)
    assert noise == (pytest.approx(0.08 / 2), 1)
    assert training == (pytest.approx(0.01 / 6), 4)


def test_a_single_training_seed_on_several_draws_has_the_level_of_the_noise_alone() -> None:
    (level,) = seed_levels(np.array([0.4, 0.5, 0.6]), [(0, 0), (1, 0), (2, 0)])
    assert level == (pytest.approx(0.01 / 3), 2)


def test_the_levels_are_what_drawing_seeds_again_and_again_comes_to() -> None:
    """Noise seeds are drawn with replacement, then training seeds within each; n / (n - 1) makes either unbiased."""
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(3, 4))
    runs = [(noise, seed) for noise in range(3) for seed in range(4)]
    noise, training = seed_levels(gaps.ravel(), runs)
    drawn = rng.integers(0, 3, (100_000, 3))
    assert gaps.mean(1)[drawn].mean(1).var() * 3 / 2 == pytest.approx(noise.variance, rel=0.02)
    within = gaps[np.arange(3)[None, :, None], rng.integers(0, 4, (100_000, 3, 4))].mean((1, 2))
    assert within.var() * 4 / 3 == pytest.approx(training.variance, rel=0.02)


def test_the_level_of_videos_is_the_variance_of_a_mean_over_videos() -> None:
    """Ten videos of 0 and 1: s² = .25 · 10 / 9, over ten."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(10, np.full(10, 0.1), 100_000) @ np.array([0.0, 1.0] * 5) / 10
    assert video_level(drawn, 10) == (pytest.approx(0.25 / 9, rel=0.02), 9)


def test_one_level_keeps_its_degrees_of_freedom_and_two_have_some_in_between() -> None:
    assert combine([Level(4.0, 2)]) == (2.0, 2.0)
    assert combine([Level(1.0, 2), Level(1.0, 59)]) == (pytest.approx(2**0.5), pytest.approx(4 / (1 / 2 + 1 / 59)))
    assert combine([Level(0.0, 2), Level(0.0, 59)]) == (0.0, math.inf)


def test_with_seeds_alone_the_interval_is_that_of_a_paired_t_test() -> None:
    one, other = [0.61, 0.66, 0.64], [0.60, 0.62, 0.61]
    rows = {"a": flat(one), "b": flat(other)}
    drawn = resample(rows)
    found = compare(drawn["a"], drawn["b"], 0)
    reference = stats.ttest_rel(one, other)
    assert found is not None
    assert found.p == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert (found.mean, found.df) == (pytest.approx(0.08 / 3), pytest.approx(2))


def flat(scores: list[float]) -> dict[Run, ClipSums]:
    """Runs that score the same on each of four clips."""
    found = {}
    for seed, score in enumerate(scores):
        top = np.full((1, 4, 6), score)
        found[0, seed] = ClipSums(("a", "b", "c", "d"), top, np.ones_like(top))
    return found


def test_equal_rows_have_p_1_and_rows_that_differ_by_the_same_everywhere_p_0() -> None:
    assert p_value(0.0, 0.0, math.inf) == 1
    assert p_value(0.1, 0.0, math.inf) == 0


def test_p_is_two_sided() -> None:
    assert p_value(0.2, 0.1, 5) == pytest.approx(2 * stats.t.sf(2, 5))
    assert p_value(-0.2, 0.1, math.inf) == pytest.approx(2 * stats.norm.sf(2))


def test_hedges_g_shrinks_the_effect_of_few_runs() -> None:
    """Differences 1, 2, 3: mean 2, s 1; J of two degrees of freedom is Γ(1) / Γ(1/2) = 1 / √π."""
    assert hedges_g(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / math.pi**0.5)
    assert hedges_g(np.array([1.0, 2.0])) is None
    assert hedges_g(np.array([2.0, 2.0, 2.0])) is None


def test_hedges_g_is_unbiased_where_the_raw_ratio_is_not() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(1.0, 1.0, (40_000, 5))
    raw = (draws.mean(1) / draws.std(1, ddof=1)).mean()
    corrected = np.mean([hedges_g(one) for one in draws])
    assert raw > 1.2
    assert corrected == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("df", [2, 4, 8, 59])
def test_what_is_detectable_is_found_four_times_out_of_five(df: int) -> None:
    """The exact power of the test at the smallest detectable difference, by the noncentral t."""
    size = smallest_detectable(1.0, df, 0.05)
    limit = stats.t.isf(0.025, df)
    power = stats.nct.sf(limit, df, size) + stats.nct.cdf(-limit, df, size)
    assert power == pytest.approx(0.8, abs=0.06 if df < 4 else 0.03)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order() -> None:
    """.01 · 4, .03 · 3, .04 · 2 is below .09 and becomes it, .2."""
    assert holm([0.04, 0.01, 0.2, 0.03]) == pytest.approx([0.09, 0.04, 0.2, 0.09])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_chance_of_any_false_mark_below_5_percent() -> None:
    """Twenty comparisons without any difference: uncorrected, one in 64 % of the leaderboards is marked."""
    rng = np.random.default_rng(0)
    draws = rng.random((4000, 20))
    assert (draws < 0.05).any(1).mean() > 0.6
    assert np.mean([min(holm(list(one))) < 0.05 for one in draws]) == pytest.approx(0.05, abs=0.012)


def test_a_corrected_difference_says_for_how_many_and_what_is_detectable_then() -> None:
    one = Difference(0.1, 0.02, 0.18, 0.03, 4.0, 0.03, 2.0, 0.03, 1, 0.1)
    first, second = correct([one, one])
    assert (first.p_corrected, first.comparisons, first.is_separable) == (0.06, 2, False)
    assert first.detectable == pytest.approx(0.03 * (stats.t.isf(0.0125, 4) + stats.t.isf(0.2, 4)))
    assert second == first
    assert one.is_separable
