"""The rows of the four tables as typed records, fields in the schema's order; ``schema`` says what each one means."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from actiseg_noise.manifest.digest import RowDigest
from actiseg_noise.manifest.schema import ACTION_CLIPS, ACTION_SAMPLES, CLIPS, FRAMES, MASKS, SAMPLES, Table


class ClipRow(NamedTuple):
    """A row of ``clips``."""

    clip_id: str
    video_id: str
    narration: str
    verb: str
    noun: str
    verb_class: int | None
    noun_class: int | None
    start_frame: int | None
    stop_frame: int | None
    redundant: bool
    missing: bool
    other: bool
    source_order: int
    address: str
    row_digest: str = ""


class ActionClipRow(NamedTuple):
    """A row of ``clips`` in schema 2."""

    clip_id: str
    video_id: str
    narration: str
    verb: str
    noun: str
    verb_class: int | None
    noun_class: int | None
    start_frame: int | None
    stop_frame: int | None
    redundant: bool
    missing: bool
    other: bool
    source_order: int
    address: str
    noisy_narration: str
    row_digest: str = ""


class FrameRow(NamedTuple):
    """A row of ``frames``."""

    clip_id: str
    frame_idx: int
    frame_id: str
    image_path: str | None
    mask_path: str | None
    weight_path: str | None
    height: int | None
    width: int | None
    is_annotated: bool
    void_rle: str | None
    void_digest: str | None
    row_digest: str = ""


class SampleRow(NamedTuple):
    """A row of ``samples``."""

    sample_id: str
    clip_id: str
    object_id: int
    is_positive: bool
    handbox: bool | None
    in_narration: bool | None
    category_id: int
    noun: str
    expression: str
    noisy_category_id: int
    noisy_noun: str
    noisy_expression: str
    text_noise: str
    is_harmful: bool
    row_digest: str = ""


class ActionSampleRow(NamedTuple):
    """A row of ``samples`` in schema 2."""

    sample_id: str
    clip_id: str
    object_id: int
    is_positive: bool
    handbox: bool | None
    in_narration: bool | None
    category_id: int
    noun: str
    expression: str
    noisy_category_id: int
    noisy_noun: str
    noisy_expression: str
    text_noise: str
    is_harmful: bool
    narration_noise: str
    noisy_is_positive: bool
    flag_noise: str
    row_digest: str = ""


class MaskLabels(NamedTuple):
    """What a row of ``masks`` says of the clean and the noisy mask: the columns after those that name them."""

    clean_area: int
    clean_rle: str | None
    noisy_area: int
    noisy_rle: str | None
    mask_noise: str
    parameters: str | None
    iou: float
    changed_by_neighbour: bool
    would_erase: bool
    clean_digest: str
    noisy_digest: str


class MaskRow(NamedTuple):
    """A row of ``masks``."""

    sample_id: str
    clip_id: str
    frame_idx: int
    frame_id: str
    object_id: int
    clean_area: int
    clean_rle: str | None
    noisy_area: int
    noisy_rle: str | None
    mask_noise: str
    parameters: str | None
    iou: float
    changed_by_neighbour: bool
    would_erase: bool
    clean_digest: str
    noisy_digest: str
    row_digest: str = ""


TableRow = ClipRow | ActionClipRow | FrameRow | SampleRow | ActionSampleRow | MaskRow
RowT = TypeVar("RowT", ClipRow, ActionClipRow, FrameRow, SampleRow, ActionSampleRow, MaskRow)

RECORDS: dict[Table, type[TableRow]] = {
    CLIPS: ClipRow,
    ACTION_CLIPS: ActionClipRow,
    FRAMES: FrameRow,
    SAMPLES: SampleRow,
    ACTION_SAMPLES: ActionSampleRow,
    MASKS: MaskRow,
}
"""Table → the record of its rows."""

_DIGESTS = {record: RowDigest(table).__call__ for table, record in RECORDS.items()}


def seal(row: RowT) -> RowT:
    """Return ``row`` with the digest of its label columns as ``row_digest``."""
    kind = type(row)
    return tuple.__new__(kind, row[:-1] + (_DIGESTS[kind](row),))  # noqa: RUF005 - half the time of ``_replace``
