"""Files of CVAT's XML "for video": tracks, each an object, with a shape for every frame in which it is visible.

What CVAT interpolates it writes as shapes with ``keyframe="0"``. Nothing is interpolated here: where a track says
nothing of a frame between two of its shapes, that frame has no labels, and is left out.
"""

from __future__ import annotations

import warnings
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from actiseg_noise.borders.xml_entries import XmlElement, iter_xml_parts
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.ytvis.cvat_meta import CvatMeta, CvatTask
from actiseg_noise.datasets.ytvis.cvat_shapes import MASKS, mask_of, whole
from actiseg_noise.datasets.ytvis.table import check_ids, distinct
from actiseg_noise.datasets.ytvis.videos import Annotation, Video, VideoFile
from actiseg_noise.errors import ActisegWarning, DataError, raise_if
from actiseg_noise.fields import shorten

LAST_FRAME = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Track:
    """What is kept of a track.

    Attributes:
        place: first byte and byte after the last. task: its id, '' where the file has one. group: 0 for none.
        frames: those in which it is visible, ascending. unsaid: (first, last) frame of each gap in what it says;
            the last may be ``LAST_FRAME``.
    """

    place: tuple[int, int]
    number: int
    noun: str
    task: str
    group: int
    frames: array[int]
    unsaid: tuple[tuple[int, int], ...]


def read_track(element: XmlElement, place: tuple[int, int], meta: CvatMeta, path: Path) -> Track:
    """Return what is kept of a track.

    Raises:
        DataError: no number, an unknown label or task, or two shapes of one frame.
    """
    number = whole(element, "id", f"{path}: <track>")
    where = f"{path}: track {number}"
    noun = meta.noun(element, where)
    task = element.attributes.get("task_id", next(iter(meta.tasks)) if len(meta.tasks) == 1 else "")
    raise_if(task not in meta.tasks, f"{where}: task_id: {shorten(task)} is none of the tasks in <meta>", DataError)
    shapes = [(whole(shape, "frame", where), _is_outside(shape, where)) for shape in element.each(*MASKS)]
    shapes.sort()
    twice = next((first for (first, _), (second, _) in pairwise(shapes) if first == second), None)
    raise_if(twice is not None, f"{where}: has two shapes in frame {twice}; expected one", DataError)
    frames = array("q", (frame for frame, is_outside in shapes if not is_outside))
    group = whole(element, "group_id", where, 0)
    return Track(place, number, noun, task, group, frames, _gaps(shapes, meta.tasks[task].step))


def _is_outside(shape: XmlElement, where: str) -> bool:
    """Return whether a shape says that the object is not visible: ``outside`` is 1, not 0."""
    return whole(shape, "outside", where, 0) > 0


def _gaps(shapes: Sequence[tuple[int, bool]], step: int) -> tuple[tuple[int, int], ...]:
    """Return (first, last) frame of what lies between two shapes, or after the last, where the object may be visible.

    After the last shape one frame more is outside: CVAT leaves out the shape that says so at the end of a video.
    """
    ends = [*shapes[1:], (LAST_FRAME, True)] if shapes else []
    found = [
        (frame + 1, after - 1)
        for (frame, is_outside), (after, _) in zip(shapes, ends, strict=True)
        if not is_outside and after - frame > step
    ]
    if found and found[-1][1] == LAST_FRAME - 1:
        found[-1] = found[-1][0] + step, LAST_FRAME
    return tuple(found)


class CvatTracks(VideoFile):
    """A file "for video". A task is a video, a track an object; so are the tracks of one group and label.

    Frames are those in which an object is visible, by their number in the video: ``frame_000012``. What CVAT draws as
    single shapes it writes as tracks of one frame, and each is an object.
    """

    form, is_numbered_by_order = "CVAT", True

    def __init__(self, path: Path, meta: CvatMeta, tracks: Sequence[Track]) -> None:
        check_ids("tracks", (track.number for track in tracks), path)
        by_task: dict[str, list[Track]] = {task: [] for task in meta.tasks}
        for track in tracks:
            by_task[track.task].append(track)
        names = [meta.tasks[task].name for task in by_task]
        super().__init__(path, distinct(names, by_task, path), meta.categories, meta.subsets)
        self._tasks: list[CvatTask] = list(meta.tasks.values())
        self._objects = [_objects(found) for found in by_task.values()]
        self._frames = [
            _choose_frames(found, f"{path}: video {name!r}")
            for name, found in zip(self.names, by_task.values(), strict=True)
        ]

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return bool(self._frames[self._places[name]])

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        place = self._places[name]
        where = f"{self.path}: video {name!r}"
        size = self._tasks[place].take_size(where)
        folder = f"{name}/" if len(self._tasks) > 1 else ""
        files = tuple(f"{folder}frame_{frame:06d}.png" for frame in self._frames[place])
        found = tuple(
            Annotation(
                number,
                unknown_category_id(members[0].noun),
                self._masks(members, place, size, where) if with_masks else (),
            )
            for number, members in sorted(self._objects[place].items())
        )
        return Video(name, where, *size, files, found)

    def _masks(self, members: Sequence[Track], place: int, size: tuple[int, int], where: str) -> list[object]:
        """Return the mask of an object in each frame, the union of its tracks'."""
        frames = {frame: place for place, frame in enumerate(self._frames[place])}
        shapes: list[list[XmlElement]] = [[] for _ in frames]
        for element in iter_xml_parts(self.path, (track.place for track in members)):
            for shape in element.each(*MASKS):
                frame = frames.get(whole(shape, "frame", where))
                if frame is not None and not _is_outside(shape, where):
                    shapes[frame].append(shape)
        about = f"{where}, track {members[0].number}"
        named = zip(shapes, self._frames[place], strict=True)
        return [mask_of(found, *size, f"{about}, frame {frame}") for found, frame in named]


def _objects(tracks: Sequence[Track]) -> dict[int, list[Track]]:
    """Return the number of each object, that of its first track, → its tracks; those of boxes and the like are none."""
    found: dict[int, list[Track]] = {}
    groups: dict[tuple[int, str], int] = {}
    for track in tracks:
        if track.frames:
            group = track.group, track.noun
            number = groups.setdefault(group, track.number) if track.group else track.number
            found.setdefault(number, []).append(track)
    return found


def _choose_frames(tracks: Sequence[Track], where: str) -> array[int]:
    """Return the frames of a video in which an object is visible and no track is silent; warn of the others."""
    visible = sorted({frame for track in tracks for frame in track.frames})
    silent: dict[int, int] = {}
    for track in tracks:
        for first, last in track.unsaid:
            for frame in visible[bisect_left(visible, first) : bisect_right(visible, last)]:
                silent.setdefault(frame, track.number)
    if silent:
        first = min(silent)
        warnings.warn(
            f"{where}: {len(silent):,} of {len(visible):,} frames are left out: others have a shape there, but such as "
            f"track {silent[first]} say nothing of them (frame {first}) after a shape that is not outside, and nothing "
            "is interpolated. CVAT's own export has a shape for every frame",
            ActisegWarning,
            stacklevel=2,
        )
    return array("q", (frame for frame in visible if frame not in silent))
