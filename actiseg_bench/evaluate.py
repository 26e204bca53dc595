"""Scores of predictions on clean labels: anyone's palette PNGs, or the stored predictions of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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
from actiseg_bench.predictions import Prediction, PredictionError, iter_predictions
from actiseg_bench.split_json import SplitEntry, read_split_json
from actiseg_noise.errors import DataError, ManifestError, raise_if
from actiseg_noise.masks import IndexMask, Rle, read_index_mask

if TYPE_CHECKING:
    import pyarrow as pa

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


class Tables(Protocol):
    """What the evaluation needs of a manifest: Arrow tables by name."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return one table, or some of its columns."""
        ...


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
    flagged = set() if keep_flagged else _flagged_clips(manifest)
    objects, sizes, voids = _objects(manifest), _frame_sizes(manifest), _void_masks(manifest)
    rows = []
    for truth, item in _paired(_mask_rows(manifest), predictions):
        clip, frame = place = truth["clip_id"], truth["frame_idx"]
        if clip in flagged:
            continue
        mask = Rle(*sizes[place], truth["clean_rle"], truth["clean_area"])
        try:
            counts = count_rle(item.mask, mask, voids.get(place) if void == "ignore" else None)
        except DataError as error:
            raise PredictionError(f"{clip} frame {frame} object {item.object_id}: {error}") from None
        rows.append(_Row(clip, frame, *counts, *objects[clip, item.object_id]))
    return _evaluation(rows, len({row.clip for row in rows}), len(flagged), void)


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


def _flagged_clips(manifest: Tables) -> set[str]:
    """Return the clips with a review flag set."""
    rows = manifest.table("clips", ["clip_id", "redundant", "missing", "other"]).to_pylist()
    return {row["clip_id"] for row in rows if row["redundant"] or row["missing"] or row["other"]}


def _objects(manifest: Tables) -> dict[tuple[str, int], tuple[bool, str]]:
    """Map (clip_id, object_id) to is_positive and the clean noun."""
    rows = manifest.table("samples", ["clip_id", "object_id", "is_positive", "noun"]).to_pylist()
    return {(row["clip_id"], row["object_id"]): (row["is_positive"], row["noun"]) for row in rows}


def _frame_sizes(manifest: Tables) -> dict[tuple[str, int], tuple[int, int]]:
    """Map (clip_id, frame_idx) to height and width of the mask in pixels."""
    rows = manifest.table("frames", ["clip_id", "frame_idx", "height", "width"]).to_pylist()
    return {(row["clip_id"], row["frame_idx"]): (row["height"], row["width"]) for row in rows}


def _void_masks(manifest: Tables) -> dict[tuple[str, int], Rle]:
    """Map (clip_id, frame_idx) to the pixels without label, where there are any."""
    rows = manifest.table("frames", ["clip_id", "frame_idx", "height", "width", "void_rle"]).to_pylist()
    return {
        (row["clip_id"], row["frame_idx"]): Rle(row["height"], row["width"], row["void_rle"], 1)
        for row in rows
        if row["void_rle"] is not None
    }


def _mask_rows(manifest: Tables) -> Iterator[dict[str, Any]]:
    """Yield the clean masks in the manifest's order."""
    table = manifest.table("masks", ["clip_id", "frame_idx", "object_id", "clean_area", "clean_rle"])
    if not table.num_rows or table["clean_rle"].null_count:
        raise ManifestError("the manifest carries no masks; predictions are scored on one of content 'full'")
    for batch in table.to_batches():
        yield from batch.to_pylist()


def _paired(
    truths: Iterator[dict[str, Any]], predictions: Iterable[Prediction]
) -> Iterator[tuple[dict[str, Any], Prediction]]:
    """Yield mask rows with their predictions; both come in the same order and neither may have a row more."""
    for truth, item in zip_longest(truths, predictions):
        wanted = (truth["clip_id"], truth["frame_idx"], truth["object_id"]) if truth else None
        if item is None or item.key != wanted:
            found, expected = _place(item.key if item else None), _place(wanted)
            raise PredictionError(f"the predictions are not of this manifest: expected {expected}, came {found}")
        yield truth, item


def _place(key: tuple[str, int, int] | None) -> str:
    """Name a row for a message."""
    return f"{key[0]} frame {key[1]} object {key[2]}" if key else "the end"
