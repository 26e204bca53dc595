"""Scores of predictions on clean labels: anyone's palette PNGs, or the stored predictions of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from actiseg_bench.metrics.actionvos import (
    METRICS,
    ActionVosScores,
    ObjectFrameCounts,
    actionvos_scores,
    count_object_frames,
    count_rle,
    is_hand,
    mean_iou,
)
from actiseg_bench.results.predictions import Prediction, iter_predictions
from actiseg_bench.scoring.mask_folders import Findings, Pair, Rules, check_folders, find_pairs, read_pair
from actiseg_bench.scoring.scored import Tables, flagged_clips, iter_scored
from actiseg_bench.scoring.split_json import SplitEntry, read_split_json
from actiseg_noise.errors import DataError, raise_if

VOID_ID = 255
VOID_MODES = ("ignore", "background")


@dataclass(frozen=True)
class Evaluation:
    """Scores and what they were computed on.

    Attributes:
        scores: the six metrics in [0, 1] and the confusion counts.
        p_miou_hands, p_miou_objects: ``p_miou`` of the hands and of everything else, None where there is none.
        counts: pixel counts of every object-frame scored.
        clips, frames: how many were scored. flagged_clips: how many were left out for a review flag.
        void: ``ignore`` (pixels without label are left out) or ``background`` (they count as background).
        allowed: masks that were missing or strange and scored all the same, because it was asked for: kind → how
            many and the first ones.
    """

    scores: ActionVosScores
    p_miou_hands: float | None
    p_miou_objects: float | None
    counts: ObjectFrameCounts
    clips: int
    frames: int
    flagged_clips: int
    void: str
    allowed: dict[str, Any] = field(default_factory=dict)

    def scores_dict(self) -> dict[str, float | None]:
        """Return the six metrics, and hands and objects apart, in [0, 1]."""
        six = {name: getattr(self.scores, name) for name in METRICS}
        return six | {"p_miou_hands": self.p_miou_hands, "p_miou_objects": self.p_miou_objects}

    def counts_dict(self) -> dict[str, int]:
        """Return how many clips, frames and object-frames were scored, and the confusion counts."""
        four = {name: value for name, value in asdict(self.scores).items() if name not in METRICS}
        sizes = {"clips": self.clips, "frames": self.frames, "object_frames": len(self.counts)}
        return sizes | {"flagged_clips": self.flagged_clips} | four


class _Row(NamedTuple):
    """One object-frame."""

    clip: str
    frame: str | int
    intersection: int
    pred_area: int
    gt_area: int
    is_positive: bool
    noun: str


def evaluate_folders(
    pred: Path,
    gt: Path,
    split_json: Path,
    *,
    keep_flagged: bool = False,
    void: str = "ignore",
    rules: Rules | None = None,
) -> Evaluation:
    """Score palette PNGs laid out as ActionVOS lays them out: ``<clip folder>/<frame>.png``, pixel = object id.

    Args:
        pred, gt: folders of predicted and of ground-truth clips.
        split_json: the split's list of entries (``val_human.json``): objects, frames, review flags.
        keep_flagged: score entries flagged ``redundant``, ``missing`` or ``other`` too (published: skipped).
        void: what ground-truth pixels of 255 are, where 255 is no object: ``ignore`` or ``background``.
        rules: what is done about masks that are missing or strange; by default they are refused.

    Raises:
        DataError: a malformed split; masks that are missing, unreadable, of another size than the ground truth, or
            that hold ids of no object. All are counted, the first ones listed, and nothing is scored.
    """
    _check_void(void)
    findings = Findings(rules or Rules())
    check_folders(pred, gt)
    entries = read_split_json(split_json)
    kept = [entry for entry in entries if keep_flagged or not entry.is_flagged]
    pairs = [find_pairs(_pairs(entry, pred, gt), findings) for entry in kept]
    findings.refuse("Every frame that the split lists needs a mask in both folders.")
    raise_if(not any(pairs), f"{split_json}: no frame that it lists has a ground truth in {gt}", DataError)
    rows = [row for entry, own in zip(kept, pairs, strict=True) for row in _score_entry(entry, own, void, findings)]
    findings.refuse("Masks are 8-bit palette PNGs of object ids, as large as their ground truth.")
    scored = sum(map(bool, pairs))
    return replace(_evaluation(rows, scored, len(entries) - len(kept), void), allowed=findings.to_json())


def evaluate_predictions(
    manifest: Path, predictions: Path, *, keep_flagged: bool = False, void: str = "ignore"
) -> Evaluation:
    """Score a stored predictions file on the clean labels of an evaluation manifest.

    Raises:
        ManifestError: no manifest, or one that carries no masks.
        PredictionError: a file whose rows are not the manifest's rows of (clip, annotated frame, object).
    """
    from actiseg_noise import read_manifest

    rows = iter_predictions(predictions)
    return score_predictions(read_manifest(manifest), rows, keep_flagged=keep_flagged, void=void)


def score_predictions(
    manifest: Tables, predictions: Iterable[Prediction], *, keep_flagged: bool = False, void: str = "ignore"
) -> Evaluation:
    """Score predictions, in row order, on the clean masks of a manifest's tables; see ``evaluate_predictions``."""
    _check_void(void)
    rows = []
    for item in iter_scored(manifest, predictions, keep_flagged=keep_flagged):
        counts = count_rle(item.prediction, item.truth, item.void if void == "ignore" else None)
        rows.append(_Row(*item.place, *counts, item.is_positive, item.noun))
    flagged = 0 if keep_flagged else len(flagged_clips(manifest))
    return _evaluation(rows, len({row.clip for row in rows}), flagged, void)


def _evaluation(rows: list[_Row], clips: int, flagged_clips: int, void: str) -> Evaluation:
    """Compute all scores of a list of object-frames."""
    place = {clip: idx for idx, clip in enumerate(dict.fromkeys(row.clip for row in rows))}
    table = np.array([row[2:5] for row in rows], np.int64).reshape(-1, 3)
    positive = np.array([row.is_positive for row in rows], bool)
    clip_idx = np.array([place[row.clip] for row in rows], np.int32)
    counts = ObjectFrameCounts(table[:, 0], table[:, 1], table[:, 2], positive, clip_idx)
    hand = is_hand(row.noun for row in rows)
    return Evaluation(
        scores=actionvos_scores(counts),
        p_miou_hands=mean_iou(counts.select(positive & hand)),
        p_miou_objects=mean_iou(counts.select(positive & ~hand)),
        counts=counts,
        clips=clips,
        frames=len({(row.clip, row.frame) for row in rows}),
        flagged_clips=flagged_clips,
        void=void,
    )


def _check_void(void: str) -> None:
    """Refuse an unknown treatment of void pixels."""
    raise_if(void not in VOID_MODES, f"void is one of {', '.join(VOID_MODES)}, got {void!r}")


def _pairs(entry: SplitEntry, pred: Path, gt: Path) -> list[Pair]:
    """Return the files of the entry's frames."""
    truths, predictions = _folder(entry, gt), _folder(entry, pred)
    return [Pair(truths / name, predictions / name) for name in entry.frames]


def _folder(entry: SplitEntry, root: Path) -> Path:
    """Return the entry's folder under ``root``: the first of its possible names that exists, else the first."""
    return next((root / name for name in entry.folders if (root / name).is_dir()), root / entry.folders[0])


def _score_entry(entry: SplitEntry, pairs: list[Pair], void: str, findings: Findings) -> Iterator[_Row]:
    """Yield the object-frames of an entry."""
    ids = [item.object_id for item in entry.objects]
    void_id = 0 if VOID_ID in ids else VOID_ID
    for pair in pairs:
        masks = read_pair(pair, ids, void_id, findings)
        if masks is None:
            continue
        counts = count_object_frames(*masks, ids, void_id if void_id and void == "ignore" else None)
        for item, (both, predicted, visible) in zip(entry.objects, counts.tolist(), strict=True):
            yield _Row(entry.folders[0], pair.truth.name, both, predicted, visible, item.is_positive, item.noun)
