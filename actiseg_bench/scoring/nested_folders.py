"""Predictions in a folder per object or expression: ``<video>/<name>/<frame>.png``, whatever is not 0 is there.

Referring models write a folder per expression, SA-V has one per object. Masks of several objects may overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from actiseg_bench.prediction.names import find_names, mask_names
from actiseg_bench.scoring.mask_folders import (
    UNKNOWN_CLIPS,
    UNKNOWN_IDS,
    MaskFinder,
    MaskReport,
    note_missing,
    resized,
)
from actiseg_bench.scoring.wanted import ObjectId, ObjectMasks, WantedClip, expression_of
from actiseg_noise.borders.folders import list_folders, list_masks, natural_order
from actiseg_noise.borders.object_folders import read_object_mask
from actiseg_noise.errors import DataError
from actiseg_noise.masks import BinaryMask, Size

MOST_SHOWN = 10


class NestedMasks(ObjectMasks):
    """Masks in ``<video>/<name>/<frame>.png`` below a root.

    Args:
        threshold: a mask is where a pixel is at least so bright; None: where it is not 0.
    """

    def __init__(self, root: Path, threshold: int | None = None) -> None:
        self.root = root
        self._threshold = threshold
        self._files: dict[tuple[str, ObjectId], dict[str, Path]] = {}

    def find(self, clips: Sequence[WantedClip], known: Mapping[str, str], report: MaskReport) -> None:
        """Find the file of every object and frame; see :class:`ObjectMasks`."""
        there = list_folders(self.root)
        folders = find_names({*known, *known.values()}, there)
        for name in sorted(set(there) - set(folders.values())):
            if any(list_masks(self.root / name / inside) for inside in list_folders(self.root / name)):
                report.add(UNKNOWN_CLIPS, f"{self.root / name}: the ground truth has no such video")
        for video in sorted(set(known.values()) & set(folders)):
            expressions = [expression_of(clip, of) for clip, of in known.items() if of == video]
            self._note_unknown(self.root / folders[video], [one for one in expressions if one is not None], report)
        spelled = mask_names([clip.video_id for clip in clips])
        by_folder: dict[Path, list[WantedClip]] = {}
        for clip in clips:
            name = folders.get(clip.clip_id) or folders.get(clip.video_id) or spelled[clip.video_id]
            by_folder.setdefault(self.root / name, []).append(clip)
        for folder, own in by_folder.items():
            self._find_in(folder, own, report)

    def _note_unknown(self, folder: Path, expressions: Collection[str], report: MaskReport) -> None:
        """Note the folders of expressions that the ground truth does not have."""
        if expressions:
            there = list_folders(folder)
            for name in sorted(set(there) - set(find_names(expressions, there).values()), key=natural_order):
                report.add(UNKNOWN_CLIPS, f"{folder / name}: the ground truth has no such expression of this video")

    def _find_in(self, folder: Path, clips: list[WantedClip], report: MaskReport) -> None:
        """Find the files of the clips of one video's folder."""
        referring = [clip for clip in clips if clip.expression_id is not None]
        names = [str(clip.expression_id) for clip in referring]
        found = mask_names(names) | find_names(names, list_folders(folder))
        for clip, name in zip(referring, names, strict=True):
            if len(clip.objects) != 1:
                raise DataError(f"clip {clip.clip_id}: {len(clip.objects)} objects; an expression's folder is of one")
            self._find_frames(clip, next(iter(clip.objects)), folder / found[name], report)
        others = [clip for clip in clips if clip.expression_id is None]
        if others:
            self._find_objects(folder, others, report)

    def _find_objects(self, folder: Path, clips: list[WantedClip], report: MaskReport) -> None:
        """Find the files of a video's objects, which several clips may share among them."""
        ids = [object_id for clip in clips for object_id in clip.objects]
        names = name_objects(folder, ids, len(clips))
        for name in sorted(set(list_folders(folder)) - set(names.values()), key=natural_order):
            report.add(UNKNOWN_IDS, f"{folder / name}: none of the clip's objects {ids[:MOST_SHOWN]}")
        for clip in clips:
            for object_id in clip.objects:
                self._find_frames(clip, object_id, folder / names.get(object_id, str(object_id)), report)

    def _find_frames(self, clip: WantedClip, object_id: ObjectId, folder: Path, report: MaskReport) -> None:
        """Find the files of one object."""
        frames = [clip.frames[place] for place in clip.objects[object_id].places]
        files = MaskFinder.find_frames(folder, frames)
        for path in files.values():
            if not path.is_file():
                note_missing(path, report)
        self._files[clip.clip_id, object_id] = files

    def read(
        self, clip: WantedClip, place: int, object_id: ObjectId, size: Size, report: MaskReport
    ) -> BinaryMask | None:
        """Return a mask, empty where there is no file; see :class:`ObjectMasks`."""
        path = self._files[clip.clip_id, object_id][clip.frames[place]]
        if not path.is_file():
            return np.zeros(size, bool)
        try:
            mask = read_object_mask(path, self._threshold).view(np.uint8)
        except DataError as error:
            report.add("unreadable", str(error))
            return None
        sized = resized(path, mask, size, report)
        return None if sized is None else sized > 0


def name_objects(folder: Path, ids: Sequence[ObjectId], clips: int = 1) -> dict[ObjectId, str]:
    """Return object → its folder's name.

    Folders are called by the ids. Where a name has no place in an index mask, as SA-V's ``000`` or ``cup``, the
    dataset's reader numbers the folders from 1 in natural order: then there must be as many folders as objects.

    Args:
        clips: how many clips share the folder; each numbers such objects by itself.

    Raises:
        DataError: folders that can be given to the objects in more than one way.
    """
    names = sorted(list_folders(folder), key=natural_order)
    if len(set(ids)) < len(ids):
        raise _is_divided(folder)
    named = {object_id: name for object_id in ids for name in names if name == str(object_id)}
    if len(named) == len(names) or any(isinstance(one, str) for one in ids):
        return named
    are_numbers = all(name.isascii() and name.isdecimal() for name in names)
    if are_numbers and all(name == str(int(name)) != "0" for name in names):
        return named
    numbers = {int(name): name for name in names} if are_numbers else {}
    if set(numbers) == set(ids) and len(numbers) == len(names):
        return {object_id: numbers[int(object_id)] for object_id in ids}
    return named if named and not are_numbers else _by_position(folder, names, ids, clips)


def _by_position(folder: Path, names: list[str], ids: Sequence[ObjectId], clips: int) -> dict[ObjectId, str]:
    """Return object → folder in natural order."""
    if clips > 1:
        raise _is_divided(folder)
    if len(names) != len(ids) or set(ids) != set(range(1, len(ids) + 1)):
        raise DataError(
            f"{folder}: {len(names)} folders of objects ({', '.join(names[:MOST_SHOWN])}) and {len(ids)} objects "
            f"{list(ids)[:MOST_SHOWN]}: which is which cannot be told. Give a folder for every object, an empty one "
            "too, or call them by the ids."
        )
    return dict(enumerate(names, start=1))


def _is_divided(folder: Path) -> DataError:
    """Return the error for a video whose clips number their objects each by itself."""
    return DataError(
        f"{folder}: the ground truth divides this video among several clips that number their objects each by itself, "
        "so a folder does not say which object it is. Give predictions by clip, <clip>/<object>/<frame>.png, or score "
        "them on the dataset's own folders: --davis --gt DIR."
    )
