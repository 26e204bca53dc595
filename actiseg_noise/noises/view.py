"""What a mask noise that ``needs`` more than a mask may look at, all of it as it is before any noise.

A view is read-only and lazy: what is not asked for is not read. It shows nothing but the clip, so that no other clip,
no order and no number of workers can change what a noise does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box, IndexMask, Picture

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Track:
    """One object through the annotated frames of its clip.

    Attributes:
        position: of the frame at hand among the annotated ones, from 0.
        boxes: per annotated frame the object's box, None where it is hidden.
        read: position of a frame in which it is visible → its mask inside its box there, ``bool``.
    """

    position: int
    boxes: Sequence[Box | None]
    read: Callable[[int], BinaryMask]

    def mask(self, position: int, area: Box) -> BinaryMask:
        """Return the object's mask in another frame, inside ``area`` of the canvas."""
        out = np.zeros((area.bottom - area.top, area.right - area.left), bool)
        box = self.boxes[position]
        shared = None if box is None else box.intersection(area)
        if box is not None and shared is not None:
            out[shared.within(area)] = self.read(position)[shared.within(box)]
        return out

    @property
    def stretch(self) -> tuple[int, int]:
        """Return the first and the last position of the run of frames, around this one, that all show the object."""
        first = last = self.position
        while first > 0 and self.boxes[first - 1] is not None:
            first -= 1
        while last + 1 < len(self.boxes) and self.boxes[last + 1] is not None:
            last += 1
        return first, last

    def box(self, position: int) -> Box:
        """Return the object's box in a frame in which it is visible.

        Raises:
            LookupError: it is hidden there.
        """
        box = self.boxes[position]
        if box is None:
            raise LookupError(f"the object is hidden in frame {position}")
        return box


@dataclass(frozen=True)
class Neighbours:
    """All objects of one frame.

    Attributes:
        index_mask: ``uint8 [H, W]``, the whole frame.
        order: ids of the visible objects, void left out, in the order in which they keep a contested pixel: positives
            in order of id, then the others.
        boxes: id → box. hit: those that the same noise of the recipe hits in this frame.
    """

    index_mask: IndexMask
    order: Sequence[int]
    boxes: Mapping[int, Box]
    hit: frozenset[int]

    def mask(self, object_id: int, area: Box) -> BinaryMask:
        """Return one object's mask inside ``area`` of the canvas."""
        return self.index_mask[area.slices] == object_id

    @cached_property
    def borders(self) -> Mapping[tuple[int, int], int]:
        """Return (smaller id, larger id) → how many pixels of one lie right or below one of the other, 0 left out.

        The frame is looked through once, however many of its objects ask.
        """
        counts = np.zeros(1 << 16, np.int64)
        mask = self.index_mask
        for one, other in ((mask[:, :-1], mask[:, 1:]), (mask[:-1], mask[1:])):
            places = np.flatnonzero((one != other) & (one > 0) & (other > 0))
            a, b = one.flat[places], other.flat[places]
            low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b)
            counts += np.bincount(low << 8 | high, minlength=1 << 16)
        return {(int(pair) >> 8, int(pair) & 255): int(counts[pair]) for pair in np.flatnonzero(counts)}


@dataclass(frozen=True, slots=True)
class View:
    """What one noise may see when it is applied to one object in one frame.

    Attributes:
        object_id: of the object. box: where the crop lies on the canvas.
        object_key: the draw's address without the frame: for what is drawn once per object whatever ``temporal`` says.
    """

    object_id: int
    box: Box
    object_key: Key
    track: Track | None = None
    neighbours: Neighbours | None = None
    read_image: Callable[[], Picture] | None = None

    @property
    def frames(self) -> Track:
        """Return the object through its clip.

        Raises:
            LookupError: the noise did not say that it needs ``frames``.
        """
        return _declared(self.track, "frames")

    @property
    def objects(self) -> Neighbours:
        """Return the objects of the frame; LookupError as for ``frames``."""
        return _declared(self.neighbours, "objects")

    def image(self, area: Box) -> Picture:
        """Return the picture inside ``area`` of the canvas, ``uint8 [h, w, 3]``; LookupError as for ``frames``."""
        return _declared(self.read_image, "image")()[area.slices]


def _declared(thing: T | None, need: str) -> T:
    """Return what a noise asks for, if it said that it would."""
    if thing is None:
        raise LookupError(f"a noise that looks at the {need} is registered with needs=frozenset({{{need!r}}})")
    return thing
