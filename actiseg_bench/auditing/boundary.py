"""Is the boundary of a mask where the picture has an edge? Arrays in, arrays out; nothing is learned.

A mask that was drawn too large or too small has its boundary beside the object's edge. The mean gradient of the picture
is taken along the boundary, and along the boundary moved outwards and inwards pixel by pixel: its maximum is where the
boundary belongs. (The edge term of active contours: Kass, Witkin, Terzopoulos, IJCV 1988, eq. 3.)
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import BinaryMask, Box

REACH = 40  # parts of the short side that a boundary is moved by at the most: 6 px of 240
TEMPERATURE = 40.0  # of the softmax over moves, in units of the gradient; scores hardly depend on it from 10 to 80
NEIGHBOUR_PX = 2  # pixels so near to another object show that object's edge
SUSPECT = 0.5  # a score from which on a boundary is suspected
LEAST_PIXELS = 8  # along a moved boundary, for its mean to count
LEAST_SHARE = 0.5  # of the given boundary's length, too: what is left of a thin mask tells of a few pixels alone

Gradient = npt.NDArray[np.float32]
Profile = npt.NDArray[np.float64]


class BoundaryBelief(NamedTuple):
    """What the picture says of a mask's boundary.

    Attributes:
        score: probability that the boundary belongs more than a pixel away, in [0, 1].
        move_px: by how many pixels it should move: positive outwards, 0 where it is.
        where: ``left``, ``right``, ``top`` or ``bottom``, the side that is most likely wrong; ``all`` where each of the
            sides that can be told is; empty where none is.
    """

    score: float
    move_px: int
    where: str = ""


def gradient(picture: npt.NDArray[np.uint8]) -> Gradient:
    """Return the gradient's magnitude over all channels of an RGB picture ``[H, W, 3]``, float32 ``[H, W]``."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, ksize=3) for dx in (1, 0))
    return np.sqrt((across**2 + down**2).sum(2)).astype(np.float32)


def reach_of(shape: tuple[int, int]) -> int:
    """Return by how many pixels a boundary on this canvas is moved at the most, 2 or more."""
    return max(2, round(min(shape) / REACH))


def judge_mask(steepness: Gradient, mask: BinaryMask, others: BinaryMask) -> BoundaryBelief | None:
    """Return what a picture says of a mask's whole boundary, and which side of it is meant; None where nothing.

    Args:
        steepness: see :func:`gradient`. mask: bool ``[H, W]`` with foreground. others: where other objects are.
    """
    reach = reach_of(mask.shape)
    belief = judge_boundary(edge_profile(steepness, mask, others, reach))
    if belief is None or belief.score < SUSPECT:
        return belief
    parts = {side: edge_profile(steepness, mask, others, reach, part) for side, part in _sides(mask).items()}
    found = {side: one.score for side, profile in parts.items() if (one := judge_boundary(profile)) is not None}
    if not found:
        return belief
    is_everywhere = min(found.values()) >= SUSPECT
    return belief._replace(where="all" if is_everywhere else max(found, key=lambda side: found[side]))


def _sides(mask: BinaryMask) -> dict[str, BinaryMask]:
    """Return which pixels lie on which side of a mask's middle: four sectors between the diagonals of its box."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    down, across = (rows - top - (height - 1) / 2) / height, (columns - left - (width - 1) / 2) / width
    is_steep = np.abs(down) > np.abs(across)
    sides = {"left": ~is_steep & (across < 0), "right": ~is_steep & (across >= 0)}
    return sides | {"top": is_steep & (down < 0), "bottom": is_steep & (down >= 0)}


def edge_profile(
    steepness: Gradient, mask: BinaryMask, others: BinaryMask, reach: int, part: BinaryMask | None = None
) -> Profile:
    """Return the mean gradient along the boundary moved by -reach … reach pixels (outwards positive); NaN: too short.

    A boundary moves as by a square that dilates or erodes. Pixels near another object are left out. A moved boundary is
    too short with fewer pixels than ``LEAST_PIXELS``, or than ``LEAST_SHARE`` of those of the given one.

    Args:
        mask: bool ``[H, W]`` with foreground. others: where other objects are. part: look at these pixels alone.
    """
    area = _around(mask, reach + 2)
    inside = np.ascontiguousarray(mask[area.slices]).view(np.uint8)
    near = cv2.dilate(
        np.ascontiguousarray(others[area.slices]).view(np.uint8), np.ones((2 * NEIGHBOUR_PX + 1,) * 2, np.uint8)
    )
    far = reach + 3  # where a crop has no other side, the distance is without bound
    depth, height = (cv2.distanceTransform(part, cv2.DIST_C, 3).clip(0, far) for part in (inside, 1 - inside))
    ring = np.where(inside > 0, -depth, height - 1).astype(np.int64) + reach + 1  # 1-px rings around the boundary
    kept = (near == 0) & (ring >= 0) & (ring <= 2 * reach + 1)
    if part is not None:
        kept &= part[area.slices]
    sums = np.bincount(ring[kept], steepness[area.slices][kept], 2 * reach + 2)
    counts = np.bincount(ring[kept], minlength=2 * reach + 2)
    sums, counts = sums[:-1] + sums[1:], counts[:-1] + counts[1:]  # both sides of every moved boundary
    least = max(LEAST_PIXELS, LEAST_SHARE * counts[reach])
    return np.where(counts >= least, sums / np.maximum(counts, 1), np.nan)


def judge_boundary(profile: Profile) -> BoundaryBelief | None:
    """Return what a profile says; None where the boundary itself is too short to tell.

    score = 1 - Σ_{|k| ≤ 1} softmax(E / TEMPERATURE)_k
    """
    middle = len(profile) // 2
    if np.isnan(profile[middle]):
        return None
    energy = np.where(np.isnan(profile), -np.inf, profile) / TEMPERATURE
    likely = np.exp(energy - energy.max())
    likely /= likely.sum()
    best = int(likely.argmax()) - middle
    return BoundaryBelief(float(max(0.0, 1 - likely[middle - 1 : middle + 2].sum())), best if abs(best) > 1 else 0)


def _around(mask: BinaryMask, margin: int) -> Box:
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return Box(top, left, top + height, left + width).padded(margin, *mask.shape)
