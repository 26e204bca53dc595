"""Masks as polygons: trace the outlines of an object, move them, draw them again.

An outline is ``int [n, 2]``: the (x, y) of the border pixels of a part, or of the pixels around a hole, in order, every
pixel of the border among them. Coordinates count from the top left of the object's box, so that nothing depends on the
crop. Drawing an outline that did not move gives the pixels it came from.

The rules of drawing, for all noises on polygons:

* An outline that crosses itself is filled even-odd, as OpenCV and COCO-N do; its line is always drawn, so a part never
  disappears, however thin.
* The line around a hole is drawn too, so a hole stays one. A hole that would close keeps its clean pixels.
* Parts are painted over one another: those that come to overlap become one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import BinaryMask, Box

Outline = npt.NDArray[np.int32]
Pixels = npt.NDArray[np.uint8]
Move = Callable[[Outline], Outline]


def redraw(mask: BinaryMask, move: Move, reach: int) -> BinaryMask:
    """Return ``mask`` with each of its outlines moved.

    Args:
        mask: a crop; what is painted outside of it is lost.
        move: outline → outline, none of its points further than ``reach`` pixels outside the object's box.
    """
    box = box_of(mask)
    tight = mask[box.slices]
    canvas = np.zeros((tight.shape[0] + 2 * reach, tight.shape[1] + 2 * reach), np.uint8)
    for outer, holes in sorted(trace(tight), key=lambda part: not part[1]):  # islands lie in holes: holes come first
        _draw_part(canvas, outer, holes, move, reach)
    return cut(canvas, reach - box.top, reach - box.left, mask.shape)


def box_of(mask: BinaryMask) -> Box:
    """Return the box around the pixels of ``mask``, of no size where it has none."""
    import cv2

    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return Box(top, left, top + height, left + width)


def centre_of(mask: BinaryMask) -> tuple[float, float]:
    """Return (row, column) of the centre of mass, (0, 0) of an empty mask."""
    import cv2

    sums = cv2.moments(np.ascontiguousarray(mask).view(np.uint8), binaryImage=True)
    pixels = max(sums["m00"], 1)
    return sums["m01"] / pixels, sums["m10"] / pixels


def trace(mask: BinaryMask) -> Iterator[tuple[Outline, list[Outline]]]:
    """Yield each connected part (8 neighbours): its outer outline and those of its holes."""
    import cv2

    outlines, links = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    flat = [np.asarray(outline, np.int32).reshape(-1, 2) for outline in outlines]
    for index, outer in enumerate(flat):
        if links[0][index][3] < 0:  # no parent: not a hole
            holes = []
            child = links[0][index][2]
            while child >= 0:
                holes.append(flat[child])
                child = links[0][child][0]
            yield outer, holes


def _draw_part(canvas: Pixels, outer: Outline, holes: list[Outline], move: Move, reach: int) -> None:
    """Paint one part with 1, its outlines moved, on a canvas that starts ``reach`` pixels above and left of the box."""
    import cv2

    if not holes:
        cv2.fillPoly(canvas, [move(outer) + reach], 1)
        return
    layer = np.zeros_like(canvas)
    cv2.fillPoly(layer, [move(outer) + reach], 1)
    for hole in holes:
        if not _cut_hole(layer, move(hole) + reach):
            _cut_hole(layer, hole + reach)
    np.maximum(canvas, layer, out=canvas)


def _cut_hole(layer: Pixels, outline: Outline) -> bool:
    """Paint what is inside an outline with 0 and its line with 1; return whether anything is inside."""
    import cv2

    left, top, width, height = cv2.boundingRect(outline)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [outline - (left, top)], 1)
    cv2.polylines(inside, [outline - (left, top)], isClosed=True, color=0)
    if not inside.any():
        return False
    layer[top : top + height, left : left + width][inside.view(bool)] = 0
    cv2.polylines(layer, [outline], isClosed=True, color=1)
    return True


def cut(canvas: Pixels, top: int, left: int, shape: tuple[int, ...]) -> BinaryMask:
    """Return what a crop shows whose first pixel is (``top``, ``left``) of the canvas, possibly outside of it."""
    out = np.zeros(shape, np.uint8)
    rows, columns = max(top, 0), max(left, 0)
    seen = canvas[rows : top + shape[0], columns : left + shape[1]]
    out[rows - top : rows - top + seen.shape[0], columns - left : columns - left + seen.shape[1]] = seen
    return out.view(bool)
