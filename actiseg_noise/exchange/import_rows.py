"""One paired clip → the rows of the four tables: what differs is called ``imported``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from actiseg_noise.building.compose import (
    MaskCheck,
    Rows,
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
from actiseg_noise.building.text import NoisyText, is_harmful
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.exchange.import_pairs import NoisyLabel, PairedClip, Pairs
from actiseg_noise.manifest.records import FrameRow, MaskLabels, MaskRow
from actiseg_noise.manifest.schema import IMPORTED, NO_NOISE
from actiseg_noise.masks import Box, IndexMask, Rle, encode_rle
from actiseg_noise.noises.base import Label
from actiseg_noise.records import ObjectRecord
from actiseg_noise.vocabulary import Vocabulary


def collect_vocabulary(clips: Iterable[PairedClip]) -> Vocabulary:
    """Return the categories and nouns that occur in the clean and in the noisy text."""
    return Vocabulary.collect(_iter_words(clips), IMPORTED)


def _iter_words(clips: Iterable[PairedClip]) -> Iterator[ObjectRecord]:
    """Yield every object with its clean and with its noisy word, clean words first within a clip."""
    for paired in clips:
        yield from paired.clip.objects
        for label in paired.labels:
            yield ObjectRecord(1, label.category_id, label.noun, label.noun, is_positive=True)


def paired_rows(paired: PairedClip, pairs: Pairs, vocabulary: Vocabulary) -> Rows:
    """Return the clip's rows per table.

    Raises:
        DataError: a mask is missing, malformed, or has ids that are none of the clip's objects.
    """
    clip = paired.clip
    check_object_ids(clip, pairs.card.void_id)
    samples = [
        sample_row(clip, item, _noisy_text(paired, item, label, vocabulary), label.expression)
        for item, label in zip(clip.objects, paired.labels, strict=True)
    ]
    frames, masks = _frame_rows(paired, pairs) if pairs.has_masks else (_text_frames(paired), [])
    return {"clips": [clip_row(clip)], "samples": samples, "frames": frames, "masks": masks}


def _noisy_text(paired: PairedClip, item: ObjectRecord, label: NoisyLabel, vocabulary: Vocabulary) -> NoisyText:
    """Return the noisy word, whether it differs and whether it still names the object."""
    noisy = Label(label.category_id, label.noun)
    if label == NoisyLabel.of(item, paired.clip.narration):
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
        boxes = clean_check.boxes(frame, clean), noisy_check.boxes(frame, noisy)
        frames.append(frame_row(clip, index, frame, clean, void_rle(clean, void_id, boxes[0])))
        for item in clip.objects:
            box, noisy_box = boxes[0].get(item.object_id), boxes[1].get(item.object_id)
            labels = _mask_labels(clean, noisy, item.object_id, box, noisy_box)
            masks.append(mask_row(clip, index, frame, item.object_id, labels))
    return frames, masks


def _mask_labels(
    clean: IndexMask, noisy: IndexMask, object_id: int, box: Box | None, noisy_box: Box | None
) -> MaskLabels:
    """Return what is said of one object's pair of masks."""
    before, after = _encode(clean, object_id, box), _encode(noisy, object_id, noisy_box)
    if before.counts == after.counts:
        return unchanged_labels(before, before.digest())
    both = 0
    if box is not None and noisy_box is not None:
        both = int(np.count_nonzero((clean[box.slices] == object_id) & (noisy[box.slices] == object_id)))
    return noisy_labels(before, after, both, IMPORTED)


def _encode(index_mask: IndexMask, object_id: int, box: Box | None) -> Rle:
    """Return the run lengths of one object."""
    if box is None:
        return empty_mask(*index_mask.shape)[0]
    return encode_rle(index_mask[box.slices] == object_id, box, *index_mask.shape)
