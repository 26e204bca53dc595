"""The training clips of a report: what runs give back of wrong labels, on the clips that their diagnosis probed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from actiseg_bench.metrics.actionvos import is_hand
from actiseg_bench.report.page.clips import Json, Place
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME, wrong_and_memorised
from actiseg_bench.results.predictions import PredictedMask, iter_predictions
from actiseg_bench.results.stored import StoredRun
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.clips import ManifestClip

OfClip = dict[str, list[PredictedMask]]
"""Row → what it predicts of one clip."""


def read_training(runs: Mapping[Place, StoredRun]) -> tuple[dict[Place, OfClip], list[str]]:
    """Return (track, clip_id) → row → masks of what is stored of training clips, and what could not be read."""
    found: dict[Place, OfClip] = defaultdict(dict)
    missing = []
    for (track, row), run in runs.items():
        if run.result.training_predictions is None or run.is_submitted:
            continue
        try:
            for one in iter_predictions(run.folder / TRAINING_PREDICTIONS_NAME):
                found[track, one.clip_id].setdefault(row, []).append(one)
        except ActisegError as error:
            missing.append(f"no training clips of {track} {row}: {error}")
    return found, missing


def memorised_of(clip: ManifestClip, predicted: OfClip) -> dict[str, list[int]]:
    """Return row → [wrong labels that it gives back, wrong labels] of a clip; empty where no label is wrong."""
    found = {}
    for row, masks in predicted.items():
        wrong, memorised = wrong_and_memorised(clip, {(one.frame_idx, one.object_id): one.mask for one in masks})
        if wrong:
            found[row] = [memorised, wrong]
    return found


def choose_training_clips(shares: Mapping[Place, dict[str, list[int]]], count: int) -> list[Place]:
    """Return at most ``count`` (track, clip_id), track by track in turn, those that most rows memorised most first.

    Args:
        shares: (track, clip_id) → row → [given back, wrong].
    """
    by_track: dict[str, list[Place]] = defaultdict(list)
    for place in sorted(shares, key=lambda place: (-_most(shares[place]), place)):
        by_track[place[0]].append(place)
    longest = max(map(len, by_track.values()), default=0)
    return [places[turn] for turn in range(longest) for places in by_track.values() if turn < len(places)][:count]


def _most(rows: Mapping[str, list[int]]) -> float:
    """Return the mean share over the rows."""
    return sum(memorised / wrong for memorised, wrong in rows.values()) / len(rows)


def training_entry(clip: ManifestClip, track: str, place: int, shares: Mapping[str, list[int]]) -> Json:
    """Return what a training clip is found by: as an evaluation clip, with the labels that every row gives back."""
    nouns = sorted({noun for sample in clip.samples for noun in (sample.noun, sample.noisy_noun)})
    return {
        "id": name_of(clip, track),
        "place": place,
        "nouns": nouns,
        "hands": bool(is_hand([sample.noun for sample in clip.samples]).any()),
        "words": "\n".join([clip.clip_id, clip.narration, *nouns]).lower(),
        "scores": {},
        "training": {"track": track, "memorised": dict(shares)},
    }


def name_of(clip: ManifestClip, track: str) -> str:
    """Return what a training clip is called on a page: other tracks have other labels of it."""
    return f"{clip.clip_id} · {track}"


def predictions_of(predicted: OfClip, track: str) -> Json:
    """Return track → row → frame → masks and scores, as the page unpacks them."""
    rows: Json = {}
    for row, masks in predicted.items():
        frames = rows.setdefault(row, {})
        for one in masks:
            frame = frames.setdefault(str(one.frame_idx), {"masks": {}, "scores": {}})
            if one.mask.area:
                frame["masks"][str(one.object_id)] = one.mask.counts
            if one.positive_score is not None:
                frame["scores"][str(one.object_id)] = round(one.positive_score, 3)
    return {track: rows}
