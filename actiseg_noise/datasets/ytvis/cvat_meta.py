"""What CVAT's XML says before its entries: the labels, and the tasks that its videos are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from actiseg_noise.borders.folders import stem_of
from actiseg_noise.borders.xml_entries import XmlElement
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.ytvis.videos import noun_of, take_size
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, is_text, parse_number, shorten

OBJECT_ID, POSITIVE, EXPRESSION = "object_id", "positive", "expression"
"""Attributes of a shape in our own export."""

_OF_MASKS = ("", "any", "polygon", "mask")
_STEP = re.compile(r"step=([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class CvatTask:
    """One task. ``size``: the text of height and width of its video's frames. ``step``: from one frame to the next."""

    name: str
    size: tuple[str, str]
    step: int

    def take_size(self, where: str) -> tuple[int, int]:
        """Return (height, width) of the video's frames in pixels.

        Raises:
            DataError: they are not said, as of tasks of images, or no sizes.
        """
        raise_if(
            self.size == ("", ""),
            f"{where}: its task has no <original_size>, the size of a video's frames; export a task of images as 'CVAT "
            "for images 1.1', which names them",
            DataError,
        )
        height, width = (parse_number(side) for side in self.size)
        return take_size(Fields({"height": height, "width": width}, f"{where}: <original_size>"))


class CvatMeta:
    """The labels and tasks of a file.

    Attributes:
        categories: id → noun of those labels that a mask may have. tasks: id → task; of a job the job's.
        subsets: of the tasks, as 'Train' or 'Validation'; '' where none is said.
        has_object_ids: all labels have the attribute ``object_id``, as in our own export.

    Raises:
        DataError: no labels, or one without a name.
    """

    def __init__(self, element: XmlElement, path: Path) -> None:
        outer = next(element.each("project", "task", "job"), element)
        tasks = [task for group in outer.each("tasks") for task in group.each("task")] or [outer]
        labels = [label for group in outer.each("labels") for label in group.each("label")]
        raise_if(
            not labels,
            f"{path}: <meta> lists no <label>; expected those of the task or project. Export the file again",
            DataError,
        )
        self._nouns = {label.text_of("name"): _noun(label, path) for label in labels}
        fitting = [label.text_of("name") for label in labels if label.text_of("type") in _OF_MASKS]
        self.categories = {unknown_category_id(self._nouns[name]): self._nouns[name] for name in sorted(fitting)}
        self.tasks = {task.text_of("id"): _task(task) for task in tasks}
        self.subsets = " ".join(filter(None, (task.text_of("subset") for task in tasks)))
        self.has_object_ids = all(OBJECT_ID in _attributes(label) for label in labels)

    def noun(self, shape: XmlElement, where: str) -> str:
        """Return the noun of an element's label.

        Raises:
            DataError: it has none, or one that the file does not list.
        """
        label = shape.attributes.get("label", "").strip()
        if label not in self._nouns:
            raise DataError(
                f"{where}: <{shape.tag}> label: {shorten(label)} is none of the {len(self._nouns)} labels of the file; "
                "add it in <meta>, or mend the label"
            )
        return self._nouns[label]


def _noun(label: XmlElement, path: Path) -> str:
    """Return the noun of a label."""
    name = label.text_of("name")
    if not noun_of(name) or not is_text(name, 200):
        raise DataError(f"{path}: <label>: expected a name of at most 200 characters, found {shorten(name)}")
    return noun_of(name)


def _attributes(label: XmlElement) -> set[str]:
    """Return the names of a label's attributes."""
    return {one.text_of("name") for group in label.each("attributes") for one in group.each("attribute")}


def _task(element: XmlElement) -> CvatTask:
    """Return a task; it is called by its name, or by the file of its video."""
    name = element.text_of("name") or stem_of(element.text_of("source"), (".mp4", ".mov", ".avi", ".mkv", ".webm"))
    size = next(element.each("original_size"), element)
    step = _STEP.fullmatch("".join(element.text_of("frame_filter").split()))
    plain = name.replace("/", "_").replace("\\", "_").strip(". ")
    sides = (size.text_of("height"), size.text_of("width")) if size is not element else ("", "")
    return CvatTask(plain or "video", sides, int(step[1]) if step else 1)
