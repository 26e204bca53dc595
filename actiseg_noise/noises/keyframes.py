"""Key frames: the annotator drew every few frames, and the tool filled in those between.

Between two key masks the outline moves as the zero level of their signed distances, mixed in proportion to time: with
``s`` the distance to the outline, negative inside, and ``t`` from 0 at key frame ``a`` to 1 at ``b``, a pixel belongs
to the object where ``(1 - t)·s_a + t·s_b < 0``. That is shape-based interpolation (Raya & Udupa, IEEE Transactions on
Medical Imaging 9(1), 1990; with exact distances Herman, Zheng & Bucholtz, IEEE CG&A 12(3), 1992). Two masks that do not
overlap would have nothing between them, so each is moved first to where its centre of mass is expected then: straight
from the one to the other, in whole pixels, as tools interpolate the position of a shape.

Distances are OpenCV's of the 5×5 chamfer mask, which it finds in whole numbers, in steps of 1/16 pixel, so that all
machines agree on zero. Intel's library, which it takes instead on some processors, sums up floats and does not agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import floor

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box
from actiseg_noise.noises.base import Options, Parameters, mask_noise, no_reach
from actiseg_noise.noises.polygons import centre_of
from actiseg_noise.noises.units import whole_number
from actiseg_noise.noises.view import Track, View

DEFAULTS: Options = {"every": 5}
STEPS = 16  # of a pixel

Distances = npt.NDArray[np.int64]
Keys = tuple[int, int]
"""Positions of the key frame before, or at, a frame and of the one after it."""


def resolve_every(options: Options, height: int, width: int) -> Parameters:
    """Return ``every``, a number of annotated frames.

    Raises:
        ActisegError: it is no whole number from 2: every frame a key frame is no noise.
    """
    return {"every": whole_number(options, "every", 2)}


def key_positions(track: Track, every: int) -> Keys:
    """Return the key frames around a frame; both are the frame itself where it is one.

    Key frames are the first in which the object is in view, every ``every``-th after it, and the last in view.
    """
    first, last = track.stretch
    before = first + (track.position - first) // every * every
    if track.position in (before, last):
        return track.position, track.position
    return before, min(before + every, last)


def area_between(view: View, *, every: int) -> Box:
    """Return a box around the object at both key frames: what is between them lies inside."""
    before, after = key_positions(view.frames, every)
    return view.frames.box(before).union(view.frames.box(after))


@mask_noise(
    "keyframes-v1",
    resolve=resolve_every,
    reach=no_reach,
    area=area_between,
    needs=frozenset({"frames"}),
    defaults=DEFAULTS,
    strength="every",
    summary="only key frames were drawn; the masks between them are interpolated",
    source="interpolation between key frames in annotation tools; formula: Raya & Udupa (IEEE TMI 1990)",
)
def keyframes(key: Key, mask: BinaryMask, view: View, *, every: int) -> BinaryMask:
    """Return the mask interpolated between the key frames around this one; the key is not used.

    A key frame's mask stays as it is: the first frame in which the object is in view, every ``every``-th annotated one
    after it, and the last one in view. Between two of them lies the zero level of their signed distances, in proportion
    to time, each mask moved to where its centre of mass would be then.
    """
    track = view.frames
    before, after = key_positions(track, every)
    if before == after:
        return track.mask(track.position, view.box)
    window = track.box(before).union(track.box(after))
    masks = track.mask(before, window), track.mask(after, window)
    between = interpolate(*masks, track.position - before, after - before)
    out = np.zeros_like(mask)
    shared = window.intersection(view.box)
    if shared is not None:
        out[shared.within(view.box)] = between[shared.within(window)]
    return out


def interpolate(one: BinaryMask, other: BinaryMask, step: int, steps: int) -> BinaryMask:
    """Return the shape at ``step`` of ``steps`` from one mask to another on the same canvas, both with pixels."""
    start, end = centre_of(one), centre_of(other)
    way = [_whole((b - a) * step / steps) for a, b in zip(start, end, strict=True)]
    rest = [_whole((a - b) * (steps - step) / steps) for a, b in zip(start, end, strict=True)]
    margin = max(map(abs, [*way, *rest])) + 1
    mixed = (steps - step) * signed_distance(_moved(one, way, margin))
    mixed += step * signed_distance(_moved(other, rest, margin))
    return np.asarray(mixed[margin:-margin, margin:-margin] < 0, bool)


def signed_distance(mask: BinaryMask) -> Distances:
    """Return the distance of every pixel to the outline in 1/16 px, negative inside, ``int64 [h, w]``.

    The outline lies half a pixel outside the object's border pixels.
    """
    inside, outside = (_distance(part) for part in (mask, ~mask))
    return np.where(mask, STEPS // 2 - inside, outside - STEPS // 2)


def _distance(mask: BinaryMask) -> Distances:
    """Return the distance of every pixel of the mask to the nearest that is none, 0 elsewhere."""
    with _without_intel_library():
        found = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5)
    return np.rint(found * STEPS).astype(np.int64)


@contextmanager
def _without_intel_library() -> Iterator[None]:
    """Make OpenCV, in this thread, compute with its own code, which is the same on all machines."""
    is_used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(is_used)


def _whole(length: float) -> int:
    """Return the nearest whole number, ties up."""
    return floor(length + 0.5)


def _moved(mask: BinaryMask, way: list[int], margin: int) -> BinaryMask:
    """Return a mask moved (down, right) on a canvas that is ``margin`` pixels larger on every side."""
    out = np.zeros((mask.shape[0] + 2 * margin, mask.shape[1] + 2 * margin), bool)
    top, left = margin + way[0], margin + way[1]
    out[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return out
