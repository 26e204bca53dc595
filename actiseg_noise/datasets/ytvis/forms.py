"""A file of videos opened: its form found, what lies where kept as long as the file stays as it is.

Memory follows the number of videos and annotations, never the masks: an entry is decoded again when its video is read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from actiseg_noise.borders.json_lists import iter_json_lists
from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.borders.text import first_character
from actiseg_noise.datasets.ytvis.coco import AnnotationFile
from actiseg_noise.datasets.ytvis.cvat import open_cvat
from actiseg_noise.datasets.ytvis.datumaro import DatumaroFile
from actiseg_noise.datasets.ytvis.entries import Entries
from actiseg_noise.datasets.ytvis.label_studio import LabelStudioFile
from actiseg_noise.datasets.ytvis.linked import LinkedFile
from actiseg_noise.datasets.ytvis.tracks import BurstFile, SavFile
from actiseg_noise.datasets.ytvis.videos import Video, VideoFile
from actiseg_noise.errors import DataError

FILES_KEPT = 8
VIDEOS_KEPT = 2

_BY_FIRST_CHARACTER: dict[str, Callable[[Path], VideoFile]] = {"[": LabelStudioFile, "<": open_cvat}


def open_annotations(path: Path) -> VideoFile:
    """Return a file's index, made once per process as long as the file stays as it is."""
    return _open(path, *file_stamp(path))


def read_video(path: Path, name: str) -> Video:
    """Return a video of a file; the last few are kept as long as the file stays as it is."""
    return _read(path, name, *file_stamp(path))


@lru_cache(FILES_KEPT)
def _open(path: Path, changed_ns: int, size: int) -> VideoFile:
    other = _BY_FIRST_CHARACTER.get(first_character(path))
    return _open_lists(path) if other is None else other(path)


def _open_lists(path: Path) -> VideoFile:
    """Return a file that holds a JSON object of lists."""
    entries = Entries(path)
    for key, number, start, stop, value in iter_json_lists(path):
        entries.add(key, number, start, stop, value)
    if entries.tracks.sequences.names:
        return BurstFile(path, entries)
    if entries.tracks.masklets:
        return SavFile(path, entries)
    if entries.labels is not None and entries.items:
        return DatumaroFile(path, entries)
    if entries.links.videos.names:
        return LinkedFile(path, entries)
    return AnnotationFile(path, entries)


@lru_cache(VIDEOS_KEPT)
def _read(path: Path, name: str, changed_ns: int, size: int) -> Video:
    found = _open(path, changed_ns, size)
    if name not in found:
        raise DataError(f"{path}: no video {name!r} in the file; it does not belong to this clip")
    return found.read(name)
