"""J, F, J&F and J_last of folders of palette PNGs, as the DAVIS and VOST challenges score semi-supervised results.

Sources: davis2017-evaluation, and VOST's evaluation code, which scores J and J_last the same way. The first and last
frame of a clip are not scored. A clip's objects are the ids from 1 to the largest of its first frame. A score is the
mean over an object's frames, then over objects. J_last is J over the last quarter of the frames that are scored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_bench.metrics.davis import boundary_f
from actiseg_bench.scoring.davis_ids import ClipIds, check_ids, find_ids
from actiseg_bench.scoring.evaluation import VOID_ID, check_void
from actiseg_bench.scoring.mask_folders import (
    MaskFinder,
    MaskReport,
    Pair,
    Rules,
    check_folders,
    check_threshold,
    clip_folders,
    find_pairs,
    pair_files,
    read_pair,
)
from actiseg_noise.borders.folders import is_inside, list_masks, other_form, suggest_root
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.borders.text import read_lines
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import BinaryMask, IndexMask, find_values


@dataclass(frozen=True)
class ObjectScores:
    """Scores in [0, 1] of one object over the scored frames of its clip.

    Attributes:
        clip: its folder. object_id: a number, or the name of the object's folder. frames: how many are scored.
        j, f: means over the frames. j_last: mean J over the last quarter of them.
        j_volume: Σ I / Σ U over the frames; None where both masks are empty in all of them.
    """

    clip: str
    object_id: int | str
    frames: int
    j: float
    f: float
    j_last: float
    j_volume: float | None

    @property
    def j_and_f(self) -> float:
        """Return the mean of J and F."""
        return (self.j + self.f) / 2


@dataclass(frozen=True)
class DavisEvaluation:
    """Scores of every object, and what they were computed on.

    Attributes:
        objects: in the order of clips, then ids.
        void: ``ignore`` (pixels of 255 are left out of both masks, as DAVIS's unsupervised track has it) or
            ``background`` (they count as background, as the semi-supervised track and VOST's tool have it).
        merged: all ids of a mask were taken for one object.
        unseen: ``clip object`` below the largest id of a first frame that have no pixel there. never_visible: those of
            them that have none in any frame. Both are scored as the DAVIS toolkit does: an object that is never there
            has J and F 1 where nothing is predicted of it.
        short: clips of fewer than three masks, which have no frame to score.
        allowed: see :class:`MaskReport`.
        every: the first and the last frame of a clip were scored too.
        matching: see :class:`Evaluation`.
        late: ``clip object`` of the objects that a clip's first mask does not show, scored from where they appear; see
            :mod:`davis_ids`.
    """

    objects: list[ObjectScores]
    void: str
    merged: bool
    unseen: list[str]
    never_visible: list[str]
    short: list[str]
    allowed: dict[str, Any]
    every: bool = False
    matching: dict[str, Any] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)

    def scores_dict(self) -> dict[str, float]:
        """Return ``j_and_f``, ``j``, ``f``, ``j_last`` and ``j_volume``, means over objects, in [0, 1].

        ``j_volume`` is left out where no object has one.
        """
        j, f, j_last = (float(np.mean([getattr(o, name) for o in self.objects])) for name in ("j", "f", "j_last"))
        volumes = [o.j_volume for o in self.objects if o.j_volume is not None]
        scores = {"j_and_f": (j + f) / 2, "j": j, "f": f, "j_last": j_last}
        return scores | ({"j_volume": float(np.mean(volumes))} if volumes else {})

    def counts_dict(self) -> dict[str, int]:
        """Return how many clips, objects and object-frames were scored, and how many clips were too short."""
        clips = len({o.clip for o in self.objects})
        frames = sum(o.frames for o in self.objects)
        return {"clips": clips, "objects": len(self.objects), "object_frames": frames, "short_clips": len(self.short)}

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "scores": self.scores_dict(),
            "counts": self.counts_dict(),
            "void": self.void,
            "merged": self.merged,
            "frames_not_scored": "none" if self.every else "first and last of every clip",
            "objects_not_in_the_first_frame": self.unseen,
            "objects_never_visible": self.never_visible,
            "objects_scored_from_where_they_appear": self.late,
            "short_clips": self.short,
            "allowed": self.allowed,
            "objects": [asdict(one) for one in self.objects],
        } | ({"matching": self.matching} if self.matching else {})


def evaluate_davis(
    pred: Path,
    gt: Path,
    clip_list: Path | None = None,
    *,
    void: str = "ignore",
    merge: bool = False,
    threshold: int | None = None,
    rules: Rules | None = None,
    every: bool = False,
    ids: str | None = None,
) -> DavisEvaluation:
    """Score ``<clip>/<frame>.png`` under ``pred`` on the masks under ``gt``.

    Args:
        clip_list: a file of clip names, one per line (``ImageSets/2017/val.txt``); None scores every folder of ``gt``.
        void: ``ignore`` or ``background``, see :class:`DavisEvaluation`.
        merge: take all ids of a mask for one object, as DAVIS 2016 does. Where the first mask of a clip has no id but
            255, that is its object.
        threshold: masks are cut at this grey level, 1–255, for ``merge``: edges that were smoothed are 0 or 255 again.
        rules: what is done about masks that are missing or strange; by default they are refused.
        every: score the first and the last frame too.
        ids: ``first``, ``all`` or None, see :mod:`davis_ids`; not with ``merge``.

    Raises:
        DataError: no clip to score; a clip without ground truth or object; masks that the rules refuse.
    """
    check_void(void)
    check_threshold(threshold, merge=merge)
    check_ids(ids)
    raise_if(merge and ids is not None, "--ids says what the objects are, --merge takes all for one: give one of them")
    names = _clip_names(pred, gt, clip_list)
    hint, report = check_folders(pred, gt, names), MaskReport(rules or Rules())
    predicted = MaskFinder(pred).find_clips(names)
    pairs = {name: _pairs(predicted[name], gt / name) for name in names}
    least = 1 if every else 3
    short = [name for name in names if len(pairs[name]) < least]
    wanted = {name: own if every else own[1:-1] for name, own in pairs.items() if len(own) >= least}
    raise_if(
        not wanted, f"{gt}: no clip has three masks; the first and the last frame are not scored.{hint}", DataError
    )
    for own in wanted.values():
        find_pairs(own, report)
    report.refuse(f"Every ground-truth mask but a clip's first and last needs a prediction of the same name.{hint}")
    objects: list[ObjectScores] = []
    unseen: list[str] = []
    never: list[str] = []
    late: list[str] = []
    for name, own in wanted.items():
        clip = _ScoredClip(name, pairs[name], void, merge, threshold, ids)
        objects += clip.score(own, report, 0 if every else 1)
        unseen += clip.unseen
        never += clip.never_visible()
        late += [f"{name} {k}" for k in clip.late]
    report.refuse("Masks are PNGs of object ids, as large as their ground truth.")
    return DavisEvaluation(objects, void, merge, unseen, never, short, report.to_json(), every, late=late)


FrameScore = tuple[float, float, int, int]
"""J, F, and the pixels of intersection and union, of one object in one frame."""


def score_frame(pred: BinaryMask, gt: BinaryMask) -> FrameScore:
    """Score two ``bool [H, W]``."""
    intersection, union = int(np.count_nonzero(pred & gt)), int(np.count_nonzero(pred | gt))
    return intersection / union if union else 1.0, boundary_f(pred, gt), intersection, union


def score_object(clip: str, object_id: int | str, frames: npt.NDArray[np.float64]) -> ObjectScores:
    """Return the scores of an object over its frames, ``float64 [T, 4]``: a :data:`FrameScore` each."""
    (j, f, intersection, union), count = frames.T, len(frames)
    means = float(j.mean()), float(f.mean()), float(j[int(0.75 * count) :].mean())
    volume = float(intersection.sum() / union.sum()) if union.any() else None
    return ObjectScores(clip, object_id, count, *means, volume)


class _ScoredClip:
    """One clip: its objects, and what its pixel values mean."""

    def __init__(
        self, name: str, pairs: list[Pair], void: str, merge: bool, threshold: int | None, ids: str | None
    ) -> None:
        first, self._last = pairs[0].truth, pairs[-1].truth
        values = _ids(read_index_mask(first, threshold))
        self.name, self.merge, self._threshold = name, merge, threshold
        self.is_binary = merge and values == {VOID_ID}
        self.ignores_void = void == "ignore" and not self.is_binary
        found = ClipIds((1,), frozenset(values)) if merge else find_ids([pair.truth for pair in pairs], ids)
        raise_if(
            not found.ids or (merge and not values - {VOID_ID} and not self.is_binary),
            f"{first}: no object in the clip's first mask, its values are {sorted(values)}; "
            "masks of 0 and 255 are scored with --merge",
            DataError,
        )
        self._visible = values
        self.ids, self.late, self._start = list(found.ids), list(found.late), found.start
        self.unseen = [] if merge else [f"{name} {k}" for k in self.ids if k not in found.first | found.late.keys()]

    def score(self, pairs: list[Pair], report: MaskReport, skipped: int) -> list[ObjectScores]:
        """Return the scores of every object; none when a mask is refused.

        Args:
            skipped: how many masks of the clip come before ``pairs``.
        """
        frames = [scores for pair in pairs if (scores := self._score_frame(pair, report)) is not None]
        if len(frames) < len(pairs):
            return []
        by_object = zip(self.ids, np.array(frames).swapaxes(0, 1), strict=True)
        own = [(k, scores[max(0, self._start(k) - skipped) :]) for k, scores in by_object]
        return [score_object(self.name, k, scores) for k, scores in own if len(scores)]

    def never_visible(self) -> list[str]:
        """Return ``clip object`` of the ids that no frame shows, after the frames were scored."""
        if not self.unseen:
            return []
        visible = self._visible | _ids(read_index_mask(self._last))
        return [f"{self.name} {k}" for k in self.ids if k not in visible]

    def _score_frame(self, pair: Pair, report: MaskReport) -> list[FrameScore] | None:
        """Return the scores of every object in one frame; None when a mask is refused."""
        known = list(range(1, 256)) if self.merge else self.ids
        masks = read_pair(pair, known, VOID_ID, report, self._threshold)
        if masks is None:
            return None
        pred, gt = masks
        if self.unseen:
            self._visible = self._visible | _ids(gt)
        if self.ignores_void:
            pred = pred * (gt != VOID_ID)
        if self.merge:
            pred, gt = _merged(pred), _merged(gt if self.is_binary else gt * (gt != VOID_ID))
        return [score_frame(pred == k, gt == k) for k in self.ids]


def _ids(mask: IndexMask) -> set[int]:
    """Return the values of a mask but 0."""
    return set(find_values(mask)) - {0}


def _merged(mask: IndexMask) -> IndexMask:
    """Return 1 wherever there is an id."""
    return (mask > 0).astype(np.uint8)


def _clip_names(pred: Path, gt: Path, clip_list: Path | None) -> list[str]:
    """Return the clips to score."""
    check_folders(pred, gt, [])
    return clip_folders("--gt", gt, pred) if clip_list is None else listed_clips(gt, clip_list)


def listed_clips(gt: Path, clip_list: Path) -> list[str]:
    """Return the clips of a list.

    Raises:
        DataError: there is none, or one has no folder under ``gt``.
    """
    names = [line for _, line in read_lines(clip_list)]
    raise_if(not names, f"{clip_list}: no clip to score", DataError)
    outside = [name for name in names if not is_inside(name)]
    raise_if(bool(outside), f"{clip_list}: {outside[:1]} leads out of {gt}; expected names of folders in it", DataError)
    absent = [name for name in names if not (gt / name).is_dir()]
    if absent:
        hint = suggest_root(gt, names) or other_form(gt / absent[0])
        what = f"{len(absent)} clips of the list have no ground truth, the first is {absent[0]!r}"
        raise DataError(f"{gt}: {what}{hint}")
    return names


def _pairs(pred: Path, gt: Path) -> list[Pair]:
    """Return the frames of a clip that have a ground truth, in natural order."""
    return pair_files(gt, pred, list(list_masks(gt)))
