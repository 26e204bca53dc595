"""The network on clips whose frames or narrations were taken away or exchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import VosModel
from actiseg_bench.prediction.predict import ClipPrediction, iter_predictions_of
from actiseg_bench.records import ClipItem
from actiseg_bench.results.predictions import PredictedMask
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.measure import measure
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.records import expression

GREY = 128
CONSTANT = "use it"  # no clip is narrated like this

Alter = Callable[[ClipItem], ClipItem]


class Words(NamedTuple):
    """What the expressions of a manifest are made of: sample_id → noun, clip_id → narration."""

    nouns: Mapping[str, str]
    narrations: Mapping[str, str]


def read_words(manifest: Manifest) -> Words:
    """Return the words of a manifest's clean expressions."""
    samples = manifest.table("samples", ["sample_id", "noun"]).to_pylist()
    clips = manifest.table("clips", ["clip_id", "narration"]).to_pylist()
    return Words({r["sample_id"]: r["noun"] for r in samples}, {r["clip_id"]: r["narration"] for r in clips})


def partners(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return clip → the other clip on the same frames, for groups of two."""
    return {clip: other for pair in groups for clip, other in (pair, pair[::-1])}


def paint_grey(item: ClipItem) -> ClipItem:
    """Return the clip with mid-grey frames."""
    return replace(item, frames=torch.full_like(item.frames, GREY))


def narrate(item: ClipItem, narration: str, nouns: Mapping[str, str]) -> ClipItem:
    """Return the clip with every object's expression made from another narration."""
    return replace(item, expressions=tuple(expression(nouns[name], narration) for name in item.sample_ids))


class Altered(ManifestDataset):
    """The clips of a dataset, each changed by a function."""

    def __init__(self, data: ManifestDataset, alter: Alter) -> None:
        self.__dict__.update(data.__dict__)
        self._alter = alter

    def __getitem__(self, index: int) -> ClipItem:
        """Return the changed clip."""
        return self._alter(super().__getitem__(index))


def rows_of(clips: Iterable[ClipPrediction]) -> Iterator[PredictedMask]:
    """Yield predicted clips as rows of the evaluation."""
    for clip in clips:
        yield from clip.rows()


Flags = dict[tuple[str, int], bool]


def decisions(clips: Iterable[ClipPrediction], threshold: float) -> Flags:
    """Return (clip_id, object_id) → does the positive head say that the object takes part."""
    return {
        (clip.clip_id, object_id): score >= threshold
        for clip in clips
        for object_id, score in zip(clip.object_ids, clip.positive_scores, strict=True)
    }


def agreement(said: Flags, flags: Flags) -> float:
    """Return the share of samples where a decision is the flag."""
    return sum(said[key] == flag for key, flag in flags.items()) / len(flags)


def flips(before: Flags, after: Flags, among: Iterable[tuple[str, int]]) -> float:
    """Return the share of samples, of those named, whose decision changed."""
    changed = [before[key] != after[key] for key in among]
    return sum(changed) / len(changed)


def majority(positive: int, total: int) -> float:
    """Return the score of the better constant answer."""
    return max(positive, total - positive) / total


def best_without_narration(flags: Flags, other: Mapping[str, str]) -> float:
    """Return the best score of answers that are equal in both clips of a video: what noun and pixels can give."""
    right = 0
    for (clip_id, object_id), flag in flags.items():
        if clip_id < other[clip_id]:
            both = flag + flags[other[clip_id], object_id]
            right += max(both, 2 - both)
    return right / len(flags)


def read_flags(manifest: Manifest) -> Flags:
    """Return (clip_id, object_id) → positive flag."""
    rows = manifest.table("samples", ["clip_id", "object_id", "is_positive"]).to_pylist()
    return {(row["clip_id"], row["object_id"]): row["is_positive"] for row in rows}


class Judge:
    """Predicts and scores altered versions of one dataset with one network."""

    def __init__(self, model: VosModel, data: ManifestDataset) -> None:
        self.model, self.data = model, data
        self.flags = read_flags(data.manifest)
        self.other = partners([[data.clip_ids[i] for i in group] for group in data.groups])

    def score(self, alter: Alter | None = None) -> tuple[Evaluation, Flags]:
        """Return the evaluation and the positive head's decisions on the (altered) clips."""
        data = self.data if alter is None else Altered(self.data, alter)
        clips = list(iter_predictions_of(self.model, data, torch.device("cpu")))
        return measure(self.data.manifest, rows_of(clips)).evaluation, decisions(clips, self.threshold)

    @property
    def threshold(self) -> float:
        """Return the model's positive threshold."""
        return self.model.card.positive_threshold

    def active(self) -> list[tuple[str, int]]:
        """Return the samples whose object takes part in one of the video's two actions."""
        return [
            (clip, object_id)
            for (clip, object_id), flag in self.flags.items()
            if flag or self.flags[self.other[clip], object_id]
        ]


def take_away(judge: Judge) -> dict[str, Any]:
    """Return the scores on true clips, on grey frames, and on exchanged narrations."""
    words = read_words(judge.data.manifest)
    alters: dict[str, Alter | None] = {
        "true": None,
        "grey frames": paint_grey,
        "narration blank": lambda item: narrate(item, "", words.nouns),
        f"narration “{CONSTANT}”": lambda item: narrate(item, CONSTANT, words.nouns),
        "narration of the other action": lambda item: narrate(
            item, words.narrations[judge.other[item.clip_id]], words.nouns
        ),
    }
    found = {name: judge.score(alter) for name, alter in alters.items()}
    truth, said = found["true"]
    scores = truth.scores
    target = scores.tp + scores.fn
    return {
        "scores": truth.scores_dict(),
        "inputs": {
            name: {"acc": evaluation.scores.acc, "head": agreement(flags, judge.flags)}
            for name, (evaluation, flags) in found.items()
        },
        "majority": {
            "acc": majority(target, len(truth.counts)),
            "head": majority(sum(judge.flags.values()), len(judge.flags)),
        },
        "best without narration": best_without_narration(judge.flags, judge.other),
        "flags that follow": flips(said, found["narration of the other action"][1], judge.active()),
    }
