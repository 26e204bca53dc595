"""One clip → the rows of the four tables, noised by a plan. Only ``read_mask`` touches the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

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
)
from actiseg_noise.building.overlap import FrameMasks, Hit, Patch, perturb, settle
from actiseg_noise.building.plan import Plan, Tally
from actiseg_noise.building.text import noise_text
from actiseg_noise.building.views import ClipViews, ReadImage, ReadMask
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.records import FrameRow, MaskLabels, MaskRow
from actiseg_noise.manifest.schema import ACTION, CLIPS, FRAMES, MASKS, NO_NOISE, PLAIN, SAMPLES
from actiseg_noise.masks import Box, IndexMask, Rle
from actiseg_noise.records import Clip, FrameRecord
from actiseg_noise.runs import MOST_FRAMES, LabelRuns

PIXELS_A_PASS = 2**23
"""Of masks that are noised and encoded together: 8 MiB. Over one frame at a time it gave 0 to 7 % (decision 0034)."""


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


class ReadFrame(NamedTuple):
    """A frame and its mask, None where there is none to be read."""

    frame_idx: int
    frame: FrameRecord
    index_mask: IndexMask | None


class NoisyFrame(NamedTuple):
    """The labels of one frame.

    Attributes:
        clean, noisy: object id → code, of those that are seen. shared: per id 0–255, the pixels that both have.
        hits: of the visible positive objects. patches: of the noised objects.
    """

    clean: Mapping[int, Rle]
    noisy: Mapping[int, Rle]
    shared: Sequence[int]
    hits: Mapping[int, list[Hit]]
    patches: Mapping[int, Patch]


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
        for part in self._passes():
            noisy = iter(self._noise([read for read in part if read.index_mask is not None]))
            for frame_idx, frame, index_mask in part:
                if index_mask is None:
                    frames.append(frame_row(self.clip, frame_idx, frame))
                    continue
                found = next(noisy)
                void = None if self.plan.void_id is None else found.clean.get(self.plan.void_id)
                frames.append(frame_row(self.clip, frame_idx, frame, self.check.shape, void))
                masks.extend(self._mask_rows(frame_idx, frame, found))
        return frames, masks

    def _passes(self) -> Iterator[list[ReadFrame]]:
        """Yield the frames and their masks, so many together as one pass takes."""
        part: list[ReadFrame] = []
        pixels = 0
        for frame_idx, frame in enumerate(self.clip.frames):
            index_mask = None
            if self.read_mask is not None and frame.is_annotated:
                index_mask = self.read_mask(self.clip, frame)
                self.check.check_size(frame, index_mask)
                pixels += index_mask.size
            part.append(ReadFrame(frame_idx, frame, index_mask))
            if pixels >= PIXELS_A_PASS or len(part) == MOST_FRAMES:
                yield part
                part, pixels = [], 0
        if part:
            yield part

    def _noise(self, part: Sequence[ReadFrame]) -> Iterator[NoisyFrame]:
        """Yield the labels of frames whose masks were read."""
        if not part:
            return
        clean = LabelRuns.of(*(read.index_mask for read in part if read.index_mask is not None))
        hits, patches = [], []
        for read, boxes in zip(part, clean.boxes, strict=True):
            found = self._perturb(read, boxes)
            hits.append(found[0])
            patches.append(found[1])
        codes = clean.codes()
        if any(patches):
            noisy, shared = settle(clean, patches, self.positives, self.plan.void_id)
            yield from map(NoisyFrame, codes, noisy.codes(), shared, hits, patches)
        else:
            yield from map(NoisyFrame, codes, codes, repeat(()), hits, patches)

    def _perturb(self, read: ReadFrame, boxes: dict[int, Box]) -> tuple[dict[int, list[Hit]], dict[int, Patch]]:
        """Return which noises hit the visible positive objects of a frame, and what they make of those they hit."""
        frame_idx, frame, index_mask = read
        self.check.check_ids(frame, boxes)
        hits = {i: self._hits(i, frame) for i in self.positives if i in boxes}
        if index_mask is None or not any(hits.values()):
            return hits, {}
        scene = FrameMasks(index_mask, boxes, self.positives, self.plan.void_id)
        look = self.views.at(frame_idx, scene, hits)
        return hits, {i: perturb(scene, i, hits[i], self.plan, look) for i in hits if hits[i]}

    def _mask_rows(self, frame_idx: int, frame: FrameRecord, found: NoisyFrame) -> Iterator[MaskRow]:
        """Yield one row per object of the clip."""
        height, width = self.check.shape or (0, 0)
        nothing, digest = empty_mask(height, width)
        for i in (item.object_id for item in self.clip.objects):
            clean, noisy, patch = found.clean.get(i), found.noisy.get(i, nothing), found.patches.get(i)
            if clean is None:
                labels = unchanged_labels(nothing, digest)
            elif patch is None and noisy.area == clean.area:  # a neighbour can but lose pixels
                labels = unchanged_labels(clean, clean.digest())
            else:
                labels = self._noisy_labels(clean, noisy, found.shared[i], found.hits.get(i, []), patch)
            yield mask_row(self.clip, frame_idx, frame, i, labels)

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

    def _noisy_labels(
        self, clean: Rle, noisy: Rle, shared: int, hits: Sequence[Hit], patch: Patch | None
    ) -> MaskLabels:
        """Return what is said of a mask that noise touched, itself or a neighbour."""
        slots = [slot for slot, _ in hits]
        return noisy_labels(
            clean,
            noisy,
            shared,
            _noise_name(hits),
            parameters=self.plan.parameters_text(slots, clean.height, clean.width) if hits else None,
            by_neighbour=not hits,
            would_erase=patch is not None and patch.would_erase,
        )


def _noise_name(hits: Sequence[Hit]) -> str:
    """Return ``a``, ``a+b`` or ``none``."""
    return "+".join(slot.noise.noise_id for slot, _ in hits) or NO_NOISE
