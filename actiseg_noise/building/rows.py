"""One clip → the rows of the four tables, noised by a plan. Only ``read_mask`` touches the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from actiseg_noise.building.action import noise_flags, noise_narration
from actiseg_noise.building.compose import (
    MaskCheck,
    Rows,
    action_clip_row,
    action_sample_row,
    check_object_ids,
    clip_row,
    empty_mask,
    frame_row,
    mask_row,
    noisy_labels,
    sample_row,
    unchanged_labels,
    void_rle,
)
from actiseg_noise.building.overlap import FrameMasks, Hit, Patch, perturb, settle
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.text import noise_text
from actiseg_noise.building.views import ClipViews, ReadImage
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.records import FrameRow, MaskLabels, MaskRow
from actiseg_noise.manifest.schema import ACTION, CLIPS, FRAMES, MASKS, NO_NOISE, PLAIN, SAMPLES
from actiseg_noise.masks import Box, IndexMask, encode_rle
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord

ReadMask = Callable[[Clip, FrameRecord], IndexMask]


def clip_rows(
    clip: Clip,
    plan: Plan,
    tally: Tally,
    read_mask: ReadMask | None,
    schema_version: int = PLAIN,
    read_image: ReadImage | None = None,
) -> Rows:
    """Return the clip's rows per table, noised by ``plan``; draws are counted in ``tally``.

    Args:
        clip: objects in ascending object_id. schema_version: of the rows.
        read_mask: reads a frame's index mask; None for content without masks.
        read_image: reads a frame's picture, for noises that need it.

    Raises:
        DataError: the clip or one of its masks is not what the layout promises.
    """
    check_clip(clip, plan)
    texts = zip(clip.objects, noise_text(clip, plan, tally), strict=True)
    frames, masks = FrameRows(clip, plan, tally, read_mask, read_image).rows()
    rows: Rows = {FRAMES.name: frames, MASKS.name: masks}
    if schema_version < ACTION:
        return {**rows, CLIPS.name: [clip_row(clip)], SAMPLES.name: [sample_row(clip, *text) for text in texts]}
    narration = noise_narration(clip, plan, tally)
    flags = noise_flags(clip, plan, tally)
    samples = [action_sample_row(clip, *text, narration, flag) for text, flag in zip(texts, flags, strict=True)]
    return {**rows, CLIPS.name: [action_clip_row(clip, narration.text)], SAMPLES.name: samples}


def check_clip(clip: Clip, plan: Plan) -> None:
    """Raise DataError unless the objects have ascending ids from 1 to 255, none of them void, and known categories."""
    check_object_ids(clip, plan.void_id)
    nouns = plan.vocabulary.nouns
    for item in clip.objects if plan.text else ():
        if item.category_id not in nouns:
            raise DataError(
                f"clip {clip.clip_id!r}: category {item.category_id} ({item.category!r}) is not in the vocabulary "
                f"({plan.vocabulary.origin}), so text noise cannot draw for it. Use --vocabulary dataset."
            )


class FrameRows:
    """The frame and mask rows of one clip; remembers what draws once per (clip, object)."""

    def __init__(
        self, clip: Clip, plan: Plan, tally: Tally, read_mask: ReadMask | None, read_image: ReadImage | None = None
    ) -> None:
        self.clip = clip
        self.plan = plan
        self.tally = tally
        self.read_mask = read_mask
        self.check = MaskCheck(clip, plan.void_id)
        self.positives = [item.object_id for item in clip.objects if item.is_positive]
        self.keys = [(slot, slot.base.child(clip.mask_address or clip.address)) for slot in plan.masks]
        self.once: dict[int, list[Hit]] = {}
        self.views = ClipViews(clip, plan, read_mask, read_image)

    def rows(self) -> tuple[list[FrameRow], list[MaskRow]]:
        """Return the rows of frames and of masks."""
        frames: list[FrameRow] = []
        masks: list[MaskRow] = []
        for frame_idx, frame in enumerate(self.clip.frames):
            if self.read_mask is None or not frame.is_annotated:
                frames.append(frame_row(self.clip, frame_idx, frame))
                continue
            index_mask = self.read_mask(self.clip, frame)
            boxes = self.check.boxes(frame, index_mask)
            void = void_rle(index_mask, self.plan.void_id, boxes)
            frames.append(frame_row(self.clip, frame_idx, frame, index_mask, void))
            masks.extend(self._mask_rows(frame_idx, frame, index_mask, boxes))
        return frames, masks

    def _mask_rows(
        self, frame_idx: int, frame: FrameRecord, index_mask: IndexMask, boxes: dict[int, Box]
    ) -> Iterator[MaskRow]:
        """Yield one row per object of the clip."""
        hits = {i: self._hits(i, frame) for i in self.positives if i in boxes}
        scene = FrameMasks(index_mask, boxes, self.positives, self.plan.void_id)
        look = self.views.at(frame_idx, scene, hits)
        after = settle(scene, {i: perturb(scene, i, hits[i], self.plan, look) for i in hits if hits[i]})
        for item in self.clip.objects:
            patch, box = after.get(item.object_id), boxes.get(item.object_id)
            labels = self._mask_labels(index_mask, item, box, patch, hits.get(item.object_id, []))
            yield mask_row(self.clip, frame_idx, frame, item.object_id, labels)

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
    ) -> MaskLabels:
        """Return what is said of one mask."""
        height, width = index_mask.shape
        if box is None:
            return unchanged_labels(*empty_mask(height, width))
        clean = encode_rle(index_mask[box.slices] == item.object_id, box, height, width)
        if patch is None:
            return unchanged_labels(clean, clean.digest())
        return noisy_labels(
            clean,
            encode_rle(patch.crop, patch.box, height, width),
            int(np.count_nonzero(patch.crop & (index_mask[patch.box.slices] == item.object_id))),
            _noise_name(hits),
            parameters=self.plan.parameters_text([slot for slot, _ in hits], height, width) if hits else None,
            by_neighbour=not hits,
            would_erase=patch.would_erase,
        )


def _noise_name(hits: Sequence[Hit]) -> str:
    """Return ``a``, ``a+b`` or ``none``."""
    return "+".join(slot.noise.noise_id for slot, _ in hits) or NO_NOISE
