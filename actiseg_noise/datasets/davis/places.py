"""Where images and masks of folders like DAVIS's lie: by the options, else by what is on disk.

A plain folder's name stands for ``<folder>/<video>/<frame>``, with the level of a resolution where there is one; or for
``<folder>/<video>/<object>/<frame>`` or ``<folder>/<frame>`` where its masks lie like that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from actiseg_noise.borders.folders import (
    IMAGE_SUFFIXES,
    check_file_name,
    is_inside,
    list_files,
    list_folders,
    list_masks,
)
from actiseg_noise.borders.object_folders import has_object_folders
from actiseg_noise.borders.patterns import Found, PathPattern
from actiseg_noise.errors import DataError

USUAL_RESOLUTION = "480p"
USUAL_MASKS, USUAL_IMAGES = "Annotations", "JPEGImages"
FIELDS = ("split", "video", "object", "frame")


class Layout(NamedTuple):
    """A layout without a folder ``Annotations``.

    Attributes:
        lists: where they are, if not in ImageSets. are_numbers: grey levels are numbers for certain.
    """

    images: str
    masks: str
    lists: str | None = None
    are_numbers: bool = False


OTHER_LAYOUTS = (
    Layout("{video}/JPEGImages/{frame}", "{video}/Annotations/{frame}", "{split}.txt"),
    Layout("data/{video}/origin/{frame}", "data/{video}/mask/{frame}", "{split}.txt", are_numbers=True),  # VSPW
    Layout("JPEGImages", "SegmentationClass"),  # CVAT
    Layout("images", "instances"),  # MOTS
    Layout("images", "masks"),
)


@dataclass(frozen=True)
class PlaceOptions:
    """What a caller says of the places, each None where nothing is said.

    Attributes:
        masks, images: a folder or a pattern. resolution: the level below plain folders.
    """

    masks: str | None = None
    images: str | None = None
    resolution: str | None = None

    def __post_init__(self) -> None:
        for option, value in (("--option masks", self.masks), ("--option images", self.images)):
            if value is not None:
                check_place(value, option)
        if self.resolution is not None:
            check_file_name(self.resolution, "--option resolution")

    def find(self, root: Path) -> Places:
        """Return the places below a root.

        Raises:
            DataError: a resolution's folder is not there, or the level of one is not named.
        """
        other = None
        if self.masks is None and not (root / USUAL_MASKS).is_dir():
            other = next((layout for layout in OTHER_LAYOUTS if self._fits(root, layout.masks)), None)
        usual = other or Layout(_usual_images(root), USUAL_MASKS)
        masks = self._resolve(root, self.masks or usual.masks, "--option masks")
        images = self._resolve(root, self.images or usual.images, "--option images", follow=masks)
        return Places(root, masks, images, usual.lists, usual.are_numbers)

    def _fits(self, root: Path, masks: str) -> bool:
        """Return whether a mask lies there."""
        if not is_pattern(masks) and not (root / masks).is_dir():
            return False
        pattern = self._resolve(root, masks, "--option masks")
        return next(pattern.find(root, IMAGE_SUFFIXES), None) is not None

    def _resolve(self, root: Path, value: str, option: str, follow: PathPattern | None = None) -> PathPattern:
        """Return the pattern that an option stands for; ``follow``: that of the masks, whose shape images have."""
        if is_pattern(value):
            return _pattern(value, option)
        folder = self._with_level(root, value.rstrip("/"))
        if follow is None:
            shape = _shape_of_masks(root, folder)
        else:
            shape = "{video}/{frame}" if follow.has("video") else "{frame}"
        return _pattern(f"{folder}/{shape}", option)

    def _with_level(self, root: Path, name: str) -> str:
        """Return a plain folder with the level of the resolution where there is one."""
        level = self.resolution or USUAL_RESOLUTION
        has_level = (root / name / level).is_dir()
        if not has_level and level != USUAL_RESOLUTION:
            raise DataError(f"{root / name / level}: no such folder (--option resolution)")
        return f"{name}/{level}" if has_level else name


@dataclass(frozen=True)
class Places:
    """Where the files below a root lie.

    Attributes:
        lists, are_numbers: see :class:`Layout`.
    """

    root: Path
    masks: PathPattern
    images: PathPattern
    lists: str | None = None
    are_numbers: bool = False

    @property
    def has_objects(self) -> bool:
        """Return whether there is a mask file per object."""
        return self.masks.has("object")

    @property
    def is_flat(self) -> bool:
        """Return whether every frame is a clip of its own: no pattern says of which video it is."""
        return not self.masks.has("video")

    def list_videos(self, split: str) -> list[str]:
        """Return the videos that have a folder of masks, or the frames of a flat folder, in code point order."""
        field = "frame" if self.is_flat else "video"
        return self.masks.values(self.root, IMAGE_SUFFIXES, field, split=split)

    def find_masks(self, split: str, video: str) -> dict[str, str]:
        """Return frame → mask file below the root; of several objects, that of one of them."""
        return {fields["frame"]: path for fields, path in self._masks(split, video)}

    def find_images(self, split: str, video: str) -> dict[str, str]:
        """Return frame → image file below the root."""
        known = self._known(self.images, split, video)
        return {fields["frame"]: path for fields, path in self.images.find(self.root, IMAGE_SUFFIXES, **known)}

    def find_objects(self, split: str, video: str) -> dict[str, dict[str, str]]:
        """Return object → frame → mask file below the root, of a pattern with objects."""
        found: dict[str, dict[str, str]] = {}
        for fields, path in self._masks(split, video):
            found.setdefault(fields["object"], {})[fields["frame"]] = path
        return found

    def find_folder(self, split: str, video: str) -> str:
        """Return the folder below the root that holds all masks of a video."""
        return self.masks.folder(**self._known(self.masks, split, video))

    def has_masks(self) -> bool:
        """Return whether there is any mask."""
        return next(self.masks.find(self.root, IMAGE_SUFFIXES), None) is not None

    def advise(self, split: str, video: str | None = None) -> str:
        """Return where masks were looked for, what is there instead, and which option says another place."""
        known = {"split": split} if video is None else self._known(self.masks, split, video)
        return (
            f"Masks were looked for at {self.masks.text!r} below {self.root}: "
            f"{self.masks.nearest(self.root, IMAGE_SUFFIXES, **known)}. Say where they lie with --option masks=FOLDER, "
            "or with a pattern of {split}, {video}, {object} and {frame}, such as "
            "--option masks={video}/Annotations/{frame}"
        )

    def _masks(self, split: str, video: str) -> list[Found]:
        """Return a video's masks: PNGs, or where there are none, images of any suffix, as ``list_masks`` does."""
        known = self._known(self.masks, split, video)
        return list(self.masks.find(self.root, (".png",), **known)) or list(
            self.masks.find(self.root, IMAGE_SUFFIXES, **known)
        )

    def _known(self, pattern: PathPattern, split: str, video: str) -> dict[str, str]:
        """Return the fields of a video's files that are known."""
        return {"split": split, "frame" if self.is_flat or not pattern.has("video") else "video": video}


def check_place(value: str, option: str) -> None:
    """Check an option that is a pattern or a folder below the root.

    Raises:
        ActisegError: it leaves the root, or is no pattern of images or masks.
    """
    if is_pattern(value):
        _pattern(value, option)
    elif not is_inside(value.rstrip("/")) or "." in value.split("/"):
        check_file_name(value, option)


def is_pattern(value: str) -> bool:
    """Return whether an option is a pattern, not a folder's name."""
    return "{" in value


def _pattern(text: str, option: str) -> PathPattern:
    """Return a pattern of images or masks.

    Raises:
        ActisegError: see :class:`PathPattern`; or it has no ``{frame}``.
    """
    return PathPattern(text, FIELDS, option, needs="frame")


def _shape_of_masks(root: Path, folder: str) -> str:
    """Return how masks lie in a folder."""
    names = list_folders(root / folder)
    if not names and list_masks(root / folder):
        return "{frame}"
    with_masks = (name for name in names if list_masks(root / folder / name))
    if next(with_masks, None) is None and (name := _first_of_objects(root / folder, names)) is not None:
        _check_no_level(root, folder, name)
        return "{video}/{object}/{frame}"
    return "{video}/{frame}"


def _first_of_objects(folder: Path, names: list[str]) -> str | None:
    """Return the first of the folders that holds folders of masks."""
    return next((name for name in names if has_object_folders(folder / name)), None)


def _check_no_level(root: Path, folder: str, name: str) -> None:
    """Refuse a level of a resolution that was taken for a video: the images have the same two levels."""
    images = root / _usual_images(root) / name
    inner = next(iter(list_folders(images)), None)
    if inner is not None and list_files(images / inner, IMAGE_SUFFIXES):
        raise DataError(
            f"{root / folder / name}: holds folders of masks, as {images} holds folders of images: a level that is no "
            f"video. Name it: --option resolution={name}"
        )


def _usual_images(root: Path) -> str:
    """Return ``JPEGImages``, or the one folder whose name begins so, such as SA-V's ``JPEGImages_24fps``."""
    if (root / USUAL_IMAGES).is_dir():
        return USUAL_IMAGES
    like = [name for name in list_folders(root) if name.startswith(USUAL_IMAGES)]
    return like[0] if len(like) == 1 else USUAL_IMAGES
