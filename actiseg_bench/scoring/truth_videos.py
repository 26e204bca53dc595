"""Ground truths other than manifests whose objects have masks of their own, or are scored so: three forms.

* ``<video>/<name>/<frame>.png``: a folder per object (SA-V) or expression, not 0 = there;
* the JSON of YouTube-VIS: videos, and annotations with run lengths or null per frame;
* ``<video>/<frame>.png``, pixel = object id, 255 = void: see :mod:`davis_ids` for the objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol

import numpy as np

from actiseg_bench.scoring.davis_ids import find_ids
from actiseg_bench.scoring.evaluation import VOID_ID
from actiseg_bench.scoring.json_tracks import read_track
from actiseg_bench.scoring.wanted import ObjectId, Tracks, WantedClip, WantedObject
from actiseg_noise.borders.folders import list_folders, list_masks, natural_order, stem_of
from actiseg_noise.borders.images import mask_size, read_index_mask
from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.object_folders import read_object_mask
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.masks import BinaryMask, Box, Rle, Size, decode_rle, encode_rle


class TruthMasks(NamedTuple):
    """One frame: object → ``bool [H, W]``, and the pixels without label, None for none."""

    objects: Mapping[ObjectId, BinaryMask]
    void: BinaryMask | None = None


class TruthVideos(Protocol):
    """Videos to score, and their masks."""

    @property
    def clips(self) -> Sequence[WantedClip]:
        """Return what is scored."""
        ...

    @property
    def short(self) -> Sequence[str]:
        """Return the videos that have too few frames for one to be scored."""
        ...

    def read(self, clip: WantedClip, place: int) -> TruthMasks:
        """Return the masks of the objects that are scored on a frame.

        Raises:
            DataError: a mask that cannot be read.
        """
        ...


def scored_places(count: int, *, every: bool) -> range:
    """Return the places of the frames that are scored, of ``count``: all, or all but the first and the last."""
    return range(count) if every else range(1, max(count - 1, 1))


def check_listed(path: Path, absent: Collection[str]) -> None:
    """Raise DataError where names of a list of clips are not in a file."""
    raise_if(
        bool(absent), f"{path}: {len(absent)} clips of the list are not in it, such as {sorted(absent)[:1]}", DataError
    )


def one_size(tracks: Iterable[Sequence[Rle | None]], where: str) -> Size:
    """Return the (height, width) that all masks of a video have.

    Raises:
        DataError: they have several, or there is no mask.
    """
    sizes = {(mask.height, mask.width) for track in tracks for mask in track if mask is not None}
    if len(sizes) != 1:
        what = "no mask" if not sizes else f"masks of {len(sizes)} sizes (height, width): {sorted(sizes)}"
        raise DataError(f"{where} has {what}; expected masks of one size")
    return sizes.pop()


def tracks_of(truth: TruthVideos, clip: WantedClip) -> Tracks:
    """Return the masks of a clip's objects as run lengths, by place."""
    tracks: dict[ObjectId, dict[int, Rle]] = {one: {} for one in clip.objects}
    for place in clip.frames:
        for one, mask in truth.read(clip, place).objects.items():
            box = Box(0, 0, *mask.shape)
            tracks[one][place] = encode_rle(mask, box, *mask.shape)
    return tracks


class FolderVideos:
    """``<video>/<name>/<frame>.png``; every folder is an object, on the frames that it has a mask of."""

    def __init__(self, root: Path, names: Sequence[str], threshold: int | None, *, every: bool) -> None:
        self._root, self._threshold = root, threshold
        self._files: dict[tuple[str, ObjectId, int], Path] = {}
        clips = [self._clip(name, every=every) for name in names]
        self.clips: Sequence[WantedClip] = [clip for clip in clips if clip.objects]
        self.short: Sequence[str] = [clip.clip_id for clip in clips if not clip.objects]

    def _clip(self, name: str, *, every: bool) -> WantedClip:
        """Return a video; its frames are those that any object has a mask of."""
        folder = self._root / name
        masks = {one: list_masks(folder / one) for one in sorted(list_folders(folder), key=natural_order)}
        frames = sorted({stem for files in masks.values() for stem in files}, key=natural_order)
        at = {stem: place for place, stem in enumerate(frames)}
        objects: dict[ObjectId, WantedObject] = {}
        for one, files in masks.items():
            own = list(files)
            scored = [own[i] for i in scored_places(len(own), every=every)]
            self._files |= {(name, one, at[stem]): folder / one / files[stem] for stem in scored}
            if scored:
                objects[one] = WantedObject(None, tuple(at[stem] for stem in scored))
        places = sorted({place for one in objects.values() for place in one.places})
        sizes = {place: self._size(name, place, objects) for place in places}
        return WantedClip(name, name, len(frames), {place: frames[place] for place in places}, sizes, objects)

    def _size(self, name: str, place: int, objects: Mapping[ObjectId, WantedObject]) -> Size:
        """Return (height, width) of a frame's masks."""
        return mask_size(next(self._files[name, one, place] for one in objects if (name, one, place) in self._files))

    def read(self, clip: WantedClip, place: int) -> TruthMasks:
        """Return the masks of a frame; see :class:`TruthVideos`."""
        found: dict[ObjectId, BinaryMask] = {}
        for one in clip.objects:
            path = self._files.get((clip.clip_id, one, place))
            if path is not None:
                found[one] = read_object_mask(path, self._threshold)
                if found[one].shape != clip.sizes[place]:
                    sizes = f"{found[one].shape[0]}×{found[one].shape[1]}, another object's of this frame is "
                    raise DataError(f"{path}: the mask is {sizes}{clip.sizes[place][0]}×{clip.sizes[place][1]}")
        return TruthMasks(found)


class IndexVideos:
    """``<video>/<frame>.png`` of object ids.

    Args:
        ids: which are objects, see :mod:`davis_ids`; ``late`` names those that are scored from where they appear.
    """

    def __init__(self, root: Path, names: Sequence[str], void: str, *, every: bool, ids: str | None = None) -> None:
        self._root, self._void, self._ids = root, void, ids
        self.late: list[str] = []
        self._files: dict[tuple[str, int], Path] = {}
        clips = [self._clip(name, every=every) for name in names]
        self.clips: Sequence[WantedClip] = [clip for clip in clips if clip.frames]
        self.short: Sequence[str] = [clip.clip_id for clip in clips if not clip.frames]

    def _clip(self, name: str, *, every: bool) -> WantedClip:
        """Return a video with the objects of its first mask."""
        files = list_masks(self._root / name)
        frames = list(files)
        places = tuple(scored_places(len(frames), every=every))
        self._files |= {(name, place): self._root / name / files[frames[place]] for place in places}
        if not places:
            return WantedClip(name, name, len(frames), {}, {}, {})
        paths = [self._root / name / file for file in files.values()]
        found = find_ids(paths, self._ids)
        raise_if(not found.ids, f"{paths[0]}: no object in the clip's first mask", DataError)
        self.late += [f"{name} {one}" for one in found.late]
        sizes = {place: mask_size(self._files[name, place]) for place in places}
        own = {one: tuple(place for place in places if place >= found.start(one)) for one in found.ids}
        objects: dict[ObjectId, WantedObject] = {one: WantedObject(None, at) for one, at in own.items() if at}
        return WantedClip(name, name, len(frames), {place: frames[place] for place in places}, sizes, objects)

    def read(self, clip: WantedClip, place: int) -> TruthMasks:
        """Return the masks of a frame; see :class:`TruthVideos`."""
        mask = read_index_mask(self._files[clip.clip_id, place])
        void = (mask == VOID_ID) if self._void == "ignore" else None
        return TruthMasks({one: mask == one for one, item in clip.objects.items() if place in item.places}, void)


@dataclass(frozen=True, slots=True)
class _Annotation:
    """An object of a JSON file: who it is, and a mask or None per frame."""

    number: int
    object_id: int
    category_id: int
    masks: tuple[Rle | None, ...]


class JsonVideos:
    """The JSON of YouTube-VIS. A video is called by the folder of its frames, an object by its annotation's id.

    Args:
        names: the videos to score, by that name or by id; None: all that have an annotation.

    Raises:
        DataError: a file of another kind; annotations that do not fit their videos.
    """

    def __init__(self, path: Path, names: Sequence[str] | None, *, every: bool) -> None:
        self._path = path
        data = read_json_object(path)
        self._masks: dict[tuple[str, ObjectId], tuple[Rle | None, ...]] = {}
        videos = {str(number): (name, frames) for number, name, frames in read_videos(data, path)}
        self.names = {number: name for number, (name, _) in videos.items()}
        annotations = self._annotations(data, {number: len(frames) for number, (_, frames) in videos.items()})
        self.known = {name: name for name in self.names.values()}
        chosen = set(self.known) if names is None else {self.names.get(name, name) for name in names}
        check_listed(path, chosen - self.known.keys())
        is_long = {name: bool(scored_places(len(frames), every=every)) for name, frames in videos.values()}
        self.short: Sequence[str] = [name for name in sorted(chosen) if not is_long[name]]
        self.clips: Sequence[WantedClip] = [
            self._clip(number, name, frames, annotations[number], every=every)
            for number, (name, frames) in videos.items()
            if number in annotations and name in chosen and is_long[name]
        ]

    def _annotations(self, data: dict[str, Any], lengths: Mapping[str, int]) -> dict[str, list[_Annotation]]:
        """Return video → its objects; crowds are none."""
        found: dict[str, list[_Annotation]] = {}
        seen: set[int] = set()
        for number, item in enumerate(_list(data, "annotations", self._path)):
            fields = JsonFields(item, self._path, number, "annotations")
            video = str(item["video_id"] if type(item.get("video_id")) is str else fields.integer("video_id"))
            if fields.optional_flag("iscrowd"):
                continue
            one = fields.integer("id")
            masks = read_track(item.get("segmentations"), f"{fields.where} of the annotations")
            if video not in lengths:
                raise fields.error("video_id", "a video of this file")
            if len(masks) != lengths[video]:
                raise DataError(
                    f"{fields.where} of the annotations: {len(masks)} masks, its video has {lengths[video]} frames"
                )
            if one in seen:
                raise fields.error("id", "an id that no other annotation has")
            seen.add(one)
            found.setdefault(video, []).append(_Annotation(number, one, fields.integer("category_id"), masks))
        return found

    def _clip(
        self, number: str, name: str, frames: list[str], annotations: list[_Annotation], *, every: bool
    ) -> WantedClip:
        """Return a video; its size is that of its masks, which have one."""
        size = one_size((one.masks for one in annotations), f"{self._path}: video {number} ({name})")
        places = tuple(scored_places(len(frames), every=every))
        self._masks |= {(name, one.object_id): one.masks for one in annotations}
        return WantedClip(
            clip_id=name,
            video_id=name,
            length=len(frames),
            frames={place: frames[place] for place in places},
            sizes=dict.fromkeys(places, size),
            objects={one.object_id: WantedObject(one.category_id, places) for one in annotations},
        )

    def read(self, clip: WantedClip, place: int) -> TruthMasks:
        """Return the masks of a frame; see :class:`TruthVideos`."""
        codes = {one: self._masks[clip.clip_id, one][place] for one in clip.objects}
        size = clip.sizes[place]
        return TruthMasks({k: np.zeros(size, bool) if c is None else decode_rle(c) for k, c in codes.items()})


def read_videos(data: dict[str, Any], path: Path) -> list[tuple[int | str, str, list[str]]]:
    """Return (id, name, frames without suffix) of the videos of a JSON file.

    The name is the folder of the frames, where they are in one, ``/`` written as ``_``; else what the video says its
    name is, or its id. Names that several have get the id as well, ``<name>-<id>``; a manifest calls its clips so too.

    Raises:
        DataError: no list of videos; an id that two have; a video without frames.
    """
    found: dict[int | str, tuple[str, list[str]]] = {}
    for number, item in enumerate(_list(data, "videos", path)):
        fields = JsonFields(item, path, number, "videos")
        video = item["id"] if type(item.get("id")) is str and item["id"] else fields.integer("id")
        files = [PurePosixPath(name) for name in fields.strings("file_names")]
        if not files:
            raise fields.error("file_names", "the names of the video's frames")
        if video in found:
            raise fields.error("id", "an id that no other video has")
        folders = {str(file.parent) for file in files} - {"."}
        given = fields.optional_text("video_name") or fields.optional_text("name") or str(video)
        name = (folders.pop() if len(folders) == 1 else given).replace("/", "_")
        found[video] = name, [stem_of(file.name) for file in files]
    count = Counter(name for name, _ in found.values())
    return [(one, name if count[name] == 1 else f"{name}-{one}", files) for one, (name, files) in found.items()]


def _list(data: dict[str, Any], key: str, path: Path) -> list[Any]:
    """Return the list under a key."""
    value = data.get(key)
    if type(value) is not list:
        raise DataError(
            f"{path}: expected an object with a list {key!r}, as YouTube-VIS has it; its keys are {sorted(data)[:8]}"
        )
    return value


def video_names(path: Path) -> dict[str, str]:
    """Return video id, written out → name, of a JSON file of a dataset: what numbers in ``results.json`` stand for.

    Raises:
        DataError: see :func:`read_videos`.
    """
    return {str(number): name for number, name, _ in read_videos(read_json_object(path), path)}
