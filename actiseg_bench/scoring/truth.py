"""What predictions are scored on: the clean labels of an evaluation manifest, frame by frame; to tune, the given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from actiseg_noise.errors import DataError, ManifestError, raise_if
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import BinaryMask, IndexMask, Rle, decode_rle, paint_rles


class ScoredFrame(NamedTuple):
    """A frame of K objects with its two index masks, ``uint8 [H, W]``; pixels without label are 0 in both.

    Attributes:
        about: the objects that the prediction is about, where others have one of their own; None: all of them.
        ungated: positive object → its ungated mask, ``bool [H, W]``, where that is not the object's part of the
            prediction; None where ungated masks are not known.
    """

    clip_id: str
    frame_idx: int
    object_ids: Sequence[int]
    is_positive: Sequence[bool]
    nouns: Sequence[str]
    truth: IndexMask
    prediction: IndexMask
    about: frozenset[int] | None = None
    ungated: Mapping[int, BinaryMask] | None = None

    def is_about(self, object_id: int) -> bool:
        """Return whether the prediction is about an object."""
        return self.about is None or object_id in self.about


@dataclass(frozen=True, slots=True)
class TruthFrame:
    """One annotated frame of a clip.

    Attributes:
        size: (height, width) of its masks in pixels.
        object_ids, is_positive, nouns: its K objects, those without a pixel here too.
        masks: K masks. void: the pixels without label, None for none.
        is_flagged: the clip has a review flag, and is not scored unless that is asked for.
    """

    clip_id: str
    frame_idx: int
    frame_id: str
    size: tuple[int, int]
    object_ids: tuple[int, ...]
    is_positive: tuple[bool, ...]
    nouns: tuple[str, ...]
    masks: tuple[Rle, ...]
    void: Rle | None
    is_flagged: bool

    @property
    def where(self) -> str:
        """Name the frame for a message."""
        return f"{self.clip_id} frame {self.frame_idx}"

    def paint(self) -> IndexMask:
        """Return the masks as ``uint8 [H, W]`` of object ids; void is background.

        Raises:
            ManifestError: masks that share a pixel or do not fill the frame.
        """
        try:
            return paint_rles(zip(self.object_ids, self.masks, strict=True), *self.size)
        except DataError as error:
            raise ManifestError(f"the manifest's {self.where}: {error}") from None

    def scored(
        self,
        prediction: IndexMask,
        void: str,
        about: frozenset[int] | None = None,
        ungated: Mapping[int, Rle] | None = None,
    ) -> ScoredFrame:
        """Return the frame with a prediction of its size.

        Args:
            void: ``ignore`` or ``background``. ungated: see :class:`ScoredFrame`, as run lengths.
        """
        own = None if ungated is None else {object_id: decode_rle(mask) for object_id, mask in ungated.items()}
        if self.void is not None and void == "ignore":
            unlabelled = decode_rle(self.void)
            prediction = np.where(unlabelled, np.uint8(0), prediction)
            own = None if own is None else {object_id: mask & ~unlabelled for object_id, mask in own.items()}
        objects = (self.object_ids, self.is_positive, self.nouns)
        return ScoredFrame(self.clip_id, self.frame_idx, *objects, self.paint(), prediction, about, own)


def iter_truth(manifest: Manifest, labels: str = "clean") -> Iterator[TruthFrame]:
    """Yield the annotated frames of a manifest, clip by clip.

    Args:
        labels: ``clean``, what every score is on; or ``noisy``, as given: all that a user without clean ones has.

    Raises:
        ManifestError: the manifest carries no masks.
    """
    is_empty = True
    for clip in manifest.iter_clips():
        for frame in clip.frames:
            if frame.masks and frame.size is not None:
                yield _truth(clip, frame, frame.size, labels)
                is_empty = False
    raise_if(is_empty, _NO_MASKS, ManifestError)


def iter_scored_truth(manifest: Manifest, *, keep_flagged: bool) -> Iterator[TruthFrame]:
    """Yield the annotated frames that are scored: those of clips with a review flag only with ``keep_flagged``."""
    return (truth for truth in iter_truth(manifest) if keep_flagged or not truth.is_flagged)


_NO_MASKS = "the manifest carries no masks; predictions are scored on one of content 'full'"


def _truth(clip: ManifestClip, frame: ManifestFrame, size: tuple[int, int], labels: str) -> TruthFrame:
    """Return what a frame of masks is scored on."""
    objects = {sample.object_id: sample for sample in clip.samples}
    masks = [mask.rle(labels) for mask in frame.masks.values()]
    raise_if(None in masks, _NO_MASKS, ManifestError)
    return TruthFrame(
        clip_id=clip.clip_id,
        frame_idx=frame.frame_idx,
        frame_id=frame.frame_id,
        size=size,
        object_ids=tuple(frame.masks),
        is_positive=tuple(objects[object_id].flag(labels) for object_id in frame.masks),
        nouns=tuple(objects[object_id].text(labels).noun for object_id in frame.masks),
        masks=tuple(mask for mask in masks if mask is not None),
        void=None if frame.void_rle is None else Rle(*size, frame.void_rle, 1),
        is_flagged=clip.redundant or clip.missing or clip.other,
    )


def flagged_clips(manifest: Manifest) -> set[str]:
    """Return the clips with a review flag set."""
    rows = manifest.table("clips", ["clip_id", "redundant", "missing", "other"]).to_pylist()
    return {row["clip_id"] for row in rows if row["redundant"] or row["missing"] or row["other"]}


def videos_of(manifest: Manifest) -> dict[str, str]:
    """Return clip_id → video_id of every clip; clips of one video may share frames."""
    rows = manifest.table("clips", ["clip_id", "video_id"]).to_pylist()
    return {row["clip_id"]: row["video_id"] for row in rows}
