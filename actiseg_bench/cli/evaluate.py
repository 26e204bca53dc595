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
    print_threshold,
)
from actiseg_bench.cli.score import print_davis, print_evaluation
from actiseg_noise.errors import ActisegError, raise_if

if TYPE_CHECKING:
    from actiseg_bench.scoring.davis_folders import DavisEvaluation
    from actiseg_bench.scoring.evaluation import Evaluation

OF_FOLDERS = (
    *("--pred", "--gt", "--davis", "--set", "--merge", "--threshold", "--split-json", "--failures"),
    *("--skip-missing", "--missing", "--resize", "--unknown-ids", "--unknown-clips"),
    *("--frames", "--ids", "--videos", "--per-clip", "--no-j-and-f"),
)
OF_NETWORKS = (
    *("--checkpoint", "--model", "--weights", "--network", "--positive-threshold"),
    *("--root", "--device", "--threads", "--text-encoder"),
)


@app.command()
def evaluate(
    ctx: typer.Context,
    pred: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Predictions: <clip>/<frame>.png, pixel = object id; <video>/<object or expression>/<frame>.png; "
            "or results.json of YouTube-VIS.",
        ),
    ] = None,
    gt: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Ground truth, laid out the same; with --davis JSON of YouTube-VIS too."),
    ] = None,
    split_json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --gt: ActionVOS's split file, such as val_human.json.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instead of --gt: score on the clean labels of this manifest.")
    ] = None,
    keep_flagged: Annotated[bool, typer.Option("--keep-flagged", help="Score entries with a review flag too.")] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="With the six metrics: failure modes too; slower on large frames.")
    ] = False,
    no_j_and_f: Annotated[
        bool, typer.Option("--no-j-and-f", help="The six metrics alone; about twice as fast on large frames.")
    ] = False,
    davis: Annotated[bool, typer.Option("--davis", help="Score J, F, J&F and J_last instead of the six.")] = False,
    clip_list: Annotated[
        Path | None,
        typer.Option(
            "--set", metavar="FILE", help="With --davis: a file of clip names. [default: every folder of --gt]"
        ),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="With --davis or --manifest: all ids are one object; for masks of 0 and 255."),
    ] = False,
    threshold: Annotated[
        int | None,
        typer.Option(
            metavar="LEVEL", min=1, max=255, help="With --merge: cut masks at this grey level; for smoothed edges."
        ),
    ] = None,
    void: Annotated[
        str, typer.Option(metavar="NAME", help="Ground-truth pixels of 255: ignore, or background (VOST's own tool).")
    ] = "ignore",
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out listed frames without ground truth.")
    ] = False,
    missing: Annotated[
        str, typer.Option(metavar="NAME", help="Frames without prediction: refuse, or empty.")
    ] = "refuse",
    resize: Annotated[
        str, typer.Option(metavar="NAME", help="Predictions of another size: refuse, or nearest.")
    ] = "refuse",
    unknown_ids: Annotated[
        str, typer.Option(metavar="NAME", help="Ids of no object: refuse, or background.")
    ] = "refuse",
    unknown_clips: Annotated[
        str, typer.Option(metavar="NAME", help="Predictions of other videos or expressions: refuse, or ignore.")
    ] = "refuse",
    frames: Annotated[
        str, typer.Option(metavar="NAME", help="With --davis: inner (not the first and last of a clip), or all.")
    ] = "inner",
    ids: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With --davis: first (1 to the largest id of a clip's first mask) or all ids. "
            "[default: all for clips where ids appear later]",
        ),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With results.json and --manifest: the dataset's JSON, which names its videos' numbers.",
        ),
    ] = None,
    per_clip: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the scores of every clip and object as CSV.")
    ] = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Of a network: the dataset's folder.")] = None,
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
    """Score anyone's masks, or a network: the six metrics and J&F, or J and F as DAVIS and VOST define them.

    Masks: --pred, on --manifest, or on --gt with --split-json or --davis. A network: --manifest, with --checkpoint, or
    with --model and --weights; 'predict' gives the same scores and keeps the masks.
    """
    typed = _typed(ctx)
    if set(typed) & set(OF_NETWORKS):
        clips = _check_network_options(typed, manifest, root)
        options = {"keep_flagged": keep_flagged, "void": void, "device": device, "threads": threads}
        _score_network(
            (checkpoint, model, weights, network), clips, root, json, threshold=positive_threshold, **options
        )
        return
    if pred is None or (gt is None and manifest is None):
        raise ActisegError(
            "say what to score: --pred DIR and --manifest DIR or --gt DIR; or --checkpoint FILE and --manifest DIR"
        )
    rules = {"skip_missing": skip_missing, "missing": missing, "resize": resize, "unknown_ids": unknown_ids}
    more: dict[str, Any] = {"unknown_clips": unknown_clips, "frames": frames, "ids": ids, "videos": videos}
    masks = {"keep_flagged": keep_flagged, "void": void, "merge": merge, "threshold": threshold, "failures": failures}
    raise_if(no_j_and_f and per_clip is not None, "--per-clip writes J and F of every object: leave --no-j-and-f out")
    more |= {"j_and_f": not no_j_and_f}
    truth = {"gt": gt, "split_json": split_json, "manifest": manifest, "davis": davis, "clip_list": clip_list}
    _score_masks(pred, json, per_clip, **truth, **masks, **rules, **more)


def _typed(ctx: typer.Context) -> list[str]:
    """Return the options that were typed, by their first names."""
    params = [param for param in ctx.command.params if param.name is not None]
    sources = [(param.opts[0], ctx.get_parameter_source(str(param.name))) for param in params]
    return [name for name, source in sources if source is not None and source.name == "COMMANDLINE"]


def _check_network_options(typed: list[str], manifest: Path | None, root: Path | None) -> Path:
    """Return the manifest to score a network on, after refusing options that are about folders of masks."""
    from actiseg_bench.data.image_root import check_usable
    from actiseg_noise import read_manifest

    named = ", ".join(name for name in typed if name in OF_NETWORKS)
    wrong = [name for name in typed if name in OF_FOLDERS]
    raise_if(bool(wrong), f"{', '.join(wrong)} score folders of masks, {named} a network: give one or the other")
    if manifest is None:
        raise ActisegError(f"{named}: a network is scored on --manifest DIR")
    check_usable(read_manifest(manifest), root)
    return manifest


def _score_masks(pred: Path, as_json: bool, per_clip: Path | None, **options: Any) -> None:
    from actiseg_bench.scoring.davis_folders import DavisEvaluation
    from actiseg_bench.scoring.evaluate import evaluate as score
    from actiseg_bench.scoring.per_clip import write_per_clip
    from actiseg_noise.terminal import print_json

    result: Evaluation | DavisEvaluation = score(pred, **options)
    if per_clip is not None:
        write_per_clip(per_clip, result)
    if as_json:
        print_json(result.to_json())
    elif isinstance(result, DavisEvaluation):
        print_davis(result)
    else:
        print_evaluation(result)


def _score_network(
    named: tuple[Path | None, str | None, str | None, int],
    manifest: Path,
    root: Path | None,
    as_json: bool,
    *,
    threshold: float | None,
    **options: Any,
) -> None:
    """Score the network that is named by checkpoint, model, weights and number."""
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.prediction.networks import open_network
    from actiseg_bench.scoring.prediction_folder import evaluate_network
    from actiseg_noise.terminal import print_json

    trained = open_network(*named)
    with count_progress("clips") as on_clip:
        result = evaluate_network(trained, manifest, root, on_clip=on_clip, positive_threshold=threshold, **options)
    least = trained.threshold(threshold)
    if as_json:
        print_json(result.to_json() | trained.identity | {"positive_threshold": least})
    else:
        print_evaluation(result)
        print_threshold(least)
