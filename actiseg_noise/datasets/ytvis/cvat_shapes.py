"""Shapes of CVAT's XML: polygons, and masks whose runs go row by row through a box."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from actiseg_noise.borders.xml_entries import XmlElement
from actiseg_noise.datasets.ytvis.masks import code_of_crop, code_of_mask, code_of_polygons
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import parse_number, shorten
from actiseg_noise.masks import BinaryMask, Box, decode_counts

MASKS = ("polygon", "mask")
SHAPES = (*MASKS, "box", "polyline", "points", "cuboid", "ellipse", "skeleton", "tag")

_POINTS = re.compile(r"[-+0-9.eE]+,[-+0-9.eE]+(?:;[-+0-9.eE]+,[-+0-9.eE]+)*")
_RUNS = re.compile(r"[0-9]{1,9}(?:, ?[0-9]{1,9})*")  # a frame has fewer than 10**9 pixels


def mask_of(shapes: Sequence[XmlElement], height: int, width: int, where: str) -> Any:
    """Return the union of shapes of one frame in the form in which COCO writes it; None for no shape.

    Raises:
        DataError: a shape is malformed, or lies outside the frame; ``where`` is named.
    """
    if not shapes:
        return None
    if all(shape.tag == "polygon" for shape in shapes):
        return [_ring_of(shape, where) for shape in shapes]
    if len(shapes) == 1:
        box = _box_of(shapes[0], height, width, where)
        return code_of_crop(_runs_of(shapes[0], box, where), box, height, width)
    found: BinaryMask = np.zeros((height, width), bool)
    for shape in shapes:
        if shape.tag == "mask":
            box = _box_of(shape, height, width, where)
            found[box.slices] |= _runs_of(shape, box, where)
        else:
            found |= _drawn(_ring_of(shape, where), height, width, where)
    return code_of_mask(found)


def whole(element: XmlElement, key: str, where: str, default: int | None = None) -> int:
    """Return an attribute that is a whole number from 0 on.

    Raises:
        DataError: it is none, or missing where there is no default; ``where`` is named.
    """
    text = element.attributes.get(key)
    number = default if text is None else parse_number(text.strip())
    if number is None:
        found = "none" if text is None else shorten(text)
        raise DataError(f"{where}: <{element.tag}> {key}: expected a whole number from 0 on, found {found}")
    return number


def _ring_of(shape: XmlElement, where: str) -> list[float]:
    """Return a polygon as COCO writes it: x, y, x, y, …"""
    text = "".join(shape.attributes.get("points", "").split())
    try:
        return [float(part) for part in _POINTS.fullmatch(text)[0].replace(";", ",").split(",")]  # type: ignore[index]
    except (TypeError, ValueError):
        raise DataError(f"{where}: <polygon> points: expected x,y;x,y;…, found {shorten(text)}") from None


def _drawn(ring: list[float], height: int, width: int, where: str) -> BinaryMask:
    """Return a polygon as a mask, ``bool [H, W]``."""
    try:
        return decode_counts(code_of_polygons([ring], height, width), height, width)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _box_of(shape: XmlElement, height: int, width: int, where: str) -> Box:
    """Return the box that a mask's runs fill."""
    left, top, across, down = (whole(shape, key, where) for key in ("left", "top", "width", "height"))
    if left + across > width or top + down > height or not across or not down:
        raise DataError(
            f"{where}: <mask>: expected a box within the frame of {width}×{height} pixels, found {across}×{down} at "
            f"{left}, {top}"
        )
    return Box(top, left, top + down, left + across)


def _runs_of(shape: XmlElement, box: Box, where: str) -> BinaryMask:
    """Return a mask within its box, ``bool [box height, box width]``; runs begin with background."""
    text = shape.attributes.get("rle", "").strip()
    size = (box.bottom - box.top) * (box.right - box.left)
    raise_if(not _RUNS.fullmatch(text), f"{where}: <mask> rle: expected run lengths, found {shorten(text)}", DataError)
    runs = np.array(list(map(int, text.split(","))), np.int64)
    total = int(runs.sum())
    raise_if(
        total != size, f"{where}: <mask> rle: runs of {total:,} pixels in all, but its box has {size:,}", DataError
    )
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(box.bottom - box.top, -1)
