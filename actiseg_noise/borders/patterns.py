"""Patterns of paths, ``{split}/{video}/{object}/{frame}``: where the files of somebody's dataset lie below its root.

A pattern is a relative path, '/' between its parts. ``{field}`` stands for one or more characters of one part, the same
wherever it stands again; the last part is a file's name without the suffix of an image (or with it).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from itertools import takewhile
from pathlib import Path

from actiseg_noise.borders.folders import (
    IMAGE_SUFFIXES,
    is_inside,
    list_files,
    list_folders,
    natural_order,
    remembered_files,
)
from actiseg_noise.errors import ActisegError

NAMES_SHOWN = 6

_FIELD = re.compile(r"\{(\w*)\}")

Found = tuple[dict[str, str], str]
"""Field → what it stands for; the file's path below the root."""


class PathPattern:
    """One pattern.

    Args:
        text: the pattern. fields: those it may have. option: what it was given as, for messages. needs: a field that
            it must have.

    Raises:
        ActisegError: it is empty, leaves the root, has an unknown field (the fields are named) or lacks one.
    """

    def __init__(self, text: str, fields: Collection[str], option: str, needs: str | None = None) -> None:
        self.text = text
        known = ", ".join(f"{{{name}}}" for name in fields)
        if not text or not is_inside(text) or "\\" in text or "." in text.split("/"):
            raise ActisegError(
                f"{option} {text!r}: expected a path below the root, '/' between its parts, made of names and {known}"
            )
        unknown = [name for name in _FIELD.findall(text) if name not in fields]
        rest = _FIELD.sub("", text)
        if unknown or "{" in rest or "}" in rest:
            wrong = f"the field {{{unknown[0]}}}" if unknown else "a brace without its other one"
            raise ActisegError(f"{option} {text!r}: has {wrong}; the fields are {known}")
        if needs is not None and not self.has(needs):
            raise ActisegError(f"{option} {text!r}: has no {{{needs}}}, which stands for the name of a file")
        *self._folders, last = text.split("/")
        stem, dot, ending = last.rpartition(".")
        has_suffix = f"{dot}{ending}".lower() in IMAGE_SUFFIXES
        self._last = stem if has_suffix else last
        self.suffixes: tuple[str, ...] = (f".{ending.lower()}",) if has_suffix else ()

    def has(self, field: str) -> bool:
        """Return whether the pattern has a field."""
        return f"{{{field}}}" in self.text

    def find(self, root: Path, suffixes: tuple[str, ...], **known: str) -> Iterator[Found]:
        """Yield the files that fit, folder by folder, each in natural order.

        Args:
            suffixes: of the files, lower case; the suffix in the pattern takes their place. known: fields whose
                value is given.

        Raises:
            DataError: a folder cannot be read.
        """
        for fields, folder in _walk(root, "", self._folders, known):
            files = remembered_files(root / folder, self.suffixes or suffixes)
            exact = _fill(self._last, fields)
            for stem in files if _FIELD.search(exact) else {exact} & files.keys():
                match = _fit(self._last, stem, fields)
                if match is not None:
                    yield match, f"{folder}/{files[stem]}" if folder else files[stem]

    def values(self, root: Path, suffixes: tuple[str, ...], field: str, **known: str) -> list[str]:
        """Return what a field stands for in the folders that fit, or, where it is of the file's name, in the files.

        In code point order, each once. Of the folders below the one that names the field, those that have one name
        must be there; the others are not looked into.
        """
        depth = next((n for n, part in enumerate(self._folders) if f"{{{field}}}" in part), None)
        if depth is None:
            return sorted({fields[field] for fields, _ in self.find(root, suffixes, **known)})
        end = depth + 1
        while end < len(self._folders) and set(_FIELD.findall(self._folders[end])) <= {field, *known}:
            end += 1
        return sorted({fields[field] for fields, _ in _walk(root, "", self._folders[:end], known)})

    def folder(self, **known: str) -> str:
        """Return the deepest folder that holds all files of the known fields."""
        parts = [_fill(part, known) for part in self._folders]
        return "/".join(takewhile(lambda part: not _FIELD.search(part), parts))

    def nearest(self, root: Path, suffixes: tuple[str, ...], **known: str) -> str:
        """Return what is there instead of files that fit: the deepest folder that does, and what it holds."""
        parts = [*self._folders, self._last]
        folder, depth = "", 0
        while depth < len(self._folders):
            below = next((path for _, path in _walk(root, folder, [parts[depth]], known)), None)
            if below is None:
                break
            folder, depth = below, depth + 1
        wanted = _fill(parts[depth], known)
        held = list_folders(root / folder)
        files = list(list_files(root / folder, self.suffixes or suffixes).values())
        if depth == len(self._folders) and files:
            held = files
        near = difflib.get_close_matches(wanted, held, n=1, cutoff=0.3)
        shown = [*near, *(name for name in held if name not in near)][:NAMES_SHOWN]
        more = ", …" if len(held) > len(shown) else ""
        holds = f"it holds {', '.join(map(repr, shown))}{more}" if shown else "it holds nothing of the kind"
        return f"nothing in {root / folder} fits {wanted!r}; {holds}"


def _walk(root: Path, folder: str, parts: list[str], known: dict[str, str]) -> Iterator[Found]:
    """Yield the folders that fit ``parts``, below ``folder``."""
    if not parts:
        yield known, folder
        return
    exact = _fill(parts[0], known)
    names = [exact] if not _FIELD.search(exact) and (root / folder / exact).is_dir() else _by_number(root / folder)
    for name in names:
        fields = _fit(parts[0], name, known)
        if fields is not None:
            yield from _walk(root, f"{folder}/{name}" if folder else name, parts[1:], fields)


def _fill(part: str, known: dict[str, str]) -> str:
    """Return a part of a pattern with the known fields filled in."""
    return _FIELD.sub(lambda match: known.get(match[1], match[0]), part)


def _by_number(folder: Path) -> list[str]:
    """Return the folders in a folder in natural order."""
    return sorted(list_folders(folder), key=natural_order)


def _fit(part: str, name: str, known: dict[str, str]) -> dict[str, str] | None:
    """Return the fields of a name that fits a part of a pattern, the known ones too; None where it does not fit."""
    seen: set[str] = set()
    expression = ""
    for n, piece in enumerate(_FIELD.split(part)):
        if n % 2 == 0:
            expression += re.escape(piece)
        elif piece in known:
            expression += re.escape(known[piece])
        else:
            expression += f"(?P={piece})" if piece in seen else f"(?P<{piece}>.+)"
            seen.add(piece)
    match = re.fullmatch(expression, name)
    return None if match is None else known | match.groupdict()
