"""What the formats that are made of masks share: clips with their objects under one side's labels, names, images.

A clip is a video of its own. Only frames that have a mask are written: the readers take a frame without one for a frame
without objects, or end. Objects that have no pixel in any frame are counted; most formats cannot say them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import portable_name
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.exchange.export_base import Export
from actiseg_noise.exchange.export_clips import masks_of, paint
from actiseg_noise.exchange.export_names import FolderNames
from actiseg_noise.manifest.clips import ManifestClip, ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import IndexMask, Rle, Size


@dataclass(frozen=True, slots=True)
class ExportObject:
    """One object under one side's labels. ``masks``: frame_id → run lengths, of the frames in which it has a pixel."""

    object_id: int
    category_id: int
    noun: str
    text: str
    is_positive: bool
    masks: dict[str, Rle]


@dataclass(frozen=True, slots=True)
class ExportClip:
    """One clip under one side's labels.

    Attributes:
        name: of its folder. frames: those that have a mask, in order. stems: frame_id → the frame's name.
        objects: in the order of their ids, those without a pixel too.
    """

    clip_id: str
    name: str
    frames: tuple[ManifestFrame, ...]
    stems: dict[str, str]
    objects: tuple[ExportObject, ...]

    @property
    def visible(self) -> tuple[ExportObject, ...]:
        """Return the objects that have a pixel in some frame."""
        return tuple(item for item in self.objects if item.masks)

    @property
    def size(self) -> Size:
        """Return (height, width) of the masks in pixels.

        Raises:
            DataError: frames of two sizes, or no frame at all.
        """
        sizes = {frame.size for frame in self.frames if frame.size is not None}
        if len(sizes) != 1:
            shown = ", ".join(f"{width}×{height}" for height, width in sorted(sizes)) or "no frame that has masks"
            raise DataError(f"clip {self.clip_id!r}: the format has one size for a video, the clip has {shown}")
        return sizes.pop()

    def index_mask(self, frame: ManifestFrame, numbers: dict[int, int], advice: str) -> IndexMask:
        """Return a frame's objects as ``uint8 [H, W]``.

        Args:
            numbers: object_id → value. advice: what to write instead where two objects overlap.

        Raises:
            DataError: two objects overlap.
        """
        masks = {o.object_id: o.masks[frame.frame_id] for o in self.objects if frame.frame_id in o.masks}
        index_mask, overlap = paint(masks, frame.size or self.size, numbers)
        where = f"clip {self.clip_id!r}, frame {frame.frame_id!r}"
        raise_if(overlap, f"{where}: two objects overlap, which index masks cannot hold; {advice}", DataError)
        return index_mask


class MaskExport(Export):
    """An export that hands out clips with their masks, each under a folder's name.

    Args:
        name_frames: gives frame_ids in order → names. split: what the format calls the manifest's; None: the same.
        options: labels, root, images, force and progress; see :class:`Export`.
    """

    def __init__(
        self,
        manifest: Manifest,
        out: Path,
        format_: str,
        name_frames: Callable[[Sequence[str]], dict[str, str]],
        *,
        split: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(manifest, out, format_, split or manifest.info.split, **options)
        self.counts.update(clips=0, objects=0, masks=0)
        self._how = name_frames
        self._names = FolderNames()

    def clips(self) -> Iterator[ExportClip]:
        """Yield the clips that have a mask, in manifest order; memory follows the largest."""
        for clip in self.manifest_clips():
            frames = tuple(frame for frame in clip.frames if frame.size is not None)
            self.counts["frames_without_mask_left_out"] += len(clip.frames) - len(frames)
            if not frames:
                self.counts["clips_without_mask_left_out"] += 1
                continue
            name = self._names.give(folder_name(clip.clip_id), clip.clip_id)
            stems = self.name_frames(name, [frame.frame_id for frame in frames], self._how)
            made = ExportClip(clip.clip_id, name, frames, stems, _objects(clip, frames, self.labels))
            self.counts["clips"] += 1
            self.counts["objects"] += len(made.visible)
            self.counts["objects_never_visible"] += len(made.objects) - len(made.visible)
            yield made

    def take_images(self, clip: ExportClip, *folders: str) -> None:
        """Put a clip's images into a folder of the export, by its frames' names."""
        for frame in clip.frames:
            where = f"clip {clip.clip_id!r}, frame {frame.frame_id!r}"
            self.images.take(frame, frame.size, where, *folders, f"{clip.stems[frame.frame_id]}.jpg")

    def commit(self, **more: Any) -> dict[str, Any]:
        """See :class:`Export`."""
        return super().commit(**more, renamed=self._names.renamed)


def folder_name(clip_id: str) -> str:
    """Return a clip's folder: a name that every system takes, and lists that are read line by line without suffix.

    >>> folder_name("take.1"), folder_name("v:0")
    ('take%2E1', 'v%3A0')
    """
    name = portable_name(clip_id).replace(".", "%2E")
    return f"%20{name[1:]}" if name.startswith(" ") else name or "-"


def _objects(clip: ManifestClip, frames: Sequence[ManifestFrame], labels: str) -> tuple[ExportObject, ...]:
    """Return a clip's objects under one side's labels."""
    by_frame = {frame.frame_id: masks_of(frame, labels) for frame in frames}
    made = []
    for sample in clip.samples:
        own = {name: rles[sample.object_id] for name, rles in by_frame.items() if sample.object_id in rles}
        masks = {name: rle for name, rle in own.items() if rle.area}
        made.append(ExportObject(sample.object_id, *sample.text(labels), sample.flag(labels), masks))
    return tuple(made)
