"""Leaderboards as Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from actiseg_bench.report.board import Block, Leaderboard, Row
from actiseg_bench.report.bootstrap import COMPARED
from actiseg_bench.report.cells import (
    BESIDE,
    BEST,
    COLUMNS,
    SILENT,
    TIED,
    Cell,
    bold_notes,
    chunks,
    header,
    row_cells,
    score_cell,
    severity,
    summary_names,
    summary_rows,
    summary_title,
    text_columns,
    title_lines,
    track_line,
)
from actiseg_noise.borders.writing import csv_text
from actiseg_noise.markdown import iter_table
from actiseg_noise.plain import markdown_inline, markdown_text


def to_json(boards: Sequence[Leaderboard]) -> list[dict[str, Any]]:
    """Return plain JSON values, scores and differences in [0, 1], digests whole."""
    data = [asdict(board) for board in boards]
    for board, plain in zip(boards, data, strict=True):
        for block, plain_block in zip(board.blocks, plain["blocks"], strict=True):
            plain_block["track"] = plain_block["tracks"][0]
            for row, plain_row in zip(block.rows, plain_block["rows"], strict=True):
                plain_row |= {"best": sorted(row.best), "tied": sorted(row.tied), "seeds": list(row.seeds)}
    return data


def render_csv(boards: Sequence[Leaderboard], metrics: Sequence[str] | None = None) -> str:
    """Return one line per track and row: scores × 100 with their deviations, marks, cost, severity, digests whole.

    Args:
        metrics: the scores and costs that have columns; None: all. What a row is, and is made of, always has.
    """
    columns = {name: value for name, value in _CSV.items() if metrics is None or _is_chosen(name, metrics)}
    if metrics is not None:
        columns = _beside_columns(metrics, columns)
    return csv_text(
        list(columns), ({name: value(place) for name, value in columns.items()} for place in _places(boards))
    )


def _is_chosen(column: str, metrics: Sequence[str]) -> bool:
    """Return whether a column of the CSV is of one of ``metrics``, or of no metric."""
    owner = max((name for name in (*COLUMNS, *_CSV_COST) if column.startswith(name)), key=len, default=None)
    return owner is None or _CSV_COST.get(owner, owner) in metrics


_CSV_COST = {"train_s": "train_s", "peak_rss_mb": "peak_rss_mb", "time_of": "time", "memory_of": "memory"}


def _beside_columns(metrics: Sequence[str], columns: dict[str, _CsvColumn]) -> dict[str, _CsvColumn]:
    """Return the columns with those that the whole CSV lacks: extras and updates, where they are asked for."""
    more: dict[str, _CsvColumn] = {}
    for name in metrics:
        if name in BESIDE:
            more |= _score_columns(name)
    if "updates" in metrics:
        more["updates"] = lambda at: f"{at.row.updates:.0f}"
    return columns | more


def leaderboard_rows(boards: Sequence[Leaderboard]) -> list[dict[str, Any]]:
    """Return one dict per track and row: scores in [0, 1] and their deviations, None where undefined; cost, labels."""
    return [_plain_row(place) for place in _places(boards)]


class _Place(NamedTuple):
    """A row and where it stands."""

    board: Leaderboard
    block: Block
    row: Row


def _places(boards: Sequence[Leaderboard]) -> Iterator[_Place]:
    """Yield every row with where it stands."""
    return (_Place(board, block, row) for board in boards for block in board.blocks for row in block.rows)


def _plain_row(at: _Place) -> dict[str, Any]:
    """Return a row of a data frame."""
    board, block, row = at
    track = block.track
    place = {"model": board.model, "dataset": board.dataset, "protocol": board.protocol, "track": track.name}
    scores: dict[str, Any] = {}
    for name in (*COLUMNS, *BESIDE):
        scores |= {name: row.values[name].mean, f"{name}_std": row.values[name].std}
        scores |= {f"{name}_mark": _mark(row, name)} if name in COMPARED else {}
    cost = {"train_s": row.train_s, "peak_rss_mb": row.peak_rss_mb, "oracle": row.oracle}
    labels: dict[str, Any] = {"recipe": track.recipe, "eval_manifest": track.eval_manifest}
    labels |= {name: _each(block, name) for name in ("noise_seed", "train_manifest")}
    names = {"strategy": row.strategy, "variant": row.variant, "seeds": len(row.seeds)}
    return {**place, **names, **scores, **cost, **labels}


def _cell(score: float | None) -> str:
    """Return a score times 100 with four decimals, empty when undefined."""
    return "" if score is None else f"{100 * score:.4f}"


def _factor(factor: float | None) -> str:
    """Return a factor with three decimals, empty when undefined."""
    return "" if factor is None else f"{factor:.3f}"


def _mark(row: Row, name: str) -> str:
    return _MARKS[score_cell(row, name).mark]


_MARKS = {BEST: "best", TIED: "not separable", SILENT: "silent", "": ""}


def _each(block: Block, name: str) -> Any:
    """Return what a track of one noise seed says; of several, in one line."""
    values = [getattr(track, name) for track in block.tracks]
    return values[0] if len(values) == 1 else " ".join(map(str, values))


_CsvColumn = Callable[[_Place], object]


def _score_columns(name: str) -> dict[str, _CsvColumn]:
    """Return the columns of one score; a metric's have its mark and the difference to the best row, too."""
    columns: dict[str, _CsvColumn] = {
        name: lambda at: _cell(at.row.values[name].mean),
        f"{name}_std": lambda at: _cell(at.row.values[name].std),
    }
    if name in COMPARED:
        columns |= {
            f"{name}_mark": lambda at: _mark(at.row, name),
            f"{name}_to_best_low": lambda at: _cell(at.row.to_best[name].low) if name in at.row.to_best else "",
            f"{name}_to_best_high": lambda at: _cell(at.row.to_best[name].high) if name in at.row.to_best else "",
        }
    return columns


_CSV: dict[str, _CsvColumn] = {
    "model": lambda at: at.board.model,
    "dataset": lambda at: at.board.dataset,
    "protocol": lambda at: at.board.protocol,
    "track": lambda at: at.block.track.name,
    "strategy": lambda at: at.row.strategy,
    "variant": lambda at: at.row.variant,
    "seeds": lambda at: " ".join(map(str, at.row.seeds)),
    **{column: value for name in COLUMNS for column, value in _score_columns(name).items()},
    "train_s": lambda at: f"{at.row.train_s:.1f}",
    "peak_rss_mb": lambda at: f"{at.row.peak_rss_mb:.0f}",
    "time_of_baseline": lambda at: _factor(at.row.time),
    "memory_of_baseline": lambda at: _factor(at.row.memory),
    "oracle": lambda at: at.row.oracle,
    "submitted": lambda at: at.row.submitted,
    "recipe": lambda at: at.block.track.recipe,
    "noise_seed": lambda at: _each(at.block, "noise_seed"),
    "train_manifest": lambda at: _each(at.block, "train_manifest"),
    "eval_manifest": lambda at: at.block.track.eval_manifest,
    "harmful_positives": lambda at: severity(at.block, "harmful_positives"),
    "median_iou": lambda at: severity(at.block, "median_iou"),
    "wrong_narration_positives": lambda at: severity(at.block, "wrong_narration_positives"),
    "wrong_flag_positives": lambda at: severity(at.block, "wrong_flag_positives"),
}
"""Column → what stands in it; the header is its names."""


def render_markdown(boards: Sequence[Leaderboard], metrics: Sequence[str] | None = None) -> str:
    """Return a Markdown section per leaderboard: a table per track, a summary, the notes."""
    return "\n".join(line for board in boards for line in _markdown_lines(board, metrics))


def _markdown_lines(board: Leaderboard, metrics: Sequence[str] | None) -> Iterator[str]:
    """Yield the lines of one leaderboard."""
    title = markdown_inline(f"Leaderboard: {board.model} on {board.dataset}")
    yield from (f"# {title}", "", *(f"{markdown_text(x)}  " for x in title_lines(board)), "")
    for block in board.blocks:
        yield from (f"## {markdown_inline(block.track.name)}", "", markdown_text(track_line(block)), "")
        cells = [[_marked(cell) for cell in row_cells(row, metrics)] for row in block.rows]
        yield from iter_table(header(metrics), cells, text_columns(metrics))
    scores = summary_names(metrics)
    for tracks in chunks(board.blocks):
        yield from (f"## Summary: {summary_title(scores)}", "")
        names = ["strategy", "variant", *(markdown_inline(b.track.name) for b in tracks)]
        yield from iter_table(names, [list(map(markdown_inline, row)) for row in summary_rows(tracks, scores)], (0, 1))
    yield from (f"- {markdown_text(note)}" for note in bold_notes(board))
    yield ""


def _marked(cell: Cell) -> str:
    """Return a Markdown cell: the best bold, what is not separable from it behind its sign."""
    text = markdown_inline(cell.text)
    return {BEST: f"**{text}**", TIED: f"{TIED} {text}", SILENT: f"{SILENT} {text}"}.get(cell.mark, text)
