"""Where the parts of a VISOR deposit are, in the layouts that people have on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actiseg_noise.borders.folders import check_file_name, walk_files
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.errors import DataError

SPLITS = ("train", "val")
SPARSE = "GroundTruth-SparseAnnotations"
TABLES = ("EPIC_100_train.csv", "EPIC_100_validation.csv")
TABLE_FOLDERS = (".", "epic-kitchens-100-annotations", "annotations", "../epic-kitchens-100-annotations")


def find_annotations(root: Path, split: str, how_to_get: str) -> dict[str, str]:
    """Return video → its annotation file, relative to ``root``.

    They are the JSON files of ``annotations_corrected/<split>``, which VISOR-HOS writes, or else of
    ``annotations/<split>``, at any depth.

    Raises:
        DataError: there are none; one video has two files, here or in the other split; or videos of ``annotations`` are
            missing among the corrected ones.
    """
    here = _annotation_files(root, split)
    if not here:
        raise DataError(f"{root / SPARSE / 'annotations' / split}: no annotation files <video>.json. {how_to_get}")
    for other in SPLITS:
        if other != split:
            for video, path in _annotation_files(root, other).items():
                if video in here:
                    raise _two_files(video, root / here[video], root / path)
    return here


def has_annotations(root: Path, split: str) -> bool:
    """Return whether a split is on disk."""
    return bool(_annotation_files(root, split))


def _annotation_files(root: Path, split: str) -> dict[str, str]:
    """Return video → relative path; none where the split is absent."""
    plain = _json_files(root, root / SPARSE / "annotations" / split)
    corrected = _json_files(root, root / SPARSE / "annotations_corrected" / split)
    lost = sorted(plain.keys() - corrected.keys())
    if corrected and lost:
        raise DataError(
            f"{root / SPARSE / 'annotations_corrected' / split}: {len(lost)} videos of 'annotations' are not there: "
            f"{', '.join(lost[:10])}. Write the corrected files again, or delete the folder: 'annotations' will do."
        )
    return corrected or plain


def _json_files(root: Path, folder: Path) -> dict[str, str]:
    """Return stem → path relative to ``root`` of the JSON files in a folder, hidden ones aside."""
    found: dict[str, str] = {}
    for path in walk_files(folder, ".json"):
        if path.stem in found:
            raise _two_files(path.stem, root / found[path.stem], path)
        found[path.stem] = path.relative_to(root).as_posix()
    return found


def _two_files(video: str, first: Path, second: Path) -> DataError:
    """Return the error for a video with two annotation files."""
    return DataError(f"video {video!r} has two annotation files, {first} and {second}; remove one of them")


def find_tables(root: Path, how_to_get: str) -> tuple[Path, ...]:
    """Return the two tables of actions, each from the first folder of ``TABLE_FOLDERS`` that has it.

    VISOR's splits are not those of EPIC-KITCHENS-100: both tables are needed for either.

    Raises:
        DataError: one is in none of the folders; the message says what to put where.
    """
    found = []
    for name in TABLES:
        places = [root / folder / name for folder in TABLE_FOLDERS]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            tried = ", ".join(map(str, places))
            raise DataError(
                f"{root / name}: no such file, nor at any of {tried}. Both tables of actions, {' and '.join(TABLES)}, "
                f"come from EPIC-KITCHENS-100; put them into the root. {how_to_get}"
            )
        found.append(path)
    return tuple(found)


class FrameMapping:
    """``frame_mapping.json``: image of VISOR → frame of EPIC-KITCHENS, video by video, in the file's order.

    Raises:
        DataError: the file is missing or no JSON object.
    """

    def __init__(self, root: Path, how_to_get: str) -> None:
        self.path = root / "frame_mapping.json"
        if not self.path.is_file():
            raise DataError(f"{self.path}: no such file. {how_to_get}")
        self._videos = JsonObject(self.path)

    def __iter__(self) -> Iterator[str]:
        """Yield the videos."""
        return iter(self._videos)

    def frames(self, video: str) -> dict[str, str]:
        """Return frame of EPIC-KITCHENS → image of VISOR, frames ascending; both end in ``.jpg``.

        Where two images are one frame of EPIC-KITCHENS the later one stands for it, as in ActionVOS.

        Raises:
            DataError: the entry is no object, or a name is none of a JPEG file.
        """
        where, pairs = f"{self.path}, video {video!r}", self._videos.read(video)
        if not isinstance(pairs, dict):
            raise DataError(f"{where}: expected an object {{image of VISOR: frame of EPIC-KITCHENS}}, found {pairs!r}")
        for image, frame in pairs.items():
            for name in (image, frame):
                if not isinstance(name, str) or not name.endswith(".jpg"):
                    raise DataError(f"{where}: expected names of JPEG files, found {image!r}: {frame!r}")
                check_file_name(name, where)
        return dict(sorted({frame: image for image, frame in pairs.items()}.items()))


def image_folder(root: Path, split: str, video: str) -> str:
    """Return the folder of a video's images, relative to ``root``, whether it is there or not.

    ActionVOS reads ``rgb_frames/<split>/<video>``; the deposit, and VISOR-HOS, have the participant in between.
    """
    flat = f"{SPARSE}/rgb_frames/{split}/{video}"
    if (root / flat).is_dir():
        return flat
    return f"{SPARSE}/rgb_frames/{split}/{video.partition('_')[0]}/{video}"
