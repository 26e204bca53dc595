"""Predictions on a manifest's clean masks, in one pass: every predicted mask is decoded once.

The pass counts each object-frame and measures its boundary; the six metrics and the failure modes are computed from
those numbers (:mod:`actiseg_bench.metrics`), the same way for anybody's masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby, zip_longest
from typing import Any

import numpy as np

from actiseg_bench.metrics.actionvos import is_hand
from actiseg_bench.metrics.davis import BoundaryCounts, count_boundary, tolerance_px
from actiseg_bench.metrics.failure_modes import ObjectFrames, failure_modes, measure_frame
from actiseg_bench.metrics.object_scores import object_scores
from actiseg_bench.results.predictions import PredictedMask, PredictionError
from actiseg_bench.scoring.evaluation import Evaluation, check_void, evaluate_object_frames
from actiseg_bench.scoring.truth import ScoredFrame, TruthFrame, flagged_clips, iter_truth, videos_of
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import Box, IndexMask, Rle, paint_rles
from actiseg_noise.runs import find_boxes


@dataclass(frozen=True)
class Measurement:
    """Everything that one pass over predictions gives.

    Attributes:
        evaluation: scores and failure modes. clips: the scored clips, in order. videos: clip_id → the video it is cut
            from; None where the masks do not say it.
        frames: the object-frames; their ``clip_idx`` is a position in ``clips``. Where failure modes were not asked
            for, ``leak`` and ``loss`` are 0; boundary pixels are counted where both they and volumes were.
    """

    evaluation: Evaluation
    clips: list[str]
    frames: ObjectFrames
    videos: dict[str, str] | None = None


def measure(
    manifest: Manifest,
    predictions: Iterable[PredictedMask],
    *,
    keep_flagged: bool = False,
    void: str = "ignore",
    failures: bool = True,
    volumes: bool = True,
    objects: bool = False,
    labels: str = "clean",
) -> Measurement:
    """Measure predictions, which come in the order of the manifest's mask table.

    Args:
        keep_flagged: score clips with a review flag too.
        void: ``ignore`` (pixels without label are left out) or ``background`` (they count as background).
        failures: measure boundaries too, for the failure modes; several times slower on large frames.
        volumes: with ``failures``, count boundary pixels too, for the volumetric J&F of a table of object-frames; takes
            about as long again.
        objects: give J and F of every object too.
        labels: ``clean``, or ``noisy``, the labels as given, which no score in a table is on.

    Raises:
        ManifestError: the manifest carries no masks.
        PredictionError: predictions that are not the manifest's rows, have another size, or share a pixel.
    """
    check_void(void)
    pairs = _paired(iter_truth(manifest, labels), predictions, keep_flagged)
    frames = (frame.scored(_painted(frame, rows), void, ungated=_ungated(frame, rows)) for frame, rows in pairs)
    left_out = 0 if keep_flagged else len(flagged_clips(manifest))
    found = measure_frames(frames, left_out, void, failures=failures, volumes=volumes, objects=objects)
    return replace(found, videos=videos_of(manifest))


def measure_frames(
    scored: Iterable[ScoredFrame],
    flagged_clips: int,
    void: str,
    *,
    failures: bool = True,
    volumes: bool = True,
    objects: bool = False,
) -> Measurement:
    """Measure frames, clip by clip; ``flagged_clips`` says how many clips were left out, ``void`` what void is.

    Predictions that overlap come as several frames of one place, each with some of the objects.
    """
    clips: list[str] = []
    rows: list[tuple[Any, ...]] = []
    ungated: list[tuple[int, int]] = []
    for frame in scored:
        if not clips or clips[-1] != frame.clip_id:
            clips.append(frame.clip_id)
        named = zip(frame.object_ids, frame.is_positive, is_hand(frame.nouns).tolist(), strict=True)
        numbers = measure_frame(frame.prediction, frame.truth, frame.object_ids, boundaries=failures)
        edges: list[tuple[int, ...]] = [()] * len(numbers)
        if objects or (failures and volumes):
            flags = zip(frame.object_ids, frame.is_positive, strict=True)
            ids = [k for k, takes_part in flags if frame.is_about(k) and (objects or takes_part)]
            counted = dict(zip(ids, count_boundaries(frame.prediction, frame.truth, ids), strict=True))
            edges = [counted.get(object_id, NO_BOUNDARY) for object_id in frame.object_ids]
        rows += [
            (len(clips) - 1, frame.frame_idx, *one, *its, *edge)
            for one, its, edge in zip(named, numbers, edges, strict=True)
            if frame.is_about(one[0])
        ]
        if frame.ungated is not None:
            ungated += _ungated_counts(frame, numbers)
    frames = _columns(rows)
    if ungated:
        intersection, area = np.array(ungated, np.int64).T
        frames = replace(frames, ungated_intersection=intersection, ungated_area=area)
    evaluation = evaluate_object_frames(frames, clips, flagged_clips, void)
    if failures:
        evaluation = replace(evaluation, failures=failure_modes(frames))
    if objects:
        evaluation = replace(evaluation, objects=object_scores(frames, clips))
    return Measurement(evaluation, clips, frames)


def _ungated_counts(frame: ScoredFrame, numbers: list[tuple[int, int, int, int, int, float]]) -> list[tuple[int, int]]:
    """Return (intersection, area) of the ungated mask of every object of a frame; ``numbers`` are of the prediction."""
    found = {object_id: counted[:2] for object_id, counted in zip(frame.object_ids, numbers, strict=True)}
    for object_id, mask in (frame.ungated or {}).items():
        found[object_id] = int(np.count_nonzero(frame.truth[mask] == object_id)), int(np.count_nonzero(mask))
    flags = zip(frame.object_ids, frame.is_positive, strict=True)
    return [found[k] if is_positive else (0, 0) for k, is_positive in flags if frame.is_about(k)]


NO_BOUNDARY = BoundaryCounts(0, 0, 0, 0)


def count_boundaries(pred: IndexMask, gt: IndexMask, object_ids: Sequence[int]) -> list[BoundaryCounts]:
    """Count the boundary pixels of every object of a frame, from a crop around it where it is and is predicted.

    Args:
        pred, gt: ``uint8 [H, W]`` object ids; void pixels are 0 in both.
    """
    tolerance = tolerance_px(*gt.shape)
    boxes = [find_boxes(mask) for mask in (gt, pred)]
    counts = []
    for object_id in object_ids:
        both = [found[object_id] for found in boxes if object_id in found]
        if not both:
            counts.append(NO_BOUNDARY)
            continue
        corner, end = (min(b.top for b in both), min(b.left for b in both)), max(b.bottom for b in both)
        crop = Box(*corner, end, max(b.right for b in both)).padded(1, *gt.shape).slices
        counts.append(count_boundary(pred[crop] == object_id, gt[crop] == object_id, tolerance))
    return counts


def _columns(rows: list[tuple[Any, ...]]) -> ObjectFrames:
    """Return rows, in the order of the fields, as arrays; those of boundary pixels may be absent."""
    kinds = {"is_positive": bool, "is_hand": bool, "other_iou": np.float64}
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) if rows else [()] * len(fields(ObjectFrames))
    there = fields(ObjectFrames)[: len(columns)]
    return ObjectFrames(*(np.array(c, kinds.get(f.name, np.int64)) for c, f in zip(columns, there, strict=True)))


def _paired(
    truths: Iterator[TruthFrame], predictions: Iterable[PredictedMask], keep_flagged: bool
) -> Iterator[tuple[TruthFrame, list[PredictedMask]]]:
    """Yield frames with their stored rows; neither side may have a row more."""
    by_frame = groupby(predictions, lambda row: (row.clip_id, row.frame_idx))
    for truth, group in zip_longest(truths, by_frame):
        rows = list(group[1]) if group else []
        expected = [(truth.clip_id, truth.frame_idx, object_id) for object_id in truth.object_ids] if truth else []
        for wanted, row in zip_longest(expected, rows):
            if row is None or row.key != wanted:
                raise PredictionError(
                    f"the predictions are not of this manifest: expected {_place(wanted)}, "
                    f"found {_place(row.key if row else None)}"
                )
        if keep_flagged or not truth.is_flagged:
            yield truth, rows


def _painted(truth: TruthFrame, rows: list[PredictedMask]) -> IndexMask:
    """Return the merged index mask of a frame's stored rows."""
    for row in rows:
        size = row.mask.height, row.mask.width
        if size != truth.size:
            sizes = f"prediction {size[0]}×{size[1]} and ground truth {truth.size[0]}×{truth.size[1]}"
            raise PredictionError(f"{truth.where} object {row.object_id}: {sizes} differ in size")
    try:
        return paint_rles(((row.object_id, row.mask) for row in rows), *truth.size)
    except DataError as error:
        raise PredictionError(f"{truth.where}: {error}") from None


def _ungated(truth: TruthFrame, rows: list[PredictedMask]) -> dict[int, Rle] | None:
    """Return positive object → its ungated mask, where that is not the stored one; None where none is known."""
    found = {}
    for row, is_positive in zip(rows, truth.is_positive, strict=True):
        if row.ungated is None:
            return None
        if is_positive and row.ungated != row.mask:
            found[row.object_id] = row.ungated
    return found


def _place(key: tuple[str, int, int] | None) -> str:
    """Name a row for a message."""
    return f"{key[0]} frame {key[1]} object {key[2]}" if key else "the end"
