"""The six metrics of a set of object-frames, and what they were computed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from actiseg_bench.metrics.actionvos import METRICS, ActionVosScores, ObjectFrameCounts, actionvos_scores
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.metrics.object_scores import ObjectScore, mean_scores
from actiseg_noise.errors import raise_if

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
        failures: failure mode → value, see :func:`failure_modes`; empty where they were not asked for.
        never_visible: ``clip id`` of objects without a pixel in any scored frame. They are scored as the metrics' table
            says: silence about them is right, a positive one does not enter ``p_miou`` unless it is predicted.
        allowed: masks that were missing or strange and scored all the same, because it was asked for: kind → how
            many and the first ones.
        objects: J, F and volumetric J of every object, where they were asked for.
        matching: how predictions without an object of their own were given to objects; empty where none was.
    """

    scores: ActionVosScores
    p_miou_hands: float | None
    p_miou_objects: float | None
    counts: ObjectFrameCounts
    clips: int
    frames: int
    flagged_clips: int
    void: str
    failures: dict[str, float | None] = field(default_factory=dict)
    never_visible: tuple[str, ...] = ()
    allowed: dict[str, Any] = field(default_factory=dict)
    objects: tuple[ObjectScore, ...] = ()
    matching: dict[str, Any] = field(default_factory=dict)

    def scores_dict(self) -> dict[str, float | None]:
        """Return the six metrics, and hands and objects apart, in [0, 1]."""
        six = {name: getattr(self.scores, name) for name in METRICS}
        return six | {"p_miou_hands": self.p_miou_hands, "p_miou_objects": self.p_miou_objects}

    def counts_dict(self) -> dict[str, int]:
        """Return how many clips, frames and object-frames were scored, and the confusion counts."""
        four = {name: value for name, value in asdict(self.scores).items() if name not in METRICS}
        sizes = {"clips": self.clips, "frames": self.frames, "object_frames": len(self.counts)}
        return sizes | {"flagged_clips": self.flagged_clips} | four

    def to_json(self) -> dict[str, Any]:
        """Return scores, counts and what is to be known about them as JSON values."""
        report: dict[str, Any] = {"scores": self.scores_dict(), "counts": self.counts_dict(), "void": self.void}
        if self.failures:
            report["failures"] = self.failures
        if self.never_visible:
            report["objects_never_visible"] = list(self.never_visible)
        if self.objects:
            report["j_and_f"] = mean_scores(self.objects)
            report["objects"] = [asdict(one) for one in self.objects]
        if self.matching:
            report["matching"] = self.matching
        return report | ({"allowed": self.allowed} if self.allowed else {})


def evaluate_object_frames(frames: ObjectFrames, clips: Sequence[str], flagged_clips: int, void: str) -> Evaluation:
    """Return the scores of object-frames; ``clips`` are the names of the scored clips, by ``clip_idx``."""
    counts = frames.counts
    return Evaluation(
        scores=actionvos_scores(counts),
        p_miou_hands=actionvos_scores(counts.select(frames.is_hand)).p_miou,
        p_miou_objects=actionvos_scores(counts.select(~frames.is_hand)).p_miou,
        counts=counts,
        clips=len(clips),
        frames=len(set(zip(frames.clip_idx.tolist(), frames.frame_idx.tolist(), strict=True))),
        flagged_clips=flagged_clips,
        void=void,
        never_visible=_never_visible(frames, clips),
    )


def _never_visible(frames: ObjectFrames, clips: Sequence[str]) -> tuple[str, ...]:
    """Return ``clip id`` of the objects that no frame shows."""
    objects = list(zip(frames.clip_idx.tolist(), frames.object_id.tolist(), strict=True))
    seen = {pair for pair, area in zip(objects, frames.gt_area.tolist(), strict=True) if area}
    return tuple(
        f"{clips[clip]} {object_id}" for clip, object_id in dict.fromkeys(objects) if (clip, object_id) not in seen
    )


def check_void(void: str) -> None:
    """Refuse an unknown treatment of void pixels."""
    raise_if(void not in VOID_MODES, f"void is one of {', '.join(VOID_MODES)}, got {void!r}")
