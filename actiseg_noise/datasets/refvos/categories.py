"""The file ``meta.json`` of YouTube-VOS: what each object of a video is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.refvos.expressions import Expression
from actiseg_noise.errors import DataError

NO_CATEGORY = (0, "object")
"""Category id and noun of an object of which no category is known."""


class Categories:
    """What the objects of a split are.

    Args:
        path: the file; None: nothing is known. is_partial: it need not know every object.

    Raises:
        DataError: the file is missing or malformed.
    """

    def __init__(self, path: Path | None, *, is_partial: bool = False) -> None:
        self._path, self._is_partial = path, is_partial
        self._videos = None if path is None else JsonObject(path, inside="videos")
        self._last: tuple[str, dict[str, Any]] = ("", {})

    def find(self, video: str, expression: Expression) -> tuple[int, str]:
        """Return category id and noun of what an expression refers to; the id depends on the noun alone.

        Raises:
            DataError: the file does not know the object; file, video and object are named.
        """
        if self._videos is None or expression.object_id is None:
            return NO_CATEGORY
        objects = self._objects(video)
        key = str(expression.object_id)
        if key not in objects and self._is_partial:
            return NO_CATEGORY
        if key not in objects:
            raise DataError(
                f"{self._path}: has no object {key!r} in video {video!r}, to which {expression.where} refers; "
                "give the file of categories that belongs to the expressions (--option meta=FILE)"
            )
        fields = JsonFields(objects[key], self._videos.path, self._videos.number(video), f"{video}.objects.{key}")
        said = fields.optional_text("noun")  # of our own export, beside a category that says less
        noun = " ".join((said or fields.text("category").replace("_", " ")).split())
        if not noun:
            raise fields.error("category", "a word")
        return unknown_category_id(noun), noun

    def _objects(self, video: str) -> dict[str, Any]:
        """Return the objects of a video by id, none where the file does not know it."""
        if self._last[0] != video and self._videos is not None:
            if video not in self._videos:
                return {}
            entry = self._videos.read(video)
            fields = JsonFields(entry, self._videos.path, self._videos.number(video), video)
            if type(entry.get("objects")) is not dict:
                if self._is_partial:
                    return {}
                raise fields.error("objects", "an object that leads from object ids to categories")
            self._last = video, entry["objects"]
        return self._last[1]
