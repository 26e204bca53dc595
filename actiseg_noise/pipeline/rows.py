"""One clip → the rows of the four tables, as tuples in schema order. Only ``read_mask`` touches the disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.manifest.digest import RowDigest
from actiseg_noise.manifest.schema import CLIPS, FRAMES, MASKS, SAMPLES, TABLES
from actiseg_noise.masks import Box, IndexMask, Rle, empty_rle, encode_rle, find_boxes
from actiseg_noise.pipeline.overlap import Hit, Patch, Scene, perturb, settle
from actiseg_noise.pipeline.plan import Plan, Tally
from actiseg_noise.pipeline.text import NO_NOISE, noise_text
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord, expression, sample_id

Row = tuple[Any, ...]
Rows = dict[str, list[Row]]
ReadMask = Callable[[Clip, FrameRecord], IndexMask]

_DIGESTS = {table.name: RowDigest(table) for table in TABLES}


def clip_rows(clip: Clip, plan: Plan, tally: Tally, read_mask: ReadMask | None) -> Rows:
    """Return the clip's rows per table, noised by ``plan``; draws are counted in ``tally``.

    Args:
        clip: objects in ascending object_id.
        read_mask: reads a frame's index mask; None for content without masks.

    Raises:
        DataError: the clip or one of its masks is not what the layout promises.
    """
    check_clip(clip, plan)
    rows: Rows = {CLIPS.name: [_clip_row(clip)], SAMPLES.name: list(_sample_rows(clip, plan, tally))}
    rows[FRAMES.name], rows[MASKS.name] = FrameRows(clip, plan, tally, read_mask).rows()
    return rows


def check_clip(clip: Clip, plan: Plan) -> None:
    """Raise DataError unless the objects have ascending ids from 1 to 255, none of them void, and known categories."""
    where = f"clip {clip.clip_id!r}"
    ids = [item.object_id for item in clip.objects]
    raise_if(ids != sorted(set(ids)), f"{where}: object ids must ascend without repeats, got {ids}", DataError)
    raise_if(bool(ids) and not 1 <= ids[0] <= ids[-1] <= 255, f"{where}: object ids are 1–255, got {ids}", DataError)
    raise_if(plan.void_id in ids, f"{where}: object id {plan.void_id} means void in this dataset", DataError)
    for item in clip.objects if plan.text else ():
        if item.category_id not in plan.vocabulary.nouns:
            raise DataError(
                f"{where}: category {item.category_id} ({item.category!r}) is not in the vocabulary "
                f"({plan.vocabulary.origin}), so text noise cannot draw for it. Use --vocabulary dataset."
            )


def _clip_row(clip: Clip) -> Row:
    """Return the clip's row."""
    return _DIGESTS["clips"].seal(
        (
            *(clip.clip_id, clip.video_id, clip.narration, clip.verb, clip.noun),
            *(clip.verb_class, clip.noun_class, clip.start_frame, clip.stop_frame),
            *(clip.redundant, clip.missing, clip.other, clip.source_order, clip.address),
        )
    )


def _sample_rows(clip: Clip, plan: Plan, tally: Tally) -> Iterator[Row]:
    """Yield one row per object."""
    seal = _DIGESTS["samples"].seal
    for item, noisy in zip(clip.objects, noise_text(clip, plan, tally), strict=True):
        label, noise_id, harmful = noisy
        text = expression(item.noun, clip.narration, item.template)
        yield seal(
            (
                sample_id(clip.clip_id, item.object_id),
                clip.clip_id,
                item.object_id,
                item.is_positive,
                item.handbox,
                item.in_narration,
                item.category_id,
                item.noun,
                text,
                label.category_id,
                label.noun,
                text if label.noun == item.noun else expression(label.noun, clip.narration, item.template),
                noise_id,
                harmful,
            )
        )


class FrameRows:
    """The frame and mask rows of one clip; remembers what draws once per (clip, object)."""

    def __init__(self, clip: Clip, plan: Plan, tally: Tally, read_mask: ReadMask | None) -> None:
        self.clip = clip
        self.plan = plan
        self.tally = tally
        self.read_mask = read_mask
        self.ids = {item.object_id for item in clip.objects}
        self.positives = [item.object_id for item in clip.objects if item.is_positive]
        self.keys = [(slot, slot.base.child(clip.mask_address or clip.address)) for slot in plan.masks]
        self.once: dict[int, list[Hit]] = {}
        self.shape: tuple[int, int] | None = None

    def rows(self) -> tuple[list[Row], list[Row]]:
        """Return the rows of frames and of masks."""
        frames: list[Row] = []
        masks: list[Row] = []
        for frame_idx, frame in enumerate(self.clip.frames):
            if self.read_mask is None or not frame.is_annotated:
                frames.append(self._frame_row(frame_idx, frame, None, None))
                continue
            index_mask = self.read_mask(self.clip, frame)
            boxes = self._check_mask(frame, index_mask)
            frames.append(self._frame_row(frame_idx, frame, index_mask, boxes.get(self.plan.void_id or 0)))
            masks.extend(self._mask_rows(frame_idx, frame, index_mask, boxes))
        return frames, masks

    def _check_mask(self, frame: FrameRecord, index_mask: IndexMask) -> dict[int, Box]:
        """Return the boxes of the ids in a mask that has the clip's size and no id but the clip's own."""
        where = f"clip {self.clip.clip_id!r}, mask {frame.mask_path}"
        shape = (index_mask.shape[0], index_mask.shape[1])
        if self.shape is not None and self.shape != shape:
            raise DataError(
                f"{where}: the mask is {_size(shape)}, but the masks before it in this clip are "
                f"{_size(self.shape)} (width×height); all masks of a clip must have one size"
            )
        self.shape = shape
        boxes = find_boxes(index_mask)
        strangers = sorted(set(boxes) - self.ids - {self.plan.void_id})
        if strangers:
            raise DataError(f"{where}: holds ids {strangers}, but the clip's objects are {sorted(self.ids)}")
        return boxes

    def _frame_row(self, frame_idx: int, frame: FrameRecord, index_mask: IndexMask | None, void: Box | None) -> Row:
        """Return the row of one frame."""
        height, width = (None, None) if index_mask is None else index_mask.shape
        rle = None
        if index_mask is not None and void is not None:
            rle = encode_rle(index_mask[void.slices] == self.plan.void_id, void, *index_mask.shape)
        return _DIGESTS["frames"].seal(
            (
                *(self.clip.clip_id, frame_idx, frame.frame_id),
                *(frame.image_path, frame.mask_path, frame.weight_path),
                *(height, width, frame.is_annotated),
                *((None, None) if rle is None else (rle.counts, rle.digest())),
            )
        )

    def _mask_rows(
        self, frame_idx: int, frame: FrameRecord, index_mask: IndexMask, boxes: dict[int, Box]
    ) -> Iterator[Row]:
        """Yield one row per object of the clip."""
        hits = {i: self._hits(i, frame) for i in self.positives if i in boxes}
        scene = Scene(index_mask, boxes, self.positives, self.plan.void_id)
        after = settle(scene, {i: perturb(scene, i, hits[i], self.plan) for i in hits if hits[i]})
        for item in self.clip.objects:
            patch, box = after.get(item.object_id), boxes.get(item.object_id)
            start = (sample_id(self.clip.clip_id, item.object_id), self.clip.clip_id, frame_idx, frame.frame_id)
            labels = self._mask_labels(index_mask, item, box, patch, hits.get(item.object_id, []))
            yield _DIGESTS["masks"].seal((*start, item.object_id, *labels))

    def _hits(self, object_id: int, frame: FrameRecord) -> list[Hit]:
        """Return the slots that fire on a visible positive object in this frame, counting its draws."""
        if self.plan.recipe.temporal == "frame":
            return self._draw([(slot, key.child(object_id, frame.frame_id)) for slot, key in self.keys])
        if object_id not in self.once:
            self.once[object_id] = self._draw([(slot, key.child(object_id)) for slot, key in self.keys])
        return self.once[object_id]

    def _draw(self, draws: Sequence[Hit]) -> list[Hit]:
        """Return the draws that fire: the first alone, unless the recipe is sequential."""
        hits: list[Hit] = []
        for slot, key in draws:
            fired = slot.fires(key)
            self.tally.count(slot.index, fired, True)
            if fired:
                hits.append((slot, key))
                if not self.plan.recipe.sequential:
                    break
        return hits

    def _mask_labels(
        self, index_mask: IndexMask, item: ObjectRecord, box: Box | None, patch: Patch | None, hits: Sequence[Hit]
    ) -> Row:
        """Return the columns of one mask from clean_area on."""
        height, width = index_mask.shape
        if box is None:
            return _unchanged(*_empty(height, width))
        clean = encode_rle(index_mask[box.slices] == item.object_id, box, height, width)
        clean_digest = clean.digest()
        if patch is None:
            return _unchanged(clean, clean_digest)
        noisy = encode_rle(patch.crop, patch.box, height, width)
        both = np.count_nonzero(patch.crop & (index_mask[patch.box.slices] == item.object_id))
        is_same = noisy.counts == clean.counts
        return (
            *(clean.area, clean.counts, noisy.area, None if is_same else noisy.counts),
            *(_noise_name(hits), self._parameters(hits, height, width)),
            *(both / (clean.area + noisy.area - both), not hits, patch.would_erase),
            *(clean_digest, clean_digest if is_same else noisy.digest()),
        )

    def _parameters(self, hits: Sequence[Hit], height: int, width: int) -> str | None:
        """Return the pixel parameters of the noises as JSON: an object, or a list of them for several."""
        if not hits:
            return None
        values = [self.plan.parameters(slot, height, width) for slot, _ in hits]
        return json.dumps(values[0] if len(values) == 1 else values, sort_keys=True)


def _unchanged(clean: Rle, digest: str) -> Row:
    """Return the columns of a mask that nothing touched."""
    return (clean.area, clean.counts, clean.area, None, NO_NOISE, None, 1.0, False, False, digest, digest)


def _noise_name(hits: Sequence[Hit]) -> str:
    """Return ``a``, ``a+b`` or ``none``."""
    return "+".join(slot.noise.noise_id for slot, _ in hits) or NO_NOISE


@lru_cache(maxsize=64)
def _empty(height: int, width: int) -> tuple[Rle, str]:
    """Return the empty mask of a canvas and its digest."""
    rle = empty_rle(height, width)
    return rle, rle.digest()


def _size(shape: tuple[int, int]) -> str:
    """Return ``width×height``."""
    return f"{shape[1]}×{shape[0]}"
