"""Leaderboards as Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.report.cells import (
    BEST,
    COLUMNS,
    HEADER,
    SUMMARY_TITLE,
    TEXT_COLUMNS,
    TIED,
    Cell,
    chunks,
    row_cells,
    summary_rows,
    title_lines,
    track_line,
)
from actiseg_bench.report.table import Block, Leaderboard, Row, Value
from actiseg_noise.borders.writing import csv_text
from actiseg_noise.markdown import iter_table
from actiseg_noise.plain import markdown_inline, markdown_text


def to_json(boards: Sequence[Leaderboard]) -> list[dict[str, Any]]:
    """Return plain JSON values, scores and differences in [0, 1], digests whole."""
    data = [asdict(board) for board in boards]
    for board, plain in zip(boards, data, strict=True):
        for block, plain_block in zip(board.blocks, plain["blocks"], strict=True):
            for row, plain_row in zip(block.rows, plain_block["rows"], strict=True):
                plain_row |= {"best": sorted(row.best), "tied": sorted(row.tied)}
    return data


def render_csv(boards: Sequence[Leaderboard]) -> str:
    """Return one line per track and row: scores × 100 with their deviations, marks, cost, severity, digests whole."""
    return csv_text(list(_csv_row(None, None, None)), (_csv_row(*place) for place in _places(boards)))


def leaderboard_rows(boards: Sequence[Leaderboard]) -> list[dict[str, Any]]:
    """Return one dict per track and row: scores in [0, 1] and their deviations, None where undefined; cost, labels."""
    return [_plain_row(*place) for place in _places(boards)]


def _places(boards: Sequence[Leaderboard]) -> Iterator[tuple[Leaderboard, Block, Row]]:
    """Yield every row with where it stands."""
    return ((board, block, row) for board in boards for block in board.blocks for row in block.rows)


def _plain_row(board: Leaderboard, block: Block, row: Row) -> dict[str, Any]:
    """Return a row of a data frame."""
    track = block.track
    place = {"model": board.model, "dataset": board.dataset, "protocol": board.protocol, "track": track.name}
    scores: dict[str, Any] = {}
    for name in COLUMNS:
        scores |= {name: row.values[name].mean, f"{name}_std": row.values[name].std}
        scores |= {f"{name}_mark": _mark(row, name)} if name in METRICS else {}
    cost = {"train_s": row.train_s, "peak_rss_mb": row.peak_rss_mb, "oracle": row.oracle}
    labels = {name: getattr(track, name) for name in ("recipe", "noise_seed", "train_manifest", "eval_manifest")}
    names = {"strategy": row.strategy, "variant": row.variant, "seeds": len(row.seeds)}
    return {**place, **names, **scores, **cost, **labels}


def _csv_row(board: Leaderboard | None, block: Block | None, row: Row | None) -> dict[str, object]:
    """Return one CSV record; of nothing, to name the columns."""
    track = block.track if block else None
    record: dict[str, object] = {
        "model": board and board.model,
        "dataset": board and board.dataset,
        "protocol": board and board.protocol,
        "track": track and track.name,
        "strategy": row and row.strategy,
        "variant": row and row.variant,
        "seeds": " ".join(map(str, row.seeds)) if row else "",
    }
    for name in COLUMNS:
        value = row.values[name] if row else Value(None, None)
        record |= {name: _cell(value.mean), f"{name}_std": _cell(value.std)}
        if name in METRICS:
            record |= {f"{name}_mark": _mark(row, name) if row else "", **_gap(row, name)}
    record["train_s"] = row and f"{row.train_s:.1f}"
    record["peak_rss_mb"] = row and f"{row.peak_rss_mb:.0f}"
    record["time_of_baseline"] = "" if row is None or row.time is None else f"{row.time:.3f}"
    record["memory_of_baseline"] = "" if row is None or row.memory is None else f"{row.memory:.3f}"
    record["oracle"] = row and row.oracle
    for name in ("recipe", "noise_seed", "train_manifest", "eval_manifest"):
        record[name] = track and getattr(track, name)
    for name in ("harmful_positives", "median_iou"):
        record[name] = track and track.severity.get(name)
    return record


def _cell(score: float | None) -> str:
    """Return a score times 100 with four decimals, empty when undefined."""
    return "" if score is None else f"{100 * score:.4f}"


def _mark(row: Row, name: str) -> str:
    return "best" if name in row.best else "not separable" if name in row.tied else ""


def _gap(row: Row | None, name: str) -> dict[str, str]:
    """Return the bounds of the difference to the best row, × 100, empty where nothing was compared."""
    gap = row.to_best.get(name) if row else None
    low, high = (gap.low, gap.high) if gap else (None, None)
    return {f"{name}_to_best_low": _cell(low), f"{name}_to_best_high": _cell(high)}


def render_markdown(boards: Sequence[Leaderboard]) -> str:
    """Return a Markdown section per leaderboard: a table per track, a summary, the notes."""
    return "\n".join(line for board in boards for line in _markdown_lines(board))


def _markdown_lines(board: Leaderboard) -> Iterator[str]:
    """Yield the lines of one leaderboard."""
    title = markdown_inline(f"Leaderboard: {board.model} on {board.dataset}")
    yield from (f"# {title}", "", *(f"{markdown_text(x)}  " for x in title_lines(board)), "")
    for block in board.blocks:
        yield from (f"## {markdown_inline(block.track.name)}", "", markdown_text(track_line(block)), "")
        yield from iter_table(HEADER, [[_marked(cell) for cell in row_cells(row)] for row in block.rows], TEXT_COLUMNS)
    for tracks in chunks(board.blocks):
        yield from (f"## Summary: {SUMMARY_TITLE}", "")
        header = ["strategy", "variant", *(markdown_inline(b.track.name) for b in tracks)]
        yield from iter_table(header, [list(map(markdown_inline, row)) for row in summary_rows(tracks)], (0, 1))
    yield from (f"- {markdown_text(note.replace('(*)', '(bold)'))}" for note in board.notes)
    yield ""


def _marked(cell: Cell) -> str:
    """Return a Markdown cell: the best bold, what is not separable from it behind its sign."""
    text = markdown_inline(cell.text)
    return {BEST: f"**{text}**", TIED: f"{TIED} {text}"}.get(cell.mark, text)
