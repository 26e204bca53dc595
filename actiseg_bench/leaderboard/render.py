"""Leaderboards as terminal tables, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from actiseg_bench.leaderboard.table import Block, Leaderboard, Row, Value
from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER, METRICS, TITLES
from actiseg_bench.results import REFERENCES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FORMATS = ("table", "md", "csv")
_COLUMNS = {name: f"{TITLES[name]}{'↓' if name in LOWER_IS_BETTER else '↑'}" for name in METRICS} | {
    "p_miou_hands": "hands↑",
    "p_miou_objects": "objects↑",
}
_SUMMARY = ("giou", "p_miou")
_SUMMARY_TRACKS = 5


def format_value(value: Value) -> str:
    """Return ``66.1``, ``66.1±0.4`` or ``–``, times 100."""
    if value.mean is None:
        return "–"
    return f"{100 * value.mean:.1f}" + ("" if value.std is None else f"±{100 * value.std:.1f}")


def title_lines(board: Leaderboard) -> list[str]:
    """Return the lines over a leaderboard: model, dataset, protocol, variants, seeds, evaluation labels."""
    rows = [row for block in board.blocks for row in block.rows if not row.is_reference]
    seeds = sorted({seed for row in rows for seed in row.seeds})
    labels = sorted({block.track.eval_manifest[:12] for block in board.blocks})
    return [
        f"model {board.model} · dataset {board.dataset} · protocol {board.protocol}",
        f"variant {_listed(sorted({row.variant for row in rows}))} · training seeds {_listed(seeds)} · "
        f"evaluation labels {_listed(labels)}",
    ]


def _listed(things: Sequence[object]) -> str:
    """Return ``0, 1, 2``, or ``–`` for nothing."""
    return ", ".join(map(str, things)) or "–"


def track_line(block: Block) -> str:
    """Return the line over a block: recipe, noise seed, severity, training labels."""
    track = block.track
    if track.train_manifest is None:
        return "not trained"
    wrong, iou = track.severity.get("harmful_positives"), track.severity.get("median_iou")
    parts = [
        f"recipe {track.recipe}, noise seed {track.noise_seed}",
        "wrong nouns –" if wrong is None else f"{100 * wrong:.1f} % of positives have a wrong noun",
        "masks clean" if iou is None else f"median IoU of noised masks {iou:.2f}",
        f"labels {track.train_manifest[:12]}",
    ]
    return " · ".join(parts)


def to_json(boards: Sequence[Leaderboard]) -> list[dict[str, Any]]:
    """Return plain JSON values, scores in [0, 1], digests whole."""
    data = [asdict(board) for board in boards]
    for board in data:
        for block in board["blocks"]:
            for row in block["rows"]:
                row["best"] = sorted(row["best"])
    return data


def render_csv(boards: Sequence[Leaderboard]) -> str:
    """Return one line per track and row: scores × 100 with their deviations, severity, digests whole."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(_csv_row(None, None, None)), lineterminator="\n")
    writer.writeheader()
    for board in boards:
        for block in board.blocks:
            writer.writerows(_csv_row(board, block, row) for row in block.rows)
    return buffer.getvalue()


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
    for name in _COLUMNS:
        value = row.values[name] if row else Value(None, None)
        record[name] = _cell(value.mean)
        record[f"{name}_std"] = _cell(value.std)
    record["oracle"] = row and row.oracle
    record["train_s"] = row and f"{row.train_s:.1f}"
    for name in ("recipe", "noise_seed", "train_manifest", "eval_manifest"):
        record[name] = track and getattr(track, name)
    for name in ("harmful_positives", "median_iou"):
        record[name] = track and track.severity.get(name)
    return record


def _cell(score: float | None) -> str:
    """Return a score times 100 with four decimals, empty when undefined."""
    return "" if score is None else f"{100 * score:.4f}"


def render_markdown(boards: Sequence[Leaderboard]) -> str:
    """Return a Markdown section per leaderboard: a table per track, a summary, the notes."""
    return "\n".join(line for board in boards for line in _markdown_lines(board))


def _markdown_lines(board: Leaderboard) -> Iterator[str]:
    """Yield the lines of one leaderboard."""
    yield from (f"# Leaderboard: {board.model} on {board.dataset}", "", *(f"{x}  " for x in title_lines(board)), "")
    for block in board.blocks:
        yield from (f"## {block.track.name}", "", track_line(block), "")
        header = ["strategy", "variant", "seeds", *_COLUMNS.values(), "train s"]
        yield from _markdown_table(header, 2, [_cells(row) for row in block.rows])
    for tracks in _chunks(board.blocks):
        yield from (f"## Summary: {_summary_title()}", "")
        yield from _markdown_table(["strategy", "variant", *(b.track.name for b in tracks)], 2, _summary_rows(tracks))
    yield from (f"- {note}" for note in board.notes)
    yield ""


def _markdown_table(header: list[str], left: int, rows: list[list[str]]) -> Iterator[str]:
    """Yield a table whose first ``left`` columns are text and the others numbers."""
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join(['---'] * left + ['---:'] * (len(header) - left))} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _cells(row: Row) -> list[str]:
    """Return the Markdown cells of one row, the best values bold."""
    shown = {name: format_value(row.values[name]) for name in _COLUMNS}
    shown |= {name: f"**{shown[name]}**" for name in row.best}
    seconds = "–" if row.is_reference else f"{row.train_s:.0f}"
    return [row.strategy, row.variant, "–" if row.is_reference else str(len(row.seeds)), *shown.values(), seconds]


def _chunks(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """Yield the blocks a few at a time; nothing where a summary would repeat a single block."""
    if len(blocks) > 1:
        yield from (blocks[i : i + _SUMMARY_TRACKS] for i in range(0, len(blocks), _SUMMARY_TRACKS))


def _summary_title() -> str:
    return " / ".join(TITLES[name] for name in _SUMMARY)


def _summary_rows(blocks: Sequence[Block]) -> list[list[str]]:
    """Return a row per strategy with gIoU and p-mIoU per track, ``–`` where it did not run."""
    names = dict.fromkeys((row.strategy, row.variant) for block in blocks for row in block.rows)
    places = [{(row.strategy, row.variant): row for row in block.rows} for block in blocks]
    return [[*name, *(_summary_cell(place.get(name)) for place in places)] for name in names]


def _summary_cell(row: Row | None) -> str:
    """Return ``gIoU / p-mIoU`` without deviations."""
    if row is None:
        return "–"
    return " / ".join(format_value(Value(row.values[name].mean, None)) for name in _SUMMARY)


def print_leaderboards(boards: Sequence[Leaderboard], console: Console) -> None:
    """Print terminal tables: one per track, a summary, the notes.

    Scores of one seed fit 80 columns; with deviations over seeds, hands and objects apart are shown from 110.
    """
    from rich.text import Text

    for board in boards:
        _print_lines(console, title_lines(board), "bold")
        for block in board.blocks:
            console.print()
            console.print(Text.assemble((block.track.name, "bold"), "  ", (track_line(block), "dim")))
            console.print(_block_table(block, console.width))
        for tracks in _chunks(board.blocks):
            console.print(f"\nSummary: {_summary_title()}", style="bold", highlight=False)
            rows = [[_short_name(*row[:2]), *row[2:]] for row in _summary_rows(tracks)]
            console.print(_rich_table(["strategy", *(b.track.name for b in tracks)], rows))
        console.print()
        _print_lines(console, [f"· {note}" for note in board.notes], "dim")
        console.print()


def _print_lines(console: Console, lines: Sequence[str], style: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, style=style, highlight=False, markup=False)


def _block_table(block: Block, width: int) -> Table:
    """Return the table of one track; hands and objects apart only where there is room."""
    has_spread = any(value.std is not None for row in block.rows for value in row.values.values())
    names = list(_COLUMNS) if width >= (110 if has_spread else 80) else list(METRICS)
    several = len({len(row.seeds) for row in block.rows if not row.is_reference}) > 1
    rows = []
    for row in block.rows:
        cells = [format_value(row.values[name]) + ("*" if name in row.best else "") for name in names]
        suffix = f" ×{len(row.seeds)}" if several and not row.is_reference else ""
        rows.append([_short_name(row.strategy, row.variant) + suffix, *cells])
    return _rich_table(["strategy", *(_COLUMNS[name] for name in names)], rows)


def _short_name(strategy: str, variant: str) -> str:
    """Return ``gce``, or ``gce@released`` for another variant than the method's own paper."""
    return strategy if variant in ("faithful", "-") else f"{strategy}@{variant}"


def _rich_table(header: list[str], rows: list[list[str]]) -> Table:
    """Return a table whose first column is text and the others numbers; reference rows are dim."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for i, name in enumerate(header):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row), style="dim" if row[0] in REFERENCES else "")
    return table
