"""Clips taken apart: a list per field of their records, which are read once for all that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from actiseg_noise.records import Clip, FrameRecord, ObjectRecord

_CLIP = {f.name: attrgetter(f.name) for f in fields(Clip) if f.name not in ("objects", "frames")}
_OBJECT = {f.name: attrgetter(f.name) for f in fields(ObjectRecord)}
_FRAME = {f.name: attrgetter(f.name) for f in fields(FrameRecord)}


class ClipColumns:
    """Some clips by column.

    Attributes:
        clips: as they were given. object_counts, frame_counts: of each clip. of_clips, objects, frames: the name of a
            record's field → its values, those of one clip after the other.
    """

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.clips = clips
        self.object_counts = [len(clip.objects) for clip in clips]
        self.frame_counts = [len(clip.frames) for clip in clips]
        objects = [item for clip in clips for item in clip.objects]
        frames = [frame for clip in clips for frame in clip.frames]
        self.of_clips: dict[str, list[Any]] = {name: list(map(get, clips)) for name, get in _CLIP.items()}
        self.objects: dict[str, list[Any]] = {name: list(map(get, objects)) for name, get in _OBJECT.items()}
        self.frames: dict[str, list[Any]] = {name: list(map(get, frames)) for name, get in _FRAME.items()}

    @property
    def values(self) -> list[list[Any]]:
        """Return all that the clips say."""
        columns = [*self.of_clips.values(), *self.objects.values(), *self.frames.values()]
        return [self.object_counts, self.frame_counts, *columns]
