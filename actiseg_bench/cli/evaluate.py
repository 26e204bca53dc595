"""``evaluate``: anyone's masks, or a network's, scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app
from actiseg_bench.cli.network import (
    ACheckpoint,
    ADevice,
    AModel,
    ANumber,
    AThreshold,
    Threads,
    Weights,
    open_network,
    print_threshold,
)
from actiseg_bench.cli.score import evaluation_json, print_davis, print_evaluation
from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.prediction.networks import TrainedNetwork

OF_THE_SIX = ("--split-json", "--keep-flagged", "--skip-missing")
OF_DAVIS = ("--set", "--merge")
OF_FOLDERS = ("--pred", "--gt", "--davis", "--split-json", "--skip-missing", "--missing", "--resize", "--unknown-ids")
OF_NETWORKS = ("--manifest", "--root", "--checkpoint", "--model", "--weights", "--network", "--positive-threshold")
ON_MACHINES = ("--device", "--threads", "--text-encoder")


@app.command()
def evaluate(
    ctx: typer.Context,
    pred: Annotated[
        Path | None, typer.Option(help="Folder of predicted masks: <clip>/<frame>.png, palette = object id.")
    ] = None,
    gt: Annotated[Path | None, typer.Option(help="Folder of ground-truth masks, laid out the same.")] = None,
    split_json: Annotated[
        Path | None, typer.Option(help="ActionVOS's split file, such as val_human.json; needed for the six metrics.")
    ] = None,
    keep_flagged: Annotated[bool, typer.Option("--keep-flagged", help="Score entries with a review flag too.")] = False,
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
    manifest: Annotated[
        Path | None, typer.Option(help="Instead of folders: score a network on this manifest's clean labels.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="With --manifest: the dataset's folder.")] = None,
    checkpoint: ACheckpoint = None,
    model: AModel = None,
    weights: Weights = None,
    network: ANumber = 1,
    positive_threshold: AThreshold = None,
    device: ADevice = "auto",
    threads: Threads = None,
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Score anyone's masks, or a network: the six metrics, or J and F as DAVIS and VOST define them.

    Masks: --pred and --gt, with --split-json or --davis. A network: --manifest, with --checkpoint, or with --model and
    --weights; 'predict' gives the same scores and keeps the masks.
    """
    from actiseg_bench.scoring.mask_folders import Rules

    typed = _typed(ctx)
    if set(typed) & {*OF_NETWORKS, *ON_MACHINES}:
        clips = _check_network_options(typed, manifest, root)
        options = {"keep_flagged": keep_flagged, "void": void, "device": device, "threads": threads}
        trained = open_network(checkpoint, model, weights, network)
        _score_network(trained, clips, root, json, positive_threshold=positive_threshold, **options)
        return
    if pred is None or gt is None:
        raise typer.BadParameter("say what to score: --pred DIR and --gt DIR, or a network and --manifest DIR")
    rules = Rules(skip_missing, missing, resize, unknown_ids)
    _refuse(typed, OF_THE_SIX if davis else OF_DAVIS, "does not go with --davis" if davis else "goes with --davis")
    if davis:
        _score_davis(pred, gt, clip_list, json, void=void, merge=merge, rules=rules)
        return
    if split_json is None:
        raise typer.BadParameter("the six metrics need --split-json FILE; J and F need --davis")
    _score_six(pred, gt, split_json, json, keep_flagged=keep_flagged, void=void, rules=rules)


def _typed(ctx: typer.Context) -> list[str]:
    """Return the options that were typed, by their first names."""
    params = [param for param in ctx.command.params if param.name is not None]
    sources = [(param.opts[0], ctx.get_parameter_source(str(param.name))) for param in params]
    return [name for name, source in sources if source is not None and source.name == "COMMANDLINE"]


def _refuse(typed: list[str], options: tuple[str, ...], why: str) -> None:
    """Raise ActisegError when one of ``options`` was typed."""
    wrong = [name for name in typed if name in options]
    raise_if(bool(wrong), f"{', '.join(wrong)} {why}")


def _check_network_options(typed: list[str], manifest: Path | None, root: Path | None) -> Path:
    """Return the manifest to score a network on, after refusing options that are about folders of masks."""
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_noise import read_manifest

    named = ", ".join(name for name in typed if name in (*OF_NETWORKS, *ON_MACHINES))
    _refuse(typed, (*OF_FOLDERS, *OF_DAVIS), f"score folders of masks, {named} a network: give one or the other")
    if manifest is None:
        raise typer.BadParameter(f"{named}: a network is scored on --manifest DIR")
    check_usable(read_manifest(manifest), root)
    return manifest


def _score_davis(pred: Path, gt: Path, clip_list: Path | None, as_json: bool, **options: Any) -> None:
    from actiseg_bench.scoring.davis_folders import evaluate_davis
    from actiseg_noise.terminal import print_json

    told = evaluate_davis(pred, gt, clip_list, **options)
    print_json(told.to_json()) if as_json else print_davis(told)


def _score_six(pred: Path, gt: Path, split_json: Path, as_json: bool, **options: Any) -> None:
    from actiseg_bench.scoring.actionvos_folders import evaluate_folders
    from actiseg_noise.terminal import print_json

    found = evaluate_folders(pred, gt, split_json, **options)
    print_json(evaluation_json(found)) if as_json else print_evaluation(found)


def _score_network(trained: TrainedNetwork, manifest: Path, root: Path | None, as_json: bool, **options: Any) -> None:
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.scoring.prediction_folder import evaluate_network
    from actiseg_noise.terminal import print_json

    with count_progress("clips") as on_clip:
        found = evaluate_network(trained, manifest, root, on_clip=on_clip, **options)
    threshold = trained.threshold(options["positive_threshold"])
    if as_json:
        print_json(evaluation_json(found) | trained.identity | {"positive_threshold": threshold})
    else:
        print_evaluation(found)
        print_threshold(threshold)
