"""``evaluate``: anyone's masks, scored; the command line calls this function."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.scoring.davis_folders import DavisEvaluation
    from actiseg_bench.scoring.evaluation import Evaluation
    from actiseg_bench.scoring.mask_folders import Rules


@overload
def evaluate(
    pred: str | Path,
    gt: str | Path | None = None,
    *,
    split_json: str | Path | None = None,
    manifest: str | Path | None = None,
    davis: Literal[False] = False,
    keep_flagged: bool = False,
    failures: bool = False,
    j_and_f: bool = True,
    merge: bool = False,
    threshold: int | None = None,
    void: str = "ignore",
    skip_missing: bool = False,
    missing: str = "refuse",
    resize: str = "refuse",
    unknown_ids: str = "refuse",
    unknown_clips: str = "refuse",
    videos: str | Path | None = None,
) -> Evaluation: ...


@overload
def evaluate(
    pred: str | Path,
    gt: str | Path,
    *,
    davis: Literal[True],
    clip_list: str | Path | None = None,
    merge: bool = False,
    threshold: int | None = None,
    void: str = "ignore",
    missing: str = "refuse",
    resize: str = "refuse",
    unknown_ids: str = "refuse",
    unknown_clips: str = "refuse",
    frames: str = "inner",
    ids: str | None = None,
) -> DavisEvaluation: ...


def evaluate(
    pred: str | Path,
    gt: str | Path | None = None,
    *,
    split_json: str | Path | None = None,
    manifest: str | Path | None = None,
    davis: bool = False,
    clip_list: str | Path | None = None,
    keep_flagged: bool = False,
    failures: bool = False,
    j_and_f: bool = True,
    merge: bool = False,
    threshold: int | None = None,
    void: str = "ignore",
    skip_missing: bool = False,
    missing: str = "refuse",
    resize: str = "refuse",
    unknown_ids: str = "refuse",
    unknown_clips: str = "refuse",
    frames: str = "inner",
    ids: str | None = None,
    videos: str | Path | None = None,
) -> Evaluation | DavisEvaluation:
    """Score predicted masks: with the six metrics and J&F on a manifest or on ActionVOS's folders; or with J and F.

    Predictions are PNGs of object ids, ``<clip>/<frame>.png``; on a manifest and with ``davis`` also a folder per
    object or expression, ``<video>/<name>/<frame>.png``, and YouTube-VIS's ``results.json``. Clips and frames are
    called by their names in the ground truth, or as :func:`actiseg_bench.predict` writes them. What is missing or
    strange is refused with a list; ``skip_missing`` to ``unknown_clips`` let it pass, and then it is part of the
    result (``allowed``).

    Args:
        pred: the predictions; with ``manifest`` a ``predictions.parquet`` of a run or of ``predict`` too.
        gt: folder of ground-truth masks, laid out the same; with ``davis`` a folder per object, or YouTube-VIS's JSON.
        split_json: ActionVOS's split file, such as ``val_human.json``: the six metrics on ``gt``.
        manifest: the six metrics on the clean masks of this manifest instead.
        davis: J, F, J&F and J_last on ``gt``, as DAVIS and VOST define them.
        clip_list: with ``davis``: a file of clip names; None scores every one of ``gt``.
        keep_flagged: score clips with a review flag too.
        failures: give the failure modes too, which takes several times as long.
        j_and_f: give J and F of every object too; on large frames that takes about as long as everything else.
        merge: whatever is not 0 is one object: for index masks of 0 and 255.
        threshold: with ``merge``, or folders of single objects: cut masks at this grey level first, 1–255; for edges
            that were smoothed.
        void: what pixels without label are: ``ignore`` or ``background``.
        skip_missing: leave out frames without ground truth.
        missing: ``empty`` scores a frame without prediction as one with nothing predicted.
        resize: ``nearest`` brings predictions to the size of their ground truth.
        unknown_ids: ``background`` turns ids of no object into background.
        unknown_clips: ``ignore`` leaves out predictions of videos and expressions that the truth does not have.
        frames: with ``davis``: ``inner`` leaves out the first and the last frame of every clip, ``all`` does not.
        ids: with ``davis`` and index masks: ``first`` takes 1 to the largest id of a clip's first mask for its objects,
            as DAVIS's toolkit does, ``all`` the ids of all its masks, each scored from where it appears; None: ``all``
            for clips with a larger id in a later mask, which the result names, else ``first``.
        videos: with ``results.json`` and ``manifest``: the dataset's JSON, which says what video numbers stand for.

    Returns:
        The six metrics with what they were computed on, and J, F and volumetric J of every object, unless ``j_and_f``
        is false; with ``davis`` the scores of every object.

    Raises:
        ActisegError: options that do not go together; masks that cannot be scored, all of them counted.
    """
    from actiseg_bench.scoring.mask_folders import Rules

    rules = Rules(skip_missing, missing, resize, unknown_ids, unknown_clips)
    raise_if(frames not in FRAMES, f"--frames is one of {', '.join(FRAMES)}, got {frames!r}")
    if davis:
        of_the_six = {
            "split_json": split_json,
            "manifest": manifest,
            "keep_flagged": keep_flagged,
            "failures": failures,
            "no_j_and_f": not j_and_f,
            "videos": videos,
        }
        _refuse("does not go with --davis", skip_missing=skip_missing, **of_the_six)
        how = {
            "void": void,
            "merge": merge,
            "threshold": threshold,
            "rules": rules,
            "every": frames == "all",
            "ids": ids,
        }
        return _davis(Path(pred), gt, clip_list, how)
    scored: dict[str, Any] = {"keep_flagged": keep_flagged, "void": void, "failures": failures, "objects": j_and_f}
    _refuse("goes with --davis", set=clip_list, ids=ids, frames=frames != "inner")
    if manifest is not None:
        _refuse(
            "does not go with --manifest, the ground truth", gt=gt, split_json=split_json, skip_missing=skip_missing
        )
        own = {"merge": merge, "threshold": threshold, "videos": videos}
        return _on_manifest(Path(pred), manifest, rules, own, **scored)
    _refuse("goes with --davis or --manifest", merge=merge, threshold=threshold)
    _refuse("goes with --manifest", videos=videos)
    return _six(pred, gt, split_json, rules=rules, **scored)


FRAMES = ("inner", "all")


def _refuse(why: str, **options: object) -> None:
    """Raise ActisegError when one of the options was given."""
    wrong = [f"--{name.replace('_', '-')}" for name, value in options.items() if value not in (None, False)]
    raise_if(bool(wrong), f"{', '.join(wrong)} {why}")


def _davis(pred: Path, gt: str | Path | None, clip_list: str | Path | None, how: dict[str, Any]) -> DavisEvaluation:
    from actiseg_bench.scoring.davis_forms import evaluate_davis_of_any_form

    raise_if(gt is None, "--davis needs --gt: the folder of ground-truth masks")
    return evaluate_davis_of_any_form(pred, Path(str(gt)), None if clip_list is None else Path(clip_list), **how)


def _six(pred: str | Path, gt: str | Path | None, split_json: str | Path | None, **options: Any) -> Evaluation:
    from actiseg_bench.scoring.actionvos_folders import evaluate_folders

    raise_if(gt is None, "say what to score on: --gt DIR, or --manifest DIR")
    raise_if(split_json is None, "the six metrics need --split-json FILE or --manifest DIR; J and F need --davis")
    return evaluate_folders(Path(pred), Path(str(gt)), Path(str(split_json)), **options)


def _on_manifest(pred: Path, manifest: str | Path, rules: Rules, own: dict[str, Any], **options: Any) -> Evaluation:
    """Score predictions of any form; ``own`` are options that only some of them have."""
    from actiseg_bench.results.predictions import iter_predictions
    from actiseg_bench.scoring.forms import FOLDER, INDEX, RESULTS, form_of
    from actiseg_bench.scoring.manifest_folders import evaluate_on_manifest
    from actiseg_bench.scoring.manifest_objects import evaluate_objects
    from actiseg_bench.scoring.measure import measure
    from actiseg_bench.scoring.nested_folders import NestedMasks
    from actiseg_bench.scoring.results_masks import ResultsMasks
    from actiseg_bench.scoring.truth import videos_of
    from actiseg_bench.scoring.truth_videos import video_names
    from actiseg_noise.manifest.read import open_whole

    opened = open_whole(manifest)
    form, videos = form_of(pred, videos_of(opened)), own.pop("videos")
    if form == RESULTS:
        _refuse("goes with a folder of masks", **own)
        names = None if videos is None else video_names(Path(videos))
        return evaluate_objects(ResultsMasks(pred, names), opened, rules=rules, **options)
    _refuse("goes with results.json", videos=videos)
    if form == FOLDER:
        return evaluate_objects(NestedMasks(pred, own["threshold"]), opened, rules=rules, **options)
    if form == INDEX:
        return evaluate_on_manifest(pred, opened, rules=rules, **own, **options)
    let_pass = {name: value for name, value in asdict(rules).items() if value != "refuse"}
    _refuse("goes with a folder of masks", **own, **let_pass)
    return measure(opened, iter_predictions(pred), volumes=False, **options).evaluation
