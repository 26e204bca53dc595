"""The objects of a video as its clips have them: ids, layers, and where an object's pixels are in a mask.

What stands for an object on disk, its source, is a number in the masks or the name of a folder. What leads from
sources to ids travels with a clip's frames, as ``FrameRecord.mask_key``; None where numbers are ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actiseg_noise.borders.object_folders import read_object_mask
from actiseg_noise.datasets.davis.labels import VOID_ID
from actiseg_noise.datasets.davis.masks import Numbers
from actiseg_noise.datasets.layers import MOST_OBJECTS, divide_into_layers, find_overlaps
from actiseg_noise.errors import DataError
from actiseg_noise.fields import parse_number
from actiseg_noise.masks import BinaryMask, IndexMask, find_values

Source = int | str
FOREGROUND_KEY = '{"numbers": [[1, 1], [255, 1]]}'
"""Of masks whose object is 255, as grey masks have it, or 1."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a layer.

    Attributes:
        object_id: in its clip, 1 … 254. text_id: the number by which a file of texts calls it: its own where all of
            the video's are in 1 … 255, else its place in the video, from 1.
    """

    object_id: int
    source: Source
    text_id: int


def place_things(sources: Sequence[Source], overlaps: set[tuple[int, int]], where: str) -> list[tuple[Thing, ...]]:
    """Return a video's layers. An object's id is its number where all of its layer are in 1 … 254, else its place.

    Args:
        sources: in order of number or name. overlaps: pairs of positions whose masks meet in any frame.

    Raises:
        DataError: two folders have one number; ``where`` is named.
    """
    numbers = [source if isinstance(source, int) else parse_number(source) for source in sources]
    _check_distinct(sources, numbers, where)
    own = [number for number in numbers if number is not None and 1 <= number <= VOID_ID]
    text_ids = own if len(own) == len(sources) else range(1, len(sources) + 1)
    layers = []
    for layer in divide_into_layers(range(len(sources)), overlaps):
        ids = [number for i in layer if (number := numbers[i]) is not None and 1 <= number <= MOST_OBJECTS]
        object_ids: Iterable[int] = ids if len(ids) == len(layer) else range(1, len(layer) + 1)
        layers.append(
            tuple(Thing(object_id, sources[i], text_ids[i]) for object_id, i in zip(object_ids, layer, strict=True))
        )
    return layers


def _check_distinct(sources: Sequence[Source], numbers: Sequence[int | None], where: str) -> None:
    """Refuse folders such as ``1`` and ``01``."""
    seen: dict[int, Source] = {}
    for source, number in zip(sources, numbers, strict=True):
        if number is not None and number in seen:
            raise DataError(
                f"{where}: the folders {seen[number]!r} and {source!r} both are object {number}; rename one"
            )
        if number is not None:
            seen[number] = source


def read_overlaps(root: Path, objects: Mapping[str, Mapping[str, str]]) -> tuple[set[str], set[tuple[int, int]]]:
    """Read every mask of a video with a file per object, frame by frame.

    Args:
        objects: object → frame → mask file below the root.

    Returns:
        The objects that have a pixel, and the pairs of positions in ``objects`` whose masks share one.

    Raises:
        DataError: a mask that cannot be read, or two of one frame that differ in size.
    """
    names, visible = list(objects), set()
    overlaps: set[tuple[int, int]] = set()
    for frame in {frame: None for files in objects.values() for frame in files}:
        places: list[int] = []
        masks: list[BinaryMask] = []
        for place, name in enumerate(names):
            if frame not in objects[name]:
                continue
            mask = _read_of_size(root / objects[name][frame], masks)
            if mask.any():
                visible.add(name)
                places.append(place)
                masks.append(mask)
        overlaps |= {(places[i], places[j]) for i, j in find_overlaps(masks)}
    return visible, overlaps


def files_key(things: Iterable[tuple[int, str]]) -> str:
    """Return what leads from ids to files: pairs of an id, 0 for none, and a file below the root."""
    return json.dumps({"files": list(things)}, ensure_ascii=False)


def numbers_key(layers: Sequence[Sequence[Thing]], place: int) -> str | None:
    """Return what leads from numbers to ids of the layer at ``place``, 0 for objects of others; None where equal."""
    ids = {thing.source: thing.object_id if n == place else 0 for n, layer in enumerate(layers) for thing in layer}
    if all(source == object_id for source, object_id in ids.items()):
        return None
    return json.dumps({"numbers": [[source, object_id] for source, object_id in ids.items()]})


def key_numbers(key: str) -> dict[int, int] | None:
    """Return number → id of a key, None where it is one of files."""
    value = json.loads(key)
    return {int(number): int(object_id) for number, object_id in value["numbers"]} if "numbers" in value else None


def paint_files(root: Path, key: str, threshold: int | None = None) -> IndexMask:
    """Return the index mask of a frame with a file per object.

    Raises:
        DataError: a mask that cannot be read, or two that differ in size.
    """
    canvas: IndexMask | None = None
    for object_id, name in json.loads(key)["files"]:
        mask = _read_of_size(root / name, [] if canvas is None else [canvas], threshold)
        canvas = np.zeros(mask.shape, np.uint8) if canvas is None else canvas
        canvas[mask] = object_id
    if canvas is None:
        raise DataError(f"{root}: no mask of the frame is there any more")
    return canvas


def to_ids(numbers: Numbers, ids: Mapping[int, int], void: int | None) -> tuple[IndexMask, list[int]]:
    """Return the index mask of a mask of numbers, and the numbers that are none of ``ids``, ascending."""
    unknown = sorted(set(find_values(numbers)) - {0, void} - ids.keys())
    if void in (None, VOID_ID) and numbers.dtype == np.uint8 and all(key == value for key, value in ids.items()):
        return numbers.astype(np.uint8, copy=False), unknown
    table = np.zeros(1 << (8 * numbers.itemsize), np.uint8)
    for number, object_id in ids.items():
        table[number] = object_id
    if void is not None:
        table[void] = VOID_ID
    return table[numbers], unknown


def merge(numbers: Numbers, void: int | None) -> IndexMask:
    """Return 1 for every pixel that is not 0, 255 for void."""
    merged = (numbers != 0).astype(np.uint8)
    if void is not None:
        merged[numbers == void] = VOID_ID
    return merged


def _read_of_size(path: Path, others: Sequence[BinaryMask | IndexMask], threshold: int | None = None) -> BinaryMask:
    """Read a mask of one object, and hold its size against that of the frame's others."""
    mask = read_object_mask(path, threshold)
    if others and mask.shape != others[0].shape:
        (height, width), (other_height, other_width) = mask.shape, others[0].shape
        raise DataError(
            f"{path}: the mask is {width}×{height}, another object's of this frame is {other_width}×{other_height} "
            "(width×height). Resize one of them, or fetch both again."
        )
    return mask
