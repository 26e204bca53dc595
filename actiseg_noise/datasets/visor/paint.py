"""Polygons become pixels: index masks and ActionVOS's action-guided weights, painted at 1920×1080."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from actiseg_noise.datasets.visor.contact import Contact
from actiseg_noise.datasets.visor.entities import CANVAS, Entity
from actiseg_noise.datasets.visor.pixels import fill, filled, overlap
from actiseg_noise.masks import IndexMask, find_values

SIZES = {"854x480": (480, 854), "native": CANVAS}  # ActionVOS's preparation, and the frames as they are

OTHER, HAND_OR_NARRATION, NEGATIVE, HAND_AND_NARRATION = 1, 2, 3, 4  # values of a weight map


def paint(entities: Sequence[Entity], ids: Mapping[str, int]) -> IndexMask:
    """Return the object ids at 1920×1080; in list order, a later entity covers an earlier one.

    Args:
        ids: name → object id, for every name that has polygons.
    """
    canvas: IndexMask = np.zeros(CANVAS, np.uint8)
    for entity in entities:
        if entity.polygons:
            fill(canvas, entity.polygons, ids[entity.name])
    return canvas


def resize(index_mask: IndexMask, size: str) -> IndexMask:
    """Return a mask painted at 1920×1080 in one of ``SIZES``, by nearest neighbour.

    Pillow, because OpenCV's nearest neighbour samples other pixels and ActionVOS's masks were made with Pillow.
    """
    if size == "native":
        return index_mask
    from PIL import Image

    rows, columns = SIZES[size]
    return np.asarray(Image.fromarray(index_mask).resize((columns, rows), Image.Resampling.NEAREST))


def touched_names(entities: Sequence[Entity], contacts: Sequence[Contact]) -> set[str]:
    """Return the names whose visible pixels lie in the box of an in-contact object."""
    names = sorted({entity.name for entity in entities if entity.polygons})
    if not contacts:
        return set()
    canvas = paint(entities, {name: number for number, name in enumerate(names, start=1)})
    found = set[int]().union(*(_values(canvas[contact.box.slices]) for contact in contacts))
    return {names[number - 1] for number in found if number}


def _values(crop: IndexMask) -> list[int]:
    """Return the values that occur."""
    return find_values(np.ascontiguousarray(crop)) if crop.size else []


def paint_weights(
    entities: Sequence[Entity], contacts: Sequence[Contact], narrated: Container[str], positive: Container[str]
) -> IndexMask:
    """Return ActionVOS's weights at 1920×1080: 1 other, 2 hand or narration, 3 negative, 4 hand and narration.

    ``data_prepare_visor.py``, rule by rule, in list order: a narrated entity paints 2. Another paints 3 where it is
    negative: it touches no box of an in-contact object or, in a frame without any, its object takes no part in the
    action. Then values inside the boxes double, what is still 0 in an in-contact object becomes 2, and the rest 1.
    """
    weights: IndexMask = np.zeros(CANVAS, np.uint8)
    boxes, held = _reach(contacts)
    for entity in entities:
        if not entity.polygons:
            continue
        if entity.name in narrated:
            fill(weights, entity.polygons, HAND_OR_NARRATION)
        elif not _touches(entity, contacts) if contacts else entity.name not in positive:
            fill(weights, entity.polygons, NEGATIVE)
    np.add(weights, weights, out=weights, where=boxes)
    weights[held & (weights == 0)] = HAND_OR_NARRATION
    weights[weights == 0] = OTHER
    return weights


def _reach(contacts: Sequence[Contact]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return two ``bool [1080, 1920]``: the boxes of in-contact objects, and the objects themselves."""
    boxes, held = np.zeros(CANVAS, bool), np.zeros(CANVAS, np.uint8)
    for contact in contacts:
        boxes[contact.box.slices] = True
        # Two decimals, then cut: what VISOR-HOS writes to its file is what ActionVOS reads.
        fill(held, [np.round(points, 2) for points in contact.polygons], 1)
    return boxes, held.view(bool)


def _touches(entity: Entity, contacts: Sequence[Contact]) -> bool:
    """Return whether any pixel of an entity, covered by others or not, lies in the box of a contact."""
    box, crop = filled(entity.polygons)
    return any(bool(crop[overlap(box, contact.box)[0]].any()) for contact in contacts)
