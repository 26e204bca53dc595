"""Videos with a mask per object and frame, as files in COCO's form and its kin say them."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from actiseg_noise.borders.folders import is_inside, stem_of
from actiseg_noise.errors import ActisegWarning, DataError
from actiseg_noise.fields import Fields, is_text
from actiseg_noise.masks import MAX_SIDE, check_canvas

LARGEST_CATEGORY = 2**31 - 1
LONGEST_NAME = 1024
"""Characters of the name of a frame's file."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object of a video, or a phrase that names nothing in it.

    Attributes:
        annotation_id: the file's own; None for a phrase that names nothing.
        masks: per frame the mask as it is written: run lengths, polygons or None. Empty for such a phrase.
        text: its whole expression; None: the noun. is_positive: False where the file says that it takes no part.
    """

    annotation_id: int | None
    category_id: int
    masks: Sequence[Any] = ()
    text: str | None = None
    is_positive: bool = True


@dataclass(frozen=True, slots=True)
class Video:
    """One video, or one image, which is a video of one frame.

    Attributes:
        where: file and video, for messages. file_names: one per frame, relative to the folder of images.
        annotations: in ascending annotation_id; phrases that name nothing come last.
        other_names: what the files may be called instead, each as ``file_names``, where no file has the first names.
    """

    name: str
    where: str
    height: int
    width: int
    file_names: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    other_names: tuple[tuple[str, ...], ...] = ()

    @property
    def frame_ids(self) -> tuple[str, ...]:
        """Return the names of the frames' files without folder and suffix."""
        return tuple(map(frame_id_of, self.file_names))


class VideoFile(ABC):
    """A file of videos, whatever its form: what lies where in it is known, masks are read when they are asked for.

    Attributes:
        names: of the videos, each once, in the file's order. categories: id → noun.
        split: what the file says it is of; '' where it does not say.
        form: whose files they are. is_numbered_by_order: an object's number is its place in the file.
    """

    form: str = "COCO"
    is_numbered_by_order: bool = False

    def __init__(self, path: Path, names: list[str], categories: dict[int, str], split: str = "") -> None:
        self.path, self.names, self.categories, self.split = path, names, categories, split
        self._places = {name: place for place, name in enumerate(names)}

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @abstractmethod
    def has_objects(self, name: str) -> bool:
        """Return whether a video has an annotation, or a phrase that names nothing."""

    @abstractmethod
    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """Return a video and its annotations, the masks as they are written; without masks nothing of them is kept.

        Raises:
            DataError: an annotation has not one mask per frame, or the file has changed.
        """


def frame_id_of(file_name: str) -> str:
    """Return the name of a frame's file without folder and suffix."""
    return stem_of(PurePosixPath(file_name).name)


def take_size(fields: Fields) -> tuple[int, int]:
    """Return (height, width) of a video's frames in pixels.

    Raises:
        DataError: they are no sizes, or of more pixels than a mask may have; the place is named.
    """
    size = fields.integer("height", least=1, most=MAX_SIDE), fields.integer("width", least=1, most=MAX_SIDE)
    where, _, _ = fields.place
    try:
        check_canvas(*size)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    return size


def check_file_names(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the files of a video's frames, '/' between the parts of a name.

    Raises:
        DataError: no name, one that leaves the folder of images, or two frames of one name; ``where`` is named.
    """
    if not names:
        raise DataError(f"{where}: expected the file of each frame, found none")
    plain = tuple(check_file_path(name, f"{where}[{place}]") for place, name in enumerate(names))
    seen: set[str] = set()
    for name in plain:
        frame_id = frame_id_of(name)
        if frame_id in seen:
            raise DataError(f"{where}: two frames are called {frame_id!r}; give each its own name")
        seen.add(frame_id)
    return plain


def check_file_path(name: str, where: str) -> str:
    """Return the name of a file below the folder of images, '/' between its parts.

    Raises:
        DataError: it leads out of the folder, or is no name; ``where`` is named.
    """
    if not is_text(name, LONGEST_NAME) or not name.strip() or not is_inside(name):
        raise DataError(
            f"{where}: expected the name of a file below the folder of images, found {name[:80]!r}; names begin there, "
            "without '/' before and '..' within them"
        )
    return str(PurePosixPath(name.replace("\\", "/")))


def name_of(file_names: Sequence[str], *, is_image: bool) -> str:
    """Return what a video is called by its frames: their folder, of an image its file; '' where they share none.

    >>> name_of(["v1/00000.jpg", "v1/00005.jpg"], is_image=False), name_of(["a/7.png"], is_image=True)
    ('v1', 'a_7')
    """
    if is_image:
        return stem_of(file_names[0].replace("/", "_"))
    folders = {str(PurePosixPath(name).parent) for name in file_names}
    folder = folders.pop()
    return "" if folders or folder == "." else folder.replace("/", "_")


def take_category(fields: Fields) -> tuple[int, str]:
    """Return id and noun of a category: its name, '_' as a space.

    Raises:
        DataError: no id from 0 on, or no name.
    """
    number = fields.integer("id", least=0, most=LARGEST_CATEGORY)
    noun = noun_of(fields.text("name"))
    if not noun:
        where, _, inside = fields.place
        raise DataError(f"{where}: {inside}name: expected the name of category {number}, found an empty one; write it")
    return number, noun


def noun_of(name: str) -> str:
    """Return the noun of a category's name, '_' as a space; '' for a blank one."""
    return " ".join(name.replace("_", " ").split())


def warn_left_aside(path: Path, kinds: Mapping[str, int], masks: Sequence[str], has_masks: bool, *more: str) -> None:
    """Warn of annotations that are no masks.

    Args:
        kinds: how many there are of each kind. masks: the kinds that are. more: what else is to be said.

    Raises:
        DataError: the file has no mask at all.
    """
    shown = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()) if count)
    if not has_masks:
        raise DataError(
            f"{path}: has no mask: expected {' or '.join(masks)}, found {shown or 'no annotation'}; boxes and the like "
            "are no masks"
        )
    parts = [f"{shown}: no masks, left aside"] if shown else []
    if parts or more:
        warnings.warn(f"{path}: {'; '.join([*parts, *more])}", ActisegWarning, stacklevel=2)
