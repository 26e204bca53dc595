"""A scene around one mask, for noises that need to see more than it: other frames, a neighbour, a picture.

Made of the mask alone, and anchored to it, so that an object elsewhere on the canvas has the same scene there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box, IndexMask, Picture
from actiseg_noise.noises.base import MaskNoise
from actiseg_noise.noises.view import Neighbours, Track, View
from actiseg_noise.runs import find_boxes

OBJECT, NEIGHBOUR = 1, 2
FRAMES, POSITION = 9, 4
STEP = 6  # pixels to the right, a frame
BESIDE = 12  # pixels that the neighbour is wide


def noised(
    noise: MaskNoise, key: Key, mask: BinaryMask, parameters: Mapping[str, Any], window: Box | None = None
) -> BinaryMask:
    """Return what a noise makes of an object in its scene, inside a window of the canvas or on all of it."""
    box = window or Box(0, 0, *mask.shape)
    seen = (view_of(noise, key, mask, box),) if noise.needs else ()
    return noise.apply(key, mask[box.slices], *seen, **parameters)


def view_of(
    noise: MaskNoise,
    key: Key,
    mask: BinaryMask,
    box: Box | None = None,
    *,
    index_mask: IndexMask | None = None,
    object_id: int = OBJECT,
    picture: Picture | None = None,
) -> View:
    """Return what a noise may see of an object, which lies on the canvas as ``mask`` says.

    Args:
        index_mask: the frame, None: the object and a neighbour to its right. picture: None: one made up.
    """
    frame = beside(mask) if index_mask is None else index_mask
    boxes = find_boxes(frame)
    ids = [object_id, *(other for other in boxes if other != object_id)]
    return View(
        object_id=object_id,
        box=find_boxes(mask.astype(np.uint8))[1] if box is None else box,
        object_key=key,
        track=track_of(mask) if "frames" in noise.needs else None,
        neighbours=Neighbours(frame, ids, boxes, frozenset({object_id})) if "objects" in noise.needs else None,
        read_image=(lambda: texture(mask) if picture is None else picture) if "image" in noise.needs else None,
    )


def track_of(mask: BinaryMask) -> Track:
    """Return the object through nine frames: it goes to the right, and is at its narrowest in the fifth, this one."""
    frames = [_frame(mask, number - POSITION) for number in range(FRAMES)]
    boxes = [find_boxes(frame.view(np.uint8)).get(1) for frame in frames]
    return Track(POSITION, boxes, _reader(frames, boxes))


def _reader(frames: list[BinaryMask], boxes: list[Box | None]) -> Callable[[int], BinaryMask]:
    """Return position → the mask in its box."""

    def read(position: int) -> BinaryMask:
        box = boxes[position]
        if box is None:
            raise LookupError(position)
        return frames[position][box.slices]

    return read


def _frame(mask: BinaryMask, after: int) -> BinaryMask:
    """Return the object some frames later, or earlier."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((2 * abs(after) + 1,) * 2, np.uint8))
    moved = np.zeros_like(wide)
    way, width = STEP * after, mask.shape[1]
    moved[:, max(way, 0) : max(width + way, 0)] = wide[:, max(-way, 0) : max(width - way, 0)][:, : width - abs(way)]
    return moved.view(bool)


def beside(mask: BinaryMask) -> IndexMask:
    """Return the object and, to the right of it, another that touches it."""
    near = cv2.dilate(mask.astype(np.uint8), np.ones((1, 2 * BESIDE + 1), np.uint8)).view(bool) & ~mask
    frame = mask.astype(np.uint8) * OBJECT
    columns = np.flatnonzero(mask.any(0))
    if len(columns):
        near[:, : columns[len(columns) // 2]] = False
        frame[near] = NEIGHBOUR
    return frame


def texture(mask: BinaryMask) -> Picture:
    """Return patches of colour that the outline of the object cuts through, the object a little brighter."""
    top, left = (int(np.flatnonzero(mask.any(axis))[0]) if mask.any() else 0 for axis in (1, 0))
    rows, columns = (np.arange(side) - first for side, first in zip(mask.shape, (top, left), strict=True))
    patches = ((rows[:, None] // 11) * 73 + (columns // 13) * 151) % 97
    return np.stack([patches + 40 * mask, patches * 2, 220 - patches - 60 * mask], 2).astype(np.uint8)
