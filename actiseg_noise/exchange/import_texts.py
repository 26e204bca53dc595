"""What a user's file calls the objects of mask folders: ``{sequence: text}`` or ``{sequence: {object id: text}}``.

A text is the whole expression. Where the noisy side calls an object something else, it is
``{"clean": text, "noisy": text}``. Without a file, a sequence's name is its objects' text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.exchange.import_pairs import NoisyLabel, Problems
from actiseg_noise.fields import is_text, parse_number, shorten
from actiseg_noise.records import NOUN, ObjectRecord

_FORM = 'a text, {"clean": text, "noisy": text}, or an object that leads from object ids to one of the two'


class Texts:
    """Texts per sequence, checked when made.

    Raises:
        DataError: an entry is none of the forms; the sequence is named.
    """

    def __init__(self, data: Mapping[str, Any], path: Path | None = None) -> None:
        self.path = path
        self._given = {sequence: tuple(value) if isinstance(value, dict) else () for sequence, value in data.items()}
        self._texts = {sequence: self._per_object(sequence, value) for sequence, value in data.items()}

    def check(self, sequences: Mapping[str, tuple[int, ...]], frames: Callable[[str], Sequence[str]]) -> None:
        """Refuse texts of sequences or objects that are not there, and objects without text in a file that has some.

        Args:
            sequences: sequence → object ids. frames: gives the frames of a sequence.

        Raises:
            DataError: what does not fit is listed.
        """
        problems = Problems()
        for sequence, texts in self._texts.items():
            if sequence not in sequences:
                problems.add(f"{sequence!r}: no such sequence")
            elif _are_frames(self._given[sequence], frames(sequence)):
                problems.add(f"{sequence!r}: texts per frame, but a text is of an object, in all of its frames")
            elif None not in texts and set(texts) != set(sequences[sequence]):
                problems.add(f"{sequence!r}: texts of objects {sorted(map(str, texts))}, objects {sequences[sequence]}")
        problems.refuse(f"entries of {self.path} do not fit the masks", "Correct the file.")

    def blank(self) -> list[str]:
        """Return the sequences with an empty text, ascending."""
        return sorted(name for name, texts in self._texts.items() if any("" in pair for pair in texts.values()))

    def objects(self, sequence: str, ids: tuple[int, ...]) -> tuple[tuple[ObjectRecord, ...], tuple[NoisyLabel, ...]]:
        """Return a sequence's objects and what the noisy side calls them; a category is one distinct text."""
        texts = self._texts.get(sequence, {})
        usual = sequence.replace("_", " ").replace("-", " ")
        pairs = [texts.get(object_id, texts.get(None, (usual, usual))) for object_id in ids]
        objects = tuple(
            ObjectRecord(object_id, unknown_category_id(clean), clean, clean, True, template=NOUN)
            for object_id, (clean, _) in zip(ids, pairs, strict=True)
        )
        return objects, tuple(NoisyLabel(unknown_category_id(noisy), noisy, noisy) for _, noisy in pairs)

    def made_from(self) -> dict[str, Any]:
        """Return what ``manifest.json`` says of the file."""
        return {} if self.path is None else {"files": {self.path.name: digest_file(self.path)}}

    def _per_object(self, sequence: str, value: Any) -> dict[int | None, tuple[str, str]]:
        """Return object id → (clean, noisy); the id None stands for every object."""
        whole = _pair(value)
        if whole is not None:
            return {None: whole}
        raise_if(not isinstance(value, dict) or not value, self._error(sequence, value), DataError)
        found: dict[int | None, tuple[str, str]] = {}
        for key, text in value.items():
            pair = _pair(text)
            object_id = parse_number(key)
            if pair is None or object_id is None:
                raise DataError(self._error(sequence, {key: text}))
            found[object_id] = pair
        return found

    def _error(self, sequence: str, value: Any) -> str:
        return f"{self.path}: {sequence!r}: expected {_FORM}, found {shorten(value)}"


def _are_frames(keys: tuple[str, ...], frames: Sequence[str]) -> bool:
    """Return whether an entry's keys are the names of frames, which object ids never are that begin with zeros."""
    return bool(keys) and set(keys) <= set(frames) and any(key != str(int(key)) for key in keys if key.isdecimal())


def read_texts(path: Path) -> Texts:
    """Read a file of texts.

    Raises:
        DataError: it is no JSON object, or an entry is malformed.
    """
    return Texts(read_json_object(path), path)


def _filled(text: str | None) -> str:
    """Return a text, empty where it is blank or null."""
    return text if text is not None and text.strip() else ""


def _pair(value: Any) -> tuple[str, str] | None:
    """Return (clean, noisy) of one text, None where it is neither form."""
    if value is None or is_text(value):
        return _filled(value), _filled(value)
    if isinstance(value, dict) and set(value) == {"clean", "noisy"}:
        clean, noisy = value["clean"], value["noisy"]
        if all(text is None or is_text(text) for text in (clean, noisy)):
            return _filled(clean), _filled(noisy)
    return None
