"""The numbers of a report as JSON: leaderboards, their runs, and what stands behind each."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actiseg_bench.grid.protocols import published_name
from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER
from actiseg_bench.metrics.failure_modes import MODES, TITLES
from actiseg_bench.report.board import Block, Leaderboard, Row, run_of
from actiseg_bench.report.cells import BESIDE, COLUMNS, bold_notes, short_name, title_lines, track_line
from actiseg_bench.report.page.clips import Place
from actiseg_bench.report.page.losses import CAUSES, giou_losses
from actiseg_bench.report.page.words import describe_block
from actiseg_bench.report.sensitivity import AXES, CLEAN, find_place, with_origin
from actiseg_bench.report.style import row_styles
from actiseg_bench.report.table import summarise
from actiseg_bench.results.networks import over_networks
from actiseg_bench.results.provenance import Provenance
from actiseg_bench.results.result import RunResult
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.object_frames import FILE_NAME, read_object_frames
from actiseg_noise.errors import ActisegError
from actiseg_noise.plot_style import INK

Json = dict[str, Any]
DIGITS = 5


def board_data(board: Leaderboard, runs: Mapping[Place, Sequence[StoredRun]], folder: Path) -> Json:
    """Return a leaderboard with its runs.

    Args:
        runs: see :func:`cell_runs`. folder: where they are, for the commands.
    """
    blocks = list(_named_blocks(board))
    rows = {_row_name(row): row for block in board.blocks for row in block.rows}
    return {
        "title": title_lines(board),
        "notes": bold_notes(board),
        "metrics": [
            {"key": key, "title": title.strip("↑↓"), "lower": key in LOWER_IS_BETTER}
            for key, title in (COLUMNS | BESIDE).items()
        ],
        "modes": TITLES,
        "causes": CAUSES,
        "axes": list(_axes({name: block.track.recipe for name, block in blocks})),
        "tracks": [_track(block, name) for name, block in blocks],
        "rows": list(_rows(rows)),
        "cells": {
            name: {_row_name(row): _cell(row, runs[name, _row_name(row)], folder) for row in block.rows}
            for name, block in blocks
        },
        "made_by": _made_by(board, [run.result.provenance for some in runs.values() for run in some]),
    }


def cell_runs(board: Leaderboard, runs: Iterable[StoredRun]) -> dict[Place, list[StoredRun]]:
    """Return track and row → its runs, each once, by noise seed and training seed; reference rows stand in all tracks.

    A track is called as on the leaderboard; where two share a name, with the start of their labels' digests.
    """
    mine = {run.result.run_key: run for run in runs if board.holds(run.result)}
    ordered = sorted(mine.values(), key=lambda run: run_of(run.result))
    return {
        (name, _row_name(row)): [run for run in ordered if block.holds(row, run.result)]
        for name, block in _named_blocks(board)
        for row in block.rows
    }


def _named_blocks(board: Leaderboard) -> Iterator[tuple[str, Block]]:
    """Yield every track's name with its block."""
    names = [block.track.name for block in board.blocks]
    for name, block in zip(names, board.blocks, strict=True):
        yield (name if names.count(name) == 1 else f"{name} {str(block.track.train_manifest)[:6]}"), block


def _rows(rows: Mapping[str, Row]) -> Iterator[Json]:
    """Yield how every row is drawn; ``colour`` is None for reference rows, which learn nothing."""
    styles = row_styles([name for name, row in rows.items() if not row.is_reference])
    for name in rows:
        style = styles.get(name)
        colour = None if style is None else "currentColor" if style.color == INK else style.color
        yield {"key": name, "colour": colour, "dashed": style is not None and style.dashes != "-"}


def _axes(recipes: Mapping[str, str | None]) -> Iterator[Json]:
    """Yield every kind of noise that has two levels, with its tracks by level."""
    places = {name: find_place(recipe) for name, recipe in recipes.items()}
    clean = next((name for name, recipe in recipes.items() if recipe == CLEAN), None)
    for axis in AXES:
        own = {name: place[1] for name, place in places.items() if place and place[0] == axis.name}
        levels = with_origin(own, clean, axis)
        if len(levels) > 1:
            yield {"name": axis.name, "label": axis.label, "levels": list(levels.items())}


def _made_by(board: Leaderboard, made: Sequence[Provenance]) -> list[tuple[str, str]]:
    """Return with what, where and when the runs were made, in lines."""
    when = sorted(one.when for one in made)
    found: dict[str, Iterable[str]] = {
        "evaluation labels": [block.track.eval_manifest for block in board.blocks],
        "package": [one.version for one in made],
        "Python, NumPy, torch": [f"{one.python}, {one.numpy}, {one.torch or 'no torch'}" for one in made],
        "machines": [f"{one.platform}; {one.device}" for one in made],
        "first and last run": [*when[:1], *when[-1:]],
    }
    return [(name, " · ".join(dict.fromkeys(values)) or "–") for name, values in found.items()]


def _row_name(row: Row) -> str:
    return short_name(row.strategy, row.variant)


def _track(block: Block, name: str) -> Json:
    """Return one column of the matrix."""
    return {
        "name": name,
        "line": track_line(block),
        "found": describe_block(block),
        "labels": [one.train_manifest for one in block.tracks],
    }


def _cell(row: Row, runs: Sequence[StoredRun], folder: Path) -> Json:
    """Return one cell of the matrix: scores, marks, cost, its runs, and with what the first of them was made."""
    first = runs[0].result if runs else None
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
        "memory": row.peak_rss_mb,
        "losses": _losses(runs),
        "modes": {mode: _mean([run.result.failures.get(mode) for run in runs]) for mode in MODES},
        "runs": [_run(run.result) for run in runs],
        "made": None if first is None else asdict(first.provenance) | dict(first.config),
        "command": None if first is None or row.is_reference else _command(row, first, folder),
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
        "fits": [{name: _round(fit.get(name)) for name in ("step", "fit_given", "held_out")} for fit in result.fits],
        "precision": [{unit: _round(of.get("precision")) for unit, of in one.items()} for one in result.selection],
        "labels": result.track.train_manifest,
        "predictions": result.predictions,
    }


def _losses(runs: Sequence[StoredRun]) -> Json | None:
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


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of a value over the runs, rounded; undefined as soon as one run's is, as in every table."""
    return _round(summarise(values).mean)


def _rounded(values: list[float | None]) -> list[float | None]:
    return [_round(value) for value in values]


def _round(value: float | None) -> float | None:
    """Return a share with as many digits as a page can show."""
    return None if value is None else round(value, DIGITS)
