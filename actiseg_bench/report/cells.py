"""What every form of a leaderboard shows, as text: the lines over it, the cells of its rows, the marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from actiseg_bench.metrics.actionvos import LOWER_IS_BETTER, METRICS, TITLES
from actiseg_bench.report.board import Block, Leaderboard, Row, Value
from actiseg_bench.report.marks import REWARDS_SILENCE
from actiseg_noise.errors import UnknownNameError, raise_if
from actiseg_noise.manifest.info import ACTION_SEVERITY

COLUMNS = {name: f"{TITLES[name]}{'↓' if name in LOWER_IS_BETTER else '↑'}" for name in METRICS} | {
    "p_miou_hands": "hands↑",
    "p_miou_objects": "objects↑",
}
BESIDE = {"p_miou_ungated": "ungated↑", "p_jf_volume": "J&F↑", "positive_ap": "AP↑"}
"""Extra → its title; the others are in the JSON form and in runs.csv."""
COST = {"updates": "updates", "train_s": "seconds", "peak_rss_mb": "MiB", "time": "time", "memory": "memory"}
"""Field of a row → its title: what it cost, and the last two against the baseline."""
_TITLES = COLUMNS | BESIDE | COST
CHOICES = tuple(_TITLES)
"""What ``--metrics`` chooses from."""
HEADER = ("strategy", "variant", "seeds", *_TITLES.values(), "knows")
SUMMARY = ("giou", "p_miou")
SUMMARY_TRACKS = 5
BEST, TIED, SILENT = "*", "≈", "∅"
KNOWS, SUBMITTED = "†", "§"
"""Behind the name of a row with oracle knowledge, and of one with runs that came in submissions."""


class Cell(NamedTuple):
    """One cell: its text, and ``BEST``, ``TIED``, ``SILENT`` or nothing."""

    text: str
    mark: str = ""


def format_value(value: Value) -> str:
    """Return ``66.1``, ``66.1±0.4`` or ``–``, times 100."""
    if value.mean is None:
        return "–"
    return f"{100 * value.mean:.1f}" + ("" if value.std is None else f"±{100 * value.std:.1f}")


def format_factor(factor: float | None) -> str:
    """Return ``2.0×`` or ``–``."""
    return "–" if factor is None else f"{factor:.{1 if factor < 9.95 else 0}f}×"


def format_cost(row: Row, name: str) -> str:
    """Return one cost of ``COST``: ``90`` updates, ``36`` or ``1.4`` seconds, ``1027`` MiB, ``2.0×`` or ``–``."""
    value: float | None = getattr(row, name)
    if name in ("time", "memory"):
        return format_factor(value)
    return "–" if not value else f"{value:.{1 if name == 'train_s' and value < 9.95 else 0}f}"


def read_metrics(text: str | None) -> tuple[str, ...] | None:
    """Return the columns of ``p_miou,giou,…``, each once; None for None.

    Raises:
        UnknownNameError: a name that no column has. ActisegError: none.
    """
    if text is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    raise_if(not names, f"--metrics: expected columns such as p_miou,giou, got {text!r}")
    for name in names:
        if name not in CHOICES:
            raise UnknownNameError("metric", name, CHOICES)
    return names


def column_title(name: str) -> str:
    """Return what stands over a column of ``CHOICES``."""
    return _TITLES[name]


def header(metrics: Sequence[str] | None) -> tuple[str, ...]:
    """Return the header of :func:`row_cells`."""
    return HEADER if metrics is None else ("strategy", "variant", "seeds", *map(column_title, metrics))


def text_columns(metrics: Sequence[str] | None) -> tuple[int, ...]:
    """Return which columns of :func:`row_cells` are text."""
    return (0, 1, len(HEADER) - 1) if metrics is None else (0, 1)


def metric_cell(row: Row, name: str) -> Cell:
    """Return the cell of one column of ``CHOICES``."""
    return Cell(format_cost(row, name)) if name in COST else score_cell(row, name)


def score_cell(row: Row, name: str) -> Cell:
    """Return the cell of one score."""
    return Cell(format_value(row.values[name]), _mark(row, name))


def _mark(row: Row, name: str) -> str:
    """Return the sign of one score; a silent row has its sign where silence is rewarded."""
    if row.silent:
        return SILENT if name in REWARDS_SILENCE else ""
    return BEST if name in row.best else TIED if name in row.tied else ""


def count_runs(row: Row) -> str:
    """Return how many runs a row has: ``3``, ``3×5`` noise and training seeds, ``13 of 15``."""
    noise, expected = {noise for noise, _ in row.runs}, len(row.runs) + len(row.missing)
    if row.missing:
        return f"{len(row.runs)} of {expected}"
    if len(noise) > 1 and len(noise) * len(row.seeds) == expected:
        return f"{len(noise)}×{len(row.seeds)}"
    return str(expected)


def row_cells(row: Row, metrics: Sequence[str] | None = None) -> list[Cell]:
    """Return the cells of one row: strategy, variant, seeds, the chosen columns; for None all, and what it knows."""
    seeds = "–" if row.is_reference else count_runs(row)
    knows = [Cell(row.oracle or "–")] if metrics is None else []
    cells = [metric_cell(row, name) for name in (CHOICES if metrics is None else metrics)]
    name = row.strategy + (SUBMITTED if row.submitted else "")
    return [Cell(name), Cell(row.variant), Cell(seeds), *cells, *knows]


def bold_notes(board: Leaderboard) -> list[str]:
    """Return the notes as a form says them that prints the best bold instead of behind its sign."""
    return [note.replace(f"({BEST})", "(bold)") for note in board.notes]


def short_name(strategy: str, variant: str) -> str:
    """Return ``gce``, or ``gce@released`` for another variant than the method's own paper."""
    return strategy if variant in ("faithful", "-") else f"{strategy}@{variant}"


def row_label(row: Row, several: bool) -> str:
    """Return a row's name with its signs, and for ``several`` with how many runs it has, where they can differ."""
    signs = (KNOWS if row.oracle else "") + (SUBMITTED if row.submitted else "")
    runs = f" ×{count_runs(row)}" if several and not row.is_reference else ""
    return short_name(row.strategy, row.variant) + signs + runs


def title_lines(board: Leaderboard) -> list[str]:
    """Return the lines over a leaderboard: model, dataset, protocol, variants, seeds, evaluation labels."""
    rows = [row for block in board.blocks for row in block.rows if not row.is_reference]
    seeds = sorted({seed for row in rows for seed in row.seeds})
    noise = sorted(
        {track.noise_seed for block in board.blocks for track in block.tracks if track.noise_seed is not None}
    )
    draws = f"noise seeds {_listed(noise)} · " if len(noise) > 1 else ""
    labels = sorted({block.track.eval_manifest[:12] for block in board.blocks})
    return [
        f"model {board.model} · dataset {board.dataset} · protocol {board.protocol}",
        f"variant {_listed(sorted({row.variant for row in rows}))} · {draws}training seeds {_listed(seeds)} · "
        f"evaluation labels {_listed(labels)}",
    ]


def _listed(things: Sequence[object]) -> str:
    """Return ``0, 1, 2``, or ``–`` for nothing."""
    return ", ".join(map(str, things)) or "–"


def track_line(block: Block) -> str:
    """Return the line over a block: recipe, noise seeds, severity (mean over them), training labels."""
    track = block.track
    if track.train_manifest is None:
        return "not trained"
    wrong, iou = (severity(block, name) for name in ("harmful_positives", "median_iou"))
    narration, flag = (severity(block, name) for name in ACTION_SEVERITY)
    more = ((narration, "have another clip's narration"), (flag, "are given as negative"))
    word = "text" if narration else "noun"
    seeds = [one.noise_seed for one in block.tracks]
    parts = [
        f"recipe {track.recipe}, noise seed{'s' * (len(seeds) > 1)} {_listed(seeds)}",
        "wrong nouns –" if wrong is None else f"{100 * wrong:.1f} % of positives have a wrong {word}",
        *(f"{100 * share:.1f} % {what}" for share, what in more if share),
        "masks clean" if iou is None else f"median IoU of noised masks {iou:.2f}",
        f"labels {_listed([str(one.train_manifest)[:12] for one in block.tracks])}",
    ]
    return " · ".join(parts)


def severity(block: Block, name: str) -> float | None:
    """Return the mean of a severity over the draws of the noise, None where one has none."""
    known = [value for track in block.tracks if (value := track.severity.get(name)) is not None]
    return fmean(known) if len(known) == len(block.tracks) else None


def chunks(blocks: Sequence[Block], most: int = SUMMARY_TRACKS) -> Iterator[Sequence[Block]]:
    """Yield the blocks a few at a time; nothing where a summary would repeat a single block."""
    if len(blocks) > 1:
        yield from (blocks[i : i + most] for i in range(0, len(blocks), most))


def summary_names(metrics: Sequence[str] | None) -> tuple[str, ...]:
    """Return which scores a summary shows: gIoU and p-mIoU, of other columns those or the first two scores."""
    scores = SUMMARY if metrics is None else [name for name in metrics if name not in COST]
    return tuple(name for name in SUMMARY if name in scores) or tuple(scores[:2]) or SUMMARY


def summary_title(names: Sequence[str]) -> str:
    """Return ``gIoU / p-mIoU``."""
    return " / ".join(column_title(name).rstrip("↑↓") for name in names)


def summary_rows(blocks: Sequence[Block], scores: Sequence[str] = SUMMARY) -> list[list[str]]:
    """Return a row per strategy, its variant and means of ``scores`` per track, ``–`` where it did not run."""
    names = dict.fromkeys((row.strategy, row.variant) for block in blocks for row in block.rows)
    places = [{(row.strategy, row.variant): row for row in block.rows} for block in blocks]
    return [[*name, *(_summary_cell(place.get(name), scores) for place in places)] for name in names]


def _summary_cell(row: Row | None, scores: Sequence[str]) -> str:
    """Return ``gIoU / p-mIoU`` without deviations."""
    if row is None:
        return "–"
    return " / ".join(format_value(Value(row.values[name].mean, None)) for name in scores)
