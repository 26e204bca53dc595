"""The numbers of a report as JSON: leaderboards, their runs, and what stands behind each."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.grid.tracks import published_name
from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER
from actiseg_bench.metrics.failure_modes import MODES, TITLES
from actiseg_bench.report.cells import BESIDE, COLUMNS, bold_notes, short_name, title_lines, track_line
from actiseg_bench.report.page.losses import CAUSES, giou_losses
from actiseg_bench.report.page.words import describe_block
from actiseg_bench.report.sensitivity import AXES, find_place
from actiseg_bench.report.style import row_styles
from actiseg_bench.report.table import Block, Leaderboard, Row, run_of
from actiseg_bench.results.networks import over_networks
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.object_frames import FILE_NAME, read_object_frames
from actiseg_noise.errors import ActisegError

Json = dict[str, Any]
DIGITS = 5


def board_data(board: Leaderboard, runs: Iterable[StoredRun], folder: Path) -> Json:
    """Return a leaderboard with its runs.

    Args:
        runs: finished runs, those of the board among them. folder: where they are, for the commands.
    """
    of_row: dict[tuple[str, str, str], list[StoredRun]] = {}
    for run in runs:
        result = run.result
        if (result.model, result.track.dataset, result.track.protocol) == (board.model, board.dataset, board.protocol):
            of_row.setdefault((result.track.name, result.strategy, result.variant), []).append(run)
    names = block_names(board)
    rows = list(dict.fromkeys(_row_name(row) for block in board.blocks for row in block.rows))
    methods = [_row_name(row) for block in board.blocks for row in block.rows if not row.is_reference]
    styles = row_styles(list(dict.fromkeys(methods)))
    return {
        "name": f"{board.model} on {board.dataset}, {board.protocol}",
        "title": title_lines(board),
        "notes": bold_notes(board),
        "metrics": [
            {"key": key, "title": title.strip("↑↓"), "lower": key in LOWER_IS_BETTER}
            for key, title in (COLUMNS | BESIDE).items()
        ],
        "modes": TITLES,
        "causes": CAUSES,
        "axes": {axis.name: {"label": axis.label, "origin": axis.origin} for axis in AXES},
        "tracks": [_track(block, name) for block, name in zip(board.blocks, names, strict=True)],
        "rows": [{"key": row, "colour": styles[row].color if row in styles else None} for row in rows],
        "cells": {
            name: {_row_name(row): _cell(block, row, of_row, folder) for row in block.rows}
            for block, name in zip(board.blocks, names, strict=True)
        },
    }


def block_names(board: Leaderboard) -> list[str]:
    """Return the tracks' names; where two share one, with the start of their labels' digests."""
    names = [block.track.name for block in board.blocks]
    return [
        name if names.count(name) == 1 else f"{name} {str(block.track.train_manifest)[:6]}"
        for name, block in zip(names, board.blocks, strict=True)
    ]


def _row_name(row: Row) -> str:
    return short_name(row.strategy, row.variant)


def _track(block: Block, name: str) -> Json:
    """Return one column of the matrix."""
    place = find_place(block.track.recipe)
    return {
        "name": name,
        "line": track_line(block),
        "axis": place[0] if place else None,
        "level": place[1] if place else None,
        "found": describe_block(block),
        "labels": [one.train_manifest for one in block.tracks],
        "eval": block.track.eval_manifest,
    }


def _cell(block: Block, row: Row, of_row: dict[tuple[str, str, str], list[StoredRun]], folder: Path) -> Json:
    """Return one cell of the matrix: scores, marks, cost, and its runs."""
    labels = {one.train_manifest for one in block.tracks}
    if row.is_reference:
        named = [run for (_, strategy, _), some in of_row.items() if strategy == row.strategy for run in some]
    else:
        named = of_row.get((block.track.name, row.strategy, row.variant), [])
    runs = [run for run in named if row.is_reference or run.result.track.train_manifest in labels]
    runs.sort(key=lambda run: run_of(run.result))
    return {
        "values": {name: _rounded([value.mean, value.std]) for name, value in row.values.items()},
        "best": sorted(row.best),
        "tied": sorted(row.tied),
        "to_best": {name: _rounded([gap.mean, gap.low, gap.high]) for name, gap in row.to_best.items()},
        "reference": row.is_reference,
        "competes": row.competes,
        "silent": row.silent,
        "oracle": row.oracle,
        "missing": [list(run) for run in row.missing],
        "updates": row.updates,
        "seconds": row.train_s,
        "memory": row.peak_rss_mb,
        "losses": _losses(runs),
        "modes": {mode: _mean([run.result.failures.get(mode) for run in runs]) for mode in MODES},
        "runs": [_run(run.result) for run in runs],
        "command": _command(row, runs[0].result, folder) if runs and not row.is_reference else None,
    }


def _run(result: RunResult) -> Json:
    """Return one training."""
    noise, seed = run_of(result)
    return {
        "noise": noise,
        "seed": seed,
        "key": result.run_key,
        "scores": {name: _round(value) for name, value in result.scores.items()},
        "train_s": round(result.cost.train_s, 1),
        "loss": [_round(value) for value in result.losses],
        "fits": [{name: _round(value) for name, value in fit.items()} for fit in result.fits],
        "selection": [
            {unit: {k: _round(v) for k, v in of.items()} for unit, of in one.items()} for one in result.selection
        ],
        "labels": result.track.train_manifest,
        "predictions": result.predictions,
        "config": result.config,
        "provenance": asdict(result.provenance),
    }


def _losses(runs: list[StoredRun]) -> Json | None:
    """Return what gIoU is lost to, the mean over networks and runs; None where a table cannot be read."""
    found: list[dict[str, float | None]] = []
    try:
        for run in runs:
            of_network: list[dict[str, float | None]] = []
            for path in run.files(FILE_NAME):
                of_network.append({**giou_losses(read_object_frames(path)[1])})
            found.append(over_networks(of_network))
    except ActisegError:
        return None
    return {cause: _mean([one[cause] for one in found]) for cause in CAUSES} if found else None


def _command(row: Row, result: RunResult, folder: Path) -> str:
    """Return the command that makes a cell again."""
    protocol = published_name(result.track.protocol) or f"{result.track.protocol.partition('+')[0]}.toml"
    words = ["actiseg-bench", "run", "--protocol", protocol, "--track", result.track.name, "--strategy", row.strategy]
    words += ["--variant", row.variant, "--model", result.model, "--seeds", str(len(row.seeds)), "--out", str(folder)]
    options = result.config.get("strategy_options") or {}
    words += [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
    return shlex.join(words)


def _mean(values: list[float | None]) -> float | None:
    """Return the mean of the values that are known, rounded; None for none."""
    known = [value for value in values if value is not None]
    return _round(float(np.mean(known))) if known else None


def _rounded(values: list[float | None]) -> list[float | None]:
    return [_round(value) for value in values]


def _round(value: float | None) -> float | None:
    """Return a share with as many digits as a page can show."""
    return None if value is None else round(value, DIGITS)
