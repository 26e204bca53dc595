"""Is one strategy better than another, or is it chance? A paired bootstrap over training seeds and evaluation clips.

Every score is a ratio of two sums over object-frames, so a run is kept as its sums per clip and a resample is a
weighted sum. Both rows of a pair get the same draws of clips and of seeds: what is hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.actionvos import METRICS, ObjectFrameCounts, score_parts

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClipSums:
    """One run's scores in parts: a score is Σ ``top`` / Σ ``bottom`` over the clips.

    Attributes:
        clips: their ids, in one order for all runs that are compared.
        top, bottom: float64 ``[networks, C, 6]``, in the order of ``METRICS``.
    """

    clips: tuple[str, ...]
    top: Floats
    bottom: Floats

    def scores(self) -> Floats:
        """Return the scores in [0, 1], float64 ``[6]``, the mean over the networks; NaN where undefined."""
        return _ratio(self.top.sum(1), self.bottom.sum(1)).mean(0)


@dataclass(frozen=True)
class Difference:
    """Mean score of one row minus that of another, in [-1, 1], with the bounds of its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def is_separable(self) -> bool:
        """True when the interval does not contain 0."""
        return not self.low <= 0 <= self.high


def clip_sums(counts: ObjectFrameCounts, clips: int) -> tuple[Floats, Floats]:
    """Return what is summed above and below the fraction of every metric, per clip, float64 ``[C, 6]`` each."""
    sums = [[np.bincount(counts.clip_idx, row, clips) for row in part] for part in score_parts(counts)]
    top, bottom = np.array(sums, np.float64).reshape(2, len(METRICS), clips).transpose(0, 2, 1)
    return top, bottom


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Return top / bottom, NaN where the bottom is 0."""
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def resample(
    rows: Mapping[str, Mapping[int, ClipSums]], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Floats]:
    """Return row → resampled mean scores, float64 ``[resamples, 6]``, all rows under the same draws.

    Clips are drawn with replacement. So are seeds, and their deviation from the mean is scaled by √(S / (S - 1)),
    without which S seeds drawn from S would vary too little (Rao and Wu, JASA 1988).

    Args:
        rows: row → training seed → sums; all on the same clips, with the same seeds, two at least.
    """
    runs = {name: [by_seed[s] for s in sorted(by_seed)] for name, by_seed in rows.items()}
    first = next(iter(runs.values()))
    clips, seeds = len(first[0].clips), len(first)
    rng = np.random.Generator(np.random.Philox(seed))
    weights = rng.multinomial(clips, np.full(clips, 1 / clips), resamples).astype(np.float64)
    drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
    stretch = np.sqrt(seeds / (seeds - 1))
    found = {}
    for name, several in runs.items():
        scores = np.stack([_weighted(run, weights) for run in several], 1)
        mean = scores.mean(1)
        found[name] = mean + stretch * (np.einsum("bs,bsm->bm", drawn, scores) - mean)
    return found


def _weighted(run: ClipSums, weights: Floats) -> Floats:
    """Return the scores of one run under clip weights ``[resamples, C]``, ``[resamples, 6]``."""
    return _ratio(weights @ run.top, weights @ run.bottom).mean(0)


def difference(one: Floats, other: Floats, mean: float) -> Difference | None:
    """Return the percentile interval of ``one - other``, resamples of one metric; None when some are undefined."""
    gaps = one - other
    if np.isnan(gaps).any():
        return None
    low, high = np.quantile(gaps, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(mean, float(low), float(high))


def are_comparable(rows: Sequence[Mapping[int, ClipSums]]) -> bool:
    """Return whether rows have the same seeds, two at least, and the same clips."""
    seeds = {tuple(sorted(row)) for row in rows}
    clips = {run.clips for row in rows for run in row.values()}
    return len(seeds) == 1 and len(clips) == 1 and len(next(iter(seeds))) > 1
