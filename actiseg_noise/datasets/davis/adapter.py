"""DAVIS 2016 and 2017: short videos, every frame annotated; and folders of any other shape that hold images and masks.

What: the benchmark of video object segmentation, without text. How much: 2016 has 50 videos of one foreground (30
train, 20 val), 2017 has 90 with public masks (60 train, 30 val) of one or more objects, mostly 854×480. Licence: none
is stated with the files; ask its authors. Citation and how to get it: ``Davis.card``.

Layout, relative to the root; the level ``480p`` may be absent::

    ImageSets/<year>/{train,val}.txt                one sequence per line; 2016's own release: ImageSets/480p/…, pairs
    Annotations/480p/<sequence>/<frame>.png         2017: index masks, ids 1 … N; 2016: grey, 0 and 255
    Annotations_unsupervised/480p/…                 of the unsupervised track: 255 is void
    JPEGImages/480p/<sequence>/<frame>.jpg

Other folders, what of them is found without a word, and what is said with ``--option``::

    YouTube-VOS, MOSE   all of it, with --root …/train: objects that appear later, the categories of meta.json
    LVOS, PUMaVOS       all of it: objects that appear later
    VISOR-VOS           all but texts=train_data_mapping.json: ImageSets/2022, 480p, objects that appear later
    SA-V val, test      masks=Annotations_6fps; a mask file per object, <video>/<object>/<frame>.png, may overlap
    Long-RVOS           all of it: a mask file per object
    VSPW                all of it: data/<video>/{origin,mask}/<frame>, train.txt, val.txt, grey numbers
    video by video      all of it: <video>/{JPEGImages,Annotations}/<frame>, perhaps train.txt, val.txt
    CVAT masks          all of it: JPEGImages, SegmentationClass, labelmap.txt, colours; every frame is a clip
    CVAT, tasks side    masks={video}/SegmentationClass/{frame} images={video}/JPEGImages/{frame}
      by side           labels=TASK/labelmap.txt; a task is a clip
    MOTS                all but labels=FILE: instances/<video>/<frame>, 16 bits: class × 1000 + instance, void 10000
    KITTI MOTS          images=training/image_02/{video}/{frame}
    CVAT MOTS           masks={video}/instances/{frame} images={video}/images/{frame} labels=TASK/instances/labels.txt
    flat pairs          all of it: images/a.jpg, masks/a.png; every frame is a clip
    a split's folder    masks={split}/{video}/GT/{frame} images={split}/{video}/RGB/{frame}
    lists elsewhere     lists=sav_{split}.txt
    other void          void=11, void=none

A layout without lists has one split, ``train``: every sequence in the folder of masks; or those that ``{split}`` in
the pattern says. Where masks of two objects meet, the video is several clips, ``<video>~1``, ``<video>~2``, on the same
frames (docs/decisions/0020). Ids that do not fit into 1 … 254 are counted from 1.

The text of an object is that of the caller's file (``--option texts``), its label in the label map, its category in
``meta.json``, or the sequence's name, "motocross jump" for ``motocross-jump``; it is the whole expression, and a
category of its own, so that flips are possible. The vocabulary is the texts of the listed sequences.
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.datasets.base import DATASETS, Dataset, check_threshold
from actiseg_noise.datasets.davis.labels import USUAL_LABELS, VOID_ID, LabelMap
from actiseg_noise.datasets.davis.lists import SPLITS, SplitLists, check_lists, check_year, is_davis, year_on_disk
from actiseg_noise.datasets.davis.masks import MaskNumbers, check_void
from actiseg_noise.datasets.davis.objects import key_numbers, merge, paint_files, to_ids
from actiseg_noise.datasets.davis.places import USUAL_RESOLUTION, PlaceOptions, Places
from actiseg_noise.datasets.davis.reader import VideoReader
from actiseg_noise.datasets.davis.texts import MetaTexts, SequenceTexts, find_meta_texts, readable
from actiseg_noise.datasets.files import missing_clips, near_root
from actiseg_noise.datasets.layers import layer_name
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.referring import VERB
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError, MissingTextError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import NOUN, Clip, DatasetCard, FrameRecord, ObjectRecord

OBJECTS = ("merged", "instances")
IDS = ("all", "first")

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
    """DAVIS, or folders of another shape. Every object is positive.

    Args:
        year: the folder of ImageSets whose lists are read. Default: 2017 if its lists are there or no others are, else
            2016, else the only other one.
        objects: ``instances`` (default but of 2016): a sequence's objects are those of ``ids`` that have a pixel in any
            mask, so at least one mask per sequence is read even for text content; masks of the grey levels 0 and 255
            alone make one object of 255. ``merged`` (default of 2016): every pixel that is not zero is object 1; 255
            beside ids stays void.
        ids: ``first`` (default where the lists are DAVIS's own): 1 … N, N the largest id of the first mask, as
            DAVIS's toolkit counts; a later mask with another id is refused. ``all`` (default elsewhere): the ids of
            all masks, which are read twice then.
        threshold: a grey level, 1 … 255: masks show one object, where they are at least so bright. For masks whose
            edges are smooth.
        masks: the folder of masks below the root, or a pattern of ``{split}``, ``{video}``, ``{object}`` and
            ``{frame}``, such as ``{video}/Annotations/{frame}``. Default: ``Annotations``, or what the table above
            finds. Without ``{video}`` every frame is a clip; with ``{object}`` a mask file shows one object.
        images: the same for images. Default: ``JPEGImages``, or the only folder whose name begins so.
        lists: the folder in the place of ImageSets, or a pattern such as ``{split}.txt``.
        texts: a file of texts, relative to the root or to the working directory: JSON that leads from a sequence to its
            text or to texts by object id, or lines ``<sequence> <text>`` or ``<sequence> <object id> "<text>"``. Ids
            above 255, from 0 or of another form are counted from 1 in each sequence.
        labels: a label map, found as ``texts`` is: lines ``name:r,g,b:parts:actions`` for masks in colours, or names,
            the classes 1, 2, … of masks of 16 bits. Default: ``labelmap.txt``, where it is there.
        void: the number of pixels without label, 0 … 255, or ``none``. Default: 255, of masks of 16 bits 10000. Grey
            levels are numbers for certain then, and never taken for smooth edges.
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
        ids: str | None = None,
        masks: str | None = None,
        images: str | None = None,
        lists: str | None = None,
        texts: str | None = None,
        labels: str | None = None,
        void: int | str | None = None,
        resolution: str = USUAL_RESOLUTION,
        threshold: int | None = None,
    ) -> None:
        super().__init__(root, skip_missing=skip_missing)
        for option, value, known in (("--objects", objects, OBJECTS), ("--option ids:", ids, IDS)):
            if value is not None and value not in known:
                raise ActisegError(f"{option} {value!r}: expected one of {', '.join(known)}")
        self.year = year_on_disk(root) if year is None else check_year(str(year), root)
        self.threshold = check_threshold(threshold)
        self.objects = objects or ("merged" if self.year == "2016" or threshold is not None else "instances")
        if threshold is not None and self.objects != "merged":
            raise ActisegError("--option threshold: makes one object of a mask, so it goes with --objects merged")
        self.ids = ids
        self.places = PlaceOptions(masks, images, resolution)
        self.lists = check_lists(lists)
        self.texts = None if texts is None else near_root(root, texts)
        self.labels = None if labels is None else near_root(root, labels)
        self.void = check_void(void)
        self._are_numbers: bool | None = None  # found when a mask is read first
        self._said: list[str] = []  # one list in all copies: what is said once

    def check_root(self, flag: str = "--root") -> None:
        """Raise DataError where the root is one folder too high or too low; never where masks are found."""
        if not self.places.find(self.root).has_masks():
            super().check_root(flag)

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the split's sequences in ascending name, each as its layers. Frames are those with an image or a mask.

        Raises:
            DataError: a missing or malformed list or file of texts, a sequence or object without text, or (where masks
                are needed) sequences without any mask.
        """
        self.check_split(split)
        places = self.places.find(self.root)
        sequences = self._lists(places).read(split)
        is_layered = places.has_objects and self.objects == "instances"
        wanted = self._choose_videos(sequences) if is_layered else self.choose(sequences, split)
        if with_frames or self.objects == "instances":
            wanted = self._with_masks(split, wanted, places)
        reader = VideoReader(self, places, split, with_frames=with_frames)
        videos = ((name, self._clips(name, sequences[name], reader)) for name in wanted)
        if is_layered:
            yield from self.selection.choose(_in_order(videos), attrgetter("clip_id"), split, self.skipped)
        else:
            yield from (clip for _, clips in videos for clip in clips)

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield every text of the sequences listed in ``splits`` once, in ascending order; no mask is read.

        Raises:
            DataError: none of the lists is on disk, one is malformed, or a sequence has no text.
        """
        texts = self.read_texts()
        nouns: set[str] = set()
        if isinstance(texts, LabelMap):
            nouns.update(texts.names.values())
        else:
            lists = self._lists(self.places.find(self.root))
            listed = [split for split in splits if lists.has(split)]
            for name in {name for split in listed or splits[:1] for name in lists.read(split)}:
                try:
                    nouns.update([readable(name)] if texts is None else texts.of_sequence(name))
                except MissingTextError as why:
                    self.allow(why)
        yield from (_object(1, noun) for noun in sorted(nouns))

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the frame's object ids, ``uint8 [H, W]``; 255 is void.

        Raises:
            DataError: a missing or malformed mask, or one that does not go with the sequence's others: an id that they
                do not have, or ids where the first has grey levels.
        """
        if frame.mask_path is None:
            raise DataError(f"{clip.clip_id} frame {frame.frame_id}: the frame has no mask")
        path, key = self.root / frame.mask_path, frame.mask_key
        if self.threshold is not None and key is None:
            return merge(read_index_mask(path, self.threshold), None)
        known = None if key is None else key_numbers(key)
        if key is not None and known is None:
            return paint_files(self.root, key, self.threshold)
        reader = self.reader()
        numbers = reader.read(path)
        void = reader.void_of(numbers)
        void = None if known is not None and void in known else void
        if self.objects == "merged":
            return merge(numbers, void)
        ids = known if known is not None else {item.object_id: item.object_id for item in clip.objects}
        index_mask, unknown_ids = to_ids(numbers, ids, void)
        if unknown_ids:
            raise DataError(self._describe_unknown(unknown_ids, ids, clip, frame))
        return index_mask

    def reader(self) -> MaskNumbers:
        """Return how masks are read."""
        if self._are_numbers is None:
            self._are_numbers = self.places.find(self.root).are_numbers
        return MaskNumbers(self.void, self._label_map(), self._are_numbers)

    def read_texts(self) -> SequenceTexts | MetaTexts | LabelMap | None:
        """Return the caller's texts, else the labels, else those of ``meta.json``; None: sequences have their names."""
        if self.texts is not None:
            return SequenceTexts(self.texts)
        if self.objects == "merged":
            return None
        return self._label_map() or find_meta_texts(self.root)

    def _label_map(self) -> LabelMap | None:
        """Return the label map, where there is one."""
        path = self.labels or self.root / USUAL_LABELS
        if self.labels is None and not path.is_file():
            return None
        return _read_label_map(path, *file_stamp(path))

    def _clips(self, sequence: str, source_order: int, reader: VideoReader) -> list[Clip]:
        """Return one sequence as clips, one per layer; none where it lacks a text that may be missing."""
        name = readable(sequence)
        try:
            layers = reader.layers(sequence)
            self._say_late(sequence, reader.late)
            objects = [tuple(_object(t.object_id, reader.text(sequence, t)) for t in layer) for layer in layers]
        except MissingTextError as why:
            self.leave_out(sequence, why)
            return []
        clips = []
        for place, items in enumerate(objects):
            clip_id, frames = layer_name(sequence, place, len(layers)), reader.frames(sequence, place)
            clips.append(Clip(clip_id, clip_id, sequence, name, VERB, name, items, frames, source_order))
        return clips

    def _say_late(self, sequence: str, late: tuple[int, ...]) -> None:
        """Say once that a sequence has objects which its first mask does not show, unless it was asked for."""
        if late and self.ids is None and not self._said:
            self._said.append(sequence)
            warnings.warn(
                f"sequence {sequence!r} has ids {list(late)} that its first mask does not have: all ids are objects, "
                "in the masks in which they are there. To refuse such sequences say --option ids=first; "
                "to merge the objects of each, --objects merged",
                ActisegWarning,
                stacklevel=2,
            )

    def _describe_unknown(self, unknown: list[int], ids: Mapping[int, int], clip: Clip, frame: FrameRecord) -> str:
        """Return what is said of a mask with ids that its sequence does not have."""
        largest = max(ids, default=0)
        what = f"no id above {largest}" if largest else "no id"
        if ids.keys() == {1, VOID_ID} and self.void is None and len(clip.objects) == 1:
            what = "only the grey levels 0 and 255"
        return (
            f"{self.root / str(frame.mask_path)}: clip {clip.clip_id!r}, frame {frame.frame_id!r} has ids "
            f"{unknown}, but the sequence's first mask has {what}. Repair the mask, take the ids of all masks "
            "(--option ids=all), or merge the objects (--objects merged)."
        )

    def _choose_videos(self, sequences: Mapping[str, int]) -> list[str]:
        """Return the sequences that have the wanted clips, or all where a wanted one is of none of them."""
        names, limit = self.selection.clips, self.selection.limit
        if names is None:
            return sorted(sequences)[:limit]
        videos = {name if name in sequences else name.rpartition("~")[0] for name in names}
        return sorted(videos if videos <= sequences.keys() else sequences)

    def _with_masks(self, split: str, sequences: Iterable[str], places: Places) -> list[str]:
        """Return the sequences that have a mask; refuse or count the others."""
        folder = self.root / places.masks.folder(split=split)
        names = list(sequences)
        kept = [name for name in names if places.find_masks(split, name)]
        missing = sorted(set(names).difference(kept))
        if missing and not (self.skip_missing and kept):
            what = f"sequences of split {split!r} have no masks in {folder}"
            if self.objects == "instances":
                what += " (--objects instances reads a sequence's first mask, for text content too)"
            otherwise = None if is_davis(self.root) else places.advise(split, missing[0])
            raise missing_clips(what, missing, len(names), self.card.how_to_get, folder, otherwise)
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _lists(self, places: Places) -> SplitLists:
        """Return the lists of this year."""
        return SplitLists(self.year, places, self.card.how_to_get, self.lists)


def _in_order(videos: Iterable[tuple[str, list[Clip]]]) -> Iterator[Clip]:
    """Yield the clips of videos, which come in ascending name, in ascending clip id: ``a``, ``ab``, ``a~1``.

    A clip waits until no later video's can come before it.
    """
    waiting: list[tuple[str, int, Clip]] = []
    for number, (name, clips) in enumerate(videos):
        while waiting and waiting[0][0] < name:
            yield heapq.heappop(waiting)[2]
        for clip in clips:
            heapq.heappush(waiting, (clip.clip_id, number, clip))
    while waiting:
        yield heapq.heappop(waiting)[2]


@lru_cache(4)
def _read_label_map(path: Path, changed_ns: int, size: int) -> LabelMap:
    """Return a label map, remembered as long as time of change and size stay the same."""
    return LabelMap(path)


def _object(object_id: int, noun: str) -> ObjectRecord:
    """Return an object whose expression is its noun, a category of its own."""
    return ObjectRecord(object_id, unknown_category_id(noun), noun, noun, is_positive=True, template=NOUN)
