"""Folders of index masks as other people leave them: what is missing or strange is counted, and refused unless asked.

Ground truth and prediction of a frame are PNGs of one name. What is not as it should be has a kind; an option of
:class:`Rules` says what becomes of it, and everything that an option let pass is part of the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from actiseg_bench.prediction.names import find_names, mask_names
from actiseg_noise.borders.folders import list_folders, list_masks, other_form, suggest_root
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import IndexMask, find_values

LISTED = 10

NO_TRUTH, NO_PREDICTION, OTHER_SIZE, UNKNOWN_IDS = "no_ground_truth", "no_prediction", "other_size", "unknown_ids"
UNKNOWN_CLIPS = "unknown_clips"
ALLOWED = {
    NO_TRUTH: "frames without ground truth, left out",
    NO_PREDICTION: "frames without prediction, scored as empty",
    OTHER_SIZE: "predictions of another size, resized to their ground truth by nearest pixel",
    UNKNOWN_IDS: "predictions of no object, which became background",
    UNKNOWN_CLIPS: "predictions of clips that the ground truth does not have, left out",
}
_OPTION = {
    NO_TRUTH: "--skip-missing leaves frames without ground truth out",
    NO_PREDICTION: "--missing empty scores frames without prediction as empty",
    OTHER_SIZE: "--resize nearest resizes predictions",
    UNKNOWN_IDS: "--unknown-ids background takes ids of no object for background",
    UNKNOWN_CLIPS: "--unknown-clips ignore leaves out predictions of other videos and expressions",
}
_CHOICES = {
    "missing": ("refuse", "empty"),
    "resize": ("refuse", "nearest"),
    "unknown_ids": ("refuse", "background"),
    "unknown_clips": ("refuse", "ignore"),
}


@dataclass(frozen=True)
class Rules:
    """What is done about masks that are not as they should be; by default all are refused.

    Attributes:
        skip_missing: leave out frames without ground truth. missing: ``empty`` scores a frame without prediction as
            one with nothing predicted. resize: ``nearest`` brings predictions to the size of their ground truth.
        unknown_ids: ``background`` turns ids of no object into background.
        unknown_clips: ``ignore`` leaves out predictions of videos and expressions that the ground truth does not have,
            where their form says what they are of (folders in folders, results.json).

    Raises:
        ActisegError: another word.
    """

    skip_missing: bool = False
    missing: str = "refuse"
    resize: str = "refuse"
    unknown_ids: str = "refuse"
    unknown_clips: str = "refuse"

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            value, option = getattr(self, name), name.replace("_", "-")
            raise_if(value not in known, f"--{option} is one of {', '.join(known)}, got {value!r}")

    def allow(self, kind: str) -> bool:
        """Say whether masks of a kind are taken."""
        return {
            NO_TRUTH: self.skip_missing,
            NO_PREDICTION: self.missing == "empty",
            OTHER_SIZE: self.resize == "nearest",
            UNKNOWN_IDS: self.unknown_ids == "background",
            UNKNOWN_CLIPS: self.unknown_clips == "ignore",
        }.get(kind, False)


@dataclass
class MaskReport:
    """What was missing or strange in the folders, by kind, in reading order.

    Attributes:
        allowed: lines about masks that the rules let pass. problems: lines about those that cannot be scored.
    """

    rules: Rules
    allowed: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _kinds: list[str] = field(default_factory=list)

    def add(self, kind: str, line: str) -> None:
        """Note a mask; the rules decide on which side it goes."""
        if self.rules.allow(kind):
            self.allowed.setdefault(kind, []).append(line)
        else:
            self.problems.append(line)
            self._kinds.append(kind)

    def refuse(self, advice: str, what: str = "mask file") -> None:
        """Raise DataError with the first problems, the number of all, and the options that would let them pass.

        Args:
            what: the word for one of them.
        """
        if self.problems:
            shown = "\n  ".join(self.problems[:LISTED])
            more = f"\n  … and {len(self.problems) - LISTED} more" if len(self.problems) > LISTED else ""
            options = [text for kind, text in _OPTION.items() if kind in self._kinds]
            advice = " ".join([advice, *(f"{text}." for text in options)])
            files = f"{len(self.problems)} {what}{'s' if len(self.problems) > 1 else ''}"
            raise DataError(f"{files} cannot be scored. {advice}\n  {shown}{more}")

    def to_json(self) -> dict[str, Any]:
        """Return kind → how many, and the first of them."""
        return {kind: {"count": len(lines), "first": lines[:LISTED]} for kind, lines in self.allowed.items()}


class Pair(NamedTuple):
    """The two files of a frame."""

    truth: Path
    prediction: Path


def check_threshold(threshold: int | None, *, merge: bool) -> None:
    """Raise ActisegError for a threshold that has no meaning: masks of several objects are not cut."""
    raise_if(threshold is not None and not merge, "--threshold cuts masks of one object: it goes with --merge")


def check_folders(pred: Path, gt: Path, clips: Sequence[str]) -> str:
    """Return a hint where a folder holds none of the clips and one beside it does ("Did you mean …?"); else nothing.

    Raises:
        DataError: a folder is not there.
    """
    hints = [check_folder(option, folder, clips) for option, folder in (("--pred", pred), ("--gt", gt))]
    return "".join(hints)


def check_folder(option: str, folder: Path, clips: Sequence[str]) -> str:
    """Return a hint where ``folder`` holds none of ``clips`` and the one above or one inside does; else nothing.

    Raises:
        DataError: the folder is not there.
    """
    raise_if(not folder.is_dir(), f"{option} {folder}: no such folder{other_form(folder)}", DataError)
    hint = suggest_root(folder, clips)
    return f" {option} {folder} has no folder of a clip.{hint}" if hint else ""


def clip_folders(option: str, folder: Path, other: Path) -> list[str]:
    """Return the clips of a folder: the folders in it.

    Args:
        other: the folder on the other side, whose clips say where this one's should be.

    Raises:
        DataError: there is none, or they hold folders instead of masks.
    """
    names = list_folders(folder)
    if any(list_masks(folder / name) for name in names):
        return names
    hint = suggest_root(folder, list_folders(other))
    inside = [name for name in names if list_folders(folder / name)]
    if inside and not hint:
        hint = f" {inside[0]} holds folders. Did you mean {folder / inside[0]}?"
    raise DataError(f"{option} {folder}: no clip to score: expected <clip>/<frame>.png in it.{hint}")


class MaskFinder:
    """A folder of predicted masks: ``<clip>/<frame>.png``, named by their ids, or as ``predict`` writes them.

    Where a clip or frame is not there, its path is the one that ``predict`` would give it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders = list_folders(root)

    def find_clips(self, clips: Sequence[str]) -> dict[str, Path]:
        """Return clip → its folder."""
        return {clip: self.root / name for clip, name in _found(clips, self._folders).items()}

    @staticmethod
    def find_frames(folder: Path, frames: Sequence[str]) -> dict[str, Path]:
        """Return frame → its file in a clip's folder, whatever the case of the suffix."""
        files = list_masks(folder)
        return {frame: folder / files.get(stem, f"{stem}.png") for frame, stem in _found(frames, files).items()}


def _found(ids: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return id → the one of ``names`` that stands for it, or what ``predict`` calls it."""
    return mask_names(ids) | find_names(ids, names)


def pair_files(truth: Path, prediction: Path, frames: Sequence[str]) -> list[Pair]:
    """Return the files of frames by their names without suffix."""
    truths, predictions = list_masks(truth), MaskFinder.find_frames(prediction, frames)
    return [Pair(truth / truths.get(frame, f"{frame}.png"), predictions[frame]) for frame in frames]


def find_pairs(pairs: list[Pair], report: MaskReport) -> list[Pair]:
    """Return the frames that can be scored, after noting every file that is not there."""
    kept = []
    for pair in pairs:
        if not pair.truth.is_file():
            report.add(NO_TRUTH, f"{pair.truth}: the ground truth is missing{other_form(pair.truth)}")
        if not pair.prediction.is_file() and (pair.truth.is_file() or not report.rules.skip_missing):
            note_missing(pair.prediction, report)
        if pair.truth.is_file():
            kept.append(pair)
    return kept


def note_missing(prediction: Path, report: MaskReport) -> None:
    """Note a prediction that is not there."""
    report.add(NO_PREDICTION, f"{prediction}: the prediction is missing{other_form(prediction)}")


def read_pair(
    pair: Pair, ids: Sequence[int], void_id: int, report: MaskReport, threshold: int | None = None
) -> tuple[IndexMask, IndexMask] | None:
    """Return prediction and ground truth of a frame as ``uint8 [H, W]`` of one size; None when they are refused.

    Args:
        ids: the clip's objects. void_id: a value of the ground truth beside them; 0 for none.
        threshold: masks are 255 where a pixel is at least so bright, 0 elsewhere; see :func:`read_index_mask`.
    """
    try:
        truth = _known(pair.truth, read_index_mask(pair.truth, threshold), {0, void_id, *ids}, report)
    except DataError as error:
        report.add("unreadable", str(error))
        return None
    if truth is None:
        return None
    mask = read_prediction(pair.prediction, ids, (truth.shape[0], truth.shape[1]), report, threshold)
    return None if mask is None else (mask, truth)


def read_prediction(
    path: Path,
    ids: Sequence[int],
    size: tuple[int, int],
    report: MaskReport,
    threshold: int | None = None,
    *,
    merge: bool = False,
) -> IndexMask | None:
    """Return a predicted mask as ``uint8`` of ``size`` (height, width), empty where there is no file; None if refused.

    Args:
        ids: the clip's objects. threshold: see :func:`read_pair`. merge: whatever is not 0 is the clip's one object.
    """
    if not path.is_file():
        return np.zeros(size, np.uint8)
    try:
        mask = read_index_mask(path, threshold)
    except DataError as error:
        report.add("unreadable", str(error))
        return None
    if merge:
        mask = (mask > 0) * np.uint8(ids[0])
    known = _known(path, mask, {0, *ids}, report)
    return None if known is None else resized(path, known, size, report)


def _known(path: Path, mask: IndexMask, known: set[int], report: MaskReport) -> IndexMask | None:
    """Return the mask with known ids only; None when others are refused."""
    strange = sorted(set(find_values(mask)) - known)
    if not strange:
        return mask
    report.add(UNKNOWN_IDS, f"{path}: ids {strange} are none of the clip's objects {sorted(known - {0, 255})}")
    if not report.rules.allow(UNKNOWN_IDS):
        return None
    table = np.zeros(256, np.uint8)
    table[sorted(known)] = sorted(known)
    return table[mask]


def resized(path: Path, mask: IndexMask, size: tuple[int, int], report: MaskReport) -> IndexMask | None:
    """Return the prediction at the size of its ground truth; None when another size is refused."""
    if mask.shape == size:
        return mask
    found, expected = (f"{shape[0]}×{shape[1]}" for shape in (mask.shape, size))
    report.add(OTHER_SIZE, f"{path}: the mask is {found}, its ground truth is {expected}")
    if not report.rules.allow(OTHER_SIZE):
        return None
    import cv2

    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8, copy=False)
