"""J and F of any form of predictions on any form of ground truth but a manifest: who reads what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from actiseg_bench.scoring.davis_folders import DavisEvaluation, evaluate_davis, listed_clips
from actiseg_bench.scoring.davis_ids import check_ids
from actiseg_bench.scoring.davis_objects import evaluate_davis_objects
from actiseg_bench.scoring.evaluation import check_void
from actiseg_bench.scoring.forms import FOLDER, INDEX, RESULTS, ROWS, form_of
from actiseg_bench.scoring.index_folders import IndexMasks
from actiseg_bench.scoring.mask_folders import Rules, check_folder
from actiseg_bench.scoring.nested_folders import NestedMasks
from actiseg_bench.scoring.results_masks import ResultsMasks
from actiseg_bench.scoring.truth_expressions import ExpressionVideos, find_expressions
from actiseg_bench.scoring.truth_videos import FolderVideos, IndexVideos, JsonVideos, TruthVideos
from actiseg_bench.scoring.wanted import ObjectMasks
from actiseg_noise.borders.folders import list_folders, list_masks
from actiseg_noise.borders.text import read_lines
from actiseg_noise.errors import DataError, raise_if


def evaluate_davis_of_any_form(
    pred: Path,
    gt: Path,
    clip_list: Path | None = None,
    *,
    void: str = "ignore",
    merge: bool = False,
    threshold: int | None = None,
    rules: Rules | None = None,
    every: bool = False,
    ids: str | None = None,
) -> DavisEvaluation:
    """Score predictions; the options are those of :func:`evaluate_davis`, and what is refused is too.

    Args:
        pred: index masks, a folder per object or expression, or ``results.json``.
        gt: index masks, a folder per object or expression, a JSON file of YouTube-VIS, or a folder of MeViS's two.
        threshold: with ``merge``, or for folders of single objects.

    Raises:
        ActisegError: options that the form does not have; see :func:`evaluate_davis` for the rest.
    """
    check_void(void)
    truth = _open_json(gt, clip_list, every=every)
    form = form_of(gt, {name: name for name in list_folders(gt)}) if truth is None else RESULTS
    known = _folders(gt, form) if truth is None else truth.known
    given = form_of(pred, known)
    raise_if(ROWS in (form, given), f"{gt if form == ROWS else pred}: expected a folder of masks, or a .json file")
    if form == given == INDEX:
        options: dict[str, Any] = {"merge": merge, "threshold": threshold, "every": every, "ids": ids}
        return evaluate_davis(pred, gt, clip_list, void=void, rules=rules, **options)
    check_ids(ids)
    raise_if(ids is not None and form != INDEX, "--ids goes with a ground truth of index masks")
    raise_if(merge, "--merge goes with index masks on both sides")
    raise_if(threshold is not None and FOLDER not in (form, given), "--threshold goes with masks of one object each")
    predictions = _open_predictions(pred, given, threshold, known, truth)
    names = list(known) if clip_list is None or truth else listed_clips(gt, clip_list)
    late: list[str] = []
    if truth is not None:
        videos: TruthVideos = truth
    elif form == FOLDER:
        videos = FolderVideos(gt, names, threshold, every=every)
    else:
        videos = index = IndexVideos(gt, names, void, every=every, ids=ids)
        late = index.late
    scored = evaluate_davis_objects(predictions, videos, known, gt, void=void, rules=rules, every=every)
    return replace(scored, late=late)


JsonTruth = JsonVideos | ExpressionVideos


def _open_json(gt: Path, clip_list: Path | None, *, every: bool) -> JsonTruth | None:
    """Return the videos of a ground truth in JSON: a file of YouTube-VIS, a folder of MeViS; None for another."""
    expressions = find_expressions(gt)
    if expressions is not None:
        return ExpressionVideos(expressions, _lines(clip_list), every=every)
    return JsonVideos(gt, _lines(clip_list), every=every) if form_of(gt, {}) == RESULTS else None


def _lines(clip_list: Path | None) -> list[str] | None:
    """Return the names of a list, None without one."""
    return None if clip_list is None else [line for _, line in read_lines(clip_list)]


def _folders(gt: Path, form: str) -> dict[str, str]:
    """Return clip_id → video_id of all that a folder has; both are the folder's name.

    Raises:
        DataError: no such folder.
    """
    check_folder("--gt", gt, [])
    inside = list_masks if form == INDEX else list_folders
    return {name: name for name in list_folders(gt) if inside(gt / name)}


def _open_predictions(
    pred: Path, form: str, threshold: int | None, known: dict[str, str], truth: JsonTruth | None
) -> ObjectMasks:
    """Return the predictions.

    Raises:
        DataError: no such folder, or one above or below the right one, which is named.
    """
    if form == RESULTS:
        return ResultsMasks(pred, None if truth is None else truth.names)
    hint = check_folder("--pred", pred, [*known, *known.values()])
    raise_if(bool(hint), hint.strip(), DataError)
    return NestedMasks(pred, threshold) if form == FOLDER else IndexMasks(pred)
