"""How often does an interval hold the truth? Differences of two rows are drawn from a known distribution, and counted.

For 1–3 noise seeds and 1–5 training seeds, in three regimes, the package's own interval is held against percentile
intervals of the same resamples. The table of docs/decisions/0012::

    python benchmarks/coverage.py --markdown

The truth is the mean over noise seeds, training seeds and videos. With one noise seed nothing says how much another
draw would differ: there the truth is that of the draw at hand, and the last column counts how often the interval holds
the mean over draws all the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.report.bootstrap import ClipSums, Resampled, Run, resample
from actiseg_bench.report.inference import LEVEL, compare
from actiseg_noise.markdown import iter_table

VIDEOS, CLIPS_PER_VIDEO = 60, 2  # as many as kitchen's evaluation split has
NOISE_SEEDS, SEEDS = (1, 2, 3), (1, 2, 3, 4, 5)
Floats = npt.NDArray[np.float64]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Regime:
    """Standard deviations of the parts of a difference, in points.

    Attributes:
        noise, seed, video: of the part that a noise seed, a training seed, a video adds. each: of a run on a video.
            clip: of a clip of a video.
    """

    noise: float
    seed: float
    video: float
    each: float = 5.0
    clip: float = 5.0


REGIMES = {
    "seeds dominate": Regime(3.0, 4.0, 5.0),
    "mixed": Regime(1.0, 1.5, 8.0),
    "videos dominate": Regime(0.2, 0.4, 10.0),
}


@dataclass
class Cell:
    """How often intervals held the truth, in %, and their median length in points.

    Attributes:
        over_draws: how often the package's own holds the mean over draws of the noise.
    """

    regime: str
    noise_seeds: int
    seeds: int
    before: float
    nested: float
    expanded: float
    t: float
    t_length: float
    over_draws: float


def draw(regime: Regime, noise_seeds: int, seeds: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return differences in points, ``[noise seeds, seeds, clips]``, and the noise seeds' own parts."""
    noise = rng.normal(0, regime.noise, noise_seeds)
    seed = rng.normal(0, regime.seed, (noise_seeds, seeds))
    video = rng.normal(0, regime.video, VIDEOS) + rng.normal(0, regime.each, (noise_seeds, seeds, VIDEOS))
    clip = rng.normal(0, regime.clip, (noise_seeds, seeds, VIDEOS * CLIPS_PER_VIDEO))
    return noise[:, None, None] + seed[..., None] + video.repeat(CLIPS_PER_VIDEO, -1) + clip, noise


def as_row(scores: Floats) -> dict[Run, ClipSums]:
    """Return scores ``[noise seeds, seeds, clips]`` as the runs of a row, every metric the same."""
    clips = tuple(f"clip {i}" for i in range(scores.shape[-1]))
    videos = tuple(f"video {i // CLIPS_PER_VIDEO}" for i in range(scores.shape[-1]))
    found = {}
    for noise_seed, seed in np.ndindex(scores.shape[:2]):
        top = np.repeat(scores[noise_seed, seed][None, :, None], len(METRICS), 2)
        found[noise_seed, seed] = ClipSums(clips, top, np.ones_like(top), videos)
    return found


def percentiles(drawn: Floats, share: float) -> Bounds:
    """Return the interval between two quantiles of resamples, ``share`` of them on either side."""
    low, high = np.quantile(drawn, [share, 1 - share])
    return float(low), float(high)


def resample_runs(gaps: Floats, drawn: Floats, rng: np.random.Generator) -> Floats:
    """Return means over noise seeds drawn again and training seeds drawn within them, of videos drawn as ``drawn``."""
    n, s = gaps.shape
    noise, seed = rng.integers(0, n, (len(drawn), n)), rng.integers(0, s, (len(drawn), n, s))
    return drawn + gaps[noise[:, :, None], seed].mean((1, 2)) - gaps.mean()


def all_alike(gaps: Floats, drawn: Floats, rng: np.random.Generator) -> Bounds:
    """Return the percentile interval of before: all runs drawn alike, their deviation scaled by √(R / (R - 1))."""
    runs = gaps.ravel()
    means = runs[rng.integers(0, len(runs), (len(drawn), len(runs)))].mean(1) - runs.mean()
    return percentiles(drawn + np.sqrt(len(runs) / (len(runs) - 1)) * means, (1 - LEVEL) / 2)


def expanded_share(runs: int) -> float:
    """Return the quantile that stands for 2.5 % with so few runs (Hesterberg, American Statistician 2015)."""
    return float(ndtr(stdtrit(runs - 1, (1 - LEVEL) / 2) * np.sqrt(runs / (runs - 1))))


def count_cell(name: str, noise_seeds: int, seeds: int, draws: int, resamples: int) -> Cell:
    """Draw differences again and again, and count the intervals that hold the truth."""
    rng = np.random.Generator(np.random.Philox([noise_seeds, seeds, *name.encode()]))
    held: dict[str, list[bool]] = {way: [] for way in ("before", "nested", "expanded", "t", "over_draws")}
    lengths = []
    for i in range(draws):
        scores, noise = draw(REGIMES[name], noise_seeds, seeds, rng)
        found = resample({"a": as_row(scores), "b": as_row(np.zeros_like(scores))}, resamples, seed=i)
        truth = float(noise[0]) if noise_seeds == 1 else 0.0
        bounds = dict(_intervals(found["a"], scores.mean(-1), rng))
        own = compare(found["a"], found["b"], 0)
        if own is None:
            raise RuntimeError("a difference without an interval")
        bounds["t"] = own.low, own.high
        lengths.append(own.high - own.low)
        for way, (low, high) in bounds.items():
            held[way].append(low <= truth <= high)
        held["over_draws"].append(own.low <= 0 <= own.high)
    shares = {way: 100 * float(np.mean(one)) if one else float("nan") for way, one in held.items()}
    return Cell(name, noise_seeds, seeds, **shares, t_length=median(lengths))


def _intervals(row: Resampled, gaps: Floats, rng: np.random.Generator) -> Iterator[tuple[str, Bounds]]:
    """Yield the intervals that were not chosen; one run has none of them."""
    drawn, runs = row.drawn[:, 0], gaps.size
    nested = resample_runs(gaps, drawn, rng)
    yield "nested", percentiles(nested, (1 - LEVEL) / 2)
    if runs > 1:
        yield "before", all_alike(gaps, drawn, rng)
        yield "expanded", percentiles(nested, expanded_share(runs))


HEADER = (
    "regime",
    "noise seeds",
    "training seeds",
    "before",
    "nested",
    "expanded",
    "t",
    "length of t",
    "t, over draws",
)


def to_markdown(cells: list[Cell]) -> str:
    """Return the table of the decision."""
    rows = []
    for cell in cells:
        shares = [cell.before, cell.nested, cell.expanded, cell.t]
        shown = ["–" if np.isnan(share) else f"{share:.1f}" for share in shares]
        over = f"{cell.over_draws:.1f}" if cell.noise_seeds == 1 else "="
        rows.append([cell.regime, str(cell.noise_seeds), str(cell.seeds), *shown, f"{cell.t_length:.1f}", over])
    return "\n".join(iter_table(HEADER, rows, (0,)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000, help="differences drawn per cell")
    parser.add_argument("--resamples", type=int, default=500, help="of the videos, per difference")
    parser.add_argument("--markdown", action="store_true", help="print the table of the decision, not JSON")
    options = parser.parse_args()
    cells = []
    for name, noise_seeds, seeds in product(REGIMES, NOISE_SEEDS, SEEDS):
        cells.append(count_cell(name, noise_seeds, seeds, options.draws, options.resamples))
        if not options.markdown:
            print(json.dumps(asdict(cells[-1])), flush=True)
    if options.markdown:
        print(to_markdown(cells))


if __name__ == "__main__":
    main()
