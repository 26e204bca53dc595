"""EgoMask's own places: masks under a video and its object, or a file for each object; clips that are parts of others.

From the layout of its README, and what its evaluation and its loaders read::

    annotations/<video>/<obj_id>.json           the benchmark: frame → run lengths; a frame that is not there has none
    JPEGImages/{egotracks,refego}/<video>/…
    train/mask_dict.json                        EgoMask-Train: "('<video>', '<obj_id>')" → run lengths or null, a frame

A video of the subset ``medium`` is a part of a longer one, whose name stands before ``--``, and has its files.
"""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.borders.text import check_file
from actiseg_noise.datasets.refvos.files import SplitFiles
from actiseg_noise.datasets.refvos.masks import Row
from actiseg_noise.errors import ActisegError, DataError, raise_if

FOLDER = "annotations"
SUBSETS = ("long", "medium", "short")
_IMAGES = ("egotracks", "refego")


def check_subset(value: str | None) -> str | None:
    """Return the option ``subset``.

    Raises:
        ActisegError: it is none of EgoMask's.
    """
    if value not in (None, *SUBSETS):
        raise ActisegError(f"--option subset={value}: expected one of {', '.join(SUBSETS)}")
    return value


def is_benchmark(files: SplitFiles) -> bool:
    """Return whether files are those of the benchmark: expressions at the root or of a subset, masks by object."""
    return not files.folder and (files.root / FOLDER).is_dir() and not (files.root / files.find_masks()).is_file()


def check_evaluation(files: SplitFiles, eval_splits: tuple[str, ...]) -> None:
    """Refuse the benchmark as a split that is noised without asking.

    Raises:
        DataError: it is read as such a split.
    """
    raise_if(
        files.split not in eval_splits and is_benchmark(files),
        f"{files.expressions}: is of EgoMask, a benchmark, by its folder {FOLDER!r}, but is read as {files.split!r}; "
        "pass --split test (and --allow-eval to noise it). EgoMask-Train has a folder of its own",
        DataError,
    )


def longer_video(video: str) -> str:
    """Return the video that one is a part of, or itself.

    >>> longer_video("0a1b--120-30"), longer_video("0a1b")
    ('0a1b', '0a1b')
    """
    return video.partition("--")[0]


def image_folders(images: str, video: str) -> list[str]:
    """Return where a video's images may be, below the root; ``images`` is the folder of all."""
    names = dict.fromkeys((video, longer_video(video)))
    return [f"{images}/{group}/{name}" for name in names for group in _IMAGES]


def find_object_file(root: Path, video: str, object_ids: tuple[int, ...]) -> str | None:
    """Return the path below the root of the first object's file, None unless each of them has one."""
    for name in dict.fromkeys((video, longer_video(video))):
        files = [f"{FOLDER}/{name}/{object_id}.json" for object_id in object_ids]
        if files and all((root / file).is_file() for file in files):
            return files[0]
    return None


def is_object_file(path: str) -> bool:
    """Return whether a path below the root is the file of an object."""
    return path.startswith(f"{FOLDER}/")


def rows_of(root: Path, path: str, video: str, ids: tuple[int, ...]) -> tuple[Row, ...]:
    """Return where the run lengths of objects or annotations are.

    Args:
        path: below the root, of ``mask_dict.json``, or of the file of the first object.

    Raises:
        DataError: the file is missing; or it is no JSON object.
    """
    file = root / path
    check_file(file)
    if is_object_file(path):
        is_longer = file.parent.name != video.rpartition("/")[2]
        return tuple(Row(file.with_name(f"{number}.json"), None, is_longer) for number in ids)
    return tuple(Row(file, find_pair(file, video, number) or str(number)) for number in ids)


def find_pair(path: Path, video: str, object_id: int) -> str | None:
    """Return the key of a video's object in ``mask_dict.json``, a pair as Python writes it; None where it has none."""
    entries = JsonObject(path)
    keys = (str((video, str(object_id))), str((video, object_id)))
    return next((key for key in keys if key in entries), None)
