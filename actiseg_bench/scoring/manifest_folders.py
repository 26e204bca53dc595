"""Anyone's masks, scored on a manifest's clean labels: what ``predict`` writes, on any dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from actiseg_bench.scoring.evaluation import Evaluation, check_void
from actiseg_bench.scoring.mask_folders import (
    MaskFinder,
    MaskReport,
    Rules,
    check_folder,
    check_threshold,
    note_missing,
    read_prediction,
)
from actiseg_bench.scoring.measure import measure_frames
from actiseg_bench.scoring.truth import ScoredFrame, flagged_clips, iter_scored_truth, videos_of
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.read import Manifest


def evaluate_on_manifest(
    pred: Path,
    manifest: Manifest,
    *,
    keep_flagged: bool = False,
    void: str = "ignore",
    failures: bool = False,
    merge: bool = False,
    threshold: int | None = None,
    rules: Rules | None = None,
    objects: bool = False,
) -> Evaluation:
    """Score ``<clip_id>/<frame_id>.png`` under ``pred``, pixel = object id, on the clean masks of a manifest.

    The annotated frames are scored, masks of other frames are not read. The scores are those of the same masks
    as a run stores them, bit for bit.

    Args:
        pred: folder of predicted clips, named by their ids, or as ``predict`` writes them (``vid%3A0``).
        keep_flagged: score clips with a review flag too.
        void: ``ignore`` (pixels without label are left out) or ``background``.
        failures: give the failure modes too, which takes several times as long.
        merge: whatever is not 0 is the clip's object, for clips of one object. threshold: cut at this grey level first.
        rules: what is done about masks that are missing or strange; by default they are refused.
        objects: give J and F of every object too.

    Raises:
        ManifestError: the manifest carries no masks.
        DataError: masks that are missing, unreadable, of another size, or that hold ids of no object; all are counted.
    """
    check_void(void)
    check_threshold(threshold, merge=merge)
    report = MaskReport(rules or Rules())
    places = _find_masks(pred, manifest, keep_flagged, report)

    def read() -> Iterator[ScoredFrame]:
        for truth in iter_scored_truth(manifest, keep_flagged=keep_flagged):
            path, ids = places[truth.clip_id, truth.frame_idx], truth.object_ids
            if merge and len(ids) > 1:
                raise DataError(f"--merge: clip {truth.clip_id} has {len(ids)} objects {list(ids)}, expected one")
            mask = read_prediction(path, ids, truth.size, report, threshold, merge=merge)
            if mask is not None:
                yield truth.scored(mask, void)

    left_out = 0 if keep_flagged else len(flagged_clips(manifest))
    result = measure_frames(read(), left_out, void, failures=failures, volumes=False, objects=objects).evaluation
    report.refuse("Masks are PNGs of object ids, as large as the manifest's.")
    return replace(result, allowed=report.to_json())


def _find_masks(pred: Path, manifest: Manifest, keep_flagged: bool, report: MaskReport) -> dict[tuple[str, int], Path]:
    """Return (clip_id, frame_idx) → the file of its prediction; those that are not there are noted or refused."""
    frames = {
        clip: {truth.frame_idx: truth.frame_id for truth in group}
        for clip, group in groupby(iter_scored_truth(manifest, keep_flagged=keep_flagged), lambda truth: truth.clip_id)
    }
    folders = MaskFinder(pred).find_clips(list(frames))
    hint = check_folder(
        "--pred", pred, [folder.name for folder in folders.values()] + list(videos_of(manifest).values())
    )
    places = {}
    for clip, folder in folders.items():
        files = MaskFinder.find_frames(folder, list(frames[clip].values()))
        for frame_idx, frame_id in frames[clip].items():
            places[clip, frame_idx] = path = files[frame_id]
            if not path.is_file():
                note_missing(path, report)
    report.refuse(f"Every annotated frame of the manifest needs a mask: <clip_id>/<frame_id>.png.{hint}")
    return places
