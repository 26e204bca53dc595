"""What networks and pictures say, put together: one finding per sample, one per sample and frame, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_bench.auditing.answers import Candidates
from actiseg_bench.auditing.boundary import BoundaryBelief
from actiseg_bench.auditing.nouns import believe, confidence_within
from actiseg_bench.auditing.options import FLAG, MASK, NOUN
from actiseg_bench.strategies.confident_learning import confident_issues
from actiseg_noise.manifest.clips import ManifestClip, ManifestMask, ManifestSample
from actiseg_noise.manifest.read import Manifest

Array = npt.NDArray[Any]
Key = tuple[str, int]
EVEN = 0.5  # a flag whose score is above it is less likely than the other one


@dataclass
class Answers:
    """Everything that was said of a manifest.

    Attributes:
        folds: clip_id → fold. nouns, flags: clip_id → measure → array, None where that was not asked.
        boundaries: (sample_id, frame_idx) → what the picture says; None where it was not asked.
    """

    folds: Mapping[str, int]
    nouns: dict[str, dict[str, Array]] | None = None
    flags: dict[str, dict[str, Array]] | None = None
    boundaries: dict[Key, BoundaryBelief] | None = None

    def add(self, what: str, found: Mapping[str, dict[str, Array]]) -> None:
        """Take in what the networks of one fold said."""
        if what == NOUN:
            self.nouns = (self.nouns or {}) | dict(found)
        elif what == FLAG:
            self.flags = (self.flags or {}) | dict(found)


class SampleFinding(NamedTuple):
    """What is believed of one sample. None: not asked, or nothing to be said. Scores are in [0, 1], high is wrong.

    Attributes:
        sample_id, clip_id, video_id, object_id: of the manifest. fold: of the networks that judged it.
        score: the highest of the scores. suspect: which one it is, ``noun``, ``mask`` or ``flag``.
        given_is_positive, given_noun, given_category_id: what the manifest says.
        noun_score: 1 - p(given noun | given mask). within_score: 1 - p(given noun | given mask, given category), for
            wrong nouns of the right category; it does not enter ``score``. noun_margin: normalised margin.
        is_noun_issue: what confident learning says of the category.
        suggested_noun, suggested_category_id, suggested_is_positive: what is more likely; None where that is the given.
        mask_score: highest of its frames. worst_frame_idx: which frame that is.
        flag_score: |given_is_positive - positive_score|. positive_score: how likely it takes part in the action.
        iou: of the given mask with the one that is predicted for the given text, over all frames. loss: mean cross
            entropy of its pixels.
    """

    sample_id: str
    clip_id: str
    video_id: str
    object_id: int
    fold: int
    score: float
    suspect: str
    given_is_positive: bool
    given_noun: str
    given_category_id: int
    suggested_is_positive: bool | None
    suggested_noun: str | None
    suggested_category_id: int | None
    noun_score: float | None
    within_score: float | None
    noun_margin: float | None
    is_noun_issue: bool | None
    mask_score: float | None
    worst_frame_idx: int | None
    flag_score: float | None
    positive_score: float | None
    iou: float | None
    loss: float | None


class FrameFinding(NamedTuple):
    """What is believed of one sample's mask in one frame. None: not asked, or nothing to be said.

    Attributes:
        score: that the boundary belongs elsewhere, in [0, 1]. move_px: by how many pixels it should move, outwards
            positive. where: the side that is most likely wrong; see :class:`BoundaryBelief`.
        iou, loss: of the given mask with the predicted one; mean pixel cross entropy.
        mask_digest: of the given mask.
    """

    sample_id: str
    frame_idx: int
    frame_id: str
    score: float | None
    move_px: int | None
    where: str
    iou: float | None
    loss: float | None
    area_px: int
    mask_digest: str


def find(
    manifest: Manifest, clip_ids: Sequence[str], answers: Answers, candidates: Candidates
) -> tuple[list[SampleFinding], list[FrameFinding]]:
    """Return the findings of all samples and of all their visible masks, worst first."""
    clips = list(manifest.iter_clips(clip_ids))
    nouns = _nouns(clips, answers, candidates)
    samples: list[SampleFinding] = []
    frames: list[FrameFinding] = []
    for clip in clips:
        for k, sample in enumerate(clip.samples):
            own = [
                _frame(frame.frame_id, t, mask, k, clip.clip_id, answers)
                for t, frame in enumerate(one for one in clip.frames if one.is_annotated)
                if (mask := frame.masks.get(sample.object_id)) is not None and mask.area("noisy")
            ]
            samples.append(_sample(clip, sample, k, own, nouns.get(sample.sample_id, {}), answers))
            frames += own
    samples.sort(key=lambda one: (-one.score, one.sample_id))
    frames.sort(key=lambda one: (-(one.score or 0.0), one.sample_id, one.frame_idx))
    return samples, frames


def _frame(frame_id: str, shown: int, mask: ManifestMask, sample: int, clip_id: str, answers: Answers) -> FrameFinding:
    belief = (answers.boundaries or {}).get((mask.sample_id, mask.frame_idx))
    said = None if answers.nouns is None else answers.nouns[clip_id]
    return FrameFinding(
        sample_id=mask.sample_id,
        frame_idx=mask.frame_idx,
        frame_id=frame_id,
        score=None if belief is None else belief.score,
        move_px=None if belief is None else belief.move_px,
        where="" if belief is None else belief.where,
        iou=None if said is None else float(said["iou"][sample, shown]),
        loss=None if said is None else float(said["loss"][sample, shown]),
        area_px=mask.noisy_area,
        mask_digest=mask.noisy_digest,
    )


def _sample(
    clip: ManifestClip,
    sample: ManifestSample,
    place: int,
    frames: Sequence[FrameFinding],
    noun: Mapping[str, Any],
    answers: Answers,
) -> SampleFinding:
    worst = max((one for one in frames if one.score is not None), key=lambda one: one.score or 0.0, default=None)
    positive = None if answers.flags is None else float(answers.flags[clip.clip_id]["positive"][place])
    scores: dict[str, float | None] = {
        NOUN: noun.get("noun_score"),
        MASK: None if worst is None else worst.score,
        FLAG: None if positive is None else abs(float(sample.noisy_is_positive) - positive),
    }
    known = {name: score for name, score in scores.items() if score is not None}
    suspect = max(known, key=lambda name: known[name], default="")
    return SampleFinding(
        sample_id=sample.sample_id,
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        object_id=sample.object_id,
        fold=answers.folds[clip.clip_id],
        score=known.get(suspect, 0.0),
        suspect=suspect,
        given_is_positive=sample.noisy_is_positive,
        given_noun=sample.noisy_noun,
        given_category_id=sample.noisy_category_id,
        suggested_is_positive=not sample.noisy_is_positive if (scores[FLAG] or 0.0) > EVEN else None,
        suggested_noun=noun.get("suggested_noun"),
        suggested_category_id=noun.get("suggested_category_id"),
        noun_score=scores[NOUN],
        within_score=noun.get("within_score"),
        noun_margin=noun.get("noun_margin"),
        is_noun_issue=noun.get("is_noun_issue"),
        mask_score=scores[MASK],
        worst_frame_idx=None if worst is None else worst.frame_idx,
        flag_score=scores[FLAG],
        positive_score=positive,
        iou=noun.get("iou"),
        loss=float(np.mean([one.loss for one in frames])) if frames and frames[0].loss is not None else None,
    )


class NounTable(NamedTuple):
    """The overlaps of N samples that have a mask, with C candidate nouns and the given one.

    Attributes:
        sample_ids: N. overlap: ``[N, C + 1]``; the last column, the given text, is -inf where the noun is among the
            candidates, whose column then has its value. given: ``[N]``, the column of the given noun.
        categories: ``[N, C + 1]``, of every column.
    """

    sample_ids: list[str]
    overlap: npt.NDArray[np.float64]
    given: npt.NDArray[np.int64]
    categories: npt.NDArray[np.int64]


def noun_table(clips: Sequence[ManifestClip], answers: Answers, candidates: Candidates) -> NounTable:
    """Return the overlaps of all samples with a visible mask.

    Raises:
        ValueError: nouns were not asked for.
    """
    if answers.nouns is None:
        raise ValueError("no network was asked about nouns")
    column = {
        (noun, int(category)): i
        for i, (noun, category) in enumerate(zip(candidates.nouns, candidates.categories, strict=True))
    }
    ids, rows, given, categories = [], [], [], []
    for clip in clips:
        for k, sample in enumerate(clip.samples):
            if not any(sample.object_id in f.masks and f.masks[sample.object_id].noisy_area for f in clip.frames):
                continue
            row = answers.nouns[clip.clip_id]["overlap"][k].copy()
            own = column.get((sample.noisy_noun, sample.noisy_category_id), len(row) - 1)
            if own < len(row) - 1:
                row[own], row[-1] = row[-1], -np.inf
            ids.append(sample.sample_id)
            rows.append(row)
            given.append(own)
            categories.append(np.append(candidates.categories, sample.noisy_category_id))
    return NounTable(ids, np.stack(rows), np.array(given, np.int64), np.stack(categories))


def category_probabilities(table: NounTable, probabilities: Array) -> tuple[Array, Array]:
    """Return the probability of every category, ``[N, K]``, and which one was given, ``[N]``."""
    known, places = np.unique(table.categories, return_inverse=True)
    places = places.reshape(table.categories.shape)
    found = np.zeros((len(probabilities), len(known)))
    np.add.at(found, (np.arange(len(found))[:, None], places), probabilities)
    return found, places[np.arange(len(found)), table.given]


def _nouns(clips: Sequence[ManifestClip], answers: Answers, candidates: Candidates) -> dict[str, dict[str, Any]]:
    """Return sample_id → what is believed of its noun."""
    if answers.nouns is None:
        return {}
    table = noun_table(clips, answers, candidates)
    belief = believe(table.overlap, table.given)
    within = confidence_within(table.overlap, table.given, table.categories)
    issues = confident_issues(*category_probabilities(table, belief.probabilities))
    found = {}
    for n, sample_id in enumerate(table.sample_ids):
        best, own = int(belief.best[n]), int(table.given[n])
        is_other = best != own
        found[sample_id] = {
            "noun_score": float(1 - belief.self_confidence[n]),
            "within_score": float(1 - within[n]),
            "noun_margin": float(belief.margin[n]),
            "is_noun_issue": bool(issues[n]),
            "suggested_noun": candidates.nouns[best] if is_other else None,
            "suggested_category_id": int(table.categories[n, best]) if is_other else None,
            "iou": float(table.overlap[n, own]),
        }
    return found
