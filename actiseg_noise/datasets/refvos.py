"""Referring video object segmentation: Ref-YouTube-VOS, Ref-DAVIS and MeViS, whose files have one form.

What: videos with sentences, each of which refers to one object (MeViS: to several, or to none). How much:
Ref-YouTube-VOS 3,978 videos with 15,009 expressions, Ref-DAVIS 90 videos, MeViS 2,006 videos with 28,570 (2023) or
33,072 (2024) expressions. Licence: YouTube-VOS and MeViS are for non-commercial research, each under its own
terms; Ref-DAVIS states none. Citation and how to get it: ``RefVos.card``.

Layout, relative to the root; the first form is that of Ref-YouTube-VOS and Ref-DAVIS, the second that of MeViS::

    meta_expressions/<split>/meta_expressions.json      videos → expressions (exp, obj_id) and frames
    <split>/meta.json                                   videos → objects → category
    <split>/Annotations/<video>/<frame>.png             index masks, 255 void; in ``valid`` first appearances alone

    <split>/meta_expressions.json                       videos → expressions (exp, anno_id) and frames
    <split>/mask_dict.json                              annotation → run lengths or null, one per frame

    <split>/JPEGImages/<video>/<frame>.jpg

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

from actiseg_noise.borders.folders import list_masks
from actiseg_noise.borders.images import frame_size
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.files import image_path, missing_clips, near_root
from actiseg_noise.datasets.referring import VERB, make_template
from actiseg_noise.datasets.refvos_categories import NO_CATEGORY, Categories
from actiseg_noise.datasets.refvos_expressions import SEPARATOR, Expression, ReferredVideo, iter_videos
from actiseg_noise.datasets.refvos_masks import MASK_FILE, find_absent, join_ids, read_union, split_ids
from actiseg_noise.datasets.selection import ALL
from actiseg_noise.errors import DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

VOID_ID = 255

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
    """Referring video object segmentation in the form of Ref-YouTube-VOS or of MeViS.

    Args:
        meta: a file of categories in the form of ``meta.json``, relative to the root or to the working directory.
            Default: ``<split>/meta.json`` where it is there.
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
        "meta_expressions. Ref-DAVIS is made from DAVIS by ReferFormer's convert_davis_to_ytvos.py.",
        splits=("train", "valid", "valid_u", "test"),
        eval_splits=("valid", "valid_u", "test"),
        void_id=VOID_ID,
    )

    layout = ("meta_expressions", *(f"{split}/meta_expressions.json" for split in card.splits))
    chooses = True

    def __init__(self, root: Path, *, skip_missing: bool = False, meta: str | None = None) -> None:
        super().__init__(root, skip_missing=skip_missing)
        self.meta = None if meta is None else near_root(root, meta)

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield one clip per expression, in ascending clip_id. Frames are those the file lists.

        Raises:
            DataError: a missing or malformed file (file, entry and key are named), an object without category in a
                file of categories or, with ``with_frames``, expressions without any mask: evaluation splits often do
                not say which object they refer to.
        """
        self.check_split(split)
        categories = Categories(self._meta_path(split))
        wanted = self._wanted(split)
        kept = self._clips_with_masks(split, wanted) if with_frames else wanted
        for video in iter_videos(self._json_path(split)):
            for expression in video.expressions:
                clip_id = f"{video.name}{SEPARATOR}{expression.exp_id}"
                if kept is not None and clip_id not in kept:
                    continue
                if expression.problem is not None:
                    self.leave_out(clip_id, expression.problem)
                    continue
                clip = _clip(video.name, expression, categories)
                yield replace(clip, frames=self._frames(split, video, expression)) if with_frames else clip

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield each category of the objects that expressions of ``splits`` refer to once, in ascending category_id.

        Expressions that do not say which object they refer to have none; "object" stands for it where no other has one.

        Raises:
            DataError: none of the splits is on disk, or one is malformed.
        """
        found: set[tuple[int, str]] = set()
        on_disk = [split for split in splits if self._json_paths(split)]
        for split in on_disk or splits[:1]:
            categories = Categories(self._meta_path(split))
            for video in iter_videos(self._json_path(split)):
                found.update(categories.find(video.name, e) for e in video.expressions if e.names_object)
        for category_id, noun in sorted(found or {NO_CATEGORY}):
            yield ObjectRecord(1, category_id, noun, noun, is_positive=True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the clip's one object in the frame, ``uint8 [H, W]``: its id, 0 elsewhere; 255 is void.

        Raises:
            DataError: a missing or malformed mask.
        """
        if frame.mask_path is None or not frame.mask_path.endswith(MASK_FILE):
            return _keep_object(super().read_index_mask(clip, frame), clip.objects[0].object_id)
        frame_ids = tuple(item.frame_id for item in clip.frames)
        anno_ids = split_ids(str(clip.mask_address).rpartition("/")[2])
        path = self.root / frame.mask_path
        index_mask = read_union(path, anno_ids, frame_ids, frame_ids.index(frame.frame_id))
        return self._empty_mask(path, clip, frame) if index_mask is None else index_mask

    def _empty_mask(self, path: Path, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return an empty mask of the image's size."""
        size = None if frame.image_path is None else frame_size(self.root / frame.image_path)
        if size is None:
            raise DataError(
                f"{path}: clip {clip.clip_id!r} has no mask in any frame, and the image of frame {frame.frame_id!r} is "
                "not there to say how large an empty one is. Get the images."
            )
        return np.zeros(size, np.uint8)

    def _frames(self, split: str, video: ReferredVideo, expression: Expression) -> tuple[FrameRecord, ...]:
        """Return the frames that the file lists, with masks where they are."""
        images, masks = (f"{split}/{folder}/{video.name}" for folder in ("JPEGImages", "Annotations"))
        if expression.anno_ids is None:
            drawn = {stem: f"{masks}/{name}" for stem, name in list_masks(self.root / masks).items()}
        else:
            drawn = dict.fromkeys(video.frame_ids, f"{split}/{MASK_FILE}")
        return tuple(
            FrameRecord(
                frame_id=frame_id,
                image_path=image_path(self.root, images, frame_id),
                mask_path=drawn.get(frame_id),
                is_annotated=frame_id in drawn,
            )
            for frame_id in video.frame_ids
        )

    def _wanted(self, split: str) -> set[str] | None:
        """Return the clip ids of this dataset's selection, None for all."""
        if self.selection == ALL:
            return None
        videos = iter_videos(self._json_path(split))
        return set(self.choose((f"{v.name}{SEPARATOR}{e.exp_id}" for v in videos for e in v.expressions), split))

    def _clips_with_masks(self, split: str, wanted: set[str] | None) -> set[str]:
        """Return the wanted clips that have a mask (None: of all); refuse or count the others."""
        path = self._json_path(split)
        kept: set[str] = set()
        missing: list[str] = []
        unsaid = 0
        for video in iter_videos(path):
            stems = set(list_masks(self.root / split / "Annotations" / video.name))
            for expression in video.expressions:
                clip_id = f"{video.name}{SEPARATOR}{expression.exp_id}"
                if wanted is not None and clip_id not in wanted:
                    continue
                if self._has_masks(split, expression, not stems.isdisjoint(video.frame_ids)):
                    kept.add(clip_id)
                else:
                    missing.append(clip_id)
                    unsaid += not expression.names_object
        if missing and not (self.skip_missing and kept):
            why = f" ({unsaid} of them do not say which object: no obj_id, no anno_id)" if unsaid else ""
            what = f"expressions of {path} have no masks in {self.root / split}{why}"
            raise missing_clips(what, missing, len(kept) + len(missing), self.card.how_to_get)
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _has_masks(self, split: str, expression: Expression, has_png: bool) -> bool:
        """Return whether an expression has a mask. An annotation that the file of masks does not know is an error."""
        if expression.anno_ids is None:
            return has_png and expression.object_id is not None
        path = self.root / split / MASK_FILE
        if not path.is_file():
            return False
        absent = find_absent(path, expression.anno_ids)
        if absent:
            raise DataError(f"{expression.where}: annotations {absent} are not in {path}; fetch both files again")
        return True

    def _meta_path(self, split: str) -> Path | None:
        """Return the split's file of categories, None where there is none."""
        beside = self.root / split / "meta.json"
        return self.meta or (beside if beside.is_file() else None)

    def _json_paths(self, split: str) -> list[Path]:
        """Return the split's files that are there."""
        name = "meta_expressions.json"
        paths = (self.root / "meta_expressions" / split / name, self.root / split / name)
        return [path for path in paths if path.is_file()]

    def _json_path(self, split: str) -> Path:
        """Return the split's file.

        Raises:
            DataError: it is not there (the splits that are, are named), or it is there twice.
        """
        paths = self._json_paths(split)
        if len(paths) > 1:
            raise DataError(f"{paths[0]} and {paths[1]} are both there; a split has one of them, remove the other")
        if paths:
            return paths[0]
        found = [name for name in self.card.splits if self._json_paths(name)]
        there = f"splits found: {', '.join(found)}" if found else "no split's file is there"
        raise DataError(
            f"{self.root / 'meta_expressions' / split / 'meta_expressions.json'}: no such file, nor "
            f"{self.root / split / 'meta_expressions.json'} ({there}). Get it: {self.card.how_to_get}"
        )


def _clip(video: str, expression: Expression, categories: Categories) -> Clip:
    """Return one expression as a clip without frames."""
    category_id, noun = categories.find(video, expression)
    known_noun = None if (category_id, noun) == NO_CATEGORY else noun
    is_rle = expression.anno_ids is not None
    item = ObjectRecord(
        object_id=expression.object_id or 1,
        category_id=category_id,
        category=noun,
        noun=noun,
        is_positive=expression.anno_ids != (),
        template=make_template(expression.text, known_noun, expression.where),
    )
    return Clip(
        clip_id=f"{video}{SEPARATOR}{expression.exp_id}",
        address=f"{video}/{expression.exp_id}",
        video_id=video,
        narration=expression.text,
        verb=VERB,
        noun=noun,
        objects=(item,),
        source_order=expression.source_order,
        mask_address=f"{video}/{join_ids(expression.anno_ids or ())}" if is_rle else video,
    )


def _keep_object(index_mask: IndexMask, object_id: int) -> IndexMask:
    """Return ``index_mask`` with every id but ``object_id`` and void turned into 0."""
    import cv2

    table = np.zeros(256, np.uint8)
    table[[object_id, VOID_ID]] = object_id, VOID_ID
    return np.asarray(cv2.LUT(index_mask, table), np.uint8)
