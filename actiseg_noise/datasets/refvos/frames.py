"""Which frames of a referring dataset have masks, and where: run lengths or images."""

from __future__ import annotations

from functools import lru_cache

from actiseg_noise.borders.folders import IMAGE_SUFFIXES, list_files
from actiseg_noise.datasets.refvos.drawn import ANNOTATIONS, list_drawn, list_objects
from actiseg_noise.datasets.refvos.egomask import find_object_file, find_pair, image_folders
from actiseg_noise.datasets.refvos.expressions import Expression, ReferredVideo
from actiseg_noise.datasets.refvos.files import SplitFiles
from actiseg_noise.datasets.refvos.masks import find_absent
from actiseg_noise.errors import DataError
from actiseg_noise.records import FrameRecord


class SplitMasks:
    """The masks and images of a split, found once and asked expression by expression."""

    def __init__(self, files: SplitFiles) -> None:
        self._root = files.root
        self._images, self._drawn = files.find_folder("JPEGImages"), files.find_folder(ANNOTATIONS)
        self._runs = files.find_masks()
        self._has_runs = (files.root / self._runs).is_file()
        self._list = lru_cache(16)(self._list_drawn)  # expressions of one video come one after the other
        self._shown = lru_cache(1)(self._list_shown)

    def is_per_object(self, video: str, object_ids: tuple[int, ...]) -> bool:
        """Return whether a video's masks are a folder per object, or these are run lengths: ids of any size."""
        is_drawn = bool(list_objects(self._root / self._drawn / video))
        return is_drawn or self._runs_of_objects(video, object_ids) is not None

    def has(self, video: ReferredVideo, expression: Expression) -> bool:
        """Return whether an expression has a mask in one of the frames.

        Raises:
            DataError: an annotation that the file of run lengths does not know.
        """
        if expression.anno_ids is None:
            ids = expression.object_ids
            if ids is None:
                return False
            runs = self._runs_of_objects(video.name, ids)
            return runs is not None or not self._list(video.name, ids).keys().isdisjoint(video.frame_ids)
        if not self._has_runs:
            return False
        path = self._root / self._runs
        absent = find_absent(path, expression.anno_ids)
        if absent:
            raise DataError(
                f"{expression.where}: annotations {absent} are not in {path} (video {video.name!r}); fetch both files "
                "again"
            )
        return True

    def frames(self, video: ReferredVideo, expression: Expression) -> tuple[FrameRecord, ...]:
        """Return the frames that the file lists, with masks where they are."""
        ids = expression.object_ids or ()
        runs = self._runs_of_objects(video.name, ids) if expression.anno_ids is None else self._runs
        drawn = self._list(video.name, ids) if runs is None else dict.fromkeys(video.frame_ids, runs)
        shown = self._shown(video.name)
        return tuple(
            FrameRecord(
                frame_id=frame_id,
                image_path=shown.get(frame_id),
                mask_path=drawn.get(frame_id),
                is_annotated=frame_id in drawn,
            )
            for frame_id in video.frame_ids
        )

    def _runs_of_objects(self, video: str, object_ids: tuple[int, ...]) -> str | None:
        """Return the path below the root of the run lengths of a video's objects, None where there are none."""
        found = find_object_file(self._root, video, object_ids)
        if found is not None or not self._has_runs or not object_ids:
            return found
        path = self._root / self._runs
        return self._runs if all(find_pair(path, video, number) for number in object_ids) else None

    def _list_drawn(self, video: str, object_ids: tuple[int, ...]) -> dict[str, str]:
        """Return stem → path below the root of a video's masks of these objects."""
        folder = f"{self._drawn}/{video}"
        return {stem: f"{folder}/{name}" for stem, name in list_drawn(self._root / folder, object_ids).items()}

    def _list_shown(self, video: str) -> dict[str, str]:
        """Return stem → path below the root of a video's images."""
        for folder in (f"{self._images}/{video}", *image_folders(self._images, video)):
            found = list_files(self._root / folder, IMAGE_SUFFIXES)
            if found:
                return {stem: f"{folder}/{name}" for stem, name in found.items()}
        return {}
