"""Referring video object segmentation: Ref-YouTube-VOS, Ref-DAVIS, MeViS, ReVOS, EgoMask and others of one form.

What: videos with sentences, each of which refers to one object (in MeViS and ReVOS: to several, or to none). How much:
Ref-YouTube-VOS 3,978 videos with 15,009 expressions, Ref-DAVIS 90 videos, MeViS 2,006 videos with 28,570 (2023) or
33,072 (2024) expressions. Licence: YouTube-VOS and MeViS are for non-commercial research, each under its own
terms; Ref-DAVIS states none; ask the authors of others. EgoMask's masks were not at hand: its form is that of its
README, its loaders and its evaluation. Citation and how to get it: ``RefVos.card``.

Layout, relative to the root; the first form is that of Ref-YouTube-VOS and Ref-DAVIS, the second that of MeViS, the
third that of ReVOS::

    meta_expressions/<split>/meta_expressions.json      videos → expressions (exp, obj_id) and frames
    <split>/meta.json                                   videos → objects → category
    <split>/Annotations/<video>/<frame>.png             index masks, 255 void; in ``valid`` first appearances alone

    <split>/meta_expressions.json                       videos → expressions (exp, anno_id) and frames
    <split>/mask_dict.json                              annotation → run lengths or null, one per frame

    meta_expressions_<split>_.json                      as MeViS; without ``_<split>_`` of whatever split is asked for
    mask_dict.json                                      of all splits, or ``mask_dict_<split>.json``

    meta_expressions.json, subset/<subset>/…            EgoMask: all videos, or those of one subset
    annotations/<video>/<obj_id>.json                   frame → run lengths; that of a ``medium`` video is that of the
                                                        longer one, whose name ends at ``--``
    meta_expressions/train/meta_expressions.json        EgoMask-Train; train/mask_dict.json leads from the text
                                                        ``('<video>', '<obj_id>')`` to run lengths, one per frame

    <split>/JPEGImages/<video>/<frame>.jpg              or, like the masks, JPEGImages/… at the root; of EgoMask
                                                        JPEGImages/{egotracks,refego}/<video>

MeViSv2's ``meta_expressions_v2.json`` may stand beside or instead of the first version's: the newest is read, and said.
Masks of either form go with expressions of either place. A video's name may have folders (``UVO/train/v1``).

An expression says what it refers to: ``anno_id``, the annotations whose run lengths are united, or ``obj_id``, the
values in the index masks, one or a list; or the folders of an object each, where ``Annotations/<video>`` has such
(``<obj_id>/<frame>.png``). An empty list refers to nothing: the object is negative, its masks are empty.

EgoMask is a benchmark: it is read as ``test`` or another evaluation split, not as ``train``. Objects that its
``meta.json`` does not know, or of which it says no category, are "object". A frame without run lengths is one in which
the object is not visible, as its evaluation takes it.

One expression is one clip of one object, ``<video>:<exp_id>``. No action is named, so the verb is "refer" and the noun
is the object's category ("giant panda" for ``giant_panda``), or "object" where none is known. The expression is the
sentence; where it has the noun as whole words, text noise replaces that, in the noun's own spelling; elsewhere it never
touches the sentence. All expressions of one object get the same noisy masks. The vocabulary is the categories of the
objects that expressions refer to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from actiseg_noise.borders.images import frame_size
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.files import missing_clips, near_root
from actiseg_noise.datasets.referring import VERB, make_template
from actiseg_noise.datasets.refvos.categories import NO_CATEGORY, Categories
from actiseg_noise.datasets.refvos.drawn import VOID_ID, read_drawn
from actiseg_noise.datasets.refvos.egomask import SUBSETS, check_evaluation, check_subset, is_benchmark, rows_of
from actiseg_noise.datasets.refvos.expressions import Expression, iter_videos
from actiseg_noise.datasets.refvos.files import (
    EXPRESSIONS,
    SPLITS,
    SplitFiles,
    check_version,
    describe_places,
    find_split,
    splits_on_disk,
)
from actiseg_noise.datasets.refvos.frames import SplitMasks
from actiseg_noise.datasets.refvos.masks import join_ids, read_union, split_ids
from actiseg_noise.datasets.selection import ALL
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

CITATION = """@inproceedings{seo2020urvos,
  title = {URVOS: Unified Referring Video Object Segmentation Network with a Large-Scale Benchmark},
  author = {Seo, Seonguk and Lee, Joon-Young and Han, Bohyung},
  booktitle = {ECCV},
  year = {2020}
}
@inproceedings{khoreva2018video,
  title = {Video Object Segmentation with Language Referring Expressions},
  author = {Khoreva, Anna and Rohrbach, Anna and Schiele, Bernt},
  booktitle = {ACCV},
  year = {2018}
}
@inproceedings{ding2023mevis,
  title = {MeViS: A Large-scale Benchmark for Video Segmentation with Motion Expressions},
  author = {Ding, Henghui and Liu, Chang and He, Shuting and Jiang, Xudong and Loy, Chen Change},
  booktitle = {ICCV},
  year = {2023}
}"""


@DATASETS.register("refvos")
class RefVos(Dataset):
    """Referring video object segmentation in the form of Ref-YouTube-VOS, of MeViS or of ReVOS.

    Args:
        version: of the expressions: ``2`` is ``meta_expressions_v2.json``, ``1`` the file whose name says none.
            Default: the newest that is there.
        subset: of EgoMask, ``long``, ``medium`` or ``short``: the expressions in ``subset/<subset>``. Default: all.
        meta: a file of categories in the form of ``meta.json``, relative to the root or to the working directory.
            Default: ``<split>/meta.json`` where it is there, ``meta.json`` of expressions at the root.

    Raises:
        ActisegError: a version that is no number, or an unknown subset.
    """

    card = DatasetCard(
        name="refvos",
        source="refvos",
        version="1",
        title="Referring video object segmentation: Ref-YouTube-VOS, Ref-DAVIS, MeViS",
        size="Ref-YouTube-VOS 3,978 videos, 15,009 expressions; Ref-DAVIS 90 videos; MeViS 2,006 videos, 28,570 "
        "expressions (2023)",
        licence="YouTube-VOS and MeViS: non-commercial research, each under its own terms; Ref-DAVIS: not stated",
        citation=CITATION,
        homepage="https://youtube-vos.org/dataset/rvos",
        how_to_get="Ref-YouTube-VOS from https://youtube-vos.org/dataset/rvos, MeViS from "
        "https://henghuiding.com/MeViS; the root is the folder that holds train, valid, … and, for Ref-YouTube-VOS, "
        "meta_expressions; of ReVOS (https://github.com/cilinyan/ReVOS-api) it is the one with its meta_expressions_… "
        "files. Ref-DAVIS is made from DAVIS by ReferFormer's convert_davis_to_ytvos.py. EgoMask from "
        "https://github.com/LaVi-Lab/EgoMask, its images from Ego4D; the root is egomask, or egomask-train.",
        splits=SPLITS,
        eval_splits=SPLITS[1:],
        void_id=VOID_ID,
    )

    layout = (
        "meta_expressions",
        *(f"{split}/meta_expressions.json" for split in card.splits),
        "train/meta_expressions_v2.json",
        "valid_u/meta_expressions_v2.json",
        *(f"subset/{subset}/meta_expressions.json" for subset in SUBSETS),
        "meta_expressions_train_.json",
        "meta_expressions_valid_.json",
    )
    chooses = True

    def __init__(
        self,
        root: Path,
        *,
        skip_missing: bool = False,
        meta: str | None = None,
        version: int | str | None = None,
        subset: str | None = None,
    ) -> None:
        super().__init__(root, skip_missing=skip_missing)
        self.version, self.subset = check_version(version), check_subset(subset)
        self.meta = None if meta is None else near_root(root, meta)

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield one clip per expression, in ascending clip_id. Frames are those the file lists.

        Raises:
            DataError: a missing or malformed file (file, entry and key are named), an object without category in a
                file of categories or, with ``with_frames``, expressions without any mask: evaluation splits often do
                not say which object they refer to.
        """
        self.check_split(split)
        files = self._files(split)
        check_evaluation(files, self.card.eval_splits)
        masks = SplitMasks(files)
        categories = self._categories(files)
        wanted = self._wanted(files, masks)
        kept = self._clips_with_masks(files, masks, wanted) if with_frames else wanted
        for video in iter_videos(files.expressions, masks.is_per_object):
            for clip_id, expression in zip(video.clip_ids, video.expressions, strict=True):
                if kept is not None and clip_id not in kept:
                    continue
                if expression.problem is not None:
                    self.leave_out(clip_id, expression.problem)
                    continue
                clip = _clip(clip_id, video.name, expression, categories)
                yield replace(clip, frames=masks.frames(video, expression)) if with_frames else clip

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield each category of the objects that expressions of ``splits`` refer to once, in ascending category_id.

        Expressions that do not say which object they refer to have none; "object" stands for it where no other has one.

        Raises:
            DataError: none of the splits is on disk, or one is malformed.
        """
        found: set[tuple[int, str]] = set()
        on_disk = [split for split in splits_on_disk(self.root, self.version) if split in splits]
        for files in {found.expressions: found for found in map(self._files, on_disk or splits[:1])}.values():
            categories = self._categories(files)
            for video in iter_videos(files.expressions, SplitMasks(files).is_per_object):
                found.update(categories.find(video.name, e) for e in video.expressions if e.names_object)
        for category_id, noun in sorted(found or {NO_CATEGORY}):
            yield ObjectRecord(1, category_id, noun, noun, is_positive=True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the clip's one object in the frame, ``uint8 [H, W]``: its id, 0 elsewhere; 255 is void.

        Raises:
            DataError: a missing or malformed mask; the clip is named.
        """
        if frame.mask_path is None:
            return super().read_index_mask(clip, frame)
        object_id = clip.objects[0].object_id
        ids = (object_id,) if clip.mask_address == clip.video_id else split_ids(str(clip.mask_address))
        try:
            if not frame.mask_path.endswith(".json"):
                return read_drawn(self.root / frame.mask_path, clip.video_id, ids, object_id)
            frame_ids = tuple(item.frame_id for item in clip.frames)
            rows = rows_of(self.root, frame.mask_path, clip.video_id, ids)
            index_mask = read_union(rows, frame_ids, frame_ids.index(frame.frame_id))
            if index_mask is None:
                return self._empty_mask(self.root / frame.mask_path, clip, frame)
            return index_mask * np.uint8(object_id)
        except DataError as error:
            if repr(clip.clip_id) in str(error):
                raise
            raise DataError(f"{error} (clip {clip.clip_id!r})") from None

    def _empty_mask(self, path: Path, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return an empty mask of the image's size."""
        size = None if frame.image_path is None else frame_size(self.root / frame.image_path)
        if size is None:
            raise DataError(
                f"{path}: clip {clip.clip_id!r} has no mask in any frame, and the image of frame {frame.frame_id!r} is "
                "not there to say how large an empty one is. Get the images."
            )
        return np.zeros(size, np.uint8)

    def _wanted(self, files: SplitFiles, masks: SplitMasks) -> set[str] | None:
        """Return the clip ids of this dataset's selection, None for all."""
        if self.selection == ALL:
            return None
        videos = iter_videos(files.expressions, masks.is_per_object)
        return set(self.choose((clip_id for video in videos for clip_id in video.clip_ids), files.split))

    def _clips_with_masks(self, files: SplitFiles, masks: SplitMasks, wanted: set[str] | None) -> set[str]:
        """Return the wanted clips that have a mask (None: of all); refuse or count the others."""
        kept: set[str] = set()
        missing: list[str] = []
        unsaid = 0
        for video in iter_videos(files.expressions, masks.is_per_object):
            for clip_id, expression in zip(video.clip_ids, video.expressions, strict=True):
                if wanted is not None and clip_id not in wanted:
                    continue
                if masks.has(video, expression):
                    kept.add(clip_id)
                else:
                    missing.append(clip_id)
                    unsaid += not expression.names_object
        if missing and not (self.skip_missing and kept):
            why = f" ({unsaid} of them do not say which object: no obj_id, no anno_id)" if unsaid else ""
            what = f"expressions of {files.expressions} have no masks in {self.root / files.folder}{why}"
            raise missing_clips(what, missing, len(kept) + len(missing), self.card.how_to_get)
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _categories(self, files: SplitFiles) -> Categories:
        """Return what the objects of a split are, by its file of categories where there is one."""
        beside = self.root / files.folder / "meta.json"
        path = self.meta or (beside if beside.is_file() else None)
        return Categories(path, is_partial=self.meta is None and is_benchmark(files))

    def _files(self, split: str) -> SplitFiles:
        """Return where the split's files are.

        Raises:
            DataError: it has no expressions (the splits that have some are named), or two files of one version.
        """
        found = find_split(self.root, split, self.version)
        if self.subset is not None:
            found = SplitFiles(self.root, split, self.root / "subset" / self.subset / f"{EXPRESSIONS}.json", 1, "")
        if found is not None:
            return found
        others = splits_on_disk(self.root)
        there = f"splits found: {', '.join(others)}" if others else "no split's file is there"
        raise DataError(f"{describe_places(self.root, split)} ({there}). Get it: {self.card.how_to_get}")


def _clip(clip_id: str, video: str, expression: Expression, categories: Categories) -> Clip:
    """Return one expression as a clip without frames."""
    category_id, noun = categories.find(video, expression)
    known_noun = None if (category_id, noun) == NO_CATEGORY else noun
    object_id = expression.object_id
    is_value = object_id is not None and 1 <= object_id < VOID_ID
    ids = expression.object_ids if expression.anno_ids is None else expression.anno_ids
    item = ObjectRecord(
        object_id=object_id if object_id is not None and is_value else 1,
        category_id=category_id,
        category=noun,
        noun=noun,
        is_positive=not expression.refers_to_nothing,
        template=make_template(expression.text, known_noun, expression.where),
    )
    return Clip(
        clip_id=clip_id,
        address=f"{video}/{expression.exp_id}",
        video_id=video,
        narration=expression.text,
        verb=VERB,
        noun=noun,
        objects=(item,),
        source_order=expression.source_order,
        mask_address=video if ids is None or is_value else f"{video}/{join_ids(ids)}",
    )
