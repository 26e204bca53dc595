"""One annotation file of VISOR: the frames of one untrimmed video, parsed when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.borders.text import read_json
from actiseg_noise.datasets.visor.contact import Contact, find_contacts
from actiseg_noise.datasets.visor.entities import HANDS, Entity, EntityFields, parse_entity
from actiseg_noise.datasets.visor.paint import touched_names
from actiseg_noise.errors import DataError


class VideoAnnotations:
    """The annotated frames of one video, by image name. What was computed for a frame is kept: actions overlap.

    Args:
        path: ``<video_id>.json``. is_val: whether frames with inconclusive hands have contacts depends on it.

    Raises:
        DataError: the file is missing, truncated or malformed, or has two different entries for one image.
    """

    def __init__(self, path: Path, *, is_val: bool) -> None:
        self.path = path
        self._is_val = is_val
        self._raw = _read_frames(path)
        self._entities: dict[str, tuple[Entity, ...]] = {}
        self._touched: dict[str, frozenset[str]] = {}

    def __contains__(self, image_name: str) -> bool:
        return image_name in self._raw or image_name in self._entities

    def entities(self, image_name: str) -> tuple[Entity, ...]:
        """Return a frame's entities in list order.

        Raises:
            DataError: the file has no such frame, or an entity is malformed; file, frame, object and key are named.
        """
        if image_name not in self._entities:
            where = f"{self.path}, frame {image_name!r}"
            if image_name not in self._raw:
                raise DataError(f"{where}: no such frame; was the file replaced? Make the clips again.")
            found = tuple(parse_entity(data, image_name, where) for data in self._raw[image_name])
            self._entities[image_name] = found
            del self._raw[image_name]
        return self._entities[image_name]

    def contacts(self, image_name: str) -> tuple[Contact, ...]:
        """Return what the hands of a frame touch."""
        return find_contacts(self.entities(image_name), skip_unsure=self._is_val)

    def touched(self, image_name: str) -> frozenset[str]:
        """Return the names that ActionVOS's ``handbox`` is 1 for in this frame.

        These are the hands that are listed, and every name of which a visible pixel lies in an in-contact object's box.
        """
        if image_name not in self._touched:
            entities = self.entities(image_name)
            names = touched_names(entities, self.contacts(image_name))
            names.update(entity.name for entity in entities if entity.name in HANDS)
            self._touched[image_name] = frozenset(names)
        return self._touched[image_name]


def _read_frames(path: Path) -> dict[str, list[Any]]:
    """Return image name → its undecoded entities, in the file's order, which is arbitrary."""
    data = read_json(path)
    listed = data.get("video_annotations") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise DataError(f"{path}: expected an object with a list 'video_annotations', found {str(data)[:60]!r}")
    frames: dict[str, list[Any]] = {}
    for number, entry in enumerate(listed):
        where = f"{path}, entry {number} of 'video_annotations'"
        name = EntityFields(entry.get("image") if isinstance(entry, dict) else entry, where).text("name")
        entities = entry.get("annotations")
        if not isinstance(entities, list):
            raise DataError(f"{where}: frame {name!r} has no list 'annotations'")
        if frames.setdefault(name, entities) != entities:
            raise DataError(f"{where}: frame {name!r} is annotated twice, differently; keep one of the two entries")
    return frames
