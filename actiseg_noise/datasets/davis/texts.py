"""Texts for DAVIS, which has none of its own: a caller's file, or Khoreva et al.'s referring expressions.

A file is one of::

    {"bear": "a brown bear", "bmx-trees": {"1": "a boy", "2": "a bike"}}      .json: per sequence or per object;
                                                                               DAVIS's davis_semantics.json is one
    bear a brown bear                                                         otherwise lines: a sequence and its text,
    bmx-trees 1 "a boy"                                                       or a sequence, an object id and its text

The second form of line is that of ``davis_text_annotations`` (Khoreva et al., ACCV 2018), whose files of the second
annotator are Latin-1 and which spell three sequences in their own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.borders.text import read_lines
from actiseg_noise.errors import DataError, MissingTextError
from actiseg_noise.fields import parse_number

SPELLINGS = {"clasic-car": "classic-car", "dog-scale": "dogs-scale", "motor-bike": "motorbike"}

_LINE = re.compile(r"(?P<sequence>\S+)(?:\s+(?P<object_id>\d{1,18})(?=\s))?\s+(?P<text>\S.*)")

Entry = tuple[str, int | None, str, str]
"""Sequence, object id (None: all its objects), text, place for messages."""


class SequenceTexts:
    """The texts of a file.

    Raises:
        DataError: the file is missing or malformed, or a sequence or object has two texts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._texts: dict[str, dict[int | None, str]] = {}
        if not path.is_file():
            raise DataError(f"{path}: no such file; --option texts takes the path of a file of texts")
        for sequence, object_id, text, where in (
            _iter_json(path) if path.suffix.lower() == ".json" else _iter_lines(path)
        ):
            found = self._texts.setdefault(SPELLINGS.get(sequence, sequence), {})
            if object_id in found or (found and (object_id is None or None in found)):
                whose = sequence if object_id is None else f"{sequence}, object {object_id}"
                raise DataError(f"{where}: {whose} has a text already; keep one of them")
            found[object_id] = text

    def of_sequence(self, sequence: str) -> list[str]:
        """Return every text of a sequence.

        Raises:
            MissingTextError: the file does not know it, or one of its texts is empty.
        """
        texts = self._texts.get(sequence, {})
        if not texts or "" in texts.values():
            what = "an empty text" if texts else "no text"
            raise MissingTextError(f"{self.path}: has {what} for sequence {sequence!r}")
        return list(texts.values())

    def of_object(self, sequence: str, object_id: int) -> str:
        """Return the text of an object.

        Raises:
            MissingTextError: the file does not know it; the ids that it does are named.
        """
        self.of_sequence(sequence)
        texts = self._texts[sequence]
        if None not in texts and object_id not in texts:
            known = sorted(key for key in texts if key is not None)
            raise MissingTextError(
                f"{self.path}: has no text for object {object_id} of sequence {sequence!r}, only for {known}"
            )
        return texts.get(None) or texts[object_id]


def _iter_json(path: Path) -> Iterator[Entry]:
    """Yield the entries of a JSON file."""
    entries = JsonObject(path)
    for sequence in entries:
        value = entries.read(sequence)
        if type(value) is not dict:
            yield sequence, None, _text(value, f"{path}, {sequence!r}"), f"{path}, {sequence!r}"
            continue
        for key, text in value.items():
            where = f"{path}, {sequence!r}, {key!r}"
            object_id = parse_number(key)
            if object_id is None or not 1 <= object_id <= 255:
                raise DataError(f"{where}: expected an object id in 1 … 255 as the key, found {key!r:.80}")
            yield sequence, object_id, _text(text, where), where


def _text(value: Any, where: str) -> str:
    """Return a text that can be written as UTF-8, empty where it is blank or null."""
    if value is None:
        return ""
    if type(value) is str and not re.search("[\ud800-\udfff]", value):
        return value.strip()
    raise DataError(f"{where}: expected a text (or an object of texts by object id), found {str(value)[:80]!r}")


def _iter_lines(path: Path) -> Iterator[Entry]:
    """Yield the entries of a text file."""
    for number, line in read_lines(path, or_latin1=True):
        where = f"{path}, line {number}"
        match = _LINE.fullmatch(line)
        text = match["text"] if match else ""
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1].strip()
        if match is None:
            raise DataError(f"{where}: expected a sequence, perhaps an object id, and a text, found {line[:80]!r}")
        yield match["sequence"], None if match["object_id"] is None else int(match["object_id"]), text, where


class MetaTexts:
    """The categories of YouTube-VOS's ``meta.json``: ``{"videos": {v: {"objects": {"1": {"category": …}}}}}``.

    An object without a category, and one of a video that the file does not list, has the video's name.

    Raises:
        DataError: the file is malformed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._videos = path, JsonObject(path, "videos")

    def of_sequence(self, sequence: str) -> list[str]:
        """Return every text of a sequence."""
        return list(self._categories(sequence).values()) or [readable(sequence)]

    def of_object(self, sequence: str, name: str) -> str:
        """Return the text of an object.

        Args:
            name: its id or folder as the masks have it.

        Raises:
            MissingTextError: the file lists the sequence without this object; those that it lists are named.
        """
        categories = self._categories(sequence)
        for key in (name, str(int(name)) if name.isdecimal() else name):
            if key in categories:
                return categories[key]
        if sequence not in self._videos:
            return readable(sequence)
        raise MissingTextError(
            f"{self.path}: sequence {sequence!r} has an object {name!r} in its masks, the file lists only "
            f"{', '.join(map(repr, categories)) or 'none'}; --option texts=FILE reads other texts instead"
        )

    def _categories(self, sequence: str) -> dict[str, str]:
        """Return object → text of a sequence."""
        if sequence not in self._videos:
            return {}
        where = f"{self.path}, {sequence!r}"
        video = self._videos.read(sequence)
        objects = video.get("objects") if type(video) is dict else None
        if type(objects) is not dict:
            raise DataError(f"{where}: expected an object with 'objects', found {str(video)[:80]!r}")
        return {key: self._category(item, sequence, f"{where}, object {key!r}") for key, item in objects.items()}

    def _category(self, item: Any, sequence: str, where: str) -> str:
        """Return the text of one entry."""
        if type(item) is not dict:
            raise DataError(f"{where}: expected an object with 'category', found {str(item)[:80]!r}")
        return _text(item.get("category"), where) or readable(sequence)


def find_meta_texts(root: Path) -> MetaTexts | None:
    """Return the categories of the root's ``meta.json``, None where there is none of this form."""
    path = root / "meta.json"
    return MetaTexts(path) if path.is_file() and "videos" in JsonObject(path) else None


def readable(sequence: str) -> str:
    """Return a sequence's name as text.

    >>> readable("motocross-jump")
    'motocross jump'
    """
    return " ".join(re.split(r"[-_\s]+", sequence)).strip() or sequence
