"""``evaluate``: anyone's masks, scored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, app
from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.davis_folders import DavisEvaluation
    from actiseg_bench.evaluate import Evaluation


@app.command()
def evaluate(
    pred: Annotated[Path, typer.Option(help="Folder of predicted masks: <clip>/<frame>.png, palette = object id.")],
    gt: Annotated[Path, typer.Option(help="Folder of ground-truth masks, laid out the same.")],
    split_json: Annotated[
        Path | None, typer.Option(help="ActionVOS's split file, such as val_human.json; needed for the six metrics.")
    ] = None,
    keep_flagged: Annotated[bool, typer.Option(help="Score entries with a review flag too.")] = False,
    davis: Annotated[bool, typer.Option("--davis", help="Score J, F, J&F and J_last instead of the six.")] = False,
    clip_list: Annotated[
        Path | None, typer.Option("--set", help="With --davis: a file of clip names. [default: every folder of --gt]")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="With --davis: all ids are one object; for masks of 0 and 255.")
    ] = False,
    void: Annotated[
        str, typer.Option(help="Ground-truth pixels of 255: ignore, or background (VOST's own tool).")
    ] = "ignore",
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out listed frames without ground truth.")
    ] = False,
    missing: Annotated[str, typer.Option(help="Frames without prediction: refuse, or empty.")] = "refuse",
    resize: Annotated[str, typer.Option(help="Predictions of another size: refuse, or nearest.")] = "refuse",
    unknown_ids: Annotated[str, typer.Option(help="Ids of no object: refuse, or background.")] = "refuse",
    json: AsJson = False,
) -> None:
    """Score anyone's masks: the six metrics on ActionVOS's layout, or J and F as DAVIS and VOST define them."""
    from actiseg_bench.mask_folders import Rules
    from actiseg_noise.terminal import print_json

    rules = Rules(skip_missing, missing, resize, unknown_ids)
    six = {"--split-json": split_json, "--keep-flagged": keep_flagged, "--skip-missing": skip_missing}
    own = {"--set": clip_list, "--merge": merge}
    wrong = [name for name, value in (six if davis else own).items() if value]
    goes = "does not go with --davis" if davis else "goes with --davis"
    raise_if(bool(wrong), f"{', '.join(wrong)} {goes}")
    if davis:
        from actiseg_bench.davis_folders import evaluate_davis

        told = evaluate_davis(pred, gt, clip_list, void=void, merge=merge, rules=rules)
        print_json(told.to_json()) if json else _print_davis(told)
        return
    if split_json is None:
        raise typer.BadParameter("the six metrics need --split-json FILE; J and F need --davis")
    from actiseg_bench.evaluate import evaluate_folders

    found = evaluate_folders(pred, gt, split_json, keep_flagged=keep_flagged, void=void, rules=rules)
    print_json(evaluation_json(found)) if json else print_evaluation(found)


def evaluation_json(found: Evaluation) -> dict[str, Any]:
    """Return what ``--json`` prints of the six metrics."""
    said = {"scores": found.scores_dict(), "counts": found.counts_dict(), "void": found.void}
    return said | ({"allowed": found.allowed} if found.allowed else {})


def print_evaluation(found: Evaluation) -> None:
    """Print scores times 100 and what they were computed on."""
    from actiseg_bench.metrics.actionvos import TITLES
    from actiseg_noise.terminal import out

    titles = TITLES | {"p_miou_hands": "p-mIoU hands", "p_miou_objects": "p-mIoU objects"}
    _print_scores(found.scores_dict(), titles)
    _print_counts(found.counts_dict(), f"void pixels: {found.void}")
    _print_allowed(found.allowed)
    out.print("gIoU is the GRES generalised IoU with its no-target rule, not box GIoU.", soft_wrap=True)


def _print_davis(found: DavisEvaluation) -> None:
    """Print the means over objects times 100 and what they were computed on."""
    from actiseg_noise.terminal import out

    _print_scores(found.scores_dict(), {"j_and_f": "J&F", "j": "J", "f": "F", "j_last": "J_last"})
    merged = "; all ids are one object" if found.merged else ""
    _print_counts(found.counts_dict(), f"void pixels: {found.void}{merged}")
    _print_allowed(found.allowed)
    out.print("First and last frames are not scored; J_last is J over the last quarter of the others.", soft_wrap=True)
    if found.short:
        out.print(
            f"Clips of fewer than three masks, not scored: {', '.join(found.short)}", markup=False, soft_wrap=True
        )
    if found.unseen:
        text = f"Ids that the first frame skips, scored all the same: {', '.join(found.unseen)}"
        out.print(text, markup=False, soft_wrap=True)


def _print_scores(scores: Mapping[str, float | None], titles: Mapping[str, str]) -> None:
    from actiseg_noise.terminal import print_table

    cells = {name: "–" if v is None else f"{100 * v:.1f}" for name, v in scores.items()}
    print_table("Scores × 100", [titles[name] for name in cells], [list(cells.values())])


def _print_counts(counts: Mapping[str, int], more: str) -> None:
    from actiseg_noise.terminal import out

    text = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in counts.items())
    out.print(f"{text}; {more}", markup=False, soft_wrap=True)


def _print_allowed(allowed: Mapping[str, Any]) -> None:
    """Print what was scored although it was not as it should be."""
    from actiseg_bench.mask_folders import ALLOWED
    from actiseg_noise.terminal import out

    for kind, found in allowed.items():
        out.print(f"{ALLOWED[kind]}: {found['count']:,}", markup=False, soft_wrap=True)
        for line in found["first"]:
            out.print(f"  {line}", markup=False, soft_wrap=True)
        if found["count"] > len(found["first"]):
            out.print(f"  … and {found['count'] - len(found['first'])} more", markup=False, soft_wrap=True)
