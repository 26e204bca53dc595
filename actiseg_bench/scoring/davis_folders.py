"""J, F, J&F and J_last of folders of palette PNGs, as the DAVIS and VOST challenges score semi-supervised results.

Sources: davis2017-evaluation, and VOST's evaluation code, which scores J and J_last the same way. The first and last
frame of a clip are not scored. A clip's objects are the ids from 1 to the largest of its first frame. A score is the
mean over an object's frames, then over objects. J_last is J over the last quarter of the frames that are scored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.metrics.davis import boundary_f, jaccard
from actiseg_bench.scoring.mask_folders import Findings, Pair, Rules, check_folders, find_pairs, read_pair
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import IndexMask

VOID_ID = 255
VOID_MODES = ("ignore", "background")


@dataclass(frozen=True)
class ObjectScores:
    """Scores in [0, 1] of one object over the scored frames of its clip."""

    clip: str
    object_id: int
    frames: int
    j: float
    f: float
    j_last: float


@dataclass(frozen=True)
class DavisEvaluation:
    """Scores of every object, and what they were computed on.

    Attributes:
        objects: in the order of clips, then ids.
        void: ``ignore`` (pixels of 255 are left out of both masks, as DAVIS's unsupervised track has it) or
            ``background`` (they count as background, as the semi-supervised track and VOST's tool have it).
        merged: all ids of a mask were taken for one object.
        unseen: ``clip object`` below the largest id of a first frame that have no pixel there; scored all the same.
        short: clips of fewer than three masks, which have no frame to score.
        allowed: see :class:`Findings`.
    """

    objects: list[ObjectScores]
    void: str
    merged: bool
    unseen: list[str]
    short: list[str]
    allowed: dict[str, Any]

    def scores_dict(self) -> dict[str, float]:
        """Return ``j_and_f``, ``j``, ``f`` and ``j_last``, means over objects, in [0, 1]."""
        j, f, j_last = (float(np.mean([getattr(o, name) for o in self.objects])) for name in ("j", "f", "j_last"))
        return {"j_and_f": (j + f) / 2, "j": j, "f": f, "j_last": j_last}

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
            "frames_not_scored": "first and last of every clip",
            "objects_not_in_the_first_frame": self.unseen,
            "short_clips": self.short,
            "allowed": self.allowed,
            "objects": [asdict(one) for one in self.objects],
        }


def evaluate_davis(
    pred: Path,
    gt: Path,
    clip_list: Path | None = None,
    *,
    void: str = "ignore",
    merge: bool = False,
    rules: Rules | None = None,
) -> DavisEvaluation:
    """Score ``<clip>/<frame>.png`` under ``pred`` on the masks under ``gt``.

    Args:
        clip_list: a file of clip names, one per line (``ImageSets/2017/val.txt``); None scores every folder of ``gt``.
        void: ``ignore`` or ``background``, see :class:`DavisEvaluation`.
        merge: take all ids of a mask for one object, as DAVIS 2016 does. Where the first mask of a clip has no id but
            255, that is its object.
        rules: what is done about masks that are missing or strange; by default they are refused.

    Raises:
        DataError: no clip to score; a clip without ground truth or object; masks that the rules refuse.
    """
    raise_if(void not in VOID_MODES, f"void is one of {', '.join(VOID_MODES)}, got {void!r}")
    findings, names = Findings(rules or Rules()), _clip_names(pred, gt, clip_list)
    pairs = {name: _pairs(pred / name, gt / name) for name in names}
    short = [name for name in names if len(pairs[name]) < 3]
    wanted = {name: pairs[name][1:-1] for name in names if len(pairs[name]) >= 3}
    raise_if(not wanted, f"{gt}: no clip has three masks; the first and the last frame are not scored", DataError)
    for own in wanted.values():
        find_pairs(own, findings)
    findings.refuse("Every ground-truth mask but a clip's first and last needs a prediction of the same name.")
    objects: list[ObjectScores] = []
    unseen: list[str] = []
    for name, own in wanted.items():
        clip = _Clip(name, pairs[name][0].truth, void, merge)
        unseen += clip.unseen
        objects += clip.score(own, findings)
    findings.refuse("Masks are 8-bit palette PNGs of object ids, as large as their ground truth.")
    return DavisEvaluation(objects, void, merge, unseen, short, findings.to_json())


class _Clip:
    """One clip: its objects, and what its pixel values mean."""

    def __init__(self, name: str, first: Path, void: str, merge: bool) -> None:
        values = set(np.unique(read_index_mask(first)).tolist()) - {0}
        self.name, self.merge = name, merge
        self.is_binary = merge and values == {VOID_ID}
        self.ignores_void = void == "ignore" and not self.is_binary
        seen = values - {VOID_ID}
        raise_if(
            not seen and not self.is_binary,
            f"{first}: no object in the clip's first mask, its values are {sorted(values)}; "
            "masks of 0 and 255 are scored with --merge",
            DataError,
        )
        self.ids = [1] if merge else list(range(1, max(seen) + 1))
        self.unseen = [] if merge else [f"{name} {k}" for k in self.ids if k not in seen]

    def score(self, pairs: list[Pair], findings: Findings) -> list[ObjectScores]:
        """Return the scores of every object; none when a mask is refused."""
        frames = [scores for pair in pairs if (scores := self._score_frame(pair, findings)) is not None]
        if len(frames) < len(pairs):
            return []
        j, f = np.array(frames).transpose(2, 1, 0)
        last = int(0.75 * len(pairs))
        rows = zip(self.ids, j, f, strict=True)
        return [
            ObjectScores(self.name, k, len(pairs), float(a.mean()), float(b.mean()), float(a[last:].mean()))
            for k, a, b in rows
        ]

    def _score_frame(self, pair: Pair, findings: Findings) -> list[tuple[float, float]] | None:
        """Return (J, F) of every object in one frame; None when a mask is refused."""
        known = list(range(1, 256)) if self.merge else self.ids
        masks = read_pair(pair, known, VOID_ID, findings)
        if masks is None:
            return None
        pred, gt = masks
        if self.ignores_void:
            pred = pred * (gt != VOID_ID)
        if self.merge:
            pred, gt = _merged(pred), _merged(gt if self.is_binary else gt * (gt != VOID_ID))
        return [(jaccard(pred == k, gt == k), boundary_f(pred == k, gt == k)) for k in self.ids]


def _merged(mask: IndexMask) -> IndexMask:
    """Return 1 wherever there is an id."""
    return (mask > 0).astype(np.uint8)


def _clip_names(pred: Path, gt: Path, clip_list: Path | None) -> list[str]:
    """Return the clips to score."""
    check_folders(pred, gt)
    if clip_list is None:
        names = sorted(folder.name for folder in gt.iterdir() if folder.is_dir())
    else:
        try:
            names = [line.strip() for line in clip_list.read_text("utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"--set {clip_list}: not a readable list of clips ({error})") from None
    raise_if(not names, f"{clip_list or gt}: no clip to score", DataError)
    absent = [name for name in names if not (gt / name).is_dir()]
    raise_if(bool(absent), f"{gt}: {len(absent)} clips of the list have no ground truth, the first is {absent[:1]}")
    return names


def _pairs(pred: Path, gt: Path) -> list[Pair]:
    """Return the frames of a clip that have a ground truth, in order."""
    return [Pair(path, pred / path.name) for path in sorted(gt.glob("*.png"))]
