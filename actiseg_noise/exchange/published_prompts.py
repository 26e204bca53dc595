"""The pair of JSON files in which ActiSeg-NL publishes noisy prompts: one with expressions, one with categories.

    *_meta_expressions_promptaction.json   {"videos": {FOLDER: {"expressions": {"0": {"exp", "obj_id", "positive",
                                           "class_id", "class_id_org", "exp_org"}}, "frames": [STEM]}}}
    *_objects_category.json                {"videos": {FOLDER: {"objects": {"1": {"category", "positive", "class_id",
                                           "class_id_org", "category_org"}}}}}

Clips are matched by folder name and objects by ``obj_id``, never by position. Every object carries the ``*_org`` fields
in the published files, unflipped ones too; files of other people may lack them all. An export of a manifest with noise
on flags says ``positive_org``, too; ``positive`` is the clean flag where it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actiseg_noise.borders.folders import check_file_name, natural_order
from actiseg_noise.borders.json_list import JsonFields
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.exchange.import_pairs import NoisyLabel, Problems

_KEY = "videos"

Objects = dict[int, JsonFields]
"""object_id → what one file says of it."""


@dataclass(frozen=True, slots=True)
class PublishedObject:
    """One object: its label and flag, and the clean label where the files say it.

    Attributes:
        is_positive: the clean flag. is_given_positive: the noisy one.
    """

    noisy: NoisyLabel
    clean: NoisyLabel | None
    is_positive: bool
    is_given_positive: bool


@dataclass(frozen=True, slots=True)
class PublishedClip:
    """One folder: object_id → object in ascending order, and its frames' stems by number."""

    folder: str
    objects: dict[int, PublishedObject]
    frames: tuple[str, ...]


class PublishedFiles:
    """The two files of one noise level, read folder by folder.

    Attributes:
        folders: those in both files, ascending. skipped: those that ``check`` left out for want of a text.
    """

    def __init__(self, expressions: Path, categories: Path) -> None:
        self.expressions = JsonObject(expressions, _KEY)
        self.categories = JsonObject(categories, _KEY)
        self.folders = sorted(set(self.expressions).intersection(self.categories))
        self.skipped: list[str] = []

    def check(self, *, need_originals: bool = False, skip_missing: bool = False) -> None:
        """Refuse files that disagree.

        Args:
            need_originals: refuse objects without ``*_org`` fields, too.
            skip_missing: leave out and count folders with an empty text.

        Raises:
            MissingTextError: a text is empty.
            DataError: every folder and object in which they do is listed, up to ten.
        """
        problems, bare = Problems(), Problems()
        for folder in sorted(set(self.expressions).symmetric_difference(self.categories)):
            file = self.categories if folder in self.expressions else self.expressions
            problems.add(f"{folder}: not in {file.path.name}")
        for folder in self.folders:
            said, named = self._expressions(folder)[0], self._categories(folder)
            try:
                problems.add_all(f"{folder}, {text}" for text in self._disagreements(said, named))
                bare.add_all(self._without_originals(folder, said) if need_originals else ())
            except MissingTextError as why:
                if not skip_missing:
                    raise MissingTextError(f"{why}. Write the text, or pass --skip-missing.") from None
                self.skipped.append(folder)
        self.folders = sorted(set(self.folders).difference(self.skipped))
        problems.refuse(
            f"disagreements between {self.expressions.path.name} and {self.categories.path.name}",
            "Both must be of one noise level and one split; fetch them again, from one folder.",
        )
        bare.refuse(
            "objects without class_id_org, category_org and exp_org",
            "The files alone do not say what is clean; pass the clean ActionVOS tree with --clean.",
        )

    def iter_clips(self) -> Iterator[PublishedClip]:
        """Yield the folders in ascending order. Call ``check`` before."""
        for folder in self.folders:
            yield self.read(folder)

    def read(self, folder: str) -> PublishedClip:
        """Return one folder of both files.

        Raises:
            DataError: a field is missing or has another type; file, entry and key are named.
        """
        (said, entry), named = self._expressions(folder), self._categories(folder)
        objects = {object_id: _object(said[object_id], named[object_id]) for object_id in sorted(said)}
        where = f"{self.expressions.path}: {folder!r}, key 'frames'"
        stems = {check_file_name(name.removesuffix(".jpg"), where) for name in entry.strings("frames")}
        return PublishedClip(folder, objects, tuple(sorted(stems, key=natural_order)))

    def made_from(self) -> dict[str, str]:
        """Return file name → digest."""
        return {file.path.name: digest_file(file.path) for file in (self.expressions, self.categories)}

    def _disagreements(self, said: Objects, named: Objects) -> Iterator[str]:
        """Yield what the two files say differently of a folder's objects."""
        for object_id in sorted(set(said).symmetric_difference(named)):
            file = self.categories if object_id in said else self.expressions
            yield f"object {object_id}: not in {file.path.name}"
        for object_id in sorted(set(said).intersection(named)):
            one, other = said[object_id], named[object_id]
            for key in ("class_id", "positive", "class_id_org", "positive_org"):
                if (a := one.optional_integer(key)) != (b := other.optional_integer(key)):
                    yield f"object {object_id}: {key} {a} and {b}"
            for exp, category in (("exp", "category"), ("exp_org", "category_org")):
                text, noun = one.optional_text(exp), other.optional_text(category)
                if (text is None) != (noun is None) or not (text or "").startswith(noun or ""):
                    yield f"object {object_id}: {exp} {text!r} does not begin with {category} {noun!r}"

    @staticmethod
    def _without_originals(folder: str, said: Objects) -> Iterator[str]:
        """Yield the objects that do not say what is clean."""
        for object_id, fields in said.items():
            if fields.optional_text("exp_org") is None:
                yield f"{folder}, object {object_id}"

    def _expressions(self, folder: str) -> tuple[Objects, JsonFields]:
        """Return object_id → fields of the expressions, and the fields of the folder."""
        entry = self._entry(self.expressions, folder)
        found: Objects = {}
        for fields in entry.members("expressions").values():
            object_id = _object_id(fields.text("obj_id"), fields)
            if object_id in found:
                raise DataError(f"{fields.where}: {folder!r} has two expressions of object {object_id}")
            found[object_id] = fields
        return found, entry

    def _categories(self, folder: str) -> Objects:
        """Return object_id → fields of the categories."""
        entry = self._entry(self.categories, folder)
        return {_object_id(key, fields): fields for key, fields in entry.members("objects").items()}

    @staticmethod
    def _entry(file: JsonObject, folder: str) -> JsonFields:
        """Return one folder's fields."""
        check_file_name(folder, f"{file.path}: key {folder!r}")
        return JsonFields(file.read(folder), file.path, file.number(folder))


def _object_id(text: str, fields: JsonFields) -> int:
    """Return an object's id."""
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text) or int(text) > 255:
        raise DataError(f"{fields.where}: expected an object id from 1 to 255, found {text!r}")
    return int(text)


def _object(said: JsonFields, named: JsonFields) -> PublishedObject:
    """Return one object of both files, which agree on it."""
    noisy = NoisyLabel(said.integer("class_id", low=0), named.text("category"), said.text("exp"))
    clean = None
    if said.optional_text("exp_org") is not None:
        clean = NoisyLabel(said.integer("class_id_org", low=0), named.text("category_org"), said.text("exp_org"))
    given = said.flag("positive")
    original = said.optional_flag("positive_org")
    return PublishedObject(noisy, clean, given if original is None else original, given)
