"""What hands touch: the in-contact objects of a frame and their boxes, as VISOR-HOS takes them from the annotations.

A hand names the object it touches. A glove worn on that hand belongs to the hand, and its own link counts; a worn
glove whose hand is not annotated is the hand. Of the object only the polygons near the hand count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actiseg_noise.datasets.visor.entities import CANVAS, GLOVES, HANDS, Entity, Points
from actiseg_noise.datasets.visor.pixels import corners, filled, overlap
from actiseg_noise.masks import Box, IndexMask

UNSURE = ("none-of-the-above", "inconclusive")
NEAR_PX = 10  # city-block: hand and object each grow by 5 pixels and then overlap

_Link = tuple[tuple[Points, ...], Entity]


@dataclass(frozen=True, slots=True, eq=False)
class Contact:
    """What one hand touches.

    Attributes:
        box: around the polygons, without their last row and column: the published boxes are ``max - min`` wide and
            high. May be empty.
        polygons: the object's polygons near the hand, each ``float64 [N ≥ 3, 2]``.
    """

    box: Box
    polygons: tuple[Points, ...]


def find_contacts(entities: Sequence[Entity], *, skip_unsure: bool) -> tuple[Contact, ...]:
    """Return what the hands of a frame touch, in list order.

    A link to an id that the frame does not have is no contact, nor is one to an object far from the hand.

    Args:
        skip_unsure: a frame with an inconclusive hand or glove has no contacts. VISOR-HOS has it so in val, not in
            train.
    """
    if skip_unsure and any(map(_is_unsure, entities)):
        return ()
    found = []
    for hand, item in _links(entities):
        near = _polygons_near(_drawable(item.polygons), _drawable(hand))
        if near:
            found.append(Contact(_box(near), near))
    return tuple(found)


def _is_unsure(entity: Entity) -> bool:
    """Return whether the annotators did not agree on what a hand or a worn glove touches, or who wears the glove."""
    if entity.name in GLOVES and entity.worn_on is not None:
        return entity.contact in UNSURE or len(entity.worn_on) == 2
    return entity.name in HANDS and entity.contact in UNSURE


def _links(entities: Sequence[Entity]) -> Iterator[_Link]:
    """Yield (polygons of a hand, the entity it touches)."""
    by_id: dict[str | None, Entity] = {e.entity_id: e for e in reversed(entities) if e.entity_id is not None}
    present = {entity.name for entity in entities}
    for entity in entities:
        link = None
        if entity.name in HANDS:
            link = _hand_link(entity, by_id)
        elif entity.worn_on is not None and present.isdisjoint(entity.worn_on):
            link = entity.polygons, by_id.get(entity.contact)
        if link is not None and link[1] is not None:
            yield link[0], link[1]


def _hand_link(hand: Entity, by_id: Mapping[str | None, Entity]) -> tuple[tuple[Points, ...], Entity | None]:
    """Return a hand with the glove it wears, and what it touches."""
    item = by_id.get(hand.contact)
    if item is not None and item.worn_on is not None and hand.name in item.worn_on:
        return hand.polygons + item.polygons, by_id.get(item.contact)
    return hand.polygons, item


def _drawable(polygons: Sequence[Points]) -> tuple[Points, ...]:
    """Return the polygons that enclose something: three points and more."""
    return tuple(points for points in polygons if len(points) >= 3)


def _polygons_near(polygons: Sequence[Points], hand: Sequence[Points]) -> tuple[Points, ...]:
    """Return the polygons of which a filled pixel is at most ``NEAR_PX`` from a pixel of the hand."""
    import cv2

    if not hand:
        return ()
    box, crop = filled(hand)
    if not crop.any():
        return ()
    around = Box(box.top - NEAR_PX, box.left - NEAR_PX, box.bottom + NEAR_PX, box.right + NEAR_PX)
    distance = cv2.distanceTransform(1 - np.pad(crop, NEAR_PX), cv2.DIST_L1, cv2.DIST_MASK_3)
    near = (distance <= NEAR_PX).view(np.uint8)
    return tuple(points for points in polygons if _meets(filled([points]), around, near))


def _meets(part: tuple[Box, IndexMask], around: Box, near: IndexMask) -> bool:
    """Return whether a crop, with its box, has a pixel in common with the crop ``near`` of ``around``."""
    box, crop = part
    here, there = overlap(box, around)
    return bool((crop[here] & near[there]).any())


def _box(polygons: Sequence[Points]) -> Box:
    """Return the box of ``Contact``.

    ActionVOS cuts its canvas with these numbers as they are, where a negative one counts from the far edge: a box that
    begins outside the canvas covers little or nothing.
    """
    bounds = np.concatenate([corners(points) for points in polygons])
    (left, top), (right, bottom) = bounds.min(0).tolist(), bounds.max(0).tolist()
    first_row, last_row, _ = slice(top, bottom).indices(CANVAS[0])
    first_column, last_column, _ = slice(left, right).indices(CANVAS[1])
    return Box(first_row, first_column, max(first_row, last_row), max(first_column, last_column))
