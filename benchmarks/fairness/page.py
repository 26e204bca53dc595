"""What the fairness figures must show, and how they are printed. Pure functions on the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actiseg_bench.metrics.actionvos import TITLES

CLEAN_P_MIOU, BLANK_COST, SWAPS_MOVED, GUESS_GAP = 0.60, 0.10, 0.80, 0.10
BEGIN, END = "<!-- fairness figures: begin -->", "<!-- fairness figures: end -->"

Report = Mapping[str, Any]


def checks(report: Report) -> dict[str, bool]:
    """Return what a fair playground promises, and whether it holds."""
    inputs, most = report["inputs"], report["majority"]
    blind = [name for name in inputs if name.startswith("narration")]
    return {
        f"clean p-mIoU is at least {100 * CLEAN_P_MIOU:.0f}": (report["scores"]["p_miou"] or 0) >= CLEAN_P_MIOU,
        f"grey frames cost at least {100 * BLANK_COST:.0f} points of Acc": (
            inputs["true"]["acc"] - inputs["grey frames"]["acc"] >= BLANK_COST
        ),
        "without its own narration the network does not exceed the majority rate": all(
            inputs[name][kind] <= most[kind] for name in blind for kind in most
        ),
        f"an exchanged noun moves the mask in at least {100 * SWAPS_MOVED:.0f} % of pairs": (
            report["noun swaps"]["all"]["moved"] >= SWAPS_MOVED
        ),
        f"no guesser comes within {100 * GUESS_GAP:.0f} points of the positive head": (
            inputs["true"]["head"] - max(report["guessers"].values()) >= GUESS_GAP
        ),
    }


def render(report: Report) -> str:
    """Return the report as Markdown that reads well as text."""
    made = report["made by"]
    parts = [
        [f"{made['network']}.", f"Scored on {made['clips']} clips of `val`, labels `{made['manifest'][:16]}`; × 100."],
        _scores(report),
        _inputs(report),
        [
            f"- active objects whose flag changes with the narration: {percent(report['flags that follow'])} %",
            "- the best that noun and pixels can give without narration: "
            f"{percent(report['best without narration'])} % of the flags",
        ],
        _swaps(report),
        _guessers(report),
        [f"- {'holds' if holds else '**does not hold**'}: {name}" for name, holds in report["checks"].items()],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _scores(report: Report) -> list[str]:
    titles = TITLES | {"p_miou_hands": "p-mIoU hands", "p_miou_objects": "p-mIoU objects"}
    scores = report["scores"]
    return table([titles[name] for name in scores], [[percent(value) for value in scores.values()]])


def _inputs(report: Report) -> list[str]:
    rows = report["inputs"] | {"*majority rate*": report["majority"]}
    return table(
        ["the network is shown", "Acc", "positive head"],
        [(name, percent(row["acc"]), percent(row["head"])) for name, row in rows.items()],
    )


def _swaps(report: Report) -> list[str]:
    return table(
        ["noun exchanged between two active objects", "pairs", "mask moves, %"],
        [(name, str(row["pairs"]), percent(row["moved"])) for name, row in report["noun swaps"].items()],
    )


def _guessers(report: Report) -> list[str]:
    return table(
        ["guesser without pixels", "flags right, %"],
        [(name, percent(share)) for name, share in report["guessers"].items()],
    )


def percent(share: float | None) -> str:
    """Return a share times 100 with one decimal."""
    return "–" if share is None else f"{100 * share:.1f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table with cells of equal width."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    first, *rest = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    )
    return [first, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rest]
