"""Anyone's palette PNGs laid out as ActionVOS lays them out, scored with the six metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from actiseg_bench.scoring.evaluation import VOID_ID, Evaluation, check_void
from actiseg_bench.scoring.mask_folders import (
    MaskFinder,
    MaskReport,
    Pair,
    Rules,
    check_folders,
    find_pairs,
    pair_files,
    read_pair,
)
from actiseg_bench.scoring.measure import measure_frames
from actiseg_bench.scoring.split_json import SplitEntry, read_split_json
from actiseg_bench.scoring.truth import ScoredFrame
from actiseg_noise.errors import DataError, raise_if


def evaluate_folders(
    pred: Path,
    gt: Path,
    split_json: Path,
    *,
    keep_flagged: bool = False,
    void: str = "ignore",
    failures: bool = False,
    rules: Rules | None = None,
    objects: bool = False,
) -> Evaluation:
    """Score palette PNGs laid out as ActionVOS lays them out: ``<clip folder>/<frame>.png``, pixel = object id.

    Args:
        pred, gt: folders of predicted and of ground-truth clips.
        split_json: the split's list of entries (``val_human.json``): objects, frames, review flags.
        keep_flagged: score entries flagged ``redundant``, ``missing`` or ``other`` too (published: skipped).
        void: what ground-truth pixels of 255 are, where 255 is no object: ``ignore`` or ``background``.
        failures: give the failure modes too, which takes several times as long.
        rules: what is done about masks that are missing or strange; by default they are refused.
        objects: give J and F of every object too.

    Raises:
        DataError: a malformed split; masks that are missing, unreadable, of another size than the ground truth, or
            that hold ids of no object. All are counted, the first ones listed, and nothing is scored.
    """
    check_void(void)
    check_folders(pred, gt, [])
    entries = read_split_json(split_json)
    kept = [entry for entry in entries if keep_flagged or not entry.is_flagged]
    hint = check_folders(pred, gt, [name for entry in kept for name in entry.folders])
    report = MaskReport(rules or Rules())
    masks = MaskFinder(pred)
    pairs = [find_pairs(_pairs(entry, masks, gt), report) for entry in kept]
    report.refuse(f"Every frame that the split lists needs a mask in both folders.{hint}")
    raise_if(not any(pairs), f"{split_json}: no frame that it lists has a ground truth in {gt}.{hint}", DataError)
    frames = (frame for entry, own in zip(kept, pairs, strict=True) for frame in _read_entry(entry, own, void, report))
    options = {"failures": failures, "volumes": False, "objects": objects}
    result = measure_frames(frames, len(entries) - len(kept), void, **options).evaluation
    report.refuse("Masks are PNGs of object ids, as large as their ground truth.")
    return replace(result, allowed=report.to_json())


def _pairs(entry: SplitEntry, masks: MaskFinder, gt: Path) -> list[Pair]:
    """Return the files of the entry's frames, in the first of its possible folders that is there on either side."""
    predicted, true = masks.find_clips(entry.folders), {name: gt / name for name in entry.folders}
    return pair_files(_there(true), _there(predicted), entry.frames)


def _there(folders: dict[str, Path]) -> Path:
    """Return the first folder that exists, else the first."""
    return next((path for path in folders.values() if path.is_dir()), next(iter(folders.values())))


def _read_entry(entry: SplitEntry, pairs: list[Pair], void: str, report: MaskReport) -> Iterator[ScoredFrame]:
    """Yield the frames of an entry; those that are refused are noted in the report."""
    ids = [item.object_id for item in entry.objects]
    void_id = 0 if VOID_ID in ids else VOID_ID
    objects = (ids, [item.is_positive for item in entry.objects], [item.noun for item in entry.objects])
    for place, pair in enumerate(pairs):
        masks = read_pair(pair, ids, void_id, report)
        if masks is None:
            continue
        pred, gt = masks
        if void_id:
            if void == "ignore":
                pred = pred * (gt != void_id)
            gt = np.where(gt == void_id, np.uint8(0), gt)
        yield ScoredFrame(entry.folders[0], place, *objects, gt, pred)
