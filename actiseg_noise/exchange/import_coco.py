"""Two files that ``ytvis`` reads, such as COCO's, clean and noisy: images or videos are matched by name, objects by id.

What differs of an annotation of one id is its label noise: another category is text noise, another mask mask noise.
Masks of either side may share pixels; two objects share a clip where they meet in no frame of either side, so that
nothing of either is lost (see ``datasets.layers``).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actiseg_noise.borders.writing import digest_file
from actiseg_noise.datasets.ytvis.adapter import make_clip, make_frames, paint
from actiseg_noise.datasets.ytvis.files import Images
from actiseg_noise.datasets.ytvis.forms import open_annotations
from actiseg_noise.datasets.ytvis.layers import Layer, check_names, divide, find_apart, name_layers, pick_joined
from actiseg_noise.datasets.ytvis.videos import Annotation, Video
from actiseg_noise.errors import ActisegWarning
from actiseg_noise.exchange.import_folders import Folders, folder_card
from actiseg_noise.exchange.import_pairs import NoisyLabel, PairedClip, Pairs, Problems
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, FrameRecord

_ObjectKey = tuple[int, int]
"""(0, annotation id), or (1, category) of a phrase that names nothing."""


@dataclass(frozen=True)
class FilePair:
    """The clean and the noisy file, and where their images are.

    Attributes:
        images: the folder that the names of images begin in; None: one of the usual places below ``root``.
        root: what paths in the manifest are relative to; None: the folder of the clean file.

    Raises:
        ActisegError: images without a root that holds them and the clean file.
    """

    clean: Path
    noisy: Path
    images: Path | None = None
    root: Path | None = None

    @property
    def folders(self) -> Folders:
        """Return the folders of the two files, with images and root."""
        return Folders(self.clean.parent, self.noisy.parent, self.images, self.root)

    @property
    def mask_path(self) -> str:
        """Return the clean file as paths in the manifest begin."""
        return f"{self.folders.inside_root(self.clean.parent)}{self.clean.name}"

    def open_images(self, split: str) -> Images:
        """Return where the images are."""
        folder = None if self.images is None else self.folders.inside_root(self.images).rstrip("/") or "."
        return Images(self.root or self.clean.parent, split, folder)


class CocoPairs(Pairs):
    """Annotations that both files have.

    Args:
        name: what the manifest calls the dataset. with_masks: compare masks; False for text content.
        skip_missing: leave out videos, frames and objects that one side lacks and videos of two sizes, and count them.

    Raises:
        DataError: one of the files is missing or malformed.
    """

    def __init__(
        self, files: FilePair, name: str, *, split: str = "train", with_masks: bool = True, skip_missing: bool = False
    ) -> None:
        super().__init__(skip_missing=skip_missing)
        self.files, self.split, self.has_masks = files, split, with_masks
        self.images = files.open_images(split)
        self.card = folder_card(name, split, None)
        self._layers: list[Layer] = []
        both = [open_annotations(path) for path in (files.clean, files.noisy)]
        self.form = f"{' and '.join(dict.fromkeys(file.form for file in both))} files"
        self._is_by_order = any(file.is_numbered_by_order for file in both)
        self._objects_left_out = self._frames_left_out = 0
        self._last: tuple[str, tuple[Video, Video]] | None = None

    def check(self) -> None:
        """See :class:`Pairs`; every mask of both sides is read once here, to divide what overlaps."""
        self._check_categories()
        sizes, missing, frames, objects = (Problems() for _ in range(4))
        names = []
        for name in self._names(missing):
            clean, noisy = (self._read(side, name, with_masks=False) for side in (self.files.clean, self.files.noisy))
            if (clean.height, clean.width) != (noisy.height, noisy.width):
                shown = f"clean {clean.width}×{clean.height}, noisy {noisy.width}×{noisy.height} pixels (width×height)"
                sizes.add(f"{name}: {shown}")
                self.skipped.append(name)
                continue
            names.append(name)
            frames.add_all(
                f"{name}: frame {frame_id} only in --{side}" for side, frame_id in _lone_frames(clean, noisy)
            )
            objects.add_all(f"{name}: {what} only in --{side}" for side, what in _lone_objects(clean, noisy))
        self._objects_left_out, self._frames_left_out = objects.count, frames.count
        self.leave_out(sizes, "images or videos have another size on the noisy side than on the clean one")
        self.leave_out(missing, "images or videos are on one side only")
        self.leave_out(frames, "frames are on one side only")
        self.leave_out(objects, "objects are on one side only")
        self._divide(names)

    def iter_clips(self) -> Iterator[PairedClip]:
        """See :class:`Pairs`."""
        nouns = tuple(open_annotations(path).categories for path in (self.files.clean, self.files.noisy))
        for layer in self._layers:
            clean, noisy = self._pair(layer.video, with_masks=False)
            members, given = layer.pick(clean.annotations), layer.pick(noisy.annotations)
            frames = make_frames(clean, members, self.files.mask_path, self.images)
            clip = make_clip(layer, clean, members, nouns[0], frames)
            labels = tuple(_label(one, nouns[1]) for one in given)
            yield PairedClip(clip, labels, tuple(one.is_positive and one.annotation_id is not None for one in given))

    def read_masks(self, clip: Clip, frame: FrameRecord) -> tuple[IndexMask, IndexMask]:
        """See :class:`Pairs`."""
        ids = [item.object_id for item in clip.objects]
        clean, noisy = (
            paint(video, frame.frame_id, pick_joined(video.annotations, str(frame.mask_key), video.where), ids)
            for video in self._kept_pair(clip.video_id)
        )
        return clean, noisy

    def made_from(self) -> dict[str, Any]:
        """See :class:`Pairs`."""
        made: dict[str, Any] = {
            side: {"name": path.name, "digest": digest_file(path)}
            for side, path in (("clean_file", self.files.clean), ("noisy_file", self.files.noisy))
        }
        counts = {"skipped_objects": self._objects_left_out, "skipped_frames": self._frames_left_out}
        return made | {what: count for what, count in counts.items() if count}

    def _names(self, missing: Problems) -> list[str]:
        """Return the videos that both sides have and one has objects of; count the others as missing."""
        clean, noisy = (open_annotations(path) for path in (self.files.clean, self.files.noisy))
        both = []
        for name in clean.names:
            if name not in noisy:
                if clean.has_objects(name):
                    missing.add(f"{name}: only in --clean")
                    self.skipped.append(name)
            elif clean.has_objects(name) or noisy.has_objects(name):
                both.append(name)
        alone = [name for name in noisy.names if name not in clean and noisy.has_objects(name)]
        missing.add_all(f"{name}: only in --noisy" for name in alone)
        self.skipped.extend(alone)
        return both

    def _check_categories(self) -> None:
        """Refuse files that call one category by different names."""
        unlike = Problems()
        clean, noisy = (open_annotations(path).categories for path in (self.files.clean, self.files.noisy))
        for number in sorted(clean.keys() & noisy.keys()):
            if clean[number] != noisy[number]:
                unlike.add(f"category {number} is {clean[number]!r} in --clean and {noisy[number]!r} in --noisy")
        unlike.refuse("categories do not fit", "Both files must be of one preparation of the dataset.")

    def _divide(self, names: list[str]) -> None:
        """Divide the objects of each video, so that those of a clip meet on neither side."""
        layers: list[Layer] = []
        apart = Problems()
        for name in names:
            pair = self._pair(name, with_masks=True)
            apart.add_all(f"{name}: {number}" for number in (find_apart(*pair) if self._is_by_order else ()))
            if pair[0].annotations and pair[0].file_names:
                layers.extend(name_layers(self.files.clean, name, divide(pair), len(layers)))
            else:
                self.skipped.append(name)
        if apart.count:
            warnings.warn(
                f"{self.files.noisy}:{apart.describe('objects share no pixel with those of their number in --clean')} "
                f"{self.form} number objects by their order: other objects are compared where regions were drawn in "
                "another order, or one is missing. Bring both sides into one order, or remove these",
                ActisegWarning,
                stacklevel=2,
            )
        self.skipped.sort()
        layers.sort(key=lambda layer: layer.clip_id)
        self._layers = check_names(layers)

    def _read(self, path: Path, name: str, *, with_masks: bool) -> Video:
        """Return one side of a video."""
        return open_annotations(path).read(name, with_masks=with_masks)

    def _kept_pair(self, name: str) -> tuple[Video, Video]:
        """Return both sides of a video with their masks; the frames of a video come one after the other."""
        if self._last is None or self._last[0] != name:
            self._last = name, self._pair(name, with_masks=True)
        return self._last[1]

    def _pair(self, name: str, *, with_masks: bool) -> tuple[Video, Video]:
        """Return both sides of a video, of the frames and annotations that both have, in the clean side's order."""
        clean, noisy = (self._read(path, name, with_masks=with_masks) for path in (self.files.clean, self.files.noisy))
        both = set(map(_key, clean.annotations)) & set(map(_key, noisy.annotations))
        frames = set(clean.frame_ids) & set(noisy.frame_ids)
        order = [frame_id for frame_id in clean.frame_ids if frame_id in frames]
        return _only(clean, both, order), _only(noisy, both, order)


def _key(annotation: Annotation) -> _ObjectKey:
    """Return what an annotation is matched by."""
    number = annotation.annotation_id
    return (1, annotation.category_id) if number is None else (0, number)


def _only(video: Video, keys: set[_ObjectKey], frame_ids: list[str]) -> Video:
    """Return a video with these annotations and frames alone, the frames in this order."""
    place = {frame_id: number for number, frame_id in enumerate(video.frame_ids)}
    chosen = [place[frame_id] for frame_id in frame_ids]
    return replace(
        video,
        file_names=tuple(video.file_names[number] for number in chosen),
        other_names=tuple(tuple(names[number] for number in chosen) for names in video.other_names),
        annotations=tuple(
            replace(one, masks=tuple(one.masks[number] for number in chosen) if one.masks else ())
            for one in video.annotations
            if _key(one) in keys
        ),
    )


def _lone_frames(clean: Video, noisy: Video) -> Iterator[tuple[str, str]]:
    """Yield (side, frame) of the frames that one side alone has."""
    for side, frame_ids, others in (
        ("clean", clean.frame_ids, set(noisy.frame_ids)),
        ("noisy", noisy.frame_ids, set(clean.frame_ids)),
    ):
        yield from ((side, frame_id) for frame_id in frame_ids if frame_id not in others)


def _lone_objects(clean: Video, noisy: Video) -> Iterator[tuple[str, str]]:
    """Yield (side, object) of the objects that one side alone has."""
    first, second = (set(map(_key, video.annotations)) for video in (clean, noisy))
    for side, keys in (("clean", first - second), ("noisy", second - first)):
        for is_phrase, number in sorted(keys):
            yield side, f"the phrase of category {number}" if is_phrase else f"annotation {number}"


def _label(annotation: Annotation, nouns: dict[int, str]) -> NoisyLabel:
    """Return what a file says of one object: its expression, which is the category's noun where it says none."""
    noun = nouns[annotation.category_id]
    return NoisyLabel(annotation.category_id, noun, annotation.text or noun)
