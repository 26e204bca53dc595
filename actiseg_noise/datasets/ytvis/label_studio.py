"""Files that Label Studio exports as JSON: a list of tasks, one an image, with brush and polygon regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_list import iter_json_list
from actiseg_noise.borders.json_lists import read_json_part
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.ytvis.addresses import IMAGE, find_images, names_of
from actiseg_noise.datasets.ytvis.brush import decode_brush
from actiseg_noise.datasets.ytvis.masks import code_of_crop
from actiseg_noise.datasets.ytvis.table import check_ids, distinct
from actiseg_noise.datasets.ytvis.videos import (
    Annotation,
    Video,
    VideoFile,
    check_file_path,
    name_of,
    noun_of,
    take_size,
    warn_left_aside,
)
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, is_number, is_text, shorten

BRUSHES, POLYGONS = ("brushlabels", "brush"), ("polygonlabels", "polygon")
_CHOSEN = "the ground truth is read, else the one changed last"
_MASKS = (*BRUSHES, *POLYGONS)
_NO_REGION = ("labels", "choices", "textarea", "rating", "relation", "taxonomy", "number", "datetime", "pairwise")


@dataclass(frozen=True, slots=True)
class _Task:
    """One task.

    Attributes:
        regions: those with masks, of the annotation that is read. labels: of each region. others: kinds that are no
            masks. several: whether there were annotations to choose from.
    """

    number: int
    fields: Fields
    regions: tuple[Fields, ...]
    labels: tuple[str, ...]
    others: Counter[str]
    several: bool


class LabelStudioFile(VideoFile):
    """A file of Label Studio. Each brush or polygon region of a task is an object, numbered from 1 in the file's order.

    Of several annotations the ground truth is read, else the one that was changed last; cancelled ones and predictions
    are not. What has no mask, such as boxes and the boxes of videos, is left aside, and a warning counts it.

    Raises:
        DataError: a task is malformed, two have one id, or none has a mask; file and task are named.
    """

    form, is_numbered_by_order = "Label Studio", True

    def __init__(self, path: Path) -> None:
        self._parts: list[tuple[int, int] | None] = []
        found: list[tuple[str, str]] = []
        numbers: list[int] = []
        said: Counter[str] = Counter()
        categories: dict[int, str] = {}
        for place, (start, stop, entry) in enumerate(iter_json_list(path)):
            task = _read_task(entry, f"{path}: task [{place}]")
            numbers.append(task.number)
            said.update({**task.others, "several": task.several})
            for label in task.labels:
                categories[unknown_category_id(label)] = label
            found.append(_names_of_task(task) if task.regions else ("", ""))
            self._parts.append((start, stop) if task.regions else None)
        check_ids("tasks", numbers, path)
        several = said.pop("several", 0)
        chosen = f"{several:,} of {len(numbers):,} tasks have several annotations: {_CHOSEN}"
        warn_left_aside(path, said, (BRUSHES[0], POLYGONS[0]), any(self._parts), *([chosen] if several else []))
        super().__init__(path, self._name(found, numbers, path), dict(sorted(categories.items())))

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return self._parts[self._places[name]] is not None

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        place = self._places[name]
        part = self._parts[place]
        where = f"{self.path}: task of image {name!r}"
        raise_if(part is None, f"{where}: has no mask", DataError)
        task = _read_task(read_json_part(self.path, *part) if part else None, where)
        size = _size_of(task)
        files = _files_of(task)
        files = files[-1:] if self._keeps_digits[place] else files
        found = tuple(
            Annotation(number, unknown_category_id(label), (_mask_of(region, *size),) if with_masks else ())
            for number, (region, label) in enumerate(zip(task.regions, task.labels, strict=True), start=1)
        )
        return Video(name, task.fields.place[0], *size, files[:1], found, tuple((file,) for file in files[1:]))

    def _name(self, found: list[tuple[str, str]], numbers: Sequence[int], path: Path) -> list[str]:
        """Return the names of the tasks: without the digits of an upload, unless several have one name then."""
        counts = Counter(name for name, _ in found)
        self._keeps_digits = [name != whole and counts[name] > 1 for name, whole in found]
        chosen = [whole if keeps else name for (name, whole), keeps in zip(found, self._keeps_digits, strict=True)]
        return distinct([name or f"task-{n}" for name, n in zip(chosen, numbers, strict=True)], numbers, path)


def _read_task(entry: Any, where: str) -> _Task:
    """Return a task with the annotation that is read of it."""
    plain = Fields(entry, where)
    raise_if(
        "annotations" not in plain,
        f"{where}: expected a task of Label Studio with 'data' and 'annotations'; export the project as JSON (not "
        "JSON-MIN, which does not say what was cancelled)",
        DataError,
    )
    number = plain.integer("id", least=0)
    fields = Fields(entry, f"{where}, id {number}")
    kept = [one for one in fields.each("annotations") if one.raw("was_cancelled", None) is not True]
    if not kept:
        guessed = bool(plain.raw("predictions", None))
        return _Task(number, fields, (), (), Counter({"tasks with predictions alone": guessed}), False)
    chosen = max(enumerate(kept), key=lambda item: (*_rank(item[1]), item[0]))[1]
    results = chosen.each("result")
    kinds = [one.text("type", "relation") for one in results]
    regions = [one for one, kind in zip(results, kinds, strict=True) if kind in _MASKS]
    others = Counter(kind for kind in kinds if kind.isidentifier() and kind not in (*_MASKS, *_NO_REGION))
    said = {_region_id(one): one for one, kind in zip(results, kinds, strict=True) if kind == "labels"}
    labels = tuple(_label(one, said.get(_region_id(one))) for one in regions)
    return _Task(number, fields, tuple(regions), labels, others, len(kept) > 1)


def _rank(annotation: Fields) -> tuple[bool, str]:
    """Return how much an annotation is preferred: the ground truth, then the one changed last."""
    when = annotation.raw("updated_at", None) or annotation.raw("created_at", None)
    return annotation.raw("ground_truth", None) is True, when if is_text(when) else ""


def _region_id(region: Fields) -> str:
    """Return the id that the results of one region share."""
    return str(region.raw("id", ""))


def _label(region: Fields, said: Fields | None) -> str:
    """Return the one label of a region, as a noun: its own, or that of the result 'labels' of the same id."""
    kind = region.text("type")
    fields = region if said is None or kind.endswith("labels") else said
    key = kind if kind.endswith("labels") else "labels"
    labels = fields.inner("value").raw(key, None)
    if type(labels) is not list or len(labels) != 1 or not is_text(labels[0], 200) or not noun_of(labels[0]):
        where, _, inside = fields.place
        raise DataError(
            f"{where}: {inside}value.{key}: expected one label for the region, found {shorten(labels)}; label it with "
            "one, or delete the region"
        )
    return noun_of(labels[0])


def _size_of(task: _Task) -> tuple[int, int]:
    """Return (height, width) of a task's image, which each of its regions says."""
    where, _, _ = task.fields.place
    sizes = set()
    for region in task.regions:
        _, kind, inside = region.place
        named = {key: region.raw(f"original_{key}", None) for key in ("height", "width")}
        sizes.add(take_size(Fields(named, f"{where}: {inside}original_size", kind)))
        turned = region.raw("image_rotation", 0)
        raise_if(
            turned not in (0, None),
            f"{where}: {inside}image_rotation: is {shorten(turned)}; expected 0. Turn the image itself, and label that",
            DataError,
        )
    raise_if(
        len(sizes) != 1, f"{where}: its regions say {len(sizes)} sizes; expected one size for the image", DataError
    )
    return sizes.pop()


def _mask_of(region: Fields, height: int, width: int) -> Any:
    """Return a region as COCO would write it."""
    where, _, inside = region.place
    value = region.inner("value")
    if region.text("type") in BRUSHES:
        return _brush_of(value, height, width)
    points = value.raw("points")
    pairs = type(points) is list and all(
        type(point) is list and len(point) == 2 and all(map(is_number, point)) for point in points
    )
    if not pairs:
        raise DataError(f"{where}: {inside}value.points: expected [[x, y], …] in percent, found {shorten(points)}")
    return [[part * side / 100 for point in points for part, side in zip(point, (width, height), strict=True)]]


def _brush_of(value: Fields, height: int, width: int) -> dict[str, Any]:
    """Return a brush region's mask as COCO's run lengths."""
    where, _, inside = value.place
    numbers = value.raw("rle")
    try:
        data = bytes(numbers if type(numbers) is list else [-1])
    except (TypeError, ValueError):
        raise DataError(
            f"{where}: {inside}rle: expected a list of bytes, numbers from 0 to 255, found {shorten(numbers)}"
        ) from None
    try:
        return code_of_crop(*decode_brush(data, height, width), height, width)
    except DataError as error:
        raise DataError(f"{where}: {inside}{error}; export the project again") from None


def _files_of(task: _Task) -> tuple[str, ...]:
    """Return what a task's image may be called, the best name first.

    Raises:
        DataError: the task has no image or several.
    """
    where, _, _ = task.fields.place
    found = find_images(task.fields.table("data"))
    upload = task.fields.raw("file_upload", None)
    if not found and is_text(upload):
        found = find_images({IMAGE: f"/data/upload/{upload}"})
    if len(found) != 1 and IMAGE not in found:
        what = (
            f"several ({', '.join(sorted(found))}); leave one, or call its key {IMAGE!r}"
            if found
            else f"none in {shorten(task.fields.raw('data'))}; give it, or remove the task"
        )
        raise DataError(f"{where}: data: expected one address of an image (.jpg, .png or .webp), found {what}")
    path = found.get(IMAGE) or next(iter(found.values()))
    return tuple(check_file_path(name, f"{where}: data") for name in names_of(path))


def _names_of_task(task: _Task) -> tuple[str, str]:
    """Return what a task is called by its image: the best name, and the one that tells two uploads apart."""
    files = _files_of(task)
    short, long = (name_of([name], is_image=True) for name in (files[0], files[-1]))
    is_upload = "/" not in files[0]
    return short, long if is_upload else short
