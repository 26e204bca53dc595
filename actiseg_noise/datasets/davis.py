"""DAVIS 2016 and 2017: short videos, every frame annotated; and any folders laid out like them.

What: the benchmark of video object segmentation, without text. How much: 2016 has 50 videos of one foreground (30
train, 20 val), 2017 has 90 with public masks (60 train, 30 val) of one or more objects, mostly 854×480. Licence: none
is stated with the files; ask its authors. Citation and how to get it: ``Davis.card``.

Layout, relative to the root; the level ``480p`` may be absent::

    ImageSets/<year>/{train,val}.txt                one sequence per line; 2016's own release: ImageSets/480p/…, pairs
    Annotations/480p/<sequence>/<frame>.png         2017: index masks, ids 1 … N; 2016: grey, 0 and 255
    Annotations_unsupervised/480p/…                 of the unsupervised track: 255 is void
    JPEGImages/480p/<sequence>/<frame>.jpg

A layout without ImageSets has one split, ``train``: every sequence in the folder of masks. The text of an object is
that of the caller's file (``davis_texts``) or the sequence's name, "motocross jump" for ``motocross-jump``; it is the
whole expression, and a category of its own, so that flips are possible. The vocabulary is the texts of the listed
sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from actiseg_noise.borders.folders import check_file_name, list_masks
from actiseg_noise.borders.images import is_palette_mask, read_index_mask
from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.datasets.base import DATASETS, Dataset, check_threshold
from actiseg_noise.datasets.davis_lists import SPLITS, YEARS, SplitLists, year_on_disk
from actiseg_noise.datasets.davis_texts import SequenceTexts
from actiseg_noise.datasets.files import (
    find_frames,
    find_object_ids,
    find_other_ids,
    first_mask,
    missing_clips,
    near_root,
)
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.referring import VERB
from actiseg_noise.errors import ActisegError, DataError, MissingTextError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import NOUN, Clip, DatasetCard, FrameRecord, ObjectRecord

VOID_ID = 255
OBJECTS = ("merged", "instances")
USUAL_RESOLUTION = "480p"

CITATION = """@inproceedings{perazzi2016benchmark,
  title = {A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation},
  author = {Perazzi, Federico and Pont-Tuset, Jordi and McWilliams, Brian and Van Gool, Luc and Gross, Markus and
            Sorkine-Hornung, Alexander},
  booktitle = {CVPR},
  year = {2016}
}
@article{pont2017davis,
  title = {The 2017 DAVIS Challenge on Video Object Segmentation},
  author = {Pont-Tuset, Jordi and Perazzi, Federico and Caelles, Sergi and Arbel{\\'a}ez, Pablo and
            Sorkine-Hornung, Alexander and Van Gool, Luc},
  journal = {arXiv:1704.00675},
  year = {2017}
}"""


@DATASETS.register("davis")
class Davis(Dataset):
    """DAVIS, or folders laid out like it. Every object is positive.

    Args:
        year: whose lists are read, ``2016`` or ``2017``. Default: 2017 if its lists are there or no others are.
        objects: ``instances`` (default of 2017): a sequence's objects are 1 … N, N the largest id of its first mask
            (DAVIS's own rule), less those that have no pixel in any mask, so at least one mask per sequence is read
            even for text content; a first mask of the grey levels 0 and 255 alone makes one object of 255. ``merged``
            (default of 2016): every pixel that is not zero is object 1; 255 beside ids stays void.
        threshold: a grey level, 1 … 255: masks show one object, where they are at least so bright. For masks whose
            edges are smooth.
        masks: the folder of masks.
        texts: a file of texts, relative to the root or to the working directory: JSON that leads from a sequence to its
            text or to texts by object id, or lines ``<sequence> <text>`` or ``<sequence> <object id> "<text>"``.
        resolution: the level below the folders of images and masks, where there is one.

    Raises:
        ActisegError: an option that is not as described.
    """

    card = DatasetCard(
        name="davis",
        source="davis",
        version="2017",
        title="DAVIS 2016 and 2017: Densely Annotated Video Segmentation",
        size="2016: 50 videos (30 train, 20 val); 2017: 90 videos (60 train, 30 val), mostly 854×480",
        licence="not stated with the files; ask the authors of DAVIS",
        citation=CITATION,
        homepage="https://davischallenge.org",
        how_to_get="download DAVIS 2017 TrainVal 480p (or DAVIS 2016) from https://davischallenge.org and unpack it; "
        "the root is the folder that holds ImageSets, Annotations and JPEGImages.",
        splits=SPLITS,
        eval_splits=("val",),
        void_id=VOID_ID,
    )

    layout = ("Annotations", "ImageSets", "JPEGImages")
    chooses = True

    def __init__(
        self,
        root: Path,
        *,
        skip_missing: bool = False,
        year: str | None = None,
        objects: str | None = None,
        masks: str = "Annotations",
        texts: str | None = None,
        resolution: str = USUAL_RESOLUTION,
        threshold: int | None = None,
    ) -> None:
        super().__init__(root, skip_missing=skip_missing)
        if year is not None and year not in YEARS:
            raise ActisegError(f"--option year={year}: expected one of {', '.join(YEARS)}")
        if objects is not None and objects not in OBJECTS:
            raise ActisegError(f"--objects {objects!r}: expected one of {', '.join(OBJECTS)}")
        self.year = year or year_on_disk(root)
        self.threshold = check_threshold(threshold)
        self.objects = objects or ("merged" if self.year == "2016" or threshold is not None else "instances")
        if threshold is not None and self.objects != "merged":
            raise ActisegError("--option threshold: makes one object of a mask, so it goes with --objects merged")
        self.masks = check_file_name(masks, "--option masks")
        self.texts = None if texts is None else near_root(root, texts)
        self.resolution = check_file_name(resolution, "--option resolution")

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the split's sequences in ascending name. Frames are those found as JPEG or as mask.

        Raises:
            DataError: a missing or malformed list or file of texts, a sequence or object without text, or (where masks
                are needed) sequences without any mask.
        """
        self.check_split(split)
        sequences = self._lists().read(split)
        texts = self._read_texts()
        needs_masks = with_frames or self.objects == "instances"
        wanted = self.choose(sequences, split)
        for sequence in self._with_masks(split, wanted) if needs_masks else wanted:
            try:
                clip = self._clip(sequence, sequences[sequence], texts, with_frames)
            except MissingTextError as why:
                self.leave_out(sequence, why)
            else:
                yield clip

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield every text of the sequences listed in ``splits`` once, in ascending order; no mask is read.

        Raises:
            DataError: none of the lists is on disk, one is malformed, or a sequence has no text.
        """
        lists, texts = self._lists(), self._read_texts()
        listed = [split for split in splits if lists.has(split)]
        sequences = {name for split in listed or splits[:1] for name in lists.read(split)}
        nouns: set[str] = set()
        for name in sequences:
            try:
                nouns.update([readable(name)] if texts is None else texts.of_sequence(name))
            except MissingTextError as why:
                self.allow(why)
        yield from (_object(1, noun) for noun in sorted(nouns))

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the frame's object ids, ``uint8 [H, W]``; 255 is void.

        Raises:
            DataError: a missing or malformed mask, or one that does not go with the sequence's first mask: an id above
                its largest, or ids where the first has grey levels.
        """
        if self.threshold is not None and frame.mask_path is not None:
            return _merge(read_index_mask(self.root / frame.mask_path, self.threshold), True)
        index_mask = super().read_index_mask(clip, frame)
        first = self._first_mask(clip.clip_id)
        if self.objects == "merged":
            return _merge(index_mask, first.is_foreground)
        unknown_ids = find_other_ids(index_mask, first.object_ids, void_id=VOID_ID)
        if unknown_ids:
            largest = first.object_ids[-1:]
            what = f"no id above {largest[0]}" if largest else "no id"
            what = "only the grey levels 0 and 255" if first.is_foreground else what
            raise DataError(
                f"{self.root / str(frame.mask_path)}: clip {clip.clip_id!r}, frame {frame.frame_id!r} has ids "
                f"{unknown_ids}, but the sequence's first mask has {what}. Repair the mask, or merge the objects "
                "(--objects merged)."
            )
        return _merge(index_mask, True) if first.is_foreground else index_mask

    def _clip(self, sequence: str, source_order: int, texts: SequenceTexts | None, with_frames: bool) -> Clip:
        """Return one sequence as a clip."""
        name = readable(sequence)
        ids = (1,) if self.objects == "merged" else self._first_mask(sequence).object_ids
        objects = tuple(_object(i, name if texts is None else texts.of_object(sequence, i)) for i in ids)
        images, masks = self._folder("JPEGImages"), self._folder(self.masks)
        frames = find_frames(self.root, f"{images}/{sequence}", f"{masks}/{sequence}") if with_frames else ()
        return Clip(sequence, sequence, sequence, name, VERB, name, objects, frames, source_order)

    def _first_mask(self, sequence: str) -> _FirstMask:
        """Return what a sequence's first mask says of the others."""
        folder = self.root / self._folder(self.masks) / sequence
        path = first_mask(folder)
        if path is None:
            raise DataError(f"{folder}: sequence {sequence!r} has no masks here. Get them: {self.card.how_to_get}")
        return _read_first_mask(path, self.objects, *file_stamp(path))

    def _folder(self, name: str) -> str:
        """Return a folder of images or masks, with the level of the resolution where there is one."""
        has_level = (self.root / name / self.resolution).is_dir()
        if not has_level and self.resolution != USUAL_RESOLUTION:
            raise DataError(f"{self.root / name / self.resolution}: no such folder (--option resolution)")
        return f"{name}/{self.resolution}" if has_level else name

    def _with_masks(self, split: str, sequences: Iterable[str]) -> list[str]:
        """Return the sequences that have a mask; refuse or count the others."""
        folder = self.root / self._folder(self.masks)
        kept = [name for name in sequences if list_masks(folder / name)]
        missing = sorted(set(sequences).difference(kept))
        if missing and not (self.skip_missing and kept):
            what = f"sequences of split {split!r} have no masks in {folder}"
            if self.objects == "instances":
                what += " (--objects instances reads a sequence's first mask, for text content too)"
            raise missing_clips(what, missing, len(kept) + len(missing), self.card.how_to_get, folder)
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _lists(self) -> SplitLists:
        """Return the lists of this year."""
        return SplitLists(self.root, self.year, self.root / self._folder(self.masks), self.card.how_to_get)

    def _read_texts(self) -> SequenceTexts | None:
        """Return the caller's texts."""
        return None if self.texts is None else SequenceTexts(self.texts)


@dataclass(frozen=True, slots=True)
class _FirstMask:
    """What a sequence's first mask says of the others.

    Attributes:
        is_foreground: 255 is the one object, not void. object_ids: of the sequence, ascending; see ``find_object_ids``.
    """

    is_foreground: bool
    object_ids: tuple[int, ...]


@lru_cache(256)
def _read_first_mask(path: Path, objects: str, changed_ns: int, size: int) -> _FirstMask:
    """Return what the first mask says, remembered as long as time of change and size stay the same."""
    has_ids = bool(find_other_ids(read_index_mask(path), (), void_id=VOID_ID))
    if not has_ids and (objects == "merged" or not is_palette_mask(path)):
        return _FirstMask(True, (1,))
    return _FirstMask(False, find_object_ids(path.parent, VOID_ID) if objects == "instances" else (1,))


def _merge(index_mask: IndexMask, is_foreground: bool) -> IndexMask:
    """Return 1 for every pixel that is not zero; 255 stays void unless it is the foreground."""
    merged = (index_mask != 0).astype(np.uint8)
    if not is_foreground:
        merged[index_mask == VOID_ID] = VOID_ID
    return merged


def readable(sequence: str) -> str:
    """Return a sequence's name as text.

    >>> readable("motocross-jump")
    'motocross jump'
    """
    return " ".join(re.split(r"[-_\s]+", sequence)).strip() or sequence


def _object(object_id: int, noun: str) -> ObjectRecord:
    """Return an object whose expression is its noun, a category of its own."""
    return ObjectRecord(object_id, unknown_category_id(noun), noun, noun, is_positive=True, template=NOUN)
