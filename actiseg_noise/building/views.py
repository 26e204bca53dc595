"""What the build shows of a clip to the mask noises that need more than one crop; see ``noises/view.py``.

Nothing is read before a noise asks. The masks of other frames are then read in one pass and kept, per positive object
and frame, as the bits of a tight crop, deflated: a kilobyte or two each, as much as the rows of the clip themselves.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np

from actiseg_noise.building.compose import MaskCheck
from actiseg_noise.building.overlap import FrameMasks, Hit, Look
from actiseg_noise.building.plan import Plan, Slot
from actiseg_noise.errors import DataError
from actiseg_noise.masks import BinaryMask, Box, IndexMask, Picture, nearest_pixels
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.noises.view import Neighbours, Track, View
from actiseg_noise.recipe import Recipe
from actiseg_noise.records import Clip, FrameRecord

ReadMask = Callable[[Clip, FrameRecord], IndexMask]
ReadImage = Callable[[Clip, FrameRecord], Picture]


class ClipViews:
    """The views of one clip's objects."""

    def __init__(self, clip: Clip, plan: Plan, read_mask: ReadMask | None, read_image: ReadImage | None) -> None:
        self.clip = clip
        self.plan = plan
        self.read_mask = read_mask
        self.read_image = read_image
        self.annotated = [frame_idx for frame_idx, frame in enumerate(clip.frames) if frame.is_annotated]
        self.boxes: dict[int, list[Box | None]] = {}

    def at(self, frame_idx: int, scene: FrameMasks, hits: Mapping[int, Sequence[Hit]]) -> Look:
        """Return slot, object id → view, in one annotated frame.

        Args:
            hits: of the frame's visible positive objects.
        """
        picture = cache(lambda: self._picture(self.clip.frames[frame_idx], scene.index_mask.shape))
        neighbours = cache(partial(_neighbours, scene, hits))

        def look(slot: Slot[MaskNoise], object_id: int) -> View:
            needs = slot.noise.needs
            return View(
                object_id=object_id,
                box=scene.boxes[object_id],
                object_key=slot.base.child(self.clip.mask_address or self.clip.address, object_id),
                track=self._track(object_id, frame_idx) if "frames" in needs else None,
                neighbours=neighbours(slot.index) if "objects" in needs else None,
                read_image=picture if "image" in needs else None,
            )

        return look

    def _track(self, object_id: int, frame_idx: int) -> Track:
        """Return one object through the clip."""
        if object_id not in self.boxes:
            masks = [frame.get(object_id) for frame in self._masks]
            self.boxes[object_id] = [None if mask is None else mask.box for mask in masks]
        position = bisect_left(self.annotated, frame_idx)
        return Track(position, self.boxes[object_id], lambda at: self._masks[at][object_id].unpacked())

    @cached_property
    def _masks(self) -> list[dict[int, _Packed]]:
        """Return per annotated frame: positive object's id → its mask."""
        check = MaskCheck(self.clip, self.plan.void_id)
        positives = {item.object_id for item in self.clip.objects if item.is_positive}
        found = []
        read_mask = self.read_mask
        if read_mask is None:
            raise LookupError("content without masks has no views")
        for frame in (self.clip.frames[frame_idx] for frame_idx in self.annotated):
            index_mask = read_mask(self.clip, frame)
            boxes = check.runs(frame, index_mask).boxes[0]
            found.append({i: _Packed.of(index_mask, i, box) for i, box in boxes.items() if i in positives})
        return found

    def _picture(self, frame: FrameRecord, shape: tuple[int, ...]) -> Picture:
        """Return the frame's picture at the size of its mask: every pixel the nearest one of the file."""
        if self.read_image is None:
            raise DataError(f"clip {self.clip.clip_id!r}: there is no picture to look at")
        picture = self.read_image(self.clip, frame)
        return picture if picture.shape[:2] == shape else picture[nearest_pixels(picture.shape, shape)]


class _Packed:
    """A binary mask of an object, small in memory."""

    __slots__ = ("box", "data")

    def __init__(self, box: Box, data: bytes) -> None:
        self.box = box
        self.data = data

    @classmethod
    def of(cls, index_mask: IndexMask, object_id: int, box: Box) -> _Packed:
        """Return the mask of one object."""
        bits = np.packbits(index_mask[box.slices] == object_id)
        return cls(box, zlib.compress(bits.tobytes(), 1))

    def unpacked(self) -> BinaryMask:
        """Return ``bool [box height, box width]``."""
        shape = (self.box.bottom - self.box.top, self.box.right - self.box.left)
        bits = np.frombuffer(zlib.decompress(self.data), np.uint8)
        return np.unpackbits(bits, count=shape[0] * shape[1]).view(bool).reshape(shape)


def _neighbours(scene: FrameMasks, hits: Mapping[int, Sequence[Hit]], slot_index: int) -> Neighbours:
    """Return the frame's objects, as the noise of one slot of the recipe sees them."""
    boxes = {i: box for i, box in scene.boxes.items() if i != scene.void_id}
    order = [i for i in scene.positives if i in boxes] + [i for i in boxes if i not in scene.positives]
    hit = frozenset(i for i, found in hits.items() if any(slot.index == slot_index for slot, _ in found))
    index_mask = scene.index_mask.view()
    index_mask.flags.writeable = False
    return Neighbours(index_mask, order, boxes, hit)


def check_images(clip: Clip, root: Path, recipe: Recipe) -> None:
    """Raise DataError where an annotated frame lacks the image that a noise of the recipe looks at."""
    for frame in clip.frames:
        if frame.is_annotated and (frame.image_path is None or not (root / frame.image_path).is_file()):
            names = ", ".join(s.noise_id for s in recipe.noises if s.rate and _looks_at_image(s.noise_id))
            what = "no image is named" if frame.image_path is None else f"expected the image {root / frame.image_path}"
            raise DataError(
                f"clip {clip.clip_id!r}, frame {frame.frame_id}: {what}, and {names} of recipe {recipe.recipe_id!r} "
                "looks at the images. Put the frames there, or use a recipe without it."
            )


def _looks_at_image(noise_id: str) -> bool:
    """Return whether a noise needs the image."""
    noise = NOISES[noise_id]
    return isinstance(noise, MaskNoise) and "image" in noise.needs
