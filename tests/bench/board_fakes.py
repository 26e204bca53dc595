"""Runs of which a leaderboard or a study is made, and how they are shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from bench_fakes import make_result
from rich.console import Console

from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.report.board import Leaderboard
from actiseg_bench.report.bootstrap import COMPARED, ClipSums
from actiseg_bench.report.render import print_leaderboards
from actiseg_bench.report.study import Study, make_studies
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun

START = make_result(track="reference", strategy="start", scores={"giou": 0.4})
SILENT = make_result(track="reference", strategy="silent", scores={"giou": 0.45, "p_miou": 0.0})


def board(*results: RunResult) -> Leaderboard:
    (only,) = make_leaderboards(results)
    return only


def shown(boards: list[Leaderboard], width: int) -> str:
    """Return what a terminal of this width shows."""
    stream = io.StringIO()
    print_leaderboards(boards, Console(width=width, file=stream, no_color=True))
    return stream.getvalue()


def printed(*results: RunResult, width: int = 100) -> str:
    return shown(make_leaderboards(results), width)


def equal_on_clips(**shift: float) -> Callable[[RunResult], ClipSums]:
    """Clip sums of four clips whose every score is the run's gIoU, moved by ``shift`` of the strategy on odd clips."""

    def sums(result: RunResult) -> ClipSums:
        mean, move = result.scores["giou"] or 0.0, shift.get(result.strategy, 0.0)
        scores = np.array([mean - move, mean + move, mean - move, mean + move])
        top = np.repeat(scores[None, :, None], len(COMPARED), 2)
        return ClipSums(("a", "b", "c", "d"), top, np.ones_like(top))

    return sums


def compared(*results: RunResult, **shift: float) -> Leaderboard:
    (only,) = make_leaderboards(results, equal_on_clips(**shift))
    return only


def seeds(*scores: float, **what: str) -> list[RunResult]:
    return [make_result(seed=k, scores={"giou": s, "n_miou": s}, **what) for k, s in enumerate(scores)]  # type: ignore[arg-type]


def drawn(noise_seed: int, *results: RunResult) -> list[RunResult]:
    """The runs on another draw of the noise, with labels of its own."""
    labels = {"noise_seed": noise_seed, "train_manifest": f"train {noise_seed}"}
    return [
        replace(r, track=replace(r.track, **labels), run_key=f"{r.run_key} noise {noise_seed}")  # type: ignore[arg-type]
        for r in results
    ]


def study(*results: RunResult) -> Study:
    (only,) = make_studies(StoredRun(Path("nowhere"), result) for result in results)
    return only


def at(track: str, p_miou: float, seed: int = 0, strategy: str = "baseline") -> RunResult:
    return make_result(track=track, strategy=strategy, seed=seed, scores={"p_miou": p_miou, "giou": p_miou})


def modes(track: str, seed: int = 0, strategy: str = "baseline", **values: float) -> RunResult:
    return make_result(track=track, strategy=strategy, seed=seed, failures=dict.fromkeys(MODES, 0.0) | values)
