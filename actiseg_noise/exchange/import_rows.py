"""One paired clip → the rows of the four tables: what differs is called ``imported``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from actiseg_noise.building.action import Flag, Narration, names_narration
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
from actiseg_noise.building.text import NoisyText, is_harmful
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.exchange.import_pairs import NoisyLabel, PairedClip, Pairs
from actiseg_noise.manifest.records import FrameRow, MaskLabels, MaskRow
from actiseg_noise.manifest.schema import ACTION, IMPORTED, NO_NOISE, PLAIN
from actiseg_noise.masks import Rle
from actiseg_noise.noises.base import Label
from actiseg_noise.records import ObjectRecord, expression
from actiseg_noise.runs import shared_pixels
from actiseg_noise.vocabulary import Vocabulary


@dataclass
class Words:
    """What occurs in paired clips, from one pass over them.

    Attributes:
        vocabulary: categories and nouns of the clean and of the noisy text. narrations: of the clean clips.
        has_flags: some object is given another flag than the clean one.
    """

    vocabulary: Vocabulary = field(init=False)
    narrations: set[str] = field(default_factory=set)
    has_flags: bool = False
    _told: set[str] = field(default_factory=set)

    @classmethod
    def collect(cls, clips: Iterable[PairedClip]) -> Words:
        """Return what occurs in the clips."""
        words = cls()
        words.vocabulary = Vocabulary.collect(words._iter(clips), IMPORTED)
        return words

    @cached_property
    def schema_version(self) -> int:
        """Return the oldest schema that can say the labels."""
        return ACTION if self.has_flags or self._told & self.narrations else PLAIN

    def _iter(self, clips: Iterable[PairedClip]) -> Iterator[ObjectRecord]:
        """Yield every object with its clean and with its noisy word, clean words first within a clip."""
        for paired in clips:
            clip = paired.clip
            self.narrations.add(clip.narration)
            self._told |= _other_narrations(paired)
            self.has_flags |= any(
                item.is_positive != given for item, given in zip(clip.objects, paired.flags, strict=True)
            )
            yield from clip.objects
            for label in paired.labels:
                yield ObjectRecord(1, label.category_id, label.noun, label.noun, is_positive=True)


def _other_narrations(paired: PairedClip) -> set[str]:
    """Return the narration of the clip's noisy texts where it is another than its own, and one in all of them."""
    both = zip(paired.clip.objects, paired.labels, strict=True)
    labels = [label for item, label in both if names_narration(paired.clip, item)]
    is_usual = all(label.expression.startswith(expression(label.noun, "")) for label in labels)
    told = {label.expression.removeprefix(expression(label.noun, "")) for label in labels}
    return told - {paired.clip.narration} if is_usual and len(told) == 1 else set()


def paired_rows(paired: PairedClip, pairs: Pairs, words: Words) -> Rows:
    """Return the clip's rows per table; a narration is a noisy one where it is exactly that of another clip.

    Raises:
        DataError: a mask is missing, malformed, or has ids that are none of the clip's objects.
    """
    clip = paired.clip
    check_object_ids(clip, pairs.card.void_id)
    frames, masks = _frame_rows(paired, pairs) if pairs.has_masks else (_text_frames(paired), [])
    rows: Rows = {"frames": frames, "masks": masks}
    objects = list(zip(clip.objects, paired.labels, strict=True))
    if words.schema_version < ACTION:
        texts = (_noisy_text(paired, *both, clip.narration, words.vocabulary) for both in objects)
        samples = [
            sample_row(clip, item, text, label.expression) for (item, label), text in zip(objects, texts, strict=True)
        ]
        return {**rows, "clips": [clip_row(clip)], "samples": samples}
    told = next(iter(_other_narrations(paired) & words.narrations), None)
    narration = Narration(clip.narration, NO_NOISE) if told is None else Narration(told, IMPORTED)
    actions = [
        action_sample_row(
            clip,
            item,
            _noisy_text(paired, item, label, narration.text, words.vocabulary),
            narration,
            Flag(given, NO_NOISE if given == item.is_positive else IMPORTED),
            label.expression,
        )
        for (item, label), given in zip(objects, paired.flags, strict=True)
    ]
    return {**rows, "clips": [action_clip_row(clip, narration.text)], "samples": actions}


def _noisy_text(
    paired: PairedClip, item: ObjectRecord, label: NoisyLabel, narration: str, vocabulary: Vocabulary
) -> NoisyText:
    """Return the noisy word, whether the text differs but for its narration, and whether it still names the object.

    Args:
        narration: what the noisy text tells where it differs in nothing else.
    """
    noisy = Label(label.category_id, label.noun)
    if label == NoisyLabel.of(item, narration):
        return NoisyText(noisy, NO_NOISE, False)
    return NoisyText(noisy, IMPORTED, is_harmful(noisy, item, paired.clip, vocabulary))


def _text_frames(paired: PairedClip) -> list[FrameRow]:
    """Return the frames that the annotation lists, their masks unread."""
    return [frame_row(paired.clip, index, frame) for index, frame in enumerate(paired.clip.frames)]


def _frame_rows(paired: PairedClip, pairs: Pairs) -> tuple[list[FrameRow], list[MaskRow]]:
    """Return the rows of frames and of masks."""
    clip, void_id = paired.clip, pairs.card.void_id
    clean_check, noisy_check = MaskCheck(clip, void_id), MaskCheck(clip, None)
    frames: list[FrameRow] = []
    masks: list[MaskRow] = []
    for index, frame in enumerate(clip.frames):
        if not frame.is_annotated:
            frames.append(frame_row(clip, index, frame))
            continue
        clean, noisy = pairs.read_masks(clip, frame)
        where = f"clip {clip.clip_id!r}, frame {frame.frame_id!r}"
        raise_if(clean.shape != noisy.shape, f"{where}: clean {clean.shape}, noisy {noisy.shape} pixels", DataError)
        if void_id is not None:  # nobody could label these pixels, so no label is painted there
            noisy = np.where((clean == void_id) | (noisy == void_id), np.uint8(0), noisy)
        runs = clean_check.runs(frame, clean), noisy_check.runs(frame, noisy)
        [shared] = shared_pixels(*runs)
        before, after = (found.codes()[0] for found in runs)
        size = runs[0].height, runs[0].width
        nothing, _ = empty_mask(*size)
        frames.append(frame_row(clip, index, frame, size, None if void_id is None else before.get(void_id)))
        for object_id in (item.object_id for item in clip.objects):
            pair = before.get(object_id, nothing), after.get(object_id, nothing)
            masks.append(mask_row(clip, index, frame, object_id, _mask_labels(*pair, shared[object_id])))
    return frames, masks


def _mask_labels(before: Rle, after: Rle, shared: int) -> MaskLabels:
    """Return what is said of one object's pair of masks."""
    if before.counts == after.counts:
        return unchanged_labels(before, before.digest())
    return noisy_labels(before, after, shared, IMPORTED)
