"""Videos and images of a JSON file: what is kept of each, and what leads from one to the other."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actiseg_noise.datasets.ytvis.videos import check_file_names, name_of, take_size
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, is_text, shorten

VideoId = int | str


@dataclass
class Table:
    """Videos or images: what is known of each without reading it again."""

    names: list[str] = field(default_factory=list)
    ids: dict[VideoId, int] = field(default_factory=dict)
    starts: array[int] = field(default_factory=lambda: array("q"))
    stops: array[int] = field(default_factory=lambda: array("q"))

    def add(self, fields: Fields, start: int, stop: int, *, is_image: bool) -> None:
        """Take in an entry."""
        name = name_of(files_of(fields, is_image=is_image), is_image=is_image)
        take_size(fields)
        self.add_place(fields, name or _plain(fields.raw("video_name", fields.raw("name", ""))), start, stop)

    def add_place(self, fields: Fields, name: str, start: int, stop: int) -> None:
        """Take in what is kept of an entry; its id stands for an empty name."""
        number = take_id(fields, "id")
        where, _, _ = fields.place
        raise_if(number in self.ids, f"{where}: the id {number!r} stands twice; give each its own", DataError)
        self.ids[number] = len(self.names)
        self.names.append(name or str(number))
        self.starts.append(start)
        self.stops.append(stop)


def files_of(fields: Fields, *, is_image: bool) -> tuple[str, ...]:
    """Return the files of a video's frames."""
    where, _, _ = fields.place
    if is_image:
        name = _lvis_name(fields) if fields.raw("file_name", None) is None else fields.text("file_name")
        return check_file_names([name], f"{where}: file_name")
    files = check_file_names(fields.texts("file_names"), f"{where}: file_names")
    length = fields.raw("length", None)
    if length is not None and (type(length) is not int or length != len(files)):
        raise DataError(
            f"{where}: length: expected {len(files)}, the number of file_names, found {shorten(length)}; fetch the "
            "file again, or mend the entry"
        )
    return files


def _plain(name: Any) -> str:
    """Return a video's name with '_' for '/', empty where it is none."""
    return name.replace("/", "_") if is_text(name, 200) and name.strip() else ""


def _lvis_name(fields: Fields) -> str:
    """Return the file of an image of LVIS, which has its address instead: the last two parts of that."""
    if fields.raw("coco_url", None) is None:
        return fields.text("file_name")
    return "/".join(fields.text("coco_url").split("/")[-2:])


class Links:
    """What leads from images to videos and from annotations to tracks, in files of TAO's form.

    Attributes:
        videos: those without ``file_names``. owners: a video's id → its number.
        of_image: the number of each image's video, -1 for none. order: its place in the video, -1 for a wrong one.
        tracks: of each annotation, -1 for none.
    """

    def __init__(self) -> None:
        self.videos = Table()
        self.owners: dict[VideoId, int] = {}
        self.of_image, self.order, self.tracks = array("q"), array("q"), array("q")

    def add_video(self, fields: Fields, start: int, stop: int) -> None:
        """Take in a video without files."""
        self.videos.add_place(fields, _plain(fields.raw("name", "")), start, stop)

    def add_image(self, fields: Fields) -> None:
        """Take in an image's video and its place there: ``frame_index`` or ``frame_id``, else the image's own."""
        if fields.raw("video_id", None) is None:
            self.of_image.append(-1)
            self.order.append(0)
            return
        self.of_image.append(self.owners.setdefault(take_id(fields, "video_id"), len(self.owners)))
        self.order.append(_first_number(fields, ("frame_index", "frame_id"), len(self.order)))

    def add_annotation(self, fields: Fields) -> None:
        """Take in an annotation's track: ``track_id`` or ``instance_id``."""
        self.tracks.append(_first_number(fields, ("track_id", "instance_id"), -1))


def _first_number(fields: Fields, keys: tuple[str, ...], default: int) -> int:
    """Return the whole number under the first of ``keys`` that is there, -1 where it is none."""
    value = next((value for key in keys if (value := fields.raw(key, None)) is not None), default)
    return value if type(value) is int and 0 <= value < 2**62 else -1


def take_id(fields: Fields, key: str) -> VideoId:
    """Return the id of a video or image: a whole number from 0 on, or a text."""
    value = fields.raw(key)
    if (type(value) is int and 0 <= value < 2**63) or (type(value) is str and value.strip() and is_text(value, 200)):
        return value
    where, _, _ = fields.place
    raise DataError(
        f"{where}: {key}: expected a whole number from 0 on, or a text, found {shorten(value)}; mend the id"
    )


def distinct(names: list[str], ids: Iterable[VideoId], path: Path) -> list[str]:
    """Return the names, each once: those that several videos have get their id as well."""
    several = {name for name, count in Counter(names).items() if count > 1}
    if not several:
        return names
    found = [f"{name}-{number}" if name in several else name for name, number in zip(names, ids, strict=True)]
    twice = next((name for name, count in Counter(found).items() if count > 1), None)
    raise_if(twice is not None, f"{path}: two videos are called {twice!r}; rename the folder of one", DataError)
    return found


def check_ids(what: str, ids: Iterable[VideoId], path: Path) -> None:
    """Refuse two entries of a file, ``what`` they are, that have one id.

    Raises:
        DataError: there are such; the id is named.
    """
    twice = next((number for number, count in Counter(ids).items() if count > 1), None)
    raise_if(twice is not None, f"{path}: two {what} have the id {twice}; keep one of them", DataError)
