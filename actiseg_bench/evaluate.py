"""Scores of predictions on clean labels: anyone's palette PNGs, or the stored predictions of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
from actiseg_bench.predictions import Prediction, iter_predictions
from actiseg_bench.scored import Tables, flagged_clips, iter_scored
from actiseg_bench.split_json import SplitEntry, read_split_json
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import IndexMask, read_index_mask

if TYPE_CHECKING:
    pass

VOID_ID = 255
VOID_MODES = ("ignore", "background")
_LISTED = 10


@dataclass(frozen=True)
class Evaluation:
    """Scores and what they were computed on.

    Attributes:
        scores: the six metrics in [0, 1] and the confusion counts.
        p_miou_hands, p_miou_objects: ``p_miou`` of the hands and of everything else, None where there is none.
        counts: pixel counts of every object-frame scored.
        clips, frames: how many were scored. flagged_clips: how many were left out for a review flag.
        void: ``ignore`` (pixels without label are left out) or ``background`` (they count as background).
    """

    scores: ActionVosScores
    p_miou_hands: float | None
    p_miou_objects: float | None
    counts: ObjectFrameCounts
    clips: int
    frames: int
    flagged_clips: int
    void: str

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
    pred: Path, gt: Path, split_json: Path, *, keep_flagged: bool = False, void: str = "ignore"
) -> Evaluation:
    """Score palette PNGs laid out as ActionVOS lays them out: ``<clip folder>/<frame>.png``, pixel = object id.

    Args:
        pred, gt: folders of predicted and of ground-truth clips.
        split_json: the split's list of entries (``val_human.json``): objects, frames, review flags.
        keep_flagged: score entries flagged ``redundant``, ``missing`` or ``other`` too (published: skipped).
        void: what ground-truth pixels of 255 are, where 255 is no object: ``ignore`` or ``background``.

    Raises:
        DataError: a malformed split; masks that are missing, unreadable, of another size than the ground truth, or
            that hold ids of no object. All are counted, the first ones listed, and nothing is scored.
    """
    _check_void(void)
    for option, folder in (("--pred", pred), ("--gt", gt)):
        raise_if(not folder.is_dir(), f"{option} {folder}: no such folder", DataError)
    entries = read_split_json(split_json)
    kept = [entry for entry in entries if keep_flagged or not entry.is_flagged]
    absent = [p for entry in kept for p in (*_absent(entry, gt, "ground truth"), *_absent(entry, pred, "prediction"))]
    _refuse(absent, "Every frame that the split lists needs a mask in both folders.")
    rows: list[_Row] = []
    problems: list[str] = []
    for entry in kept:
        for name in entry.frames:
            try:
                rows.extend(_score_frame(entry, name, pred, gt, void))
            except DataError as error:
                problems.append(str(error))
    _refuse(problems, "Masks are 8-bit palette PNGs of object ids, as large as their ground truth.")
    return _evaluation(rows, len(kept), len(entries) - len(kept), void)


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


def _folder(entry: SplitEntry, root: Path) -> Path:
    """Return the entry's folder under ``root``: the first of its possible names that exists, else the first."""
    return next((root / name for name in entry.folders if (root / name).is_dir()), root / entry.folders[0])


def _absent(entry: SplitEntry, root: Path, role: str) -> Iterator[str]:
    """Yield a line for every mask file of the entry that is not there."""
    folder = _folder(entry, root)
    yield from (f"{folder / name}: the {role} is missing" for name in entry.frames if not (folder / name).is_file())


def _refuse(problems: list[str], advice: str) -> None:
    """Raise DataError with the first problems and the number of all, when there are any."""
    if problems:
        shown = "\n  ".join(problems[:_LISTED])
        more = f"\n  … and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise DataError(f"{len(problems)} mask files cannot be scored. {advice}\n  {shown}{more}")


def _score_frame(entry: SplitEntry, name: str, pred: Path, gt: Path, void: str) -> Iterator[_Row]:
    """Yield the object-frames of one pair of mask files."""
    ids = [item.object_id for item in entry.objects]
    has_void = VOID_ID not in ids
    truth = _read_checked(_folder(entry, gt) / name, ids, VOID_ID)
    mask = _read_checked(_folder(entry, pred) / name, ids)
    if mask.shape != truth.shape:
        found, expected = (f"{shape[0]}×{shape[1]}" for shape in (mask.shape, truth.shape))
        raise DataError(f"{_folder(entry, pred) / name}: the mask is {found}, its ground truth is {expected}")
    counts = count_object_frames(mask, truth, ids, VOID_ID if has_void and void == "ignore" else None)
    for item, (both, predicted, visible) in zip(entry.objects, counts.tolist(), strict=True):
        yield _Row(entry.folders[0], name, both, predicted, visible, item.is_positive, item.noun)


def _read_checked(path: Path, ids: list[int], void_id: int = 0) -> IndexMask:
    """Read an index mask and refuse values that are neither an object, nor background, nor void."""
    mask = read_index_mask(path)
    strange = sorted(set(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist()) - {0, void_id, *ids})
    raise_if(bool(strange), f"{path}: ids {strange} are none of the clip's objects {sorted(ids)}", DataError)
    return mask
