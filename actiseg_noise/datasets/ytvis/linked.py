"""Files of TAO's and CocoVID's form: images say their video, annotations of one image each say their track."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from actiseg_noise.borders.json_lists import iter_json_parts
from actiseg_noise.datasets.ytvis.entries import Entries
from actiseg_noise.datasets.ytvis.rows import Rows, as_array
from actiseg_noise.datasets.ytvis.table import distinct, files_of
from actiseg_noise.datasets.ytvis.videos import Annotation, Video, VideoFile, check_file_names, take_size
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields

_Row = tuple[int, int, int, int]
"""Frame of the video, category, and where the annotation lies in the file."""


class LinkedFile(VideoFile):
    """``videos`` without ``file_names``, ``images`` with ``video_id``, and ``annotations`` with ``track_id``.

    A track is one object; its id is the object's. Frames are the images of a video, by ``frame_index`` or ``frame_id``.

    Raises:
        DataError: an image without video, or an annotation without track; the entry is named.
    """

    def __init__(self, path: Path, entries: Entries) -> None:
        entries.check()
        links, images = entries.links, entries.images
        names = distinct(links.videos.names, links.videos.ids, path)
        super().__init__(path, names, entries.categories, entries.tracks.split)
        videos = self._videos_of_images(entries)
        self._images = np.lexsort((as_array(links.order), videos))  # by video, then by frame
        self._first = np.searchsorted(videos[self._images], np.arange(len(self.names) + 1))
        self._starts, self._stops = images.starts, images.stops
        self._rows = Rows(entries.annotations, images.ids, path, "image")
        self._tracks = self._check_tracks(entries)[self._rows.order]

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return any(len(self._rows.of(image)) for image in self._images_of(name))

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        where = f"{self.path}: video {name!r}"
        images = self._images_of(name)
        raise_if(not images, f"{where}: no image says its video_id; expected one at least", DataError)
        parts = iter_json_parts(self.path, ((self._starts[image], self._stops[image]) for image in images))
        entries = [Fields(part, where) for part in parts]
        sizes = {take_size(fields) for fields in entries}
        raise_if(len(sizes) > 1, f"{where}: its images have {len(sizes)} sizes; expected one size for all", DataError)
        names = [file for fields in entries for file in files_of(fields, is_image=True)]
        files = check_file_names(names, f"{where}: file_name")
        found = tuple(
            self._annotation(track, rows, len(files), where, with_masks=with_masks)
            for track, rows in sorted(self._tracks_of(images).items())
        )
        return Video(name, where, *sizes.pop(), files, found)

    def _images_of(self, name: str) -> list[int]:
        """Return the places of a video's images, in order of its frames."""
        place = self._places[name]
        found: list[int] = self._images[self._first[place] : self._first[place + 1]].tolist()
        return found

    def _tracks_of(self, images: list[int]) -> dict[int, list[_Row]]:
        """Return track → its annotations."""
        found: dict[int, list[_Row]] = {}
        for frame_idx, image in enumerate(images):
            for row in self._rows.of(image).tolist():
                numbers = self._rows.categories, self._rows.starts, self._rows.stops
                category_id, start, stop = (int(values[row]) for values in numbers)
                found.setdefault(int(self._tracks[row]), []).append((frame_idx, category_id, start, stop))
        return found

    def _annotation(self, track: int, rows: list[_Row], frames: int, where: str, *, with_masks: bool) -> Annotation:
        """Return a track as one annotation."""
        categories = sorted({category_id for _, category_id, _, _ in rows})
        if len(categories) > 1 or len({frame_idx for frame_idx, _, _, _ in rows}) < len(rows):
            what = f"categories {categories[:2]}" if len(categories) > 1 else "two annotations of one image"
            raise DataError(f"{where}, track {track}: has {what}; expected one category, and one annotation an image")
        masks: list[Any] = [None] * frames
        parts = iter_json_parts(self.path, (row[2:] for row in rows)) if with_masks else ()
        for row, part in zip(rows, parts, strict=False):
            masks[row[0]] = Fields(part, f"{where}, track {track}, image {row[0]}").raw("segmentation")
        return Annotation(track, categories[0], masks if with_masks else ())

    def _videos_of_images(self, entries: Entries) -> Any:
        """Return the place of each image's video, ``int64 [images]``."""
        links = entries.links
        places = np.array([links.videos.ids.get(owner, -1) for owner in links.owners] or [-1], np.int64)
        of_image = as_array(links.of_image)
        videos = np.where(of_image < 0, -1, places[of_image])
        if len(lost := np.flatnonzero(videos < 0)):
            raise DataError(
                f"{self.path}: images[{int(lost[0])}]: video_id: expected the id of one of the {len(self.names)} "
                "videos of the file; mend the image, or remove 'videos' to read each image by itself"
            )
        if len(lost := np.flatnonzero(as_array(links.order) < 0)):
            raise DataError(
                f"{self.path}: images[{int(lost[0])}]: frame_index or frame_id: expected a whole number from 0 on, the "
                "place of the image in its video; mend it, or remove it to take images in the file's order"
            )
        return videos

    def _check_tracks(self, entries: Entries) -> Any:
        """Return the track of each annotation, ``int64 [annotations]``."""
        tracks = as_array(entries.links.tracks)
        if len(lost := np.flatnonzero(tracks < 0)):
            raise DataError(
                f"{self.path}: annotations[{int(lost[0])}]: expected a track_id or instance_id, the number of the "
                "object in its video; add it, or remove 'videos' to read each image by itself"
            )
        return tracks
