"""The gate: which counts chance allows."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actiseg_noise.building.counts import binomial_interval, check_gate
from actiseg_noise.errors import GateError
from actiseg_noise.manifest.info import SlotCounts


def exact_interval(draws: int, rate: Fraction, alpha: Fraction) -> tuple[int, int]:
    """Return the interval by summing exact fractions."""
    weights = [comb(draws, k) * rate**k * (1 - rate) ** (draws - k) for k in range(draws + 1)]
    low = max(k for k in range(draws + 1) if sum(weights[:k]) <= alpha / 2)
    high = min(k for k in range(draws + 1) if sum(weights[k + 1 :]) <= alpha / 2)
    return low, high


@given(st.integers(1, 60), st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=20))
def test_the_interval_is_the_exact_one(draws: int, rate: Fraction) -> None:
    assert binomial_interval(draws, float(rate)) == exact_interval(draws, rate, Fraction(1, 10**6))


def test_the_ends_are_exact() -> None:
    assert binomial_interval(0, 0.4) == (0, 0)
    assert binomial_interval(50, 0.0) == (0, 0)
    assert binomial_interval(50, 1.0) == (50, 50)


def test_a_million_draws_are_no_trouble() -> None:
    low, high = binomial_interval(1_000_000, 0.4)
    assert 490 * 4.85 < 400_000 - low < 490 * 4.95  # 4.89 standard deviations, of 490 each
    assert abs((high - 400_000) - (400_000 - low)) <= 2


def slot(realised: int) -> SlotCounts:
    """Return the counts of 100 draws at 0.4."""
    return SlotCounts("category_flip-v1", "sample", 0.4, 0.4, 100, realised, 0, binomial_interval(100, 0.4))


def test_a_rate_that_chance_allows_passes() -> None:
    check_gate([slot(40), slot(60)])


@pytest.mark.parametrize("realised", [0, 100])
def test_a_rate_that_chance_forbids_is_refused(realised: int) -> None:
    message = (
        rf"category_flip-v1: {realised} of 100 draws were corrupted, but a rate of 0.4 allows 17 to 64 .*--no-gate"
    )
    with pytest.raises(GateError, match=message):
        check_gate([slot(realised)])
