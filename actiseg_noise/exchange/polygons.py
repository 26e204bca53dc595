"""Masks as polygons along the borders of their pixels: drawn again, they give the very same mask.

COCO's and CVAT's polygons have no holes and one outline a part. So a mask with holes is cut into bands of rows, one
beginning at the first row of every hole, which is open at the top of its band then.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import BinaryMask

Point = tuple[int, int]
"""Column and row of a corner of pixels; pixel (x, y) lies between the corners (x, y) and (x + 1, y + 1)."""
Polygon = list[Point]


def find_polygons(mask: BinaryMask) -> list[Polygon]:
    """Return the polygons of a mask, ``bool [H, W]``, whose union it is; none for one without foreground.

    >>> find_polygons(np.array([[False, True, True]]))
    [[(1, 0), (3, 0), (3, 1), (1, 1)]]
    """
    import cv2

    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if not width:
        return []
    crop = mask[top : top + height, left : left + width]
    found = []
    rows = [0, *_first_rows_of_holes(crop), height]
    for start, stop in pairwise(rows):
        count, parts = cv2.connectedComponents(crop[start:stop].astype(np.uint8), connectivity=4)
        for number in range(1, count):
            outline = _outline(parts == number)
            found.append([(x + left, y + top + start) for x, y in outline])
    return found


def _first_rows_of_holes(mask: BinaryMask) -> list[int]:
    """Return the first row of every part of the background that foreground encloses, ascending, each once."""
    import cv2

    around = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=8)
    outside = (0, 0, around.shape[1], around.shape[0])
    boxes = [tuple(stats[number, :4].tolist()) for number in range(1, count)]
    return sorted({top - 1 for left, top, width, height in boxes if (left, top, width, height) != outside})


def _outline(part: npt.NDArray[np.bool_]) -> Polygon:
    """Return the corners of a part's outline, clockwise from the first of its first row.

    Args:
        part: ``bool [H, W]``, connected by sides, without holes.
    """
    steps = _steps(part)
    start = here = min(steps, key=lambda point: (point[1], point[0]))
    before: Point | None = None
    corners: Polygon = []
    while before is None or here != start:
        after = _turn_right(before, here, steps[here])
        steps[here].remove(after)
        if before is None or (before[0] == here[0]) != (here[0] == after[0]):
            corners.append(here)
        before, here = here, after
    return corners


def _steps(part: npt.NDArray[np.bool_]) -> dict[Point, list[Point]]:
    """Return corner → the next ones along the sides between foreground and background, foreground on the right."""
    padded = np.pad(part, 1)
    inner = padded[1:-1, 1:-1]
    sides = (
        (inner & ~padded[:-2, 1:-1], (0, 0), (1, 0)),
        (inner & ~padded[1:-1, 2:], (1, 0), (1, 1)),
        (inner & ~padded[2:, 1:-1], (1, 1), (0, 1)),
        (inner & ~padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    steps: dict[Point, list[Point]] = {}
    for is_side, (x0, y0), (x1, y1) in sides:
        rows, columns = np.nonzero(is_side)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
            steps.setdefault((x + x0, y + y0), []).append((x + x1, y + y1))
    return steps


def _turn_right(before: Point | None, here: Point, choices: list[Point]) -> Point:
    """Return the next corner; where two pixels touch at one, the step that stays with the pixel on the right."""
    if before is None or len(choices) == 1:
        return choices[0]
    dx, dy = here[0] - before[0], here[1] - before[1]
    right = (here[0] - dy, here[1] + dx)
    return right if right in choices else choices[0]
