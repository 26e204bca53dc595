"""A clean ActionVOS tree beside noisy prompts, noisy masks, or both.

The noisy side is another tree, or what the published scripts write: a folder with the pair of JSON files, a folder
``<side>/<FOLDER>/<frame>.png`` of masks. Siblings ``<frame>_org.png`` are that script's backups and are never read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.datasets.actionvos import ActionVos, side_of
from actiseg_noise.datasets.files import find_name
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.import_pairs import (
    FolderDigest,
    NoisyLabel,
    PairedClip,
    Pairs,
    Problems,
    mask_problem,
    telling_name,
)
from actiseg_noise.exchange.published_prompts import PublishedFiles, PublishedObject
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, FrameRecord

Said = dict[int, PublishedObject]


@dataclass(frozen=True)
class NoisyTree:
    """What a noisy tree has: prompts, masks, or both.

    Attributes:
        prompts: the published pair, or another tree whose list of actions has noisy names; None: the clean text.
        masks: the folder of noisy masks that holds ``<FOLDER>/<frame>.png``; None: the clean masks.
    """

    prompts: PublishedFiles | ActionVos | None
    masks: Path | None

    def iter_said(self, split: str) -> Iterator[tuple[str, Said]]:
        """Yield (folder, object_id → object) in ascending order."""
        if isinstance(self.prompts, PublishedFiles):
            for published in self.prompts.iter_clips():
                yield published.folder, published.objects
        elif self.prompts is not None:
            for clip in self.prompts.iter_clips(split, with_frames=False):
                yield clip.clip_id, {i.object_id: _said(clip, i.object_id) for i in clip.objects}


def find_noisy_tree(root: Path, split: str) -> NoisyTree:
    """Return the noisy parts found under ``root``.

    The pair of JSON files goes before the list of actions, because it is what the published trainers read.

    Raises:
        DataError: neither prompts nor masks are there.
    """
    prompts: PublishedFiles | ActionVos | None = None
    for folder in (root / "ImageSets", root):
        pair = [folder / f"{split}_{kind}.json" for kind in ("meta_expressions_promptaction", "objects_category")]
        if prompts is None and all(path.is_file() for path in pair):
            prompts = PublishedFiles(*pair)
    if prompts is None and (root / f"ImageSets/{split}.json").is_file():
        prompts = ActionVos(root)
    side = side_of(split)
    masks = next((path for path in (root / "Annotations_Sparse" / side, root / side) if path.is_dir()), None)
    if prompts is None and masks is None:
        raise DataError(
            f"--noisy {root}: expected noisy prompts (ImageSets/{split}.json, or {split}_meta_expressions_promptaction"
            f".json with {split}_objects_category.json) or noisy masks (Annotations_Sparse/{side}/ or {side}/); found "
            "none of them"
        )
    return NoisyTree(prompts, masks)


class TreePairs(Pairs):
    """Clean clips of an ActionVOS tree with what a noisy tree says.

    Args:
        with_masks: compare masks; False for text content.
        skip_missing: leave out clips and frames that one side lacks, clips with an empty text and masks of two sizes,
            and count them.
    """

    form = "actionvos tree"
    card = ActionVos.card

    def __init__(
        self, root: Path, noisy: NoisyTree, split: str, *, with_masks: bool = True, skip_missing: bool = False
    ) -> None:
        super().__init__(skip_missing=skip_missing)
        self.clean = ActionVos(root, skip_missing=skip_missing)
        self.clean.check_split(split)
        if isinstance(noisy.prompts, ActionVos):
            noisy.prompts.skip_missing = skip_missing
        self.noisy = noisy
        self.split = split
        self.has_masks = with_masks
        self._left_out: set[tuple[str, str]] = set()
        self._digest = None if noisy.masks is None or not with_masks else FolderDigest(noisy.masks)

    @property
    def default_name(self) -> str:
        """Return the name of the folder that the noisy files lie in."""
        if isinstance(self.noisy.prompts, PublishedFiles):
            return telling_name(self.noisy.prompts.expressions.path.parent)
        return telling_name(self.noisy.prompts.root if self.noisy.prompts else self.noisy.masks or self.clean.root)

    def check(self) -> None:
        """See :class:`Pairs`."""
        if isinstance(self.noisy.prompts, PublishedFiles):
            self.noisy.prompts.check(skip_missing=self.skip_missing)
        unlike, missing, frames = Problems(), Problems(), Problems()
        skipped = []
        for folder, clip, said in self._join():
            if clip is None or said is None:
                missing.add(f"{folder}: not in the {'clean' if clip is None else 'noisy'} files")
                skipped.append(folder)
                continue
            for text in _differences(clip, said):
                unlike.add(f"{folder}, {text}")
            for frame, text in self._frame_problems(clip):
                frames.add(f"{folder}, {frame.frame_id}: {text}")
                self._left_out.add((folder, frame.frame_id))
        unlike.refuse("objects do not fit", "Both sides must be of one preparation of the dataset.")
        self.leave_out(missing, f"clips of split {self.split!r} are on one side only")
        self.leave_out(frames, "frames have no pair of masks")
        self.skipped = sorted({*skipped, *self.clean.skipped})

    def iter_clips(self) -> Iterator[PairedClip]:
        """See :class:`Pairs`."""
        for _, clip, said in self._join():
            if clip is not None and said is not None:
                frames = tuple(f for f in clip.frames if (clip.clip_id, f.frame_id) not in self._left_out)
                labels = tuple(said[item.object_id].noisy for item in clip.objects)
                flags = tuple(said[item.object_id].is_given_positive for item in clip.objects)
                yield PairedClip(replace(clip, frames=frames), labels, flags)

    def read_masks(self, clip: Clip, frame: FrameRecord) -> tuple[IndexMask, IndexMask]:
        """See :class:`Pairs`."""
        clean = self.clean.read_checked_mask(clip, frame)
        if self._digest is None:
            return clean, clean
        path = self._noisy_path(clip, frame)
        self._digest.add(path)
        return clean, read_index_mask(path)

    def made_from(self) -> dict[str, Any]:
        """See :class:`Pairs`."""
        made: dict[str, Any] = {"files": {}}
        if isinstance(self.noisy.prompts, PublishedFiles):
            made["files"] = self.noisy.prompts.made_from()
        elif self.noisy.prompts is not None:
            path = self.noisy.prompts.root / f"ImageSets/{self.split}.json"
            made["files"] = {path.name: digest_file(path)}
        if self._digest is not None:
            made["noisy_masks"] = self._digest.to_json()
        return made | ({"skipped_frames": len(self._left_out)} if self._left_out else {})

    def _join(self) -> Iterator[tuple[str, Clip | None, Said | None]]:
        """Yield (folder, clean clip, what the noisy side says of it), None where a side lacks it, in order."""
        clean = self.clean.iter_clips(self.split, with_frames=self.has_masks)
        if self.noisy.prompts is None:
            for clip in clean:
                yield clip.clip_id, clip, {item.object_id: _said(clip, item.object_id) for item in clip.objects}
            return
        left: Iterator[tuple[str, Clip | None, Said | None]] = ((clip.clip_id, clip, None) for clip in clean)
        right = ((folder, None, said) for folder, said in self.noisy.iter_said(self.split))
        for folder, found in groupby(merge(left, right, key=itemgetter(0)), key=itemgetter(0)):
            clips, saids = zip(*((clip, said) for _, clip, said in found), strict=True)
            yield folder, next(filter(None, clips), None), next((s for s in saids if s is not None), None)

    def _frame_problems(self, clip: Clip) -> Iterator[tuple[FrameRecord, str]]:
        """Yield the frames whose two mask files are no pair, and why."""
        if self._digest is None:
            return
        for frame in clip.frames:
            problem = mask_problem(self.clean.root / str(frame.mask_path), self._noisy_path(clip, frame))
            if problem is not None:
                yield frame, problem

    def _noisy_path(self, clip: Clip, frame: FrameRecord) -> Path:
        """Return the file of a frame's noisy mask."""
        folder = Path(self.noisy.masks or "") / clip.clip_id
        return folder / (find_name(folder, frame.frame_id) or f"{frame.frame_id}.png")


def _said(clip: Clip, object_id: int) -> PublishedObject:
    """Return what a clip of an ActionVOS list says of one of its objects."""
    item = next(item for item in clip.objects if item.object_id == object_id)
    return PublishedObject(NoisyLabel.of(item, clip.narration), None, item.is_positive, item.is_positive)


def _differences(clip: Clip, said: Said) -> Iterator[str]:
    """Yield what must be equal on both sides and is not: object ids, who is positive, the clean words."""
    ids = [item.object_id for item in clip.objects]
    if ids != sorted(said):
        yield f"objects: {ids} in the clean files, {sorted(said)} in the noisy ones"
        return
    for item in clip.objects:
        other = said[item.object_id]
        where = f"object {item.object_id}"
        if other.is_positive != item.is_positive:
            yield f"{where}: positive {int(item.is_positive)} and {int(other.is_positive)}"
        clean = NoisyLabel.of(item, clip.narration)
        if other.clean is not None and other.clean != clean:
            yield f"{where}: {_quoted(clean)} in the clean files, {_quoted(other.clean)} in the *_org fields"


def _quoted(label: NoisyLabel) -> str:
    """Return a label for messages."""
    return f"{label.expression!r} (class {label.category_id})"
