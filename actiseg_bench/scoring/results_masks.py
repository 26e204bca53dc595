"""Predictions in YouTube-VIS's ``results.json``, given to the objects of the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actiseg_bench.scoring.mask_folders import OTHER_SIZE, UNKNOWN_CLIPS, UNKNOWN_IDS, MaskReport, resized
from actiseg_bench.scoring.matching import assign, best_scored, mean_iou
from actiseg_bench.scoring.results_json import Entry, iter_entries
from actiseg_bench.scoring.wanted import ObjectId, ObjectMasks, Tracks, WantedClip, is_layer
from actiseg_noise.errors import DataError
from actiseg_noise.masks import BinaryMask, Size, decode_rle

Place = tuple[str, ObjectId]
"""(clip_id, object)."""
MOST_SHOWN = 10


class ResultsMasks(ObjectMasks):
    """The tracks of a file.

    Args:
        names: what the file's video ids stand for, where they are numbers and the ground truth has names.
    """

    what = "prediction"

    def __init__(self, path: Path, names: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._names = names or {}
        self._groups: dict[str, str] = {}
        self._divided: dict[str, int] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._given: dict[Place, Entry] = {}
        self._counts = dict.fromkeys(("by_id", "by_score", "by_truth", "objects_without", "unused"), 0)

    def find(self, clips: Sequence[WantedClip], known: Mapping[str, str], report: MaskReport) -> None:
        """Read the file and find each entry's clip; see :class:`ObjectMasks`."""
        self._groups = {clip.clip_id: _group(clip) for clip in clips}
        groups: dict[str, list[WantedClip]] = {}
        for clip in clips:
            groups.setdefault(self._groups[clip.clip_id], []).append(clip)
        called = self._called(known)
        for entry in iter_entries(self.path):
            group = called.get(self._names.get(entry.video, entry.video))
            if group is None:
                report.add(UNKNOWN_CLIPS, f"{self._where(entry)}: {self._no_clip(entry.video)}")
            elif group in groups and self._fits(entry, groups[group], report):
                self._entries.setdefault(group, []).append(entry)
        self._check_categories(clips)

    def _check_categories(self, clips: Sequence[WantedClip]) -> None:
        """Raise DataError where entries are to be matched by category, and none has one of the ground truth's."""
        true = {one.category_id for clip in clips for one in clip.objects.values()}
        found = {entry.category_id for entries in self._entries.values() for entry in entries}
        if found and None not in true and not found & true:
            lists = [", ".join(map(str, sorted(map(_number, ids))[:MOST_SHOWN])) for ids in (found, true)]
            raise DataError(
                f"{self.path}: no category of it ({lists[0]}) is one of the ground truth's ({lists[1]}), so that no "
                "entry can be matched. Use its category ids, or say object_id in every entry."
            )

    def _called(self, known: Mapping[str, str]) -> dict[str, str]:
        """Return what an entry may call its video → the group of clips."""
        videos: dict[str, set[str]] = {}
        for clip_id, video_id in known.items():
            videos.setdefault(video_id, set()).add(video_id if is_layer(clip_id, video_id) else clip_id)
        self._divided = {video: len(groups) for video, groups in videos.items() if len(groups) > 1}
        called = {video: next(iter(groups)) for video, groups in videos.items() if len(groups) == 1}
        return called | {clip_id: clip_id for clip_id, video in known.items() if not is_layer(clip_id, video)}

    def _no_clip(self, video: str) -> str:
        """Return why nothing of the ground truth is called so."""
        if clips := self._divided.get(self._names.get(video, video)):
            return f"video {video!r} has {clips} clips; say which one by its clip_id as video_id"
        hint = "" if self._names or not video.isdecimal() else "; --videos FILE says what numbers stand for"
        return f"the ground truth has no video {video!r}{hint}"

    def _where(self, entry: Entry) -> str:
        return f"{self.path}: entry {entry.number}"

    def _fits(self, entry: Entry, clips: list[WantedClip], report: MaskReport) -> bool:
        """Return whether an entry is as long and as large as its clip; note what is not."""
        clip = clips[0]
        if len(entry.masks) != clip.length:
            name = f"{clip.video_id!r} has {clip.length}"
            report.add("length", f"{self._where(entry)}: {len(entry.masks)} masks, its video {name} frames")
            return False
        for place, size in clip.sizes.items():
            mask = entry.masks[place]
            is_other = mask is not None and (mask.height, mask.width) != size
            if mask is not None and is_other and not report.rules.allow(OTHER_SIZE):
                sizes = f"the mask is {mask.height}×{mask.width}, its ground truth is {size[0]}×{size[1]}"
                report.add(OTHER_SIZE, f"{self._where(entry)}, frame {place}: {sizes}")
                return False
        return self._names_object(entry, clips, report)

    def _names_object(self, entry: Entry, clips: list[WantedClip], report: MaskReport) -> bool:
        """Return whether an entry that says its object says one of the clip's; note it where not."""
        if entry.object_id is None:
            return True
        places = [(clip.clip_id, one) for clip in clips for one in clip.objects if str(one) == entry.object_id]
        if len(places) > 1:
            raise DataError(
                f"{self._where(entry)}: {len(places)} layers of video {clips[0].video_id!r} have an object "
                f"{entry.object_id}; leave the id out, so that category and score say which is meant"
            )
        if not places:
            ids = [one for clip in clips for one in clip.objects]
            report.add(
                UNKNOWN_IDS,
                f"{self._where(entry)}: object {entry.object_id} is none of the video's {ids[:MOST_SHOWN]}; without an "
                "id, entries are matched by category and score",
            )
            return False
        if places[0] in self._given:
            both = f"entries {self._given[places[0]].number} and {entry.number}"
            raise DataError(f"{self.path}: {both} are both of object {entry.object_id} of {places[0][0]!r}; keep one")
        self._given[places[0]] = entry
        self._counts["by_id"] += 1
        return False

    def group_of(self, clip_id: str) -> str:
        """Return the video of a layer, else the clip."""
        return self._groups[clip_id]

    def match(self, group: Sequence[tuple[WantedClip, Callable[[], Tracks]]]) -> None:
        """Give the entries of one video to its objects, category by category; see :mod:`matching`."""
        free: dict[int | None, list[Place]] = {}
        truths = {clip.clip_id: truth for clip, truth in group}
        for clip, _ in group:
            for object_id, one in clip.objects.items():
                if (clip.clip_id, object_id) not in self._given:
                    free.setdefault(one.category_id, []).append((clip.clip_id, object_id))
        entries = self._entries.pop(self._groups[group[0][0].clip_id], [])
        for category, places in free.items():
            own = [entry for entry in entries if category is None or entry.category_id == category]
            chosen = [own[i] for i in best_scored([entry.score or 0.0 for entry in own], len(places))]
            pairs = [(0, 0)] if len(places) == 1 and chosen else self._pairs(chosen, places, truths)
            self._given |= {places[place]: chosen[track] for track, place in pairs}
            self._counts["by_score" if len(places) == 1 else "by_truth"] += len(pairs)
            self._counts["objects_without"] += len(places) - len(pairs)
            self._counts["unused"] -= len(pairs)
        self._counts["unused"] += len(entries)

    @staticmethod
    def _pairs(
        chosen: list[Entry], places: list[Place], truths: Mapping[str, Callable[[], Tracks]]
    ) -> list[tuple[int, int]]:
        """Return (entry, object) pairs that the truth says."""
        if not chosen:
            return []
        masks = {clip: truths[clip]() for clip in {clip for clip, _ in places}}
        return assign(mean_iou([entry.masks for entry in chosen], [masks[clip][one] for clip, one in places]))

    def read(
        self, clip: WantedClip, place: int, object_id: ObjectId, size: Size, report: MaskReport
    ) -> BinaryMask | None:
        """Return the mask of an object's entry, empty without one; see :class:`ObjectMasks`."""
        entry = self._given.get((clip.clip_id, object_id))
        mask = None if entry is None else entry.masks[place]
        if mask is None:
            return np.zeros(size, bool)
        decoded = decode_rle(mask)
        if decoded.shape == size:
            return decoded
        sized = resized(self.path, decoded.astype(np.uint8), size, report)
        return None if sized is None else sized > 0

    def matching(self) -> dict[str, Any]:
        """Return how many entries were given to objects in which way."""
        return dict(self._counts)


def _number(category: int | None) -> int:
    """Return a category that there is."""
    return -1 if category is None else category


def _group(clip: WantedClip) -> str:
    """Return what stands for a clip: its video, where it is one of several layers."""
    return clip.video_id if is_layer(clip.clip_id, clip.video_id) else clip.clip_id
