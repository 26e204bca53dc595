"""Layers: objects whose masks share pixels, divided among several clips of the same frames.

An index mask has one object per pixel. Layouts with a mask per object (COCO-video JSON, a folder per object) may have
two, and both are right. Such a video is read as several clips, its layers, in each of which no two masks meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from actiseg_noise.masks import BinaryMask

MOST_OBJECTS = 254  # ids of an index mask, 255 is void


def find_overlaps(masks: Sequence[BinaryMask]) -> set[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of positions whose masks share a pixel in one frame.

    Args:
        masks: ``bool [H, W]`` each, all of one size.
    """
    if not masks:
        return set()
    several = np.flatnonzero(np.sum([mask.ravel() for mask in masks], axis=0, dtype=np.uint16) > 1)
    if not len(several):
        return set()
    inside: npt.NDArray[np.int64] = np.stack([mask.ravel()[several] for mask in masks]).astype(np.int64)
    shared = inside @ inside.T
    return {(int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(shared, 1)), strict=True)}


def divide_into_layers(objects: Iterable[int], overlaps: set[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return the objects' layers: each object, in order, goes to the first layer where it meets none and has room.

    Args:
        objects: in the order in which they are placed. overlaps: pairs whose masks share a pixel in any frame.

    >>> divide_into_layers([1, 2, 3], {(1, 2), (2, 3)})
    [(1, 3), (2,)]
    """
    meets: dict[int, set[int]] = {}
    for i, j in overlaps:
        meets.setdefault(i, set()).add(j)
        meets.setdefault(j, set()).add(i)
    layers: list[list[int]] = []
    for one in objects:
        free = (layer for layer in layers if len(layer) < MOST_OBJECTS and meets.get(one, set()).isdisjoint(layer))
        layer = next(free, None)
        if layer is None:
            layers.append([one])
        else:
            layer.append(one)
    return [tuple(layer) for layer in layers]


def layer_name(video_id: str, place: int, count: int) -> str:
    """Return the clip id of a video's layer: the video's own where there is one layer, else ``<video>~<number>``.

    Args:
        place: 0-based. count: of layers; numbers are as wide as the largest, so that names sort.

    >>> layer_name("v", 0, 1), layer_name("v", 1, 12)
    ('v', 'v~02')
    """
    return video_id if count == 1 else f"{video_id}~{place + 1:0{len(str(count))}d}"
