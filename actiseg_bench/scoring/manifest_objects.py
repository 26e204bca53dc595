"""Predictions with a mask of their own for every object, scored on a manifest's clean labels.

A manifest's masks are those of an index mask; predictions may overlap. A frame in which they do is scored in parts: in
each, no two predictions meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np

from actiseg_bench.scoring.evaluation import Evaluation, check_void
from actiseg_bench.scoring.mask_folders import MaskReport, Rules
from actiseg_bench.scoring.measure import measure_frames
from actiseg_bench.scoring.truth import ScoredFrame, TruthFrame, flagged_clips, iter_scored_truth, videos_of
from actiseg_bench.scoring.wanted import ObjectId, ObjectMasks, Tracks, WantedClip, WantedObject
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import BinaryMask, IndexMask, Rle


def evaluate_objects(
    predictions: ObjectMasks,
    manifest: Manifest,
    *,
    keep_flagged: bool = False,
    void: str = "ignore",
    failures: bool = False,
    rules: Rules | None = None,
    objects: bool = True,
) -> Evaluation:
    """Score predictions on the clean masks of a manifest.

    Args:
        keep_flagged: score clips with a review flag too.
        void: ``ignore`` (pixels without label are left out) or ``background``.
        failures: give the failure modes too.
        rules: what is done about masks that are missing or strange; by default they are refused.
        objects: give J and F of every object too.

    Raises:
        ManifestError: the manifest carries no masks. DataError: predictions that are refused; all are counted.
    """
    check_void(void)
    report = MaskReport(rules or Rules())
    clips = {clip.clip_id: clip for clip in wanted_clips(manifest, keep_flagged)}
    predictions.find(list(clips.values()), videos_of(manifest), report)
    report.refuse("Every frame of the manifest needs a mask of every object, and nothing else.", predictions.what)
    frames = _read(predictions, clips, iter_scored_truth(manifest, keep_flagged=keep_flagged), void, report)
    left_out = 0 if keep_flagged else len(flagged_clips(manifest))
    result = measure_frames(frames, left_out, void, failures=failures, volumes=False, objects=objects).evaluation
    report.refuse("Masks are as large as the manifest's, with one object each.", predictions.what)
    return replace(result, allowed=report.to_json(), matching=predictions.matching())


def wanted_clips(manifest: Manifest, keep_flagged: bool) -> Iterator[WantedClip]:
    """Yield what is to be scored of a manifest."""
    videos = videos_of(manifest)
    lengths = Counter(manifest.table("frames", ["clip_id"]).column("clip_id").to_pylist())
    rows = manifest.table("samples", ["clip_id", "object_id", "category_id"]).to_pylist()
    categories = {(row["clip_id"], row["object_id"]): row["category_id"] for row in rows}
    for clip_id, group in groupby(iter_scored_truth(manifest, keep_flagged=keep_flagged), lambda truth: truth.clip_id):
        frames = list(group)
        ids = dict.fromkeys(object_id for truth in frames for object_id in truth.object_ids)
        yield WantedClip(
            clip_id=clip_id,
            video_id=videos[clip_id],
            length=lengths[clip_id],
            frames={truth.frame_idx: truth.frame_id for truth in frames},
            sizes={truth.frame_idx: truth.size for truth in frames},
            objects={
                one: WantedObject(
                    categories.get((clip_id, one)), tuple(t.frame_idx for t in frames if one in t.object_ids)
                )
                for one in ids
            },
        )


def _read(
    predictions: ObjectMasks,
    clips: Mapping[str, WantedClip],
    truths: Iterator[TruthFrame],
    void: str,
    report: MaskReport,
) -> Iterator[ScoredFrame]:
    """Yield the frames with their predictions; what is refused is noted."""
    for _, group in groupby(truths, lambda truth: predictions.group_of(truth.clip_id)):
        own = {clip: list(frames) for clip, frames in groupby(group, lambda truth: truth.clip_id)}
        predictions.match([(clips[clip], partial(_tracks, frames)) for clip, frames in own.items()])
        for clip, frames in own.items():
            for truth in frames:
                ids, size = truth.object_ids, truth.size
                masks = {k: predictions.read(clips[clip], truth.frame_idx, k, size, report) for k in ids}
                known = {k: mask for k, mask in masks.items() if mask is not None}
                if len(known) == len(masks):
                    for about, painted in divide(known, truth.size):
                        yield truth.scored(painted, void, None if len(about) == len(ids) else about)


def _tracks(frames: list[TruthFrame]) -> Tracks:
    """Return the masks of a clip's objects by their places."""
    tracks: dict[ObjectId, dict[int, Rle]] = {}
    for truth in frames:
        for object_id, mask in zip(truth.object_ids, truth.masks, strict=True):
            tracks.setdefault(object_id, {})[truth.frame_idx] = mask
    return tracks


def divide(masks: Mapping[int, BinaryMask], size: tuple[int, int]) -> list[tuple[frozenset[int], IndexMask]]:
    """Return index masks, ``uint8`` of ``size`` (height, width), in none of which two objects meet.

    Returns:
        Which objects each is about, and it; every object is in one of them, the first where it meets none.
    """
    import cv2

    layers: list[tuple[set[int], IndexMask]] = [(set(), np.zeros(size, np.uint8))]
    for object_id, mask in masks.items():
        left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
        around = slice(top, top + height), slice(left, left + width)
        own = mask[around]
        free = (layer for layer in layers if not (own & (layer[1][around] > 0)).any())
        layer = next(free, None)
        if layer is None:
            layer = (set(), np.zeros(size, np.uint8))
            layers.append(layer)
        layer[0].add(object_id)
        layer[1][around][own] = object_id
    return [(frozenset(ids), painted) for ids, painted in layers]
