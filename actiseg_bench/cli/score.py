"""``evaluate``: anyone's masks, scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import AsJson, app

if TYPE_CHECKING:
    from actiseg_bench.evaluate import Evaluation


@app.command()
def evaluate(
    pred: Annotated[Path, typer.Option(help="Folder of predicted masks: <clip>/<frame>.png, palette = object id.")],
    gt: Annotated[Path, typer.Option(help="Folder of ground-truth masks, laid out the same.")],
    split_json: Annotated[Path, typer.Option(help="ActionVOS's split file, such as val_human.json.")],
    keep_flagged: Annotated[bool, typer.Option(help="Score entries with a review flag too.")] = False,
    void: Annotated[str, typer.Option(help="Ground-truth pixels of 255: ignore, or background.")] = "ignore",
    json: AsJson = False,
) -> None:
    """Score anyone's masks in ActionVOS's layout with the six metrics."""
    from actiseg_bench.evaluate import evaluate_folders
    from actiseg_noise.terminal import print_json

    found = evaluate_folders(pred, gt, split_json, keep_flagged=keep_flagged, void=void)
    if json:
        print_json({"scores": found.scores_dict(), "counts": found.counts_dict(), "void": found.void})
    else:
        _print_evaluation(found)


def _print_evaluation(found: Evaluation) -> None:
    """Print scores times 100 and what they were computed on."""
    from actiseg_bench.metrics.actionvos import TITLES
    from actiseg_noise.terminal import out, print_table

    titles = TITLES | {"p_miou_hands": "p-mIoU hands", "p_miou_objects": "p-mIoU objects"}
    cells = {name: "–" if v is None else f"{100 * v:.1f}" for name, v in found.scores_dict().items()}
    print_table("Scores × 100", [titles[name] for name in cells], [list(cells.values())])
    counts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in found.counts_dict().items())
    out.print(f"{counts}; void pixels: {found.void}", markup=False, soft_wrap=True)
    out.print("gIoU is the GRES generalised IoU with its no-target rule, not box GIoU.", soft_wrap=True)
