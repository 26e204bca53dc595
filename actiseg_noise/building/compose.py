"""Clips, objects, frames and masks → rows of the four tables, and what masks must be before they become rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from actiseg_noise.building.action import Flag, Narration, is_swapped
from actiseg_noise.building.text import NoisyText
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.manifest.records import (
    ActionClipRow,
    ActionSampleRow,
    ClipRow,
    FrameRow,
    MaskLabels,
    MaskRow,
    SampleRow,
    TableRow,
    seal,
)
from actiseg_noise.manifest.schema import NO_NOISE
from actiseg_noise.masks import IndexMask, Rle, Size, empty_rle
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord, expression, sample_id
from actiseg_noise.runs import LabelRuns

Rows = Mapping[str, Sequence[TableRow]]
"""Table's name → its rows."""


def check_object_ids(clip: Clip, void_id: int | None) -> None:
    """Raise DataError unless the clip's objects have ascending ids from 1 to 255, none of them void."""
    ids = [item.object_id for item in clip.objects]
    if ids == sorted(set(ids)) and void_id not in ids and (not ids or 1 <= ids[0] <= ids[-1] <= 255):
        return
    where = f"clip {clip.clip_id!r}"
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

    def runs(self, frame: FrameRecord, index_mask: IndexMask) -> LabelRuns:
        """Return the runs of a mask that has the clip's size and no id but the clip's own.

        Raises:
            DataError: it has another size or other ids.
        """
        self.check_size(frame, index_mask)
        runs = LabelRuns.of(index_mask)
        self.check_ids(frame, runs.boxes[0])
        return runs

    def check_size(self, frame: FrameRecord, index_mask: IndexMask) -> None:
        """Raise DataError where a mask has another size than those before it."""
        shape = (index_mask.shape[0], index_mask.shape[1])
        if self.shape is not None and self.shape != shape:
            raise DataError(
                f"{self._where(frame)}: the mask is {_size(shape)}, but the masks before it in this clip are "
                f"{_size(self.shape)} (width×height); all masks of a clip must have one size"
            )
        self.shape = shape

    def check_ids(self, frame: FrameRecord, ids: Iterable[int]) -> None:
        """Raise DataError where a mask has an id that is none of the clip's."""
        other_ids = sorted(set(ids) - self.ids - {self.void_id})
        if other_ids:
            raise DataError(
                f"{self._where(frame)}: holds ids {other_ids}, but the clip's objects are {sorted(self.ids)}"
            )

    def _where(self, frame: FrameRecord) -> str:
        """Return how a message names a frame's mask."""
        return f"clip {self.clip.clip_id!r}, mask {frame.mask_path}"


# ``Row.__new__(Row, name=…)`` is ``Row(name=…)`` in a third of the time, which is spent on every sample.


def clip_row(clip: Clip) -> ClipRow:
    """Return the clip's row."""
    return seal(_clip_cells(clip))


def action_clip_row(clip: Clip, narration: str) -> ActionClipRow:
    """Return the clip's row of schema 2.

    Args:
        narration: the noisy one.
    """
    return seal(ActionClipRow(*_clip_cells(clip)[:-1], narration))


def _clip_cells(clip: Clip) -> ClipRow:
    """Return the clip's row without its digest."""
    return ClipRow.__new__(
        ClipRow,
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        narration=clip.narration,
        verb=clip.verb,
        noun=clip.noun,
        verb_class=clip.verb_class,
        noun_class=clip.noun_class,
        start_frame=clip.start_frame,
        stop_frame=clip.stop_frame,
        redundant=clip.redundant,
        missing=clip.missing,
        other=clip.other,
        source_order=clip.source_order,
        address=clip.address,
    )


def sample_row(clip: Clip, item: ObjectRecord, noisy: NoisyText, noisy_expression: str | None = None) -> SampleRow:
    """Return the row of one object.

    Args:
        noisy_expression: the noisy text; None: the object's own with the noisy noun in it.
    """
    return seal(_sample_cells(clip, item, noisy, noisy_expression))


def action_sample_row(
    clip: Clip,
    item: ObjectRecord,
    noisy: NoisyText,
    narration: Narration,
    flag: Flag,
    noisy_expression: str | None = None,
) -> ActionSampleRow:
    """Return the row of one object in schema 2; a text that names another narration than its own is harmful.

    Args:
        narration: of the clip's noisy texts, of those that name the clean one. noisy_expression: see ``sample_row``.
    """
    swapped = is_swapped(clip, item, narration)
    if noisy_expression is None and swapped:
        noisy_expression = expression(noisy.label.noun, narration.text)
    cells = _sample_cells(clip, item, noisy, noisy_expression)
    cells = cells._replace(is_harmful=cells.is_harmful or swapped)
    narration_noise = narration.noise_id if swapped else NO_NOISE
    return seal(ActionSampleRow(*cells[:-1], narration_noise, flag.is_positive, flag.noise_id))


def _sample_cells(clip: Clip, item: ObjectRecord, noisy: NoisyText, noisy_expression: str | None) -> SampleRow:
    """Return the row of one object without its digest; see ``sample_row``."""
    label, noise_id, harmful = noisy
    text = expression(item.noun, clip.narration, item.template)
    if noisy_expression is None:
        is_same = label.noun == item.noun
        noisy_expression = text if is_same else expression(label.noun, clip.narration, item.template)
    return SampleRow.__new__(
        SampleRow,
        sample_id=sample_id(clip.clip_id, item.object_id),
        clip_id=clip.clip_id,
        object_id=item.object_id,
        is_positive=item.is_positive,
        handbox=item.handbox,
        in_narration=item.in_narration,
        category_id=item.category_id,
        noun=item.noun,
        expression=text,
        noisy_category_id=label.category_id,
        noisy_noun=label.noun,
        noisy_expression=noisy_expression,
        text_noise=noise_id,
        is_harmful=harmful,
    )


def frame_row(
    clip: Clip, frame_idx: int, frame: FrameRecord, size: Size | None = None, void: Rle | None = None
) -> FrameRow:
    """Return the row of one frame.

    Args:
        size: of its mask; None: no mask was read. void: its pixels without label.
    """
    height, width = (None, None) if size is None else size
    return seal(
        FrameRow.__new__(
            FrameRow,
            clip_id=clip.clip_id,
            frame_idx=frame_idx,
            frame_id=frame.frame_id,
            image_path=frame.image_path,
            mask_path=frame.mask_path,
            weight_path=frame.weight_path,
            height=height,
            width=width,
            is_annotated=frame.is_annotated,
            void_rle=None if void is None else void.counts,
            void_digest=None if void is None else void.digest(),
        )
    )


def mask_row(clip: Clip, frame_idx: int, frame: FrameRecord, object_id: int, labels: MaskLabels) -> MaskRow:
    """Return the row of one mask."""
    name = sample_id(clip.clip_id, object_id)
    return seal(MaskRow(name, clip.clip_id, frame_idx, frame.frame_id, object_id, *labels))


def unchanged_labels(clean: Rle, digest: str) -> MaskLabels:
    """Return what is said of a mask that nothing touched."""
    return MaskLabels(
        clean_area=clean.area,
        clean_rle=clean.counts,
        noisy_area=clean.area,
        noisy_rle=None,
        mask_noise=NO_NOISE,
        parameters=None,
        iou=1.0,
        changed_by_neighbour=False,
        would_erase=False,
        clean_digest=digest,
        noisy_digest=digest,
    )


def noisy_labels(
    clean: Rle,
    noisy: Rle,
    both: int,
    noise_name: str,
    *,
    parameters: str | None = None,
    by_neighbour: bool = False,
    would_erase: bool = False,
) -> MaskLabels:
    """Return what is said of a mask that noise touched.

    Args:
        both: pixels that clean and noisy mask share. Not both masks are empty.
    """
    is_same = noisy.counts == clean.counts
    clean_digest = clean.digest()
    return MaskLabels(
        clean_area=clean.area,
        clean_rle=clean.counts,
        noisy_area=noisy.area,
        noisy_rle=None if is_same else noisy.counts,
        mask_noise=noise_name,
        parameters=parameters,
        iou=both / (clean.area + noisy.area - both),
        changed_by_neighbour=by_neighbour,
        would_erase=would_erase,
        clean_digest=clean_digest,
        noisy_digest=clean_digest if is_same else noisy.digest(),
    )


@lru_cache(maxsize=64)
def empty_mask(height: int, width: int) -> tuple[Rle, str]:
    """Return the empty mask of a canvas and its digest."""
    rle = empty_rle(height, width)
    return rle, rle.digest()


def _size(shape: tuple[int, int]) -> str:
    """Return ``width×height``."""
    return f"{shape[1]}×{shape[0]}"
