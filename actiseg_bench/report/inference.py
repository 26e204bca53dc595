"""Is a difference of two rows chance? Intervals, tests, effect sizes and power from few seeds.

The variance of a difference is that of the hierarchical bootstrap, level by level: noise seeds, training seeds within a
noise seed, videos. Few seeds estimate their level's variance badly, so the quantile is Student's, with the degrees of
freedom that Satterthwaite (Biometrics Bulletin 1946) gives a sum of variances. ``benchmarks/coverage.py`` simulates how
often such an interval holds the truth; docs/decisions/0012 has the figures and what was tried instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_bench.report.bootstrap import Resampled, Run

LEVEL = 0.95
POWER = 0.80

Floats = npt.NDArray[np.float64]


class Level(NamedTuple):
    """What one level of the hierarchy adds to the variance of a mean, and its degrees of freedom."""

    variance: float
    df: int


@dataclass(frozen=True)
class Difference:
    """Score of one row minus that of another, in [-1, 1], the mean over their common runs.

    Attributes:
        mean: of the differences, in [-1, 1].
        low, high: bounds of its 95 % interval, of this pair alone. error: standard error. df: its degrees of freedom.
        p: two-sided, of this pair alone.
        standardised: Hedges' g: the mean over the standard deviation of the runs' differences, corrected for few runs;
            None for two runs, or where all differ by the same.
        p_corrected: p under Holm's correction. comparisons: how many it was corrected for.
        detectable: the smallest true difference that a comparison with this error finds with a power of 80 % at the
            first step of Holm's correction, where p has to be below 5 % / comparisons.
    """

    mean: float
    low: float
    high: float
    error: float
    df: float
    p: float
    standardised: float | None
    p_corrected: float
    comparisons: int
    detectable: float

    @property
    def is_separable(self) -> bool:
        """True when it is not 0 at the corrected level of 5 %."""
        return self.p_corrected < 1 - LEVEL


def seed_levels(gaps: Floats, runs: Sequence[Run]) -> list[Level]:
    """Return the levels of noise seeds and of training seeds within them; a level with one seed is absent.

    The bootstrap variance of a mean over n things that are drawn with replacement is (n - 1) / n of an unbiased one
    (Rao and Wu, JASA 1988), and is scaled to it.

    Args:
        gaps: float64 ``[R]``, one number per run. runs: their noise and training seeds.
    """
    noise = np.array([noise_seed for noise_seed, _ in runs])
    groups = [gaps[noise == one] for one in np.unique(noise)]
    n, r = len(groups), len(gaps)
    levels = []
    if n > 1:
        off = [len(group) / r * (group.mean() - gaps.mean()) for group in groups]
        levels.append(Level(n / (n - 1) * float(np.square(off).sum()), n - 1))
    if r > n:
        within = sum(float(np.square(group - group.mean()).sum()) for group in groups)
        levels.append(Level(within / (r - n) / r, r - n))
    return levels


def video_level(drawn: Floats, videos: int) -> Level:
    """Return the level of the videos, from means on resampled videos, float64 ``[resamples]``; 2 videos at least."""
    return Level(float(drawn.var()) * videos / (videos - 1), videos - 1)


def combine(levels: Sequence[Level]) -> tuple[float, float]:
    """Return the standard error of all levels together, and Satterthwaite's degrees of freedom; inf without spread."""
    variance = sum(level.variance for level in levels)
    if variance == 0:
        return 0.0, math.inf
    shares = sum((level.variance / variance) ** 2 / level.df for level in levels)
    return math.sqrt(variance), 1 / shares


def compare(one: Resampled, other: Resampled, metric: int) -> Difference | None:
    """Return the difference of two rows in one metric, not corrected; None when some runs or resamples lack it.

    Args:
        one, other: of the same runs, on the same draws. metric: place in ``COMPARED``.
    """
    gaps, drawn = one.scores[:, metric] - other.scores[:, metric], one.drawn[:, metric] - other.drawn[:, metric]
    if np.isnan(gaps).any() or np.isnan(drawn).any():
        return None
    mean = float(gaps.mean())
    error, df = combine([*seed_levels(gaps, one.runs), video_level(drawn, one.videos)])
    half, p = error * _t_quantile(df, (1 + LEVEL) / 2), p_value(mean, error, df)
    alone = smallest_detectable(error, df, 1 - LEVEL)
    return Difference(mean, mean - half, mean + half, error, df, p, hedges_g(gaps), p, 1, alone)


def p_value(mean: float, error: float, df: float) -> float:
    """Return Student's two-sided p; without any spread, 1 for no difference and 0 for one."""
    from scipy.special import stdtr

    if error == 0:
        return float(mean == 0)
    t = -abs(mean) / error
    return 2 * float(stdtr(df, t)) if math.isfinite(df) else math.erfc(-t / math.sqrt(2))


def hedges_g(gaps: Floats) -> float | None:
    """Return Hedges' g of paired differences: mean / s · J, with J = Γ(m/2) / (√(m/2) Γ((m-1)/2)) and m = R - 1.

    Source: Hedges, Journal of Educational Statistics 1981. None for fewer than three runs, which the correction is not
    defined for, or where all differ by the same.
    """
    m = len(gaps) - 1
    spread = float(gaps.std(ddof=1)) if m > 1 else 0.0
    if spread <= 1e-12:  # of scores in [0, 1]: rounding
        return None
    shrink = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)
    return float(gaps.mean()) / spread * shrink


def smallest_detectable(error: float, df: float, alpha: float) -> float:
    """Return the true difference that a two-sided test at ``alpha`` finds with a power of 80 %.

    It is the sum of the two quantiles of Student's t times the error: the usual approximation of the noncentral t.
    """
    return error * (_t_quantile(df, 1 - alpha / 2) + _t_quantile(df, POWER))


def _t_quantile(df: float, share: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(df, share) if math.isfinite(df) else ndtri(share))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values under Holm's step-down correction (Scandinavian Journal of Statistics 1979), in the same order.

    The smallest of n is multiplied by n, the next by n - 1, …; none may be below one that came before it, or above 1.
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def correct(differences: Sequence[Difference]) -> list[Difference]:
    """Return differences that are concluded from together, corrected for their number."""
    n = len(differences)
    return [
        replace(
            one,
            p_corrected=p,
            comparisons=n,
            detectable=smallest_detectable(one.error, one.df, (1 - LEVEL) / n),
        )
        for one, p in zip(differences, holm([one.p for one in differences]), strict=True)
    ]
