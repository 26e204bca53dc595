"""Which file holds a split of a dataset in COCO's or YouTube-VIS's form, and where its images are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from actiseg_noise.borders.folders import IMAGE_SUFFIXES, is_inside, list_files, walk_files
from actiseg_noise.borders.roots import full_path
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.datasets.files import find_name
from actiseg_noise.datasets.ytvis.videos import frame_id_of
from actiseg_noise.errors import DataError, raise_if

SPLITS = ("train", "val", "valid", "test")
EVAL_SPLITS = ("val", "valid", "test")
SAV_SPLIT, SAV_SUFFIX = "train", "_manual.json"

CVAT_FILE = "annotations.xml"
"""What CVAT calls a file, whatever it is of; it is read as ``train``."""

_NAMES = ("{0}.json", "instances_{0}.json", "annotations_{0}.json", "{0}_instances.json")
_YEARS = ("instances_{0}2017.json", "instances_{0}2014.json")
_FILES = (
    *_NAMES,
    *(f"annotations/{name}" for name in (*_NAMES, *_YEARS)),
    *_YEARS,
    "{0}/instances.json",
    "annotations/{0}/instances.json",
    "{0}/all_classes.json",
    *("{0}.xml", "annotations/{0}.xml", "{0}/annotations.xml"),
)
_IMAGES = (
    *("{0}/JPEGImages", "JPEGImages/{0}", "JPEGImages", "{0}/images", "images/{0}", "images"),
    *("{0}2017", "{0}2014", "images/{0}2017", "images/{0}2014", "frames/{0}", "{0}", "."),
)
_EVALUATION = re.compile(r"(?<![a-z])(val|valid|validation|veval|eval|test)(?![a-z])")


def split_files(split: str) -> tuple[str, ...]:
    """Return where a split's file may be, relative to the root; the first that is there counts."""
    names = tuple(name.format(split) for name in _FILES)
    return (*names, CVAT_FILE) if split == SPLITS[0] else names


def find_files(root: Path, split: str) -> list[Path]:
    """Return the files of a split that are there."""
    return [root / name for name in split_files(split) if (root / name).is_file()]


def choose_files(root: Path, split: str, how_to_get: str) -> list[Path]:
    """Return the file of a split, or SA-V's files, which are one a video.

    Raises:
        DataError: there is none (the splits that have one are named), or two that differ.
    """
    found = find_files(root, split)
    if not found and split == SAV_SPLIT and (videos := list(walk_files(root, SAV_SUFFIX))):
        return videos
    if not found:
        there = [name for name in SPLITS if find_files(root, name)]
        known = f"splits found: {', '.join(there)}" if there else _others(root)
        tried = ", ".join(split_files(split)[1:4])
        raise DataError(
            f"{root / split_files(split)[0]}: no such file, nor {tried}, … ({known}). Name the file with --option "
            f"file=FILE, or get it: {how_to_get}"
        )
    for other in found[1:]:
        if other.stat().st_size != found[0].stat().st_size or digest_file(other) != digest_file(found[0]):
            raise DataError(
                f"{found[0]} and {other} are both there and differ; choose with --option file=FILE, or remove one"
            )
    return found[:1]


def _others(root: Path) -> str:
    """Return which files at the root may be of annotations, by other names than a split's."""
    names = list(list_files(root, (".json", ".xml", ".zip")).values())
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"no split's file is there, but {shown}" if names else "no split's file is there"


def named_files(path: Path) -> list[Path]:
    """Return what the option ``file`` names: a file, or SA-V's files in a folder, at any depth."""
    if not path.is_dir():
        return [path]
    found = list(walk_files(path, SAV_SUFFIX))
    raise_if(not found, f"--option file={path}: the folder has no file *{SAV_SUFFIX}; name the file itself", DataError)
    return found


def named_file(root: Path, name: str) -> Path:
    """Return the file of the option ``file``: relative to the root, or a path that leads into it.

    Raises:
        DataError: it lies outside the root, from which the manifest's paths begin.
    """
    given = full_path(name)
    path = root / given if not given.is_absolute() else given
    if is_inside(name) and not given.is_absolute():
        return path
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"--option file={name}: lies outside --root {root}, from which the manifest's paths begin; give the root "
            "that holds both the file and the images, or put the file there"
        )
    return root / path.resolve().relative_to(root.resolve())


def check_evaluation(path: Path, name: str, said: str, split: str) -> None:
    """Refuse a file of evaluation that is read as a split which is noised without asking.

    Args:
        name: what the option ``file`` says; '' for a file that was found by the split.
        said: the file's own word for its split.
    """
    if split in EVAL_SPLITS:
        return
    for what, text in (("its name", name), ("it", said)):
        found = _EVALUATION.search(text.lower())
        if found:
            raise DataError(
                f"{path}: {what} says {found[1]!r}, an evaluation split, but it is read as {split!r}; pass --split val "
                "(and --allow-eval to noise it), or rename the file"
            )


class Images:
    """Where the images of a split are.

    Args:
        folder: what the option ``images`` names, relative to the root; None: the usual places.

    Raises:
        DataError: that folder lies outside the root, or is not there.
    """

    def __init__(self, root: Path, split: str, folder: str | None) -> None:
        self.root = root
        if folder is None:
            names = (name.format(split) for name in _IMAGES)
            self.folders = tuple(name for name in names if (root / name).is_dir())
            return
        if folder != "." and not is_inside(folder):
            raise DataError(
                f"--option images={folder}: expected a folder below --root {root}, from which the manifest's paths "
                "begin"
            )
        if not (root / folder).is_dir():
            raise DataError(f"--option images={folder}: no folder {root / folder}")
        self.folders = (folder,)

    def find(self, file_names: tuple[str, ...], video: str) -> tuple[str | None, ...]:
        """Return the path of each frame's image relative to the root, None where there is no file.

        All are taken from the first folder that has any of them; names without a folder may lie in one of the video's.
        """
        within = () if any("/" in name for name in file_names) else tuple(f"{video}/{name}" for name in file_names)
        for names in filter(None, (file_names, within)):
            for folder in self.folders:
                found = tuple(self._find(folder, name) for name in names)
                if any(found):
                    return found
        return (None,) * len(file_names)

    def _find(self, folder: str, file_name: str) -> str | None:
        """Return the path of one image, whatever its suffix."""
        parent = (PurePosixPath(folder) / file_name).parent
        name = find_name(self.root / parent, frame_id_of(file_name), IMAGE_SUFFIXES)
        return None if name is None else str(parent / name)


def iter_layout() -> Iterator[str]:
    """Yield every file that a root may hold."""
    for split in SPLITS:
        yield from split_files(split)
