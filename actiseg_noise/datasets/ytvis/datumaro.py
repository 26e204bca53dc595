"""Files of Datumaro's own form, which CVAT exports too: ``items``, one an image, with polygons and masks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

from actiseg_noise.borders.folders import is_inside
from actiseg_noise.borders.json_lists import read_json_part
from actiseg_noise.datasets.ytvis.entries import Entries
from actiseg_noise.datasets.ytvis.table import distinct
from actiseg_noise.datasets.ytvis.videos import (
    Annotation,
    Video,
    VideoFile,
    check_file_names,
    name_of,
    take_category,
    take_size,
)
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, shorten

_Shape = tuple[int, int, Any]
"""Id, category and mask of one object, as COCO would write it."""


class DatumaroFile(VideoFile):
    """A file of Datumaro. A mask is an object; so are the polygons of one group and label, or one without a group.

    Boxes, points, labels and captions are left aside. An object's id is the annotation's where these differ within an
    image, else its position.
    """

    def __init__(self, path: Path, entries: Entries) -> None:
        categories = _categories(entries.labels, path)
        self._parts, self._has_objects = entries.items, []
        names = []
        for number, (start, stop) in enumerate(entries.items):
            fields = Fields(read_json_part(path, start, stop), f"{path}: items[{number}]")
            video = _read_item("", fields, categories)
            names.append(name_of(video.file_names, is_image=True))
            self._has_objects.append(bool(video.annotations))
        super().__init__(path, distinct(names, range(len(names)), path), categories)

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return self._has_objects[self._places[name]]

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        item = read_json_part(self.path, *self._parts[self._places[name]])
        return _read_item(name, Fields(item, f"{self.path}: item {name!r}"), self.categories)


def _read_item(name: str, fields: Fields, categories: Collection[int]) -> Video:
    """Return an item as a video of one frame."""
    where, kind, _ = fields.place
    image = fields.inner("image")
    size = image.raw("size", None)
    if type(size) is not list or len(size) != 2:
        raise DataError(
            f"{where}: image.size: expected [height, width], found {shorten(size)}; export the dataset with its "
            "images, or in COCO's form"
        )
    height, width = take_size(Fields({"height": size[0], "width": size[1]}, f"{where}: image.size", kind))
    files = check_file_names([_file_name(fields, image)], f"{where}: path")
    shapes = _shapes(fields, categories)
    numbers = [number for number, _, _ in shapes]
    if len(set(numbers)) < len(numbers):
        shapes = [(place, *shape[1:]) for place, shape in enumerate(shapes)]
    found = tuple(Annotation(number, label, (mask,)) for number, label, mask in sorted(shapes, key=lambda s: s[0]))
    return Video(name, where, height, width, files, found)


def _shapes(fields: Fields, categories: Collection[int]) -> list[_Shape]:
    """Return the objects of an item."""
    found: list[_Shape] = []
    groups: dict[tuple[int, int], int] = {}
    for one in fields.each("annotations"):
        what = one.raw("type", None)
        if what not in ("mask", "polygon"):
            continue
        number, label = one.integer("id", 0, least=0), _label(one, categories)
        if what == "mask":
            found.append((number, label, one.raw("rle")))
            continue
        group = one.integer("group", 0, least=0), label
        if group[0] and group in groups:
            found[groups[group]][2].append(one.raw("points"))
            continue
        groups[group] = len(found)
        found.append((number, label, [one.raw("points")]))
    return found


def _label(fields: Fields, categories: Collection[int]) -> int:
    """Return the category of an annotation."""
    label = fields.integer("label_id", least=0)
    where, _, inside = fields.place
    count = len(categories)
    said = f"{where}: {inside}label_id: {label} is none of the {count} labels of the file"
    raise_if(label not in categories, said, DataError)
    return label


def _file_name(fields: Fields, image: Fields) -> str:
    """Return the name of an item's image: its path, or where that is of another machine, its id with the suffix."""
    path = image.text("path", "")
    if path and is_inside(path):
        return path
    return f"{fields.text('id')}{PurePosixPath(path).suffix or '.jpg'}"


def _categories(labels: object, path: Path) -> dict[int, str]:
    """Return id → noun: a label's id is its position."""
    fields = Fields(labels, str(path), inside="categories.label.")
    found: dict[int, str] = {}
    for number, label in enumerate(fields.each("labels")):
        where, kind, inside = label.place
        one = Fields({"id": number, "name": label.text("name")}, where, kind, inside)
        found.update([take_category(one)])
    return found
