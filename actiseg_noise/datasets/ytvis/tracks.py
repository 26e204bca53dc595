"""Files whose masks are listed by frame: BURST's, of many videos, and SA-V's, of one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_lists import iter_json_parts, read_json_part
from actiseg_noise.datasets.ytvis.entries import Entries
from actiseg_noise.datasets.ytvis.table import distinct
from actiseg_noise.datasets.ytvis.videos import (
    LARGEST_CATEGORY,
    Annotation,
    Video,
    VideoFile,
    check_file_names,
    take_size,
)
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, is_name, parse_number, shorten

NO_CATEGORY = (0, "object")
"""Category id and noun of what has no class: all masklets of SA-V."""
SAV_STEP = 4
"""Frames of an SA-V video, of 24 a second, from one with masks to the next."""


class BurstFile(VideoFile):
    """A file of BURST: ``sequences`` with a list of frames, each of which leads from a track to its run lengths.

    Classes that are said to be absent (``neg_category_ids``) are phrases that name nothing.
    """

    def __init__(self, path: Path, entries: Entries) -> None:
        table = entries.tracks.sequences
        super().__init__(path, distinct(table.names, table.ids, path), entries.categories, entries.tracks.split)
        self._starts, self._stops = table.starts, table.stops
        self._has_objects = entries.tracks.has_objects

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return self._has_objects[self._places[name]]

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        place = self._places[name]
        where = f"{self.path}: sequence {name!r}"
        fields = Fields(read_json_part(self.path, self._starts[place], self._stops[place]), where)
        size = take_size(fields)
        folder = "/".join(fields.text(key) for key in ("dataset", "seq_name") if fields.raw(key, None))
        names = [f"{folder}/{file}" if folder else file for file in fields.texts("annotated_image_paths")]
        files = check_file_names(names, f"{where}: annotated_image_paths")
        tracks = self._read_tracks(fields)
        frames = self._read_frames(fields, files, tracks) if with_masks else []
        found = [
            Annotation(number, tracks[number], [_sized(frame.get(str(number)), size) for frame in frames])
            for number in sorted(tracks)
        ]
        found += [Annotation(None, number) for number in self._absent(fields, set(tracks.values()))]
        return Video(name, where, *size, files, tuple(found))

    def _read_tracks(self, fields: Fields) -> dict[int, int]:
        """Return track → category."""
        inner = fields.inner("track_category_ids")
        found: dict[int, int] = {}
        where, _, _ = inner.place
        for key in inner:
            number = parse_number(key)
            if number is None or str(number) != key:
                raise DataError(f"{where}: track_category_ids: expected a track's number, found {key!r:.60}")
            found[number] = self._known(inner.integer(key, least=0, most=LARGEST_CATEGORY), f"{where}, track {key}")
        return found

    def _absent(self, fields: Fields, present: set[int]) -> list[int]:
        """Return the classes that are said to be absent, ascending."""
        where, _, _ = fields.place
        found = fields.raw("neg_category_ids", None) or []
        if type(found) is not list or any(type(number) is not int for number in found):
            raise DataError(f"{where}: neg_category_ids: expected a list of category ids, found {shorten(found)}")
        both = sorted(present.intersection(found))
        raise_if(
            bool(both), f"{where}: category {both[:1]} is in neg_category_ids and has a track; mend one", DataError
        )
        return sorted(self._known(number, f"{where}, neg_category_ids") for number in set(found))

    def _known(self, category_id: int, where: str) -> int:
        """Return a category that the file lists."""
        known = category_id in self.categories
        raise_if(
            not known,
            f"{where}: category {category_id} is not among the {len(self.categories)} categories of the file; add it",
            DataError,
        )
        return category_id

    def _read_frames(self, fields: Fields, files: tuple[str, ...], tracks: dict[int, int]) -> list[dict[str, Any]]:
        """Return, per frame, track → what is written of its mask."""
        where, _, _ = fields.place
        frames = fields.raw("segmentations")
        if type(frames) is not list or len(frames) != len(files) or any(type(one) is not dict for one in frames):
            found = f"{len(frames)} entries" if type(frames) is list else shorten(frames)
            raise DataError(
                f"{where}: segmentations: expected a list of {len(files)} objects {{track: mask}}, one for each of "
                f"annotated_image_paths, found {found}; fetch the file again"
            )
        for place, frame in enumerate(frames):
            strangers = frame.keys() - {str(number) for number in tracks}
            if strangers:
                raise DataError(
                    f"{where}: segmentations[{place}]: track {min(strangers)!r} is not in track_category_ids; add it "
                    "there, or remove the mask"
                )
        return frames


def _sized(value: Any, size: tuple[int, int]) -> Any:
    """Return a mask of BURST, run lengths without a size, in COCO's form; what is no such mask stays as it is."""
    counts = value.get("rle", value.get("counts")) if type(value) is dict else value
    return {"size": [*size], "counts": counts} if type(counts) is str else value


class SavFile(VideoFile):
    """A file of SA-V, ``<video>_manual.json`` or ``<video>_auto.json``: per frame a list of the masklets' run lengths.

    Masks are on every fourth frame of the video, of which they bear the number. No classes are named.
    """

    def __init__(self, path: Path, entries: Entries) -> None:
        tracks = entries.tracks
        facts = {key: _whole(tracks.facts.get(f"video_{key}")) for key in ("height", "width")}
        self._fields = Fields(facts | {"id": tracks.facts.get("video_id")}, str(path))
        take_size(self._fields)
        name = self._fields.raw("id")
        raise_if(not is_name(name), f"{path}: video_id: expected the name of a video, found {shorten(name)}", DataError)
        super().__init__(path, [name], dict([NO_CATEGORY]), str(tracks.facts.get("video_split", "")))
        self._frames = tracks.masklets
        self._ids = self._check_ids(tracks.masklet_ids)

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return bool(self._ids)

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        where = f"{self.path}: video {name!r}"
        files = tuple(f"{name}/{SAV_STEP * number:05d}.jpg" for number in range(len(self._frames)))
        parts = iter_json_parts(self.path, self._frames) if with_masks else ()
        frames = [self._check_frame(masks, number, where) for number, masks in enumerate(parts)]
        order = sorted(range(len(self._ids)), key=self._ids.__getitem__)
        found = tuple(
            Annotation(self._ids[place], NO_CATEGORY[0], [frame[place] for frame in frames]) for place in order
        )
        return Video(name, where, *take_size(self._fields), files, found)

    def _check_frame(self, masks: Any, number: int, where: str) -> list[Any]:
        """Return the masks of one frame."""
        if type(masks) is not list or len(masks) != len(self._ids):
            found = f"{len(masks)} masks" if type(masks) is list else shorten(masks)
            raise DataError(
                f"{where}: masklet[{number}]: expected a list of {len(self._ids)} run lengths, one for each of "
                f"masklet_id, found {found}; fetch the file again"
            )
        return masks

    def _check_ids(self, found: list[Any]) -> list[int]:
        """Return the ids of the masklets."""
        for place, number in enumerate(found):
            Fields({"masklet_id": number}, f"{self.path}: masklet_id[{place}]").integer("masklet_id", least=0)
        twice = next((number for number, count in Counter(found).items() if count > 1), None)
        raise_if(twice is not None, f"{self.path}: masklet_id {twice} stands twice; give each its own", DataError)
        return found


def _whole(value: Any) -> Any:
    """Return a size that is written as a float as a whole number; what is none stays as it is."""
    return int(value) if type(value) is float and value.is_integer() else value
