"""One annotated entity of a VISOR frame: its polygons and what its hand or glove touches, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.text import parse_toml
from actiseg_noise.errors import DataError

Points = npt.NDArray[np.float64]

CANVAS = (1080, 1920)  # rows, columns of every annotated frame
HANDS = ("left hand", "right hand")
GLOVES = frozenset({"glove", "gloves", "left glove", "oven glove", "right glove", "rubber glove"})
FURTHEST = 32_767.0  # px from the corner: beyond any canvas, within what fills polygons exactly


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One entry of a frame's ``annotations``.

    Attributes:
        name: open vocabulary; the identity of an object within a clip.
        polygons: each ``float64 [N, 2]`` of x, y in pixels of the 1920×1080 frame; N may be 0.
        entity_id: the entry's own id, None where it has none.
        contact: id of the entity that this hand or glove touches; or a word that is no id
            (``hand-not-in-contact``, ``none-of-the-above``, …); None where the entry does not say.
        worn_on: hands that this glove is worn on, () where that is inconclusive; None: not worn, or not said.
    """

    name: str
    class_id: int
    polygons: tuple[Points, ...]
    entity_id: str | None = None
    contact: str | None = None
    worn_on: tuple[str, ...] | None = None


class EntityFields(JsonFields):
    """One entity's fields; every error names the file, the frame and the object."""

    __slots__ = ("_place",)

    def __init__(self, data: Any, place: str) -> None:
        self._place = place
        super().__init__(data, Path(), 0)

    @property
    def where(self) -> str:
        """Return the place for messages."""
        return self._place

    def words(self, key: str) -> tuple[str, ...] | None:
        """Return a string or a list of strings as a tuple, None where the key is absent or null."""
        value = self._data.get(key)
        listed = [value] if type(value) is str else value
        if listed is not None and (type(listed) is not list or not all(type(word) is str for word in listed)):
            raise self.error(key, "a string, a list of strings, or null")
        return None if listed is None else tuple(listed)

    def polygons(self, key: str) -> tuple[Points, ...]:
        """Return a list of polygons, each a list of [x, y] or empty."""
        value = self._data.get(key)
        if type(value) is not list:
            raise self.error(key, "a list of polygons")
        return tuple(self._points(polygon, f"{key}.{number}") for number, polygon in enumerate(value))

    def _points(self, polygon: Any, place: str) -> Points:
        """Return one polygon.

        Raises:
            DataError: it is no list of pairs, or a coordinate is no number, not finite, or beyond any canvas.
        """
        if polygon == []:
            return np.zeros((0, 2))
        try:
            points = np.array(polygon)
        except ValueError:
            points = np.zeros(0)
        if type(polygon) is not list or points.dtype.kind not in "if" or points.shape[1:] != (2,):
            raise DataError(f"{self.where}, key {place!r}: expected a list of [x, y], found {str(polygon)[:80]}")
        if not (np.abs(points) <= FURTHEST).all():  # false for NaN too
            worst = points[~(np.abs(points) <= FURTHEST)][0]
            raise DataError(
                f"{self.where}, key {place!r}: expected coordinates within ±{FURTHEST:.0f} pixels, found {worst}"
            )
        return points.astype(np.float64, copy=False)


def parse_entity(data: Any, frame: str, where: str) -> Entity:
    """Return one entry of a frame's ``annotations``, with the known errors of VISOR's release put right.

    Args:
        data: the decoded entry.
        frame: the image's name. where: file and frame, for messages.

    Raises:
        DataError: a field is not what the layout promises; file, frame, object and key are named.
    """
    name = EntityFields(data, f"{where}, an object").text("name")
    fields = EntityFields(data, f"{where}, object {name!r}")
    contact = fields.optional_text("in_contact_object")
    return Entity(
        name=name,
        class_id=fields.integer("class_id", low=0),
        polygons=fields.polygons("segments"),
        entity_id=fields.optional_text("id"),
        contact=corrections().get(frame, {}).get(name, contact),
        worn_on=_worn_on(fields.words("on_which_hand")) if name in GLOVES else None,
    )


def _worn_on(words: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the hands a glove is worn on.

    Two words are both hands, whatever their spelling: 13 images of the release have ['left hand', 'rigth hand'].
    """
    if words is None or len(words) != 2:
        return None if words is None else tuple(word for word in words if word in HANDS)
    return HANDS


@cache
def corrections() -> dict[str, dict[str, str]]:
    """Return image name → hand → id of what it touches, for the links that are wrong in the release."""
    file = files("actiseg_noise.datasets") / "visor_corrections.toml"
    return parse_toml(file.read_text(encoding="utf-8"), file.name)
