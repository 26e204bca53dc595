"""VOST: objects that change shape, in egocentric video.

What: 713 videos of one action each, every instance of the changing object in its own id, 255 for pixels that nobody
could label. How much: a 54 GB archive; 572 train, 70 val and 71 test videos at 5 frames a second, mostly 1080p.
Licence: CC BY-NC-SA 4.0. Citation and how to get it: ``Vost.card``.

Layout, relative to the root::

    ImageSets/{train,val,test}.txt      one video per line: <number>_<verb>_<object>
    Annotations/<video>/<frame>.png     index masks, ids 1–254, 255 void
    JPEGImages/<video>/<frame>.jpg      needed for training, not for building a manifest

The video's name is all the text there is: ``555_tear_aluminium_foil`` is the narration "tear aluminium foil" with verb
"tear" and noun "aluminium foil". VOST has no class table; ``vost_lexicon.toml`` gives every noun of the lists a
category and synonyms, and a noun it does not know is a category of its own. The vocabulary is the categories of the
objects in the lists on disk, each with *all* its nouns in the lexicon: the synonyms are what substitution draws from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from actiseg_noise.borders.folders import check_file_name, list_masks
from actiseg_noise.borders.text import read_lines
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.files import find_frames, find_object_ids, find_other_ids, missing_clips
from actiseg_noise.datasets.lexicon import Lexicon, parse_lexicon
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

VOID_ID = 255
OBJECTS = ("merged", "instances")

CITATION = """@inproceedings{tokmakov2023vost,
  title = {Breaking the "Object" in Video Object Segmentation},
  author = {Tokmakov, Pavel and Li, Jie and Gaidon, Adrien},
  booktitle = {CVPR},
  year = {2023}
}"""


@DATASETS.register("vost")
class Vost(Dataset):
    """VOST in its own layout.

    Args:
        objects: ``merged`` (default, as ActionVOS does): all instances are object 1. ``instances`` keeps the ids on
            disk; a clip's objects are then 1 … N, N the largest id of its first mask (VOST's own rule), less those
            that have no pixel in any mask, so masks are read even for text content. Every object is positive.

    Raises:
        ActisegError: an unknown value of ``objects``.
    """

    card = DatasetCard(
        name="vost",
        source="vost",
        version="2023+lexicon-1",
        title="VOST: Video Object Segmentation under Transformations",
        size="713 videos (572 train, 70 val, 71 test), 54 GB",
        licence="CC BY-NC-SA 4.0",
        citation=CITATION,
        homepage="https://www.vostdataset.org",
        how_to_get="download VOST.zip (54 GB) from https://www.vostdataset.org and unpack it; the root is the folder "
        "that holds ImageSets, Annotations and JPEGImages.",
        splits=("train", "val", "test"),
        eval_splits=("val", "test"),
        void_id=VOID_ID,
    )

    layout = ("Annotations", "ImageSets", "JPEGImages")
    chooses = True

    def __init__(self, root: Path, *, skip_missing: bool = False, objects: str = "merged") -> None:
        super().__init__(root, skip_missing=skip_missing)
        if objects not in OBJECTS:
            raise ActisegError(f"--objects {objects!r}: expected one of {', '.join(OBJECTS)}")
        self.objects = objects

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the videos of ``ImageSets/<split>.txt`` in ascending name.

        Frames are those found as JPEG or as mask. Source of every other field: the video's name.

        Raises:
            DataError: a missing or malformed list, or (where masks are needed) videos without any mask.
        """
        self.check_split(split)
        videos = self._read_list(split)
        needs_masks = with_frames or self.objects == "instances"
        wanted = self.choose(videos, split)
        for video in self._videos_with_masks(split, wanted) if needs_masks else wanted:
            yield self._clip(video, videos[video], with_frames)

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield every noun the lexicon has for the categories of the videos listed in ``splits``.

        Raises:
            DataError: none of the lists is on disk.
        """
        listed = [split for split in splits if self._list_path(split).is_file()]
        if not listed:
            raise self._no_list(splits[0] if splits else self.card.splits[0])
        videos = (video for split in listed for video in self._read_list(split))
        categories = {c.category_id: c for c in (lexicon().find(split_name(v)[1]) for v in videos)}
        for category_id, category in sorted(categories.items()):
            for noun in category.nouns:
                yield ObjectRecord(1, category_id, category.name, noun, is_positive=True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the frame's object ids, ``uint8 [H, W]``; 255 is void.

        Raises:
            DataError: a missing or malformed mask, or, with ``instances``, an id above those of the first mask.
        """
        index_mask = super().read_index_mask(clip, frame)
        if self.objects == "merged":
            return merge_instances(index_mask)
        unknown_ids = find_other_ids(index_mask, (item.object_id for item in clip.objects), void_id=VOID_ID)
        if unknown_ids:
            raise DataError(
                f"{self.root / str(frame.mask_path)}: clip {clip.clip_id!r}, frame {frame.frame_id!r} has ids "
                f"{unknown_ids}, but the clip's first mask has none above {clip.objects[-1].object_id}. "
                "Repair the mask, or merge the instances (--objects merged)."
            )
        return index_mask

    def _clip(self, video: str, source_order: int, with_frames: bool) -> Clip:
        """Return one video as a clip."""
        verb, noun, narration = split_name(video)
        category = lexicon().find(noun)
        ids = (1,) if self.objects == "merged" else find_object_ids(self.root / "Annotations" / video, VOID_ID)
        objects = tuple(
            ObjectRecord(object_id, category.category_id, category.name, noun, is_positive=True) for object_id in ids
        )
        frames = self._frames(video) if with_frames else ()
        return Clip(video, video, video, narration, verb, noun, objects, frames, source_order)

    def _frames(self, video: str) -> tuple[FrameRecord, ...]:
        """Return every frame of a video that has an image or a mask."""
        return find_frames(self.root, f"JPEGImages/{video}", f"Annotations/{video}")

    def _videos_with_masks(self, split: str, videos: Iterable[str]) -> list[str]:
        """Return the videos that have a mask; refuse or count the others."""
        kept: list[str] = []
        missing: list[str] = []
        for video in videos:
            (kept if list_masks(self.root / "Annotations" / video) else missing).append(video)
        if missing and not (self.skip_missing and kept):
            what = f"videos of {self._list_path(split)} have no masks in {self.root / 'Annotations'}"
            if self.objects == "instances":
                what += " (--objects instances reads a clip's first mask, for text content too)"
            raise missing_clips(
                what, missing, len(kept) + len(missing), self.card.how_to_get, self.root / "Annotations"
            )
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _list_path(self, split: str) -> Path:
        return self.root / "ImageSets" / f"{split}.txt"

    def _no_list(self, split: str) -> DataError:
        """Return the error for a split whose list is not on disk."""
        found = [name for name in self.card.splits if self._list_path(name).is_file()]
        there = f"lists found: {', '.join(found)}" if found else "no list of any split is there"
        return DataError(f"{self._list_path(split)}: no such file ({there}). Get it: {self.card.how_to_get}")

    def _read_list(self, split: str) -> dict[str, int]:
        """Return video → position in the split's list. Blank lines and CRLF are fine."""
        path = self._list_path(split)
        if not path.is_file():
            raise self._no_list(split)
        videos: dict[str, int] = {}
        for number, video in read_lines(path):
            if video in videos:
                raise DataError(f"{path}, line {number}: {video!r} is listed twice; remove one of the two lines")
            _check_video(video, f"{path}, line {number}")
            videos[video] = len(videos)
        return videos


@cache
def lexicon() -> Lexicon:
    """Return the lexicon of VOST's objects."""
    file = files("actiseg_noise.datasets") / "vost_lexicon.toml"
    return parse_lexicon(file.read_text(encoding="utf-8"), file.name)


def split_name(video: str) -> tuple[str, str, str]:
    """Return (verb, noun, narration) of a video name.

    >>> split_name("555_tear_aluminium_foil")
    ('tear', 'aluminium foil', 'tear aluminium foil')
    """
    _, verb, noun = video.split("_", 2)
    noun = noun.replace("_", " ")
    return verb, noun, f"{verb} {noun}"


def merge_instances(index_mask: IndexMask) -> IndexMask:
    """Return ``index_mask`` with every id in 1–254 turned into 1; 0 and 255 (void) stay."""
    import cv2

    table = np.ones(256, np.uint8)
    table[[0, VOID_ID]] = 0, VOID_ID
    return np.asarray(cv2.LUT(index_mask, table), np.uint8)


def _check_video(video: str, where: str) -> None:
    """Raise DataError unless ``video`` is named as VOST names its videos."""
    check_file_name(video, where)
    number, *text = video.split("_", 2)
    if not number.isdecimal() or len(text) < 2 or not all(part.strip("_ ") for part in text):
        raise DataError(f"{where}: expected a video name <number>_<verb>_<object>, found {video!r}")
