"""A ground truth in the form of MeViS: expressions of videos, and the masks of annotations in a file of run lengths.

<folder>/meta_expressions.json     videos → expressions (exp, anno_id) and frames; where there is one, _v2.json instead
<folder>/mask_dict.json            annotation → run lengths or null, one per frame

An expression is a clip, ``<video>:<expression>``, of one object, the union of its annotations; all its frames have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.scoring.json_tracks import read_track
from actiseg_bench.scoring.truth_videos import TruthMasks, check_listed, one_size, scored_places
from actiseg_bench.scoring.wanted import EXPRESSION, ObjectId, WantedClip, WantedObject
from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import DataError
from actiseg_noise.masks import Rle, Size, decode_rle

LISTS = ("meta_expressions_v2.json", "meta_expressions.json")
MASKS = "mask_dict.json"
OBJECT = 1

Track = tuple[Rle | None, ...]


def find_expressions(folder: Path) -> Path | None:
    """Return the file of expressions of a folder that has this form, None for another."""
    there = [folder / name for name in LISTS if (folder / name).is_file()]
    return there[0] if there and (folder / MASKS).is_file() else None


class ExpressionVideos:
    """The expressions of a folder.

    Args:
        path: the file of expressions. names: clips or videos to score; None: all.

    Raises:
        DataError: a malformed file; an annotation without masks, or with another number than the video has frames; a
            name that is not there.
    """

    def __init__(self, path: Path, names: Sequence[str] | None, *, every: bool) -> None:
        self._path, self._masks = path, JsonObject(path.parent / MASKS)
        self._annotations: dict[str, list[int]] = {}
        self._last: tuple[str, list[Track]] | None = None
        listed = list(self._iter_clips(every=every))
        self.known = {clip.clip_id: clip.video_id for clip in listed}
        self.names: dict[str, str] = {}
        chosen = set(self.known if names is None else names)
        check_listed(path, chosen - self.known.keys() - set(self.known.values()))
        wanted = [clip for clip in listed if chosen & {clip.clip_id, clip.video_id}]
        self.clips: Sequence[WantedClip] = [clip for clip in wanted if clip.frames]
        self.short: Sequence[str] = [clip.clip_id for clip in wanted if not clip.frames]

    def _iter_clips(self, *, every: bool) -> Iterator[WantedClip]:
        """Yield every expression."""
        data = read_json_object(self._path, unique=True)
        for video, fields in JsonFields(data, self._path, 0).members("videos").items():
            frames = fields.strings("frames")
            said = {f"{video}{EXPRESSION}{name}": one for name, one in fields.members("expressions").items()}
            raw = data["videos"][video]["expressions"].values()
            for (clip_id, one), value in zip(said.items(), raw, strict=True):
                self._annotations[clip_id] = _annotations(one, value.get("anno_id"))
            size = self._size(video, list(said), len(frames))
            places = scored_places(len(frames), every=every)
            objects: dict[ObjectId, WantedObject] = {OBJECT: WantedObject(None, places)}
            at, sizes = {place: frames[place] for place in places}, dict.fromkeys(places, size)
            yield from (WantedClip(clip_id, video, len(frames), at, sizes, objects) for clip_id in said)

    def _size(self, video: str, clip_ids: Sequence[str], length: int) -> Size:
        """Return the size of a video's masks, after holding their number against its frames."""
        tracks = (track for clip_id in clip_ids for track in self._checked(clip_id, length))
        return one_size(tracks, f"{self._masks.path}: video {video!r}")

    def _checked(self, clip_id: str, length: int) -> list[Track]:
        """Return the masks of an expression's annotations, after holding their number against the frames."""
        tracks = self._tracks(clip_id)
        for number, track in zip(self._annotations[clip_id], tracks, strict=True):
            if len(track) != length:
                raise DataError(
                    f"{self._masks.path}: annotation {number}: {len(track)} masks, clip {clip_id!r} has {length} frames"
                )
        return tracks

    def _tracks(self, clip_id: str) -> list[Track]:
        """Return the masks of an expression's annotations; those of the last expression stay in memory."""
        if self._last is None or self._last[0] != clip_id:
            self._last = clip_id, [self._track(number, clip_id) for number in self._annotations[clip_id]]
        return self._last[1]

    def _track(self, number: int, clip_id: str) -> Track:
        if str(number) not in self._masks:
            raise DataError(f"{self._masks.path}: annotation {number} of clip {clip_id!r} is not in it")
        return read_track(self._masks.read(str(number)), f"{self._masks.path}: annotation {number}")

    def read(self, clip: WantedClip, place: int) -> TruthMasks:
        """Return the union of a frame's masks; see :class:`TruthVideos`."""
        union = np.zeros(clip.sizes[place], bool)
        for track in self._tracks(clip.clip_id):
            mask = track[place]
            if mask is not None:
                union |= decode_rle(mask)
        return TruthMasks({OBJECT: union})


def _annotations(fields: JsonFields, value: Any) -> list[int]:
    """Return the annotations of an expression, from its ``anno_id``."""
    if type(value) is not list or not all(type(one) is int for one in value):
        raise fields.error("anno_id", "a list of annotation ids, as in [17, 18]")
    return list(dict.fromkeys(value))
