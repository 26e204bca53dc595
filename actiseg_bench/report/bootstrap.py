"""Sums of runs per clip, and their hierarchical bootstrap over noise seeds, training seeds and videos.

Every score is a ratio of two sums over object-frames, so a run is kept as its sums per clip and a resample is a
weighted sum. Clips of one video may share frames, so videos are drawn and not clips. All rows get the same draws: what
is hard for both rows of a pair cancels in their difference. :mod:`actiseg_bench.report.inference` concludes from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.actionvos import METRICS, ObjectFrameCounts, score_parts
from actiseg_bench.metrics.ungated import UNGATED_SCORES

COMPARED = (*METRICS, *UNGATED_SCORES)
"""What rows are compared in: the six metrics, and the masks behind the positive head."""
RESAMPLES = 2000
SEED = 0

Floats = npt.NDArray[np.float64]
Run = tuple[int, int]
"""(noise seed, training seed): which run of a cell."""


@dataclass(frozen=True)
class ClipSums:
    """One run's scores in parts: a score is Σ ``top`` / Σ ``bottom`` over the clips.

    Attributes:
        clips: their ids, in one order for all runs that are compared.
        top, bottom: float64 ``[networks, C, 7]``, in the order of ``COMPARED``; both are 0 where a score is not known.
        videos: the video of every clip; empty where that is not known, and every clip counts as a video of its own.
    """

    clips: tuple[str, ...]
    top: Floats
    bottom: Floats
    videos: tuple[str, ...] = ()

    def scores(self) -> Floats:
        """Return the scores in [0, 1], float64 ``[7]``, the mean over the networks; NaN where undefined."""
        return _ratio(self.top.sum(1), self.bottom.sum(1)).mean(0)

    def by_video(self) -> tuple[Floats, Floats]:
        """Return top and bottom summed over the clips of each of V videos, float64 ``[networks, V, 7]`` each."""
        names, place = np.unique(self.videos or self.clips, return_inverse=True)
        member = (place[None] == np.arange(len(names))[:, None]).astype(np.float64)
        return member @ self.top, member @ self.bottom


@dataclass(frozen=True)
class Resampled:
    """R runs of one row, and their mean on resampled videos.

    Attributes:
        runs: (noise seed, training seed) of each, in order. scores: float64 ``[R, 7]`` on all videos.
        drawn: float64 ``[resamples, 7]``, the mean of the runs on each resample of the videos.
        videos: how many there are.
    """

    runs: tuple[Run, ...]
    scores: Floats
    drawn: Floats
    videos: int


def clip_sums(counts: ObjectFrameCounts, clips: int) -> tuple[Floats, Floats]:
    """Return what is summed above and below the fraction of every metric, per clip, float64 ``[C, 6]`` each."""
    sums = [[np.bincount(counts.clip_idx, row, clips) for row in part] for part in score_parts(counts)]
    top, bottom = np.array(sums, np.float64).reshape(2, len(METRICS), clips).transpose(0, 2, 1)
    return top, bottom


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Return top / bottom, NaN where the bottom is 0."""
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def resample(
    rows: Mapping[str, Mapping[Run, ClipSums]], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Resampled]:
    """Return the runs of every row and their mean on resampled videos, all rows under the same draws.

    V videos are drawn from V with replacement. Noise and training seeds need no drawing: the score of a row is a mean
    over them, and what resampling does to a mean is known in closed form (``inference.seed_levels``).

    Args:
        rows: row → run → sums; all on the same clips, with the same runs.
    """
    first = next(iter(next(iter(rows.values())).values()))
    videos = len(set(first.videos or first.clips))
    rng = np.random.Generator(np.random.Philox(seed))
    weights = rng.multinomial(videos, np.full(videos, 1 / videos), resamples).astype(np.float64)
    found = {}
    for name, by_run in rows.items():
        runs = tuple(sorted(by_run))
        drawn = sum(_weighted(by_run[run], weights) for run in runs) / len(runs)
        found[name] = Resampled(runs, np.stack([by_run[run].scores() for run in runs]), np.asarray(drawn), videos)
    return found


def _weighted(run: ClipSums, weights: Floats) -> Floats:
    """Return the scores of one run under video weights ``[resamples, V]``, ``[resamples, 7]``."""
    top, bottom = run.by_video()
    return _ratio(weights @ top, weights @ bottom).mean(0)


def are_comparable(rows: Sequence[Mapping[Run, ClipSums]]) -> bool:
    """Return whether rows have the same runs, of two training seeds at least, on the same clips of two videos at least.

    One training seed says nothing about another, however many draws of the noise it saw.
    """
    runs = {tuple(sorted(row)) for row in rows}
    clips = {(one.clips, one.videos) for row in rows for one in row.values()}
    if len(runs) != 1 or len(clips) != 1:
        return False
    ((names, videos),) = clips
    return len({seed for _, seed in next(iter(runs))}) > 1 and len(set(videos or names)) > 1
