"""J and F of predictions whose objects have masks of their own, or that are held against such a ground truth.

The rules are those of :mod:`davis_folders`, and of SA-V's evaluation, which has them from there: an object's first and
last frame are not scored unless every frame is asked for, a score is the mean over its frames, then over objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.scoring.davis_folders import DavisEvaluation, FrameScore, ObjectScores, score_frame, score_object
from actiseg_bench.scoring.mask_folders import MaskReport, Rules
from actiseg_bench.scoring.truth_videos import TruthVideos, tracks_of
from actiseg_bench.scoring.wanted import ObjectId, ObjectMasks, WantedClip
from actiseg_noise.errors import DataError, raise_if


def evaluate_davis_objects(
    predictions: ObjectMasks,
    truth: TruthVideos,
    known: Mapping[str, str],
    gt: Path,
    *,
    void: str = "ignore",
    rules: Rules | None = None,
    every: bool = False,
) -> DavisEvaluation:
    """Score predictions on videos.

    Args:
        known: clip_id → video_id of everything the ground truth has, scored or not. gt: where it is, for messages.
        void: ``ignore`` or ``background``, see :class:`DavisEvaluation`.
        every: the first and the last frame were scored too.
        rules: what is done about masks that are missing or strange; by default they are refused.

    Raises:
        DataError: no video to score; masks that the rules refuse.
    """
    report = MaskReport(rules or Rules())
    frames = (
        "a frame" if every else "three masks; the first and the last frame are not scored (--frames all scores them)"
    )
    raise_if(not truth.clips, f"{gt}: no clip has an object with {frames}", DataError)
    predictions.find(truth.clips, known, report)
    report.refuse("Every scored mask of the ground truth needs a prediction, and nothing else.", predictions.what)
    objects: list[ObjectScores] = []
    never: list[str] = []
    for clip in truth.clips:
        predictions.match([(clip, partial(tracks_of, truth, clip))])
        own = _ScoredClip(clip, truth, predictions, report)
        objects += own.scores()
        never += own.never_visible
    report.refuse("Masks are as large as their ground truth, with one object each.", predictions.what)
    notes: dict[str, Any] = {"every": every, "matching": predictions.matching()}
    return DavisEvaluation(objects, void, False, [], never, list(truth.short), report.to_json(), **notes)


class _ScoredClip:
    """One video: the numbers of every object in every frame that it is scored on."""

    def __init__(self, clip: WantedClip, truth: TruthVideos, predictions: ObjectMasks, report: MaskReport) -> None:
        self._clip = clip
        self._frames: dict[ObjectId, list[FrameScore]] = {one: [] for one in clip.objects}
        self._visible: set[ObjectId] = set()
        for place in clip.frames:
            try:
                masks, void = truth.read(clip, place)
            except DataError as error:
                report.add("unreadable", str(error))
                continue
            for one, mask in masks.items():
                predicted = predictions.read(clip, place, one, clip.sizes[place], report)
                if predicted is not None:
                    self._frames[one].append(score_frame(predicted if void is None else predicted & ~void, mask))
                if mask.any():
                    self._visible.add(one)

    def scores(self) -> list[ObjectScores]:
        """Return the scores of every object."""
        clip = self._clip.clip_id
        return [score_object(clip, one, np.array(frames)) for one, frames in self._frames.items() if frames]

    @property
    def never_visible(self) -> list[str]:
        """Return ``clip object`` of the objects without a pixel in any scored frame."""
        return [f"{self._clip.clip_id} {one}" for one in self._clip.objects if one not in self._visible]
