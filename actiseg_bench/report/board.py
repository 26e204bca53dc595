"""What a leaderboard is made of: boards, blocks (one per track), rows (one per strategy) and their values."""

from __future__ import annotations

from dataclasses import dataclass

from actiseg_bench.report.bootstrap import Run
from actiseg_bench.report.inference import Difference
from actiseg_bench.results.result import REFERENCES, YARDSTICKS, RunResult, TrackInfo


@dataclass(frozen=True)
class Value:
    """One score over the runs of a row, in [0, 1].

    Attributes:
        mean: None where the score is undefined. std: sample standard deviation, None for a single run.
    """

    mean: float | None
    std: float | None


@dataclass(frozen=True)
class Row:
    """One strategy on one track.

    Attributes:
        strategy, variant: as in the results.
        runs: (noise seed, training seed) of every run; a reference row's noise seed is 0. missing: those that other
            rows of the block have and this one lacks: its means are over fewer runs.
        values: score of ``SCORES`` or ``EXTRAS`` → value.
        best: the metrics in which no other strategy of the block has a better mean; empty unless every strategy has
            several training seeds.
        silent: a run of it predicts next to nothing: it is best in no metric, and not compared.
        to_best: metric → this row's mean minus the best row's, with its interval and test; empty for the best itself,
            and where nothing can be concluded.
        updates: of all networks together, the mean over the runs: twice the steps where two networks are trained.
        train_s: seconds of training, the mean over the runs. peak_rss_mb: peak memory in MiB, the mean over them.
        time, memory: the same divided by the baseline's of the block, None without one.
        oracle: what it knew that a user would not.
        submitted: how many of its runs came in submissions: their predictions are not at hand.
    """

    strategy: str
    variant: str
    runs: tuple[Run, ...]
    missing: tuple[Run, ...]
    values: dict[str, Value]
    best: frozenset[str]
    silent: bool
    to_best: dict[str, Difference]
    updates: float
    train_s: float
    peak_rss_mb: float
    time: float | None
    memory: float | None
    oracle: str | None
    submitted: int = 0

    @property
    def is_reference(self) -> bool:
        """True for ``start`` and ``silent``."""
        return self.strategy in REFERENCES

    @property
    def competes(self) -> bool:
        """False for reference rows and yardsticks, which are never marked or compared."""
        return self.strategy not in (*REFERENCES, *YARDSTICKS)

    @property
    def name(self) -> str:
        """Return ``gce-faithful``."""
        return row_name(self.strategy, self.variant)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the training seeds, each once."""
        return tuple(sorted({seed for _, seed in self.runs}))

    @property
    def tied(self) -> frozenset[str]:
        """Return the metrics in which this row is not the best and not separable from it."""
        return frozenset(name for name, gap in self.to_best.items() if not gap.is_separable)


@dataclass(frozen=True)
class Block:
    """One track: the same recipe, the same evaluation labels.

    Attributes:
        tracks: what results say about it, once per draw of the noise, by noise seed.
        rows: the strategies and references.
        compared: the rows that are not silent were held against the best ones.
        videos_known: the draws were of videos; if not, of clips, as if none shared a frame with another.
    """

    tracks: tuple[TrackInfo, ...]
    rows: tuple[Row, ...]
    compared: bool
    videos_known: bool = True

    @property
    def track(self) -> TrackInfo:
        """Return the first draw."""
        return self.tracks[0]

    @property
    def single_seed(self) -> bool:
        """True when a method's row has a single training seed, so that none is marked."""
        return any(row.competes and len(row.seeds) < 2 for row in self.rows)

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return (noise seed, training seed) of all runs that some trained row has."""
        return tuple(sorted({run for row in self.rows if not row.is_reference for run in row.runs}))

    def holds(self, row: Row, result: RunResult) -> bool:
        """Return whether a result of the board is one of a row's; a reference row's are in all blocks of its labels."""
        track = result.track
        is_mine = (result.strategy, result.variant) == (row.strategy, row.variant)
        labels = {(one.name, one.train_manifest) for one in self.tracks}
        is_here = row.is_reference or (track.name, track.train_manifest) in labels
        return is_mine and is_here and track.eval_manifest == self.track.eval_manifest


@dataclass(frozen=True)
class Leaderboard:
    """What one model did under one protocol on one dataset.

    Attributes:
        model, dataset, protocol: names; ``own`` where there is no protocol. blocks: one per track.
        notes: to be printed with it.
    """

    model: str
    dataset: str
    protocol: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]

    def holds(self, result: RunResult) -> bool:
        """Return whether a result is one of this board's."""
        return board_key(result) == (self.model, self.dataset, self.protocol)


def board_key(result: RunResult) -> tuple[str, str, str]:
    """Return what the results of one leaderboard share: model, dataset, protocol."""
    return result.model, result.track.dataset, result.track.protocol


def row_name(strategy: str, variant: str) -> str:
    """Return ``gce-faithful``."""
    return f"{strategy}-{variant}"


def run_of(result: RunResult) -> Run:
    """Return (noise seed, training seed); that of a reference row, which no noise reached, has noise seed 0."""
    return result.track.noise_seed or 0, result.seed
