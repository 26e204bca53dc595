"""The rows of the four tables as sealed tuples in schema order, and what masks must be before they become rows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from actiseg_noise.building.text import NO_NOISE, NoisyText
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.manifest.digest import RowDigest
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.masks import Box, IndexMask, Rle, empty_rle, encode_rle, find_boxes
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord, expression, sample_id

Row = tuple[Any, ...]
Rows = dict[str, list[Row]]

_DIGESTS = {table.name: RowDigest(table) for table in TABLES}


def check_object_ids(clip: Clip, void_id: int | None) -> None:
    """Raise DataError unless the clip's objects have ascending ids from 1 to 255, none of them void."""
    where = f"clip {clip.clip_id!r}"
    ids = [item.object_id for item in clip.objects]
    raise_if(ids != sorted(set(ids)), f"{where}: object ids must ascend without repeats, got {ids}", DataError)
    raise_if(bool(ids) and not 1 <= ids[0] <= ids[-1] <= 255, f"{where}: object ids are 1–255, got {ids}", DataError)
    raise_if(void_id in ids, f"{where}: object id {void_id} means void in this dataset", DataError)


class MaskCheck:
    """Holds the masks of one clip to one size and to the clip's own ids."""

    def __init__(self, clip: Clip, void_id: int | None) -> None:
        self.clip = clip
        self.void_id = void_id
        self.ids = {item.object_id for item in clip.objects}
        self.shape: tuple[int, int] | None = None

    def boxes(self, frame: FrameRecord, index_mask: IndexMask) -> dict[int, Box]:
        """Return the boxes of the ids in a mask that has the clip's size and no id but the clip's own.

        Raises:
            DataError: it has another size or other ids.
        """
        where = f"clip {self.clip.clip_id!r}, mask {frame.mask_path}"
        shape = (index_mask.shape[0], index_mask.shape[1])
        if self.shape is not None and self.shape != shape:
            raise DataError(
                f"{where}: the mask is {_size(shape)}, but the masks before it in this clip are "
                f"{_size(self.shape)} (width×height); all masks of a clip must have one size"
            )
        self.shape = shape
        boxes = find_boxes(index_mask)
        strangers = sorted(set(boxes) - self.ids - {self.void_id})
        if strangers:
            raise DataError(f"{where}: holds ids {strangers}, but the clip's objects are {sorted(self.ids)}")
        return boxes


def clip_row(clip: Clip) -> Row:
    """Return the clip's row."""
    return _DIGESTS["clips"].seal(
        (
            *(clip.clip_id, clip.video_id, clip.narration, clip.verb, clip.noun),
            *(clip.verb_class, clip.noun_class, clip.start_frame, clip.stop_frame),
            *(clip.redundant, clip.missing, clip.other, clip.source_order, clip.address),
        )
    )


def sample_row(clip: Clip, item: ObjectRecord, noisy: NoisyText, noisy_expression: str | None = None) -> Row:
    """Return the row of one object.

    Args:
        noisy_expression: the noisy text; None: the object's own with the noisy noun in it.
    """
    label, noise_id, harmful = noisy
    text = expression(item.noun, clip.narration, item.template)
    if noisy_expression is None:
        is_same = label.noun == item.noun
        noisy_expression = text if is_same else expression(label.noun, clip.narration, item.template)
    return _DIGESTS["samples"].seal(
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
            noisy_expression,
            noise_id,
            harmful,
        )
    )


def frame_row(
    clip: Clip, frame_idx: int, frame: FrameRecord, index_mask: IndexMask | None = None, void: Rle | None = None
) -> Row:
    """Return the row of one frame; without a mask its size is null."""
    height, width = (None, None) if index_mask is None else index_mask.shape
    return _DIGESTS["frames"].seal(
        (
            *(clip.clip_id, frame_idx, frame.frame_id),
            *(frame.image_path, frame.mask_path, frame.weight_path),
            *(height, width, frame.is_annotated),
            *((None, None) if void is None else (void.counts, void.digest())),
        )
    )


def void_rle(index_mask: IndexMask, void_id: int | None, boxes: dict[int, Box]) -> Rle | None:
    """Return the void pixels of a mask, None where it has none."""
    if void_id is None or void_id not in boxes:
        return None
    box = boxes[void_id]
    return encode_rle(index_mask[box.slices] == void_id, box, *index_mask.shape)


def mask_row(clip: Clip, frame_idx: int, frame: FrameRecord, object_id: int, labels: Row) -> Row:
    """Return the row of one mask; ``labels`` are its columns from clean_area on."""
    start = (sample_id(clip.clip_id, object_id), clip.clip_id, frame_idx, frame.frame_id, object_id)
    return _DIGESTS["masks"].seal((*start, *labels))


def unchanged_labels(clean: Rle, digest: str) -> Row:
    """Return the columns of a mask that nothing touched."""
    return (clean.area, clean.counts, clean.area, None, NO_NOISE, None, 1.0, False, False, digest, digest)


def noisy_labels(
    clean: Rle,
    noisy: Rle,
    both: int,
    noise_name: str,
    *,
    parameters: str | None = None,
    by_neighbour: bool = False,
    would_erase: bool = False,
) -> Row:
    """Return the columns of a mask that noise touched.

    Args:
        both: pixels that clean and noisy mask share. Not both masks are empty.
    """
    is_same = noisy.counts == clean.counts
    clean_digest = clean.digest()
    return (
        *(clean.area, clean.counts, noisy.area, None if is_same else noisy.counts),
        *(noise_name, parameters),
        *(both / (clean.area + noisy.area - both), by_neighbour, would_erase),
        *(clean_digest, clean_digest if is_same else noisy.digest()),
    )


@lru_cache(maxsize=64)
def empty_mask(height: int, width: int) -> tuple[Rle, str]:
    """Return the empty mask of a canvas and its digest."""
    rle = empty_rle(height, width)
    return rle, rle.digest()


def _size(shape: tuple[int, int]) -> str:
    """Return ``width×height``."""
    return f"{shape[1]}×{shape[0]}"
