"""ActionVOS: VISOR's sparse masks, cut into narrated actions, every object marked as taking part or not.

What: the layout that ActionVOS's ``data_prepare_visor.py`` writes from VISOR and EPIC-KITCHENS-100, which the
ActiSeg-NL benchmark reads. How much: val_human 353 actions with 2,096 objects (its review flags leave 294 to score),
val_novel 38; masks and frames are 854×480. Licence: EPIC-KITCHENS and VISOR are CC BY-NC 4.0. Citation and how to get
it: ``ActionVos.card``.

Layout, relative to the root (``<side>`` is ``train`` for the split train, else ``val``)::

    ImageSets/{train,val,val_human,val_novel}.json              one list of actions per split
    Annotations_Sparse/<side>/<FOLDER>/<frame>.png              index masks of all objects, positive and negative
    JPEGImages_Sparse/<side>/<FOLDER>/<frame>.jpg
    Weights_Sparse/train/<FOLDER>/<frame>.png                   action-guided weight maps

``<FOLDER>`` is ``{seq_id:08d}_{video}_{verb}_{noun}`` and the clip_id. The category is a class of EPIC-KITCHENS; its id
alone is in the layout, so an object's noun stands for its name. The vocabulary is the nouns seen per class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from actiseg_noise.borders.folders import IMAGE_SUFFIXES, check_file_name, natural_order, remembered_files, stem_of
from actiseg_noise.borders.json_list import JsonFields, JsonList
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.files import find_other_ids, missing_clips
from actiseg_noise.datasets.visor_names import action_address, action_folder, numbered_address
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

CITATION = """@inproceedings{ouyang2024actionvos,
  title = {ActionVOS: Actions as Prompts for Video Object Segmentation},
  author = {Ouyang, Liangyang and Liu, Ruicong and Huang, Yifei and Furuta, Ryosuke and Sato, Yoichi},
  booktitle = {ECCV},
  year = {2024}
}
@inproceedings{darkhalil2022visor,
  title = {EPIC-KITCHENS VISOR Benchmark: VIdeo Segmentations and Object Relations},
  author = {Darkhalil, Ahmad and Shan, Dandan and Zhu, Bin and Ma, Jian and Kar, Amlan and Higgins, Richard and
            Fidler, Sanja and Fouhey, David and Damen, Dima},
  booktitle = {NeurIPS Datasets and Benchmarks},
  year = {2022}
}"""


@DATASETS.register("actionvos")
class ActionVos(Dataset):
    """VISOR in ActionVOS's layout. A clip's frames are those its entry lists; each is expected to have a mask."""

    card = DatasetCard(
        name="actionvos",
        source="visor",
        version="2024",
        title="ActionVOS: VISOR's sparse masks with action prompts",
        size="train, val; val_human 353 clips (294 scored), 2,096 objects; val_novel 38 clips; 854×480",
        licence="CC BY-NC 4.0 (EPIC-KITCHENS, VISOR)",
        citation=CITATION,
        homepage="https://github.com/ut-vision/ActionVOS",
        how_to_get="get VISOR (https://epic-kitchens.github.io/VISOR) and the EPIC-KITCHENS-100 annotations, run "
        "data_prepare_visor.py of https://github.com/ut-vision/ActionVOS; the root is its dataset_visor folder.",
        splits=("train", "val", "val_human", "val_novel"),
        eval_splits=("val", "val_human", "val_novel"),
    )

    layout = ("ImageSets", "Annotations_Sparse", "JPEGImages_Sparse")
    chooses = True
    masks_may_be_scaled = True

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the entries of ``ImageSets/<split>.json`` in ascending folder name; each is parsed on its own.

        Raises:
            DataError: a missing or malformed file (file, entry and key are named), two entries of one name, or, with
                ``with_frames``, entries without a folder of masks.
        """
        self.check_split(split)
        index = _Index(JsonList(self._check_json(split)))
        wanted = self.choose(index.clip_ids, split)
        keep = set(self._clips_with_masks(split, wanted) if with_frames else wanted)
        for number, fields in index.iter_sorted():
            if (clip_id := index.clip_ids[number]) not in keep:
                continue
            try:
                find_files = partial(self._on_disk, clip_id, side_of(split), with_masks=with_frames)
                clip = _parse(fields, clip_id, index.addresses[number], number, side_of(split), find_files)
            except MissingTextError as why:
                self.leave_out(clip_id, why)
            else:
                yield clip

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield each (class, noun) seen in ``splits`` once, in ascending order.

        Raises:
            DataError: none of the splits is on disk, or one is malformed.
        """
        seen: set[tuple[int, str]] = set()
        on_disk = [split for split in splits if self._json_path(split).is_file()]
        for split in on_disk or splits[:1]:
            path = self._check_json(split)
            for number, entry in enumerate(JsonList(path)):
                for _, item in JsonFields(entry, path, number).objects("object_classes"):
                    try:
                        seen.add(_class_and_noun(item))
                    except MissingTextError as why:
                        self.allow(why)
        for category_id, noun in sorted(seen):
            yield ObjectRecord(1, category_id, noun, noun, is_positive=True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the frame's object ids, ``uint8 [H, W]``. There is no void.

        Raises:
            DataError: a missing or malformed mask, or an id that is none of the clip's objects.
        """
        index_mask = super().read_index_mask(clip, frame)
        unknown_ids = find_other_ids(index_mask, (item.object_id for item in clip.objects))
        if unknown_ids:
            raise DataError(
                f"{self.root / str(frame.mask_path)}: clip {clip.clip_id!r}, frame {frame.frame_id!r} has ids "
                f"{unknown_ids}, but its entry lists the objects 1 … {len(clip.objects)}. The masks and the split file "
                "are not of one preparation: write both again."
            )
        return index_mask

    def _on_disk(
        self, clip_id: str, side: str, frames: Sequence[FrameRecord], *, with_masks: bool
    ) -> tuple[FrameRecord, ...]:
        """Return a clip's frames by the files that are there; a missing mask keeps the name it should have.

        Args:
            with_masks: look for masks, too; else each has the name it should have.
        """
        images, masks = (f"{kind}_Sparse/{side}/{clip_id}" for kind in ("JPEGImages", "Annotations"))
        image_of = remembered_files(self.root / images, IMAGE_SUFFIXES)
        mask_of = remembered_files(self.root / masks, None) if with_masks else {}
        return tuple(
            FrameRecord(
                frame_id=frame.frame_id,
                image_path=f"{images}/{image_of[frame.frame_id]}" if frame.frame_id in image_of else None,
                mask_path=f"{masks}/{mask_of[frame.frame_id]}" if frame.frame_id in mask_of else frame.mask_path,
                is_annotated=frame.is_annotated,
                weight_path=frame.weight_path,
            )
            for frame in frames
        )

    def _clips_with_masks(self, split: str, clip_ids: Sequence[str]) -> list[str]:
        """Return the clip ids that have a folder of masks; refuse or count the others."""
        folder = self.root / "Annotations_Sparse" / side_of(split)
        kept = [clip_id for clip_id in clip_ids if (folder / clip_id).is_dir()]
        missing = sorted(set(clip_ids).difference(kept))
        if missing and not (self.skip_missing and kept):
            what = f"clips of {self._json_path(split)} have no folder in {folder}"
            raise missing_clips(what, missing, len(clip_ids), self.card.how_to_get, folder)
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _json_path(self, split: str) -> Path:
        return self.root / "ImageSets" / f"{split}.json"

    def _check_json(self, split: str) -> Path:
        """Return the split's file.

        Raises:
            DataError: it is not there; the splits that are, are named.
        """
        path = self._json_path(split)
        if path.is_file():
            return path
        found = [name for name in self.card.splits if self._json_path(name).is_file()]
        there = f"splits found: {', '.join(found)}" if found else "no split file is there"
        raise DataError(f"{path}: no such file ({there}). Get it: {self.card.how_to_get}")


class _Index:
    """What a split's entries are called, so that they can be read by ascending name without holding them all.

    Attributes:
        clip_ids, addresses: in file order. An address ends in /2, /3, … where earlier entries tell of the same action.

    Raises:
        DataError: two entries make one folder name.
    """

    def __init__(self, entries: JsonList) -> None:
        self.path = entries.path
        self.clip_ids: list[str] = []
        self.addresses: list[str] = []
        self._entries = entries
        seen: Counter[str] = Counter()
        for number, entry in enumerate(entries):
            fields = JsonFields(entry, self.path, number)
            action = _action(fields)
            seen[action] += 1
            self.clip_ids.append(_folder(fields))
            self.addresses.append(numbered_address(action, seen[action]))
        self._order = sorted(range(len(self.clip_ids)), key=self.clip_ids.__getitem__)
        for first, second in pairwise(self._order):
            if self.clip_ids[first] == self.clip_ids[second]:
                raise DataError(
                    f"{self.path}: entries {first} and {second} are both {self.clip_ids[first]!r}; keep one of them"
                )

    def iter_sorted(self) -> Iterator[tuple[int, JsonFields]]:
        """Yield (position in the file, entry) in ascending clip_id."""
        for number, entry in zip(self._order, self._entries.pick(self._order), strict=True):
            yield number, JsonFields(entry, self.path, number)


def side_of(split: str) -> str:
    """Return the folder of a split's masks and images."""
    return "train" if split == "train" else "val"


def _folder(fields: JsonFields) -> str:
    """Return an entry's folder name."""
    where = f"{fields.where} (seq_id, video, verb, noun)"
    video, verb, noun = fields.text("video"), fields.text("verb"), fields.text("noun")
    return action_folder(fields.integer("seq_id", low=0), video, verb, noun, where)


def _action(fields: JsonFields) -> str:
    """Return what names an entry's action in every layout of VISOR."""
    start, stop = fields.integer("start"), fields.integer("end")
    return action_address(fields.text("video"), start, stop, fields.text("verb"), fields.text("noun"))


def _parse(
    fields: JsonFields,
    clip_id: str,
    address: str,
    number: int,
    side: str,
    find_files: Callable[[tuple[FrameRecord, ...]], tuple[FrameRecord, ...]],
) -> Clip:
    """Return one entry of a split's file as a clip.

    Args:
        find_files: gives its frames by the files that are there.
    """
    return Clip(
        clip_id=clip_id,
        address=address,
        video_id=fields.text("video"),
        narration=fields.text("narration"),
        verb=fields.text("verb"),
        noun=fields.text("noun"),
        objects=tuple(_object(object_id, item) for object_id, item in fields.objects("object_classes")),
        frames=find_files(_frames(fields, clip_id, side)),
        source_order=number,
        verb_class=fields.optional_integer("verb_class"),
        noun_class=fields.optional_integer("noun_class"),
        start_frame=fields.integer("start"),
        stop_frame=fields.integer("end"),
        redundant=fields.optional_flag("redundant") or False,
        missing=fields.optional_flag("missing") or False,
        other=fields.optional_flag("other") or False,
    )


def _object(object_id: int, fields: JsonFields) -> ObjectRecord:
    """Return one object of an entry."""
    category_id, noun = _class_and_noun(fields)
    return ObjectRecord(
        object_id=object_id,
        category_id=category_id,
        category=noun,
        noun=noun,
        is_positive=fields.flag("positive"),
        handbox=fields.optional_flag("handbox"),
        in_narration=fields.optional_flag("narration"),
    )


def _class_and_noun(fields: JsonFields) -> tuple[int, str]:
    """Return an object's class id and noun."""
    return fields.integer("class_id", low=0), fields.text("name")


def _frames(fields: JsonFields, folder: str, side: str) -> tuple[FrameRecord, ...]:
    """Return the frames an entry lists, by number; names may or may not have the suffix of an image."""
    where = f"{fields.where}, key 'sparse_frames'"
    stems = [check_file_name(stem_of(name), where) for name in fields.strings("sparse_frames")]
    for first, second in pairwise(sorted(stems)):
        if first == second:
            raise DataError(f"{where}: the frame {first!r} is listed twice")
    return frame_records(folder, side, sorted(stems, key=natural_order))


def frame_records(folder: str, side: str, stems: Iterable[str]) -> tuple[FrameRecord, ...]:
    """Return a clip's frames by the names that the layout gives their files, in the order of ``stems``."""
    return tuple(
        FrameRecord(
            frame_id=stem,
            image_path=f"JPEGImages_Sparse/{side}/{folder}/{stem}.jpg",
            mask_path=f"Annotations_Sparse/{side}/{folder}/{stem}.png",
            is_annotated=True,
            weight_path=f"Weights_Sparse/train/{folder}/{stem}.png" if side == "train" else None,
        )
        for stem in stems
    )
