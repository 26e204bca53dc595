"""Superpixels: the outline snaps to the edges of the picture, as annotation tools that offer regions make it.

The regions are those of SLIC (Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", IEEE
TPAMI 34(11), 2012): k-means of colour and place around seeds on a grid, every pixel near one of nine seeds. Here it is
in whole numbers, on a grid anchored to the object and for the surroundings of its box alone, so that every machine and
every version of every library finds the same regions in the same pixels, and in RGB. Libraries' are in floating point.
Which pixels a JPEG has is up to Pillow's decoder: another one's may differ by a grey level, and a region with it.
"""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np
import numpy.typing as npt

from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key
from actiseg_noise.masks import BinaryMask, Box, Picture, nearest_pixels
from actiseg_noise.noises.base import Options, Parameters, mask_noise
from actiseg_noise.noises.polygons import box_of
from actiseg_noise.noises.units import inner_share, length_px, whole_number
from actiseg_noise.noises.view import View

DEFAULTS: Options = {"size": 24, "compactness": 10, "covered": 0.5, "unit": "480p"}
SIDE = 8  # pixels of a region's side while regions are sought: the picture is scaled down to that
ROUNDS = 5
SPECK = 4  # parts below one in so many of a region's pixels, as in SLIC
UNIT = 16  # of a pixel, and of a grey level

Whole = npt.NDArray[np.int32]
Labels = npt.NDArray[np.int32]


def resolve_regions(options: Options, height: int, width: int) -> Parameters:
    """Turn ``size``, the side of a region, into pixels of this canvas.

    Raises:
        ActisegError: no positive length, one below two pixels, a compactness or share out of range.
    """
    size = length_px(options, "size", height, width)
    what = f"regions of {options['size']} ({options['unit']}) are {size:g} px on a {height}×{width} canvas"
    raise_if(size < 2, f"{what}, which changes next to nothing. Use a larger size.")
    covered, compactness = inner_share(options, "covered"), whole_number(options, "compactness", 1, 1000)
    return {"size_px": size, "compactness": compactness, "covered": covered}


def reach_of_regions(parameters: Parameters) -> int:
    """Return how far a region that the object covers enough of may go outside its box."""
    return ceil(2 * parameters["size_px"])


@mask_noise(
    "superpixel-v1",
    resolve=resolve_regions,
    reach=reach_of_regions,
    needs=frozenset({"image"}),
    defaults=DEFAULTS,
    strength="size",
    summary="the outline snapped to the superpixels of the image",
    source="SLIC (Achanta et al., TPAMI 2012); tools that offer superpixels or regions to click, as for COCO-Stuff",
)
def superpixel(
    key: Key, mask: BinaryMask, view: View, *, size_px: float, compactness: int, covered: float
) -> BinaryMask:
    """Return the regions of the image of which the object covers at least the share ``covered``; no draw, no key.

    Regions are about ``size_px`` wide and follow edges of the image, the more so the smaller ``compactness`` is. They
    are those of the object's box and twice their width around it; parts of less than a quarter of a region join what is
    around them. An object that covers enough of no region keeps that of which it covers most.
    """
    if not mask.any():
        return mask.copy()
    near = box_of(mask).padded(reach_of_regions({"size_px": size_px}), *mask.shape)
    tight = mask[near.slices]
    top, left = view.box.top, view.box.left
    picture = view.image(Box(top + near.top, left + near.left, top + near.bottom, left + near.right))
    found = regions(picture, size_px, compactness)
    to_found = nearest_pixels(found.shape, tight.shape)
    labels = found[to_found]
    inside = np.bincount(labels[tight], minlength=int(labels.max()) + 1)
    sizes = np.bincount(labels.ravel(), minlength=len(inside))
    shares = inside / np.maximum(sizes, 1)
    chosen = shares >= min(covered, shares.max())
    out = np.zeros_like(mask)
    out[near.slices] = without_specks(chosen[found], int(min(size_px, SIDE) ** 2) // SPECK)[to_found]
    return out


def without_specks(mask: BinaryMask, least: int) -> BinaryMask:
    """Return ``mask`` without parts, and then without holes, of fewer than ``least`` pixels."""
    out = mask.copy()
    for is_hole in (False, True):
        _, parts, stats, _ = cv2.connectedComponentsWithStats((out ^ is_hole).view(np.uint8), connectivity=4)
        for part in 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] < least):
            left, top, width, height = stats[part, :4].tolist()
            around = np.s_[top : top + height, left : left + width]
            out[around] ^= parts[around] == part
    return out


def regions(picture: Picture, size: float, compactness: int) -> Labels:
    """Return the region of every pixel, ``int32``, of the picture scaled down so that they are 8 wide."""
    scale = min(1.0, SIDE / size)
    small = tuple(max(1, round(side * scale)) for side in picture.shape[:2])
    return slic(picture[nearest_pixels(picture.shape, small)], min(size, SIDE), compactness)


def slic(picture: Picture, side: float, compactness: int) -> Labels:
    """Return the region of every pixel: k-means of colour and place, each pixel with the nine seeds around its cell.

    Distances are squared, in 1/16: of colour in grey levels, of place in ``compactness`` grey levels a region's side.
    """
    height, width = picture.shape[:2]
    down, across = max(1, round(height / side)), max(1, round(width / side))
    cell_row, cell_column = np.arange(height) * down // height, np.arange(width) * across // width
    weight = UNIT * compactness / side
    place = np.rint(np.indices((height, width)) * weight).astype(np.int32)
    features = np.concatenate([place, picture.transpose(2, 0, 1).astype(np.int32) * UNIT])
    labels = (cell_row[:, None] * across + cell_column).astype(np.int32)
    for _ in range(ROUNDS):
        labels = _nearest(features, *_seeds(features, labels, (down, across)), cell_row, cell_column)
    return labels


def _seeds(features: Whole, labels: Labels, shape: tuple[int, int]) -> tuple[Whole, BinaryMask]:
    """Return the mean features of each region, whole numbers ``[5, *shape]``, and whether it has a pixel."""
    flat, count = labels.ravel(), shape[0] * shape[1]
    sizes = np.bincount(flat, minlength=count)
    sums = np.stack([np.bincount(flat, weights=plane.ravel(), minlength=count) for plane in features])
    means = (sums // np.maximum(sizes, 1)).astype(np.int32)
    return means.reshape(5, *shape), (sizes > 0).reshape(shape)


def _nearest(features: Whole, seeds: Whole, has_pixel: BinaryMask, cell_row: Whole, cell_column: Whole) -> Labels:
    """Return for every pixel the nearest of the nine seeds around its cell that have a pixel, of equal ones the first.

    The squared distance to a seed without one need not fit into 32 bits: it lies anywhere.
    """
    down, across = seeds.shape[1:]
    best = np.full(features.shape[1:], np.iinfo(np.int32).max, np.int32)
    labels = np.zeros_like(best)
    for row_step in (-1, 0, 1):
        rows = np.clip(cell_row + row_step, 0, down - 1)
        for column_step in (-1, 0, 1):
            columns = np.clip(cell_column + column_step, 0, across - 1)
            away = features - seeds[:, rows[:, None], columns]
            distance = np.einsum("frc,frc->rc", away, away)
            nearer = (distance < best) & has_pixel[rows[:, None], columns]
            np.copyto(best, distance, where=nearer)
            np.copyto(labels, rows[:, None] * across + columns, where=nearer)
    return labels
