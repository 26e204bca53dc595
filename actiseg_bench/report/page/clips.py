"""The clips of a report: which ones are shown, what each row predicted there, and what they are found by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from actiseg_bench.metrics.actionvos import is_hand
from actiseg_bench.metrics.failure_modes import MODES
from actiseg_bench.report.analysis import clip_records
from actiseg_bench.results.networks import PREDICTIONS_NAME
from actiseg_bench.results.predictions import iter_predictions
from actiseg_bench.results.stored import StoredRun
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.clips import ManifestClip
from actiseg_noise.web.clip_data import PictureOf, clip_data

Json = dict[str, Any]
Place = tuple[str, str]
"""Track and row."""
Scores = dict[str, dict[str, float | None]]
"""clip_id → the six metrics and the failure modes there."""
SHOWN = ("giou", *MODES)


def read_scores(runs: Mapping[Place, StoredRun]) -> tuple[dict[Place, Scores], list[str]]:
    """Return the scores per clip of every run, and what could not be read."""
    found: dict[Place, Scores] = {}
    missing = []
    for place, run in runs.items():
        try:
            found[place] = {one["clip_id"]: {name: one[name] for name in SHOWN} for one in clip_records(run)}
        except ActisegError as error:
            missing.append(f"no clips of {' '.join(place)}: {error}")
    return found, missing


def choose_clips(scores: Mapping[Place, Scores], count: int) -> list[str]:
    """Return at most ``count`` clips, those that show most: in turn the widest gap, the worst, and each failure mode.

    A clip's gap is between the best and the worst row of one track, in gIoU.
    """
    orders = [_order(_gaps(scores)), _order(_badness(scores)), *(_order(_most(scores, mode)) for mode in MODES)]
    chosen: dict[str, None] = {}
    for turn in range(max(map(len, orders), default=0)):
        for order in orders:
            if len(chosen) < count and turn < len(order):
                chosen.setdefault(order[turn])
    return sorted(chosen)


def _order(values: Mapping[str, float]) -> list[str]:
    """Return clips by falling value, ties by name."""
    return sorted(values, key=lambda clip: (-values[clip], clip))


def _gaps(scores: Mapping[Place, Scores]) -> dict[str, float]:
    """Return clip → its widest gap in gIoU within a track."""
    by_track: dict[str, dict[str, list[float]]] = {}
    for (track, _), of_clip in scores.items():
        for clip, one in of_clip.items():
            if one["giou"] is not None:
                by_track.setdefault(track, {}).setdefault(clip, []).append(one["giou"])
    found: dict[str, float] = {}
    for of_clips in by_track.values():
        for clip, values in of_clips.items():
            found[clip] = max(found.get(clip, 0.0), max(values) - min(values))
    return found


def _badness(scores: Mapping[Place, Scores]) -> dict[str, float]:
    """Return clip → 1 - its mean gIoU over all tracks and rows."""
    values: dict[str, list[float]] = {}
    for of_clip in scores.values():
        for clip, one in of_clip.items():
            values.setdefault(clip, []).append(1 - (one["giou"] or 0.0))
    return {clip: sum(found) / len(found) for clip, found in values.items()}


def _most(scores: Mapping[Place, Scores], mode: str) -> dict[str, float]:
    """Return clip → the largest value of a failure mode, of clips that have one."""
    found: dict[str, float] = {}
    for of_clip in scores.values():
        for clip, one in of_clip.items():
            if one[mode]:
                found[clip] = max(found.get(clip, 0.0), one[mode] or 0.0)
    return found


def read_masks(runs: Mapping[Place, StoredRun], clip_ids: Iterable[str]) -> tuple[dict[str, Json], list[str]]:
    """Return clip → track → row → masks and scores of its first network, and what could not be read."""
    wanted = set(clip_ids)
    found: dict[str, Json] = {clip: {} for clip in wanted}
    missing = []
    for (track, row), run in runs.items():
        try:
            for one in iter_predictions(run.files(PREDICTIONS_NAME)[0]):
                if one.clip_id in wanted:
                    place = found[one.clip_id].setdefault(track, {}).setdefault(row, {})
                    frame = place.setdefault(str(one.frame_idx), {"masks": {}, "scores": {}})
                    if one.mask.area:
                        frame["masks"][str(one.object_id)] = one.mask.counts
                    if one.positive_score is not None:
                        frame["scores"][str(one.object_id)] = round(one.positive_score, 3)
        except ActisegError as error:
            missing.append(f"no masks of {track} {row}: {error}")
    return found, missing


def packed_clip(clip: ManifestClip, masks: Json, picture_of: PictureOf) -> Json:
    """Return what the viewer unpacks of one clip."""
    return {**clip_data(clip, picture_of), "predictions": masks}


def clip_entry(clip: ManifestClip, place: int, scores: Mapping[Place, Scores]) -> Json:
    """Return what a clip is found by: words, nouns, whether hands are among them, and its scores per track and row."""
    by_track: Json = {}
    for (track, row), of_clip in scores.items():
        one = of_clip.get(clip.clip_id)
        if one is not None:
            by_track.setdefault(track, {})[row] = [None if one[k] is None else round(one[k] or 0.0, 4) for k in SHOWN]
    nouns = sorted({sample.noun for sample in clip.samples})
    return {
        "id": clip.clip_id,
        "place": place,
        "nouns": nouns,
        "hands": bool(is_hand(nouns).any()),
        "words": "\n".join([clip.clip_id, clip.narration, *nouns]).lower(),
        "scores": by_track,
    }
