"""How the videos of folders like DAVIS's are read: their layers, the texts of their objects, their frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_noise.borders.folders import natural_order
from actiseg_noise.datasets.davis.labels import VOID_ID, LabelMap
from actiseg_noise.datasets.davis.lists import YEARS, is_davis
from actiseg_noise.datasets.davis.masks import VideoNumbers, read_first_numbers, read_video_numbers, shows_foreground
from actiseg_noise.datasets.davis.objects import (
    FOREGROUND_KEY,
    Thing,
    files_key,
    numbers_key,
    place_things,
    read_overlaps,
)
from actiseg_noise.datasets.davis.places import Places
from actiseg_noise.datasets.davis.texts import MetaTexts, SequenceTexts, readable
from actiseg_noise.records import FrameRecord

if TYPE_CHECKING:
    from actiseg_noise.datasets.davis.adapter import Davis


class VideoReader:
    """Reads the videos of a split, one at a time, as their layers.

    Attributes:
        late: of the video that was read last, the ids that DAVIS's own rule does not know.
    """

    def __init__(self, dataset: Davis, places: Places, split: str, *, with_frames: bool) -> None:
        self._dataset, self._places, self._split, self._with_frames = dataset, places, split, with_frames
        self._texts = dataset.read_texts()
        is_own = is_davis(dataset.root) and dataset.year in YEARS
        self._takes_all = (dataset.ids or ("first" if is_own else "all")) == "all"
        self.late: tuple[int, ...] = ()
        self._layers: list[tuple[Thing, ...]] = []
        self._is_foreground = False
        self._objects: dict[str, dict[str, str]] = {}

    def layers(self, video: str) -> list[tuple[Thing, ...]]:
        """Return a video's layers, and keep what ``frames`` needs of it.

        Raises:
            DataError: a mask that cannot be read.
        """
        self.late, self._is_foreground, self._objects = (), False, {}
        if self._dataset.objects == "merged":
            self._layers = [(Thing(1, VOID_ID, 1),)]
            self._read_merged(video)
        elif self._places.has_objects:
            self._layers = self._read_files(video)
        else:
            self._layers = self._read_numbers(video)
        return self._layers

    def text(self, video: str, thing: Thing) -> str:
        """Return the text of an object.

        Raises:
            MissingTextError: the file of texts has none for it.
        """
        if isinstance(self._texts, SequenceTexts):
            return self._texts.of_object(video, thing.text_id)
        if isinstance(self._texts, LabelMap):
            return self._texts.name_of(thing.source, video)
        if isinstance(self._texts, MetaTexts):
            return self._texts.of_object(video, str(thing.source))
        return readable(video)

    def frames(self, video: str, place: int) -> tuple[FrameRecord, ...]:
        """Return the frames of a layer of the video that was read last: every one that has an image or a mask."""
        if not self._with_frames:
            return ()
        shown, drawn = self._places.find_images(self._split, video), self._drawn(video, place)
        frames = []
        for frame in sorted(shown.keys() | drawn.keys(), key=natural_order):
            path, key = drawn.get(frame, (None, None))
            frames.append(FrameRecord(frame, shown.get(frame), path, frame in drawn, mask_key=key))
        return tuple(frames)

    def _drawn(self, video: str, place: int) -> dict[str, tuple[str, str | None]]:
        """Return frame → mask path and mask key."""
        if not self._objects:
            is_merged = self._dataset.objects == "merged"
            key = FOREGROUND_KEY if self._is_foreground else None if is_merged else numbers_key(self._layers, place)
            return {frame: (path, key) for frame, path in self._places.find_masks(self._split, video).items()}
        ids = {thing.source: thing.object_id for thing in self._layers[place]}
        is_merged = self._dataset.objects == "merged"
        files: dict[str, list[tuple[int, str]]] = {}
        for name, masks in self._objects.items():
            for frame, path in masks.items():
                files.setdefault(frame, []).append((1 if is_merged else ids.get(name, 0), path))
        return {frame: self._of_files(pairs) for frame, pairs in files.items()}

    @staticmethod
    def _of_files(pairs: list[tuple[int, str]]) -> tuple[str, str]:
        """Return the first file of a frame's masks of a layer, and the key of all; of another's where it has none."""
        own = [pair for pair in pairs if pair[0]] or pairs[:1]
        return own[0][1], files_key(own)

    def _read_merged(self, video: str) -> None:
        """Find out whether 255 is the object, of masks that are read at all."""
        if self._places.has_objects:
            self._find_objects(video)
        elif self._with_frames and self._dataset.threshold is None:
            self._is_foreground = shows_foreground(self._masks(video)[0], self._dataset.reader())

    def _read_files(self, video: str) -> list[tuple[Thing, ...]]:
        """Return the layers of a video with a mask file per object; an object without a pixel is none."""
        self._find_objects(video)
        visible, overlaps = read_overlaps(self._dataset.root, self._objects)
        names = sorted(self._objects, key=natural_order)
        kept = [name for name in names if name in visible]
        places = {place: kept.index(name) for place, name in enumerate(self._objects) if name in visible}
        pairs = {tuple(sorted((places[i], places[j]))) for i, j in overlaps}
        where = self._dataset.root / self._places.find_folder(self._split, video)
        return place_things(kept, {(i, j) for i, j in pairs}, str(where)) or [()]

    def _read_numbers(self, video: str) -> list[tuple[Thing, ...]]:
        """Return the layers of a video of index masks: one, but where there are more objects than ids."""
        read = read_video_numbers if self._takes_all else read_first_numbers
        found: VideoNumbers = read(self._masks(video), self._dataset.reader())
        self.late, self._is_foreground = found.late, found.is_foreground
        return place_things(found.numbers, set(), video) or [()]

    def _find_objects(self, video: str) -> None:
        """Find the files of a video with a mask file per object."""
        self._objects = self._places.find_objects(self._split, video)

    def _masks(self, video: str) -> list[Path]:
        """Return a video's masks in order."""
        return [self._dataset.root / path for path in self._places.find_masks(self._split, video).values()]
