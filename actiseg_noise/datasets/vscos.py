"""VSCOS: objects that change state, in EPIC-KITCHENS-100 actions.

What: narrated actions of EPIC-KITCHENS-100 in which one object changes its state. How much: a train and a val list of
actions, with masks of that object in a few frames each. Licence: EPIC-KITCHENS is CC BY-NC 4.0; VSCOS states none of
its own. Citation and how to get it: ``Vscos.card``.

Layout, relative to the root (``<side>`` is ``EPIC_train_split`` or ``EPIC_val_split``)::

    <side>/EPIC100_state_positive_{train,val}.yaml                    {narration_id: {participant_id, video_id, …}}
    <side>/<participant>/anno_masks/<video>/<narration_id>/<frame>.png
    <side>/<participant>/rgb_frames/<video>/<narration_id>/<frame>.jpg

The clip_id is the narration_id. The one object is object 1, and any pixel of its mask that is not zero belongs to it,
whatever the PNG's mode. The category is the action's noun class in EPIC-KITCHENS; the noun is the action's noun as one
says it ("cereal bag" for "bag:cereal"). The vocabulary is the nouns seen per class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import check_file_name, list_masks
from actiseg_noise.borders.images import read_foreground
from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.text import read_yaml
from actiseg_noise.datasets.base import DATASETS, Dataset, check_threshold
from actiseg_noise.datasets.files import find_frames, missing_clips
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

CITATION = """@inproceedings{yu2023vscos,
  title = {Video State-Changing Object Segmentation},
  author = {Yu, Jiangwei and Li, Xiang and Zhao, Xinran and Zhang, Hongming and Wang, Yu-Xiong},
  booktitle = {ICCV},
  year = {2023}
}
@article{damen2022rescaling,
  title = {Rescaling Egocentric Vision: Collection, Pipeline and Challenges for EPIC-KITCHENS-100},
  author = {Damen, Dima and Doughty, Hazel and Farinella, Giovanni Maria and Furnari, Antonino and Ma, Jian and
            Kazakos, Evangelos and Moltisanti, Davide and Munro, Jonathan and Perrett, Toby and Price, Will and
            Wray, Michael},
  journal = {International Journal of Computer Vision},
  year = {2022}
}"""


@DATASETS.register("vscos")
class Vscos(Dataset):
    """VSCOS in its own layout. A clip's frames are those found as JPEG or as mask; few of them have a mask.

    Args:
        threshold: a grey level, 1 … 255: the object is where a mask is at least so bright, instead of not zero. For
            masks whose edges are smooth.
    """

    card = DatasetCard(
        name="vscos",
        source="vscos",
        version="2023",
        title="VSCOS: Video State-Changing Object Segmentation",
        size="train, val: EPIC-KITCHENS-100 actions, one object each, masks in a few frames",
        licence="CC BY-NC 4.0 (EPIC-KITCHENS); VSCOS states none of its own",
        citation=CITATION,
        homepage="https://github.com/venom12138/VSCOS",
        how_to_get="get the archives of VSCOS (https://github.com/venom12138/VSCOS) and unpack them; the root is the "
        "folder that holds EPIC_train_split and EPIC_val_split.",
        splits=("train", "val"),
        eval_splits=("val",),
    )

    layout = ("EPIC_train_split", "EPIC_val_split")
    chooses = True

    def __init__(self, root: Path, *, skip_missing: bool = False, threshold: int | None = None) -> None:
        super().__init__(root, skip_missing=skip_missing)
        self.threshold = check_threshold(threshold)

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the actions of the split's YAML file in ascending narration_id.

        Raises:
            DataError: a missing or malformed file (file, entry and key are named) or, with ``with_frames``, actions
                without any mask.
        """
        self.check_split(split)
        actions = self._read(split)
        wanted = []
        for clip_id in self.choose(actions, split):
            action = actions[clip_id]
            if isinstance(action, MissingTextError):
                self.leave_out(clip_id, action)
            else:
                wanted.append(action)
        for clip, folders in self._with_masks(split, wanted) if with_frames else wanted:
            yield replace(clip, frames=find_frames(self.root, *folders)) if with_frames else clip

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield each (class, noun) of the actions in ``splits`` once, in ascending order.

        Raises:
            DataError: none of the splits is on disk, or one is malformed.
        """
        on_disk = [split for split in splits if self._yaml_path(split).is_file()]
        found: dict[tuple[int, str], ObjectRecord] = {}
        for action in (action for split in on_disk or splits[:1] for action in self._read(split).values()):
            if not isinstance(action, MissingTextError):
                found |= {(item.category_id, item.noun): item for item in action[0].objects}
            else:
                self.allow(action)
        yield from (item for _, item in sorted(found.items()))

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return 1 where the object is and 0 elsewhere, ``uint8 [H, W]``. There is no void.

        Raises:
            DataError: a missing or malformed mask.
        """
        if frame.mask_path is None:
            raise DataError(f"{clip.clip_id} frame {frame.frame_id}: the frame has no mask")
        return read_foreground(self.root / frame.mask_path, self.threshold)

    def _read(self, split: str) -> dict[str, _Action | MissingTextError]:
        """Return the split's actions by narration_id, in the file's order; the error of one that lacks a text.

        Raises:
            DataError: the file is missing (the splits that are there are named) or malformed.
        """
        path = self._yaml_path(split)
        if path.is_file():
            return _parse_actions(path, _side(split))
        found = [name for name in self.card.splits if self._yaml_path(name).is_file()]
        there = f"splits found: {', '.join(found)}" if found else "no split's file is there"
        raise DataError(f"{path}: no such file ({there}). Get it: {self.card.how_to_get}")

    def _with_masks(self, split: str, actions: Sequence[_Action]) -> list[_Action]:
        """Return the actions that have a mask; refuse or count the others."""
        kept = [action for action in actions if list_masks(self.root / action[1][1])]
        missing = sorted({clip.clip_id for clip, _ in actions}.difference(clip.clip_id for clip, _ in kept))
        if missing and not (self.skip_missing and kept):
            what = f"actions of {self._yaml_path(split)} have no masks in {self.root / _side(split)}/*/anno_masks"
            raise missing_clips(what, missing, len(actions), self.card.how_to_get)
        self.skipped.extend(sorted(set(missing).difference(self.skipped)))
        return kept

    def _yaml_path(self, split: str) -> Path:
        return self.root / _side(split) / f"EPIC100_state_positive_{split}.yaml"


_Action = tuple[Clip, tuple[str, str]]
"""A clip without frames, and its folders of images and of masks."""


def _side(split: str) -> str:
    """Return the folder of a split."""
    return f"EPIC_{split}_split"


def readable_noun(noun: str) -> str:
    """Return an EPIC-KITCHENS noun (head, then modifiers) as one says it.

    >>> readable_noun("bag:cereal"), readable_noun("glass:orange:juice"), readable_noun("fridge")
    ('cereal bag', 'orange juice glass', 'fridge')
    """
    head, *modifiers = noun.split(":")
    return " ".join([*modifiers, head])


def _parse_actions(path: Path, side: str) -> dict[str, _Action | MissingTextError]:
    """Return the actions of a split's file, the error of one that lacks a text."""
    stat = path.stat()
    data = _load_yaml(path, stat.st_mtime_ns, stat.st_size)
    actions: dict[str, _Action | MissingTextError] = {}
    for number, (clip_id, entry) in enumerate(data.items()):
        try:
            actions[str(clip_id)] = _parse(clip_id, entry, path, number, side)
        except MissingTextError as error:
            actions[str(clip_id)] = error
    return actions


def _parse(clip_id: object, entry: object, path: Path, number: int, side: str) -> _Action:
    """Return one entry."""
    where = f"{path}: entry {number}"
    if type(clip_id) is not str:
        raise DataError(f"{where}: expected a narration_id like 'P01_11_24' as the key, found {clip_id!r}")
    fields = JsonFields(entry, path, number, check_file_name(clip_id, where))
    noun, noun_class = readable_noun(fields.text("noun")), fields.integer("noun_class", low=0)
    folder = "{}/{}/{{}}/{}/{}".format(
        side,
        check_file_name(fields.text("participant_id"), f"{where}, key 'participant_id'"),
        check_file_name(fields.text("video_id"), f"{where}, key 'video_id'"),
        clip_id,
    )
    clip = Clip(
        clip_id=clip_id,
        address=clip_id,
        video_id=fields.text("video_id"),
        narration=fields.text("narration"),
        verb=fields.text("verb"),
        noun=noun,
        objects=(ObjectRecord(1, noun_class, noun, noun, is_positive=True),),
        source_order=number,
        verb_class=fields.optional_integer("verb_class"),
        noun_class=noun_class,
        start_frame=fields.optional_integer("start_frame"),
        stop_frame=fields.optional_integer("stop_frame"),
    )
    return clip, (folder.format("rgb_frames"), folder.format("anno_masks"))


@lru_cache(2)
def _load_yaml(path: Path, changed_ns: int, size: int) -> dict[Any, Any]:
    """Return the mapping in a YAML file, remembered as long as time of change and size stay the same.

    Raises:
        DataError: see :func:`read_yaml`, or it holds no mapping.
    """
    data = read_yaml(path)
    if type(data) is not dict:
        raise DataError(f"{path}: expected a mapping from narration_id to an action, found {str(data)[:80]!r}")
    return data
