"""What is to be scored, told to whatever holds the predictions: clips, their objects, the frames of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actiseg_bench.scoring.mask_folders import MaskReport
from actiseg_noise.masks import BinaryMask, Rle, Size

EXPRESSION = ":"
LAYER = "~"

ObjectId = int | str
"""A number, or the name of an object's folder."""
Tracks = Mapping[ObjectId, Mapping[int, Rle]]
"""The masks of objects by their places in the clip."""


@dataclass(frozen=True, slots=True)
class WantedObject:
    """One object of a clip: its category, None where none is known, and the places of the frames it is scored on."""

    category_id: int | None
    places: Collection[int]


@dataclass(frozen=True, slots=True)
class WantedClip:
    """One clip to score.

    Attributes:
        length: frames of the clip, scored or not. frames: place → frame_id and sizes: place → (height, width), of those
            that are scored; a place is the 0-based position in the clip.
        objects: what is scored.
    """

    clip_id: str
    video_id: str
    length: int
    frames: Mapping[int, str]
    sizes: Mapping[int, Size]
    objects: Mapping[ObjectId, WantedObject]

    @property
    def expression_id(self) -> str | None:
        """Return the name of the clip's expression in its video, None where the clip is none of a referring dataset."""
        return expression_of(self.clip_id, self.video_id)


class ObjectMasks(ABC):
    """Predictions that have a mask of their own for every object.

    What has a body here is for those that each say whose they are.
    """

    what = "mask file"
    """The word for one of the things that can be wrong."""

    @abstractmethod
    def find(self, clips: Sequence[WantedClip], known: Mapping[str, str], report: MaskReport) -> None:
        """Find the predictions of clips, and note what is missing, unknown or of another form.

        Args:
            clips: what is scored. known: clip_id → video_id of everything the ground truth has.
        """

    def group_of(self, clip_id: str) -> str:
        """Return a name that the clips have in common whose predictions are found together."""
        return clip_id

    def match(self, group: Sequence[tuple[WantedClip, Callable[[], Tracks]]]) -> None:  # noqa: B027 - often nothing to do
        """Give predictions to the objects of a group of clips; their masks are at hand, if they are needed."""

    @abstractmethod
    def read(
        self, clip: WantedClip, place: int, object_id: ObjectId, size: Size, report: MaskReport
    ) -> BinaryMask | None:
        """Return an object's mask in a frame, ``bool [H, W]`` of ``size``; None where it is refused, which is noted."""

    def matching(self) -> dict[str, Any]:
        """Return how predictions were given to objects; empty where each said whose it is."""
        return {}


def expression_of(clip_id: str, video_id: str) -> str | None:
    """Return the expression that a clip of a referring dataset is: ``<video>:<expression>``.

    >>> expression_of("v1:0", "v1"), expression_of("v1", "v1")
    ('0', None)
    """
    start = f"{video_id}{EXPRESSION}"
    return clip_id[len(start) :] if clip_id.startswith(start) and len(clip_id) > len(start) else None


def is_layer(clip_id: str, video_id: str) -> bool:
    """Return whether a clip is one of several on a video's frames whose objects overlap: ``<video>~<number>``.

    >>> is_layer("v1~2", "v1"), is_layer("v1", "v1")
    (True, False)
    """
    return clip_id.startswith(f"{video_id}{LAYER}") and clip_id[len(video_id) + 1 :].isdecimal()
