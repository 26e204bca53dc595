"""A manifest clip by clip: typed records, clean and noisy labels side by side, in constant memory.

Here, and nowhere else, is decided what null in ``noisy_rle`` means: the noisy mask is the clean one.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from actiseg_noise.errors import ActisegError, ManifestError, UnknownNameError
from actiseg_noise.manifest.rows import ClipSpan, Row, iter_clip_rows, iter_rows
from actiseg_noise.masks import BinaryMask, Rle, Size, decode_counts, decode_rle

if TYPE_CHECKING:
    from actiseg_noise.manifest.read import Manifest

LABELS = ("noisy", "clean")


class SampleText(NamedTuple):
    """What one object is called, on one side."""

    category_id: int
    noun: str
    expression: str


@dataclass(frozen=True, slots=True)
class ManifestSample:
    """One object of a clip with its clean and noisy text. The fields are the columns of ``samples.parquet``.

    Attributes:
        object_id: palette value on disk, 1–255.
        handbox, in_narration: None where the dataset does not say.
        text_noise: the noise that changed the text (in schema 2: its noun), or ``none``.
        is_harmful: the noisy text does not name this object, or this action, any more.
        narration_noise: the noise that put another narration into the text, or ``none``.
        noisy_is_positive: the flag to train on. flag_noise: the noise that changed it, or ``none``.
    """

    sample_id: str
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

    def flag(self, labels: str = "noisy") -> bool:
        """Return whether the object takes part in the action, by the ``noisy`` or ``clean`` labels.

        Raises:
            UnknownNameError: another word for ``labels``.
        """
        return self.is_positive if check_labels(labels) == "clean" else self.noisy_is_positive

    @property
    def is_wrong(self) -> bool:
        """Return whether the noisy text is harmful or the noisy flag is not the clean one, whatever the masks are."""
        return self.is_harmful or self.noisy_is_positive != self.is_positive

    def text(self, labels: str = "noisy") -> SampleText:
        """Return the ``noisy`` or ``clean`` text.

        Raises:
            UnknownNameError: another word for ``labels``.
        """
        if check_labels(labels) == "clean":
            return SampleText(self.category_id, self.noun, self.expression)
        return SampleText(self.noisy_category_id, self.noisy_noun, self.noisy_expression)


@dataclass(frozen=True, slots=True)
class ManifestMask:
    """One object's mask in one frame, clean and noisy.

    Attributes:
        clean, noisy: run lengths on the frame's canvas, which ``height`` and ``width`` say in pixels. ``noisy`` is the
            very object ``clean`` where no noise changed the mask. None where masks were withheld (``recipe-only``).
        clean_area, noisy_area: foreground pixels, known even of withheld masks.
        mask_noise: the noise that hit the mask (``a+b`` for several in order), or ``none``.
        parameters: the noise's pixel parameters on this canvas as JSON, None without noise.
        iou: of clean and noisy mask, 0–1; two empty masks are 1.
        changed_by_neighbour: not noised itself, but lost contested pixels to a noised neighbour.
        would_erase: the noise left nothing of the object, so the object was kept as it was.
        clean_digest, noisy_digest: BLAKE2b hex of the masks.
    """

    sample_id: str
    frame_idx: int
    object_id: int
    clean: Rle | None
    noisy: Rle | None
    clean_area: int
    noisy_area: int
    mask_noise: str
    parameters: str | None
    iou: float
    changed_by_neighbour: bool
    would_erase: bool
    clean_digest: str
    noisy_digest: str

    def rle(self, labels: str = "noisy") -> Rle | None:
        """Return the run lengths of the ``noisy`` or ``clean`` mask, None where they were withheld."""
        return self.clean if check_labels(labels) == "clean" else self.noisy

    def area(self, labels: str = "noisy") -> int:
        """Return the foreground pixels of the ``noisy`` or ``clean`` mask."""
        return self.clean_area if check_labels(labels) == "clean" else self.noisy_area

    def decode(self, labels: str = "noisy") -> BinaryMask:
        """Return the ``noisy`` or ``clean`` mask as ``bool [H, W]``.

        Raises:
            ManifestError: the masks were withheld.
        """
        rle = self.rle(labels)
        if rle is None:
            raise ManifestError(
                f"sample {self.sample_id}, frame_idx {self.frame_idx}: the mask was withheld (content recipe-only). "
                "Build the manifest from your own copy of the dataset; its README.md says how."
            )
        return decode_rle(rle)


@dataclass(frozen=True, slots=True)
class ManifestFrame:
    """One frame of a clip with its masks. The fields are the columns of ``frames.parquet``, and ``masks``.

    Attributes:
        frame_idx: 0-based position in the clip. frame_id: file stem on disk.
        image_path, mask_path, weight_path: relative to the dataset's root; None where it has no such file.
        height, width: of the masks in pixels; None where no mask was read.
        void_rle: pixels without label, COCO compressed run lengths; None where there are none, or withheld.
        masks: object_id → mask, in the order of the ids; empty where the frame has none.
    """

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
    masks: dict[int, ManifestMask]

    @property
    def size(self) -> Size | None:
        """Return (height, width) of the masks in pixels, None where no mask was read."""
        return None if self.height is None or self.width is None else (self.height, self.width)

    def void_mask(self) -> BinaryMask | None:
        """Return the pixels without label as ``bool [H, W]``, None where there are none."""
        if self.void_rle is None or self.size is None:
            return None
        return decode_counts(self.void_rle, *self.size)


@dataclass(frozen=True, slots=True)
class ManifestClip:
    """One narrated action, whole. The fields are the columns of ``clips.parquet``, and ``frames`` and ``samples``.

    Attributes:
        verb_class, noun_class, start_frame, stop_frame: None where the dataset does not say.
        redundant, missing, other: review flags: a clip with one of them is not scored.
        source_order: 0-based position in the dataset's own list.
        address: what names the clip in every draw of noise.
        noisy_narration: the narration that the noisy texts name: another clip's where noise swapped it.
        frames: in order. samples: one per object, in the order of the ids.
    """

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
    frames: tuple[ManifestFrame, ...]
    samples: tuple[ManifestSample, ...]

    def narrated(self, labels: str = "noisy") -> str:
        """Return the ``noisy`` or ``clean`` narration."""
        return self.narration if check_labels(labels) == "clean" else self.noisy_narration

    @property
    def masks(self) -> tuple[ManifestMask, ...]:
        """Return all masks of the clip, frame by frame, objects in order."""
        return tuple(mask for frame in self.frames for mask in frame.masks.values())


CLIP_COLUMNS = tuple(field.name for field in fields(ManifestClip))[:-2]
SAMPLE_COLUMNS = ("clip_id", *(field.name for field in fields(ManifestSample)))
FRAME_COLUMNS = ("clip_id", *(field.name for field in fields(ManifestFrame)))[:-1]
MASK_COLUMNS = (
    *("clip_id", "sample_id", "frame_idx", "object_id", "clean_rle", "noisy_rle", "clean_area", "noisy_area"),
    *("mask_noise", "parameters", "iou", "changed_by_neighbour", "would_erase", "clean_digest", "noisy_digest"),
)


def check_labels(labels: str) -> str:
    """Return ``labels`` when it is ``noisy`` or ``clean``.

    Raises:
        UnknownNameError: any other word.
    """
    if labels not in LABELS:
        raise UnknownNameError("labels", labels, LABELS)
    return labels


def noisy_counts(clean_rle: str | None, noisy_rle: str | None) -> str | None:
    """Return the run lengths of the noisy mask of a row of ``masks``: null is the clean ones. None: withheld.

    Where both are equal, as in publications, it is the clean ones, the same object.
    """
    return clean_rle if noisy_rle is None or noisy_rle == clean_rle else noisy_rle


def iter_clips(
    manifest: Manifest, clip_ids: Collection[str] | ClipSpan | None = None, *, with_masks: bool = True
) -> Iterator[ManifestClip]:
    """Yield the clips of a manifest, or those of a span; see :meth:`Manifest.iter_clips`."""
    wanted: Container[str] | None = clip_ids
    if not (clip_ids is None or isinstance(clip_ids, ClipSpan)):
        wanted = _known_clips(manifest, clip_ids)
    frames = _InStep(manifest, "frames", FRAME_COLUMNS, wanted)
    samples = _InStep(manifest, "samples", SAMPLE_COLUMNS, wanted)
    masks = _InStep(manifest, "masks", MASK_COLUMNS, wanted if with_masks else frozenset())
    for row in iter_rows(manifest, "clips", CLIP_COLUMNS, wanted):
        clip_id = row[0]
        yield make_clip(row, frames.take(clip_id), samples.take(clip_id), masks.take(clip_id))
    for table in (frames, samples, masks):
        table.check_end()


def _known_clips(manifest: Manifest, clip_ids: Collection[str]) -> frozenset[str]:
    """Return the ids as a set, refusing those that the manifest does not have."""
    unknown = set(clip_ids).difference(row[0] for row in iter_rows(manifest, "clips", ["clip_id"]))
    if unknown:
        names = ", ".join(map(repr, sorted(unknown)[:5]))
        raise ActisegError(f"{manifest.path}: no clip {names} in this manifest")
    return frozenset(clip_ids)


class _InStep:
    """A table read along with ``clips``, which has the same order, clip by clip."""

    def __init__(
        self, manifest: Manifest, name: str, columns: Sequence[str], wanted: Container[str] | None = None
    ) -> None:
        self._where = f"{manifest.path}, table {name}"
        self._groups = iter(()) if wanted == frozenset() else iter_clip_rows(manifest, name, columns, wanted)
        self._waiting = next(self._groups, None)

    def take(self, clip_id: str) -> list[Row]:
        """Return the rows of the next clip; none where the table has no row of it."""
        if self._waiting is None or self._waiting[0] > clip_id:
            return []
        self._check(clip_id)
        rows = self._waiting[1]
        self._waiting = next(self._groups, None)
        return rows

    def check_end(self) -> None:
        """Refuse rows after the last clip."""
        self._check(None)

    def _check(self, clip_id: str | None) -> None:
        """Raise ManifestError where the next rows are of a clip before ``clip_id``, or of any after the last clip."""
        if self._waiting is not None and self._waiting[0] != clip_id:
            raise ManifestError(
                f"{self._where}: rows of clip {self._waiting[0]!r}, which clips.parquet does not list or lists in "
                "another order; 'actiseg-noise verify' says what is wrong"
            )


def make_clip(
    row: Row, frame_rows: Sequence[Row], sample_rows: Sequence[Row], mask_rows: Sequence[Row] = ()
) -> ManifestClip:
    """Return the record of a row of ``CLIP_COLUMNS`` with the clip's rows of the other tables.

    Raises:
        ManifestError: see :func:`make_frames`; a mask of an object that has no sample.
    """
    clip = ManifestClip(*(*row, make_frames(frame_rows, mask_rows), make_samples(sample_rows)))
    objects = {sample.object_id for sample in clip.samples}
    for frame in clip.frames:
        if strangers := frame.masks.keys() - objects:
            raise ManifestError(
                f"clip {clip.clip_id!r}, frame_idx {frame.frame_idx}: a mask of object {min(strangers)}, but "
                "samples.parquet has no such object; 'actiseg-noise verify' says what is wrong"
            )
    return clip


def make_samples(rows: Sequence[Row]) -> tuple[ManifestSample, ...]:
    """Return records of rows of ``SAMPLE_COLUMNS``."""
    return tuple(ManifestSample(*row[1:]) for row in rows)


def make_frames(frame_rows: Sequence[Row], mask_rows: Sequence[Row]) -> tuple[ManifestFrame, ...]:
    """Return records of a clip's rows of ``FRAME_COLUMNS``, with its rows of ``MASK_COLUMNS``.

    Raises:
        ManifestError: a mask of a frame that is not listed, or has no size.
    """
    frames = tuple(ManifestFrame(*(*row[1:], {})) for row in frame_rows)
    by_position = {frame.frame_idx: frame for frame in frames}
    for row in mask_rows:
        clip_id, sample_id, frame_idx, object_id, *cells = row
        frame = by_position.get(frame_idx)
        if frame is None or frame.size is None:
            raise ManifestError(
                f"clip {clip_id!r}, frame_idx {frame_idx}: a mask of object {object_id}, but frames.parquet has no "
                "size of such a frame; 'actiseg-noise verify' says what is wrong"
            )
        frame.masks[object_id] = _make_mask(sample_id, frame_idx, object_id, frame.size, cells)
    return frames


def _make_mask(sample_id: str, frame_idx: int, object_id: int, size: Size, cells: Sequence[Any]) -> ManifestMask:
    """Return the record of a mask on a canvas of ``size``; ``cells`` are its columns from ``clean_rle`` on."""
    clean_rle, noisy_rle, clean_area, noisy_area, *more = cells
    counts = noisy_counts(clean_rle, noisy_rle)
    clean = None if clean_rle is None else Rle(*size, clean_rle, clean_area)
    noisy = clean if counts is clean_rle or counts is None else Rle(*size, counts, noisy_area)
    return ManifestMask(sample_id, frame_idx, object_id, clean, noisy, clean_area, noisy_area, *more)
