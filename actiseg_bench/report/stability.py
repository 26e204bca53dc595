"""Would other seeds have ranked the methods in the same order? Kendall's tau between parts of the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import kendalltau

from actiseg_bench.metrics.actionvos import TITLES
from actiseg_bench.metrics.ungated import TITLE
from actiseg_bench.report.bootstrap import Run
from actiseg_bench.report.extras import ExtrasOf, no_extras
from actiseg_bench.report.study import Study, matched
from actiseg_bench.results.result import YARDSTICKS, RunResult

RANKED = {"p_miou": TITLES["p_miou"], "giou": TITLES["giou"], "p_miou_ungated": TITLE}
"""Score of a result, or extra, → its title."""
ENDS = 3  # rows at the top and at the bottom
ALL_TRACKS = "mean of all"
PARTS: dict[str, Callable[[Run], int]] = {"noise seeds": lambda run: run[0], "training seeds": lambda run: run[1]}


class Agreement(NamedTuple):
    """How well two rankings agree.

    Attributes:
        rows: that both have. tau: Kendall's tau-b in [-1, 1], None where a side ties all. top, bottom: of the first and
            of the last three rows of one side, how many the other has there, too.
    """

    rows: int
    tau: float | None
    top: int
    bottom: int


def compare_rankings(one: Mapping[str, float], other: Mapping[str, float]) -> Agreement | None:
    """Return how well two rankings, row → score, agree by the rows that both have; None with fewer than three.

    Example:
        >>> compare_rankings({"a": 0.9, "b": 0.5, "c": 0.1}, {"a": 0.8, "b": 0.2, "c": 0.4}).top
        3
    """
    rows = sorted(set(one) & set(other))
    if len(rows) < ENDS:
        return None
    tau = float(kendalltau([one[row] for row in rows], [other[row] for row in rows]).statistic)
    ranked = [sorted(rows, key=lambda row: (-side[row], row)) for side in (one, other)]
    top, bottom = (len(set.intersection(*(set(r[part]) for r in ranked))) for part in (slice(ENDS), slice(-ENDS, None)))
    return Agreement(len(rows), None if np.isnan(tau) else tau, top, bottom)


def rank_methods(
    study: Study, tracks: Sequence[str], metric: str, extras_of: ExtrasOf = no_extras
) -> dict[str, dict[Run, float]]:
    """Return row → run → mean score over the tracks; yardsticks, and runs that lack a track, are left out.

    Args:
        metric: of ``RANKED``. extras_of: what gives the extras of a result.
    """

    def score(result: RunResult) -> float | None:
        return {**result.scores, **extras_of(result)}[metric]

    found: dict[str, dict[Run, float]] = {}
    for row in study.rows:
        cells = [study.by_run(track, row, score) for track in tracks]
        runs = max(cells, key=len)
        placed = [matched(cell, runs) for cell in cells]
        whole = [run for run in runs if all(run in cell for cell in placed)]
        if whole and row.split("@")[0] not in YARDSTICKS:
            found[row] = {run: float(np.mean([cell[run] for cell in placed])) for run in whole}
    return found


def split_rankings(by_run: Mapping[str, Mapping[Run, float]], part_of: Callable[[Run], int]) -> list[dict[str, float]]:
    """Return the ranking, row → mean score, of every part of the runs: of each noise seed, or of each training seed."""
    parts: dict[int, dict[str, list[float]]] = {}
    for row, scores in by_run.items():
        for run, score in scores.items():
            parts.setdefault(part_of(run), {}).setdefault(row, []).append(score)
    return [{row: float(np.mean(own)) for row, own in parts[part].items()} for part in sorted(parts)]


def stability_records(study: Study, extras_of: ExtrasOf = no_extras) -> Iterator[dict[str, Any]]:
    """Yield how well noise seeds, and training seeds, agree on the order of a track and metric: means over pairs."""
    tracks = {track: [track] for track in study.tracks}
    if len(tracks) > 1:
        tracks[ALL_TRACKS] = list(study.tracks)
    for name, own in tracks.items():
        for metric, title in RANKED.items():
            by_run = rank_methods(study, own, metric, extras_of)
            for what, part_of in PARTS.items():
                pairs = combinations(split_rankings(by_run, part_of), 2)
                found = [one for pair in pairs if (one := compare_rankings(*pair)) is not None]
                if found:
                    taus = [one.tau for one in found if one.tau is not None]
                    yield {
                        "track": name,
                        "metric": title,
                        "between": what,
                        "pairs": len(found),
                        "rows": min(one.rows for one in found),
                        "Kendall's tau": round(float(np.mean(taus)), 3) if taus else None,
                        "lowest": round(min(taus), 3) if taus else None,
                        "top three": round(float(np.mean([one.top for one in found])), 2),
                        "bottom three": round(float(np.mean([one.bottom for one in found])), 2),
                    }
