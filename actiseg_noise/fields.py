"""The fields of a JSON or TOML object of somebody else's: each is taken once, with its type and its range.

What is taken is what it should be; anything else is one error that names the file, the key, what was expected and what
stands there.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from actiseg_noise.errors import ActisegError, DataError, UnknownNameError

LONGEST_TEXT = 65_536
"""Characters of one text in a file."""
LARGEST = 2**63 - 1
"""Of whole numbers."""

_NEEDED: Any = object()


class Fields:
    """The fields of one object. A default stands for a key that is absent; without one the key is needed.

    Args:
        where: the file, for messages. inside: the keys that lead to the object, ``dataset.`` or ``noises[0].``.
    """

    def __init__(self, data: object, where: str, kind: type[ActisegError] = DataError, inside: str = "") -> None:
        self._where, self._kind, self._inside = where, kind, inside
        if not isinstance(data, Mapping):
            self._refuse(inside.removesuffix(".") or "the file", "an object", data)
        self._data = data

    @property
    def place(self) -> tuple[str, type[ActisegError], str]:
        """Return what the messages of these fields begin with; for fields made of one of their values."""
        return self._where, self._kind, self._inside

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return iter(self._data)

    def check_keys(self, known: Collection[str]) -> None:
        """Refuse a key that is not known.

        Raises:
            UnknownNameError: with the nearest known key.
        """
        for key in self._data:
            if key not in known:
                raise UnknownNameError(f"key in {self._where}:", f"{self._inside}{key}", known)

    def raw(self, key: str, default: Any = _NEEDED) -> Any:
        """Return a value as it is.

        Raises:
            ActisegError: the key is missing.
        """
        if key in self._data:
            return self._data[key]
        if default is _NEEDED:
            raise self._kind(f"{self._where}: the key {self._inside + key!r} is missing")
        return default

    def text(self, key: str, default: Any = _NEEDED, *, longest: int = LONGEST_TEXT) -> str:
        """Return a text of at most ``longest`` characters."""
        return self._take(key, default, f"a text of at most {longest:,} characters", lambda v: is_text(v, longest))

    def one_of(self, key: str, options: Collection[str], default: Any = _NEEDED) -> str:
        """Return one of the texts ``options``."""
        expected = f"one of {', '.join(options)}"
        return self._take(key, default, expected, lambda value: isinstance(value, str) and value in options)

    def name(self, key: str, default: Any = _NEEDED) -> str:
        """Return a text that can be the name of a file or folder, and be printed."""
        return self._take(key, default, NAME, is_name)

    def hex(self, key: str, digits: int) -> str:
        """Return a digest: hexadecimal digits, lower case."""
        return self._take(key, _NEEDED, f"a digest of {digits} hexadecimal digits", lambda v: is_hex(v, digits))

    def integer(self, key: str, default: Any = _NEEDED, *, least: int = -LARGEST, most: int = LARGEST) -> int:
        """Return a whole number; a flag is none."""
        start = "" if least == -LARGEST else f" from {least:,}"
        end = f" to {most:,}" if most != LARGEST else " on" if start else ""
        expected = f"a whole number{start}{end}"
        return self._take(key, default, expected, lambda value: type(value) is int and least <= value <= most)

    def number(self, key: str, default: Any = _NEEDED, *, least: float = -math.inf, most: float = math.inf) -> Any:
        """Return a finite number, as it is written."""
        expected = f"a number from {least:g} to {most:g}" if most < math.inf else "a finite number"
        return self._take(key, default, expected, lambda value: is_number(value) and least <= value <= most)

    def flag(self, key: str, default: Any = _NEEDED) -> bool:
        """Return true or false."""
        return self._take(key, default, "true or false", lambda value: isinstance(value, bool))

    def texts(self, key: str, default: Any = _NEEDED) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(
            self._take(key, default, "a list of texts", lambda v: isinstance(v, list) and all(map(is_text, v)))
        )

    def table(self, key: str, default: Any = _NEEDED) -> dict[str, Any]:
        """Return an object as it is."""
        return dict(self._take(key, default, "an object", lambda value: isinstance(value, dict)))

    def inner(self, key: str) -> Fields:
        """Return the fields of an object inside this one."""
        return Fields(self.raw(key), self._where, self._kind, f"{self._inside}{key}.")

    def each(self, key: str, default: Any = _NEEDED) -> list[Fields]:
        """Return the fields of the objects of a list."""
        found = self._take(key, default, "a list of objects", lambda value: isinstance(value, list))
        return [Fields(v, self._where, self._kind, f"{self._inside}{key}[{i}].") for i, v in enumerate(found)]

    def optional(self, key: str, take: Callable[..., Any], **limits: Any) -> Any:
        """Return what ``take``, a method of this object, returns; None where the key is absent or null."""
        return None if self.raw(key, None) is None else take(key, **limits)

    def _take(self, key: str, default: Any, expected: str, fits: Callable[[Any], object]) -> Any:
        """Return a value that fits."""
        value = self.raw(key, default)
        if value is default is not _NEEDED and key not in self._data:
            return value
        if not fits(value):
            self._refuse(f"{self._inside}{key}", expected, value)
        return value

    def _refuse(self, key: str, expected: str, value: object) -> NoReturn:
        raise self._kind(f"{self._where}: {key}: expected {expected}, found {shorten(value)}")


NAME = "a name of at most 200 characters for a file or folder: no '/', '\\', quotes, control characters, nor '..'"
_NOT_IN_NAMES = frozenset("/\\\"'`<>|*?\0")


def is_text(value: object, longest: int = LONGEST_TEXT) -> bool:
    """Return whether a value is a text that can be written as UTF-8 and is not too long."""
    return isinstance(value, str) and len(value) <= longest and not any(map(_is_surrogate, value))


def is_number(value: object) -> bool:
    """Return whether a value is a finite number; a flag is none, nor is a number that no float holds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= LARGEST
    return isinstance(value, float) and math.isfinite(value)


def parse_number(text: str) -> int | None:
    """Return the whole number from 0 to ``LARGEST`` that ASCII digits say; None for any other text.

    >>> parse_number("003"), parse_number("cup"), parse_number("9" * 5000)
    (3, None, None)
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        return None
    return number if (number := int(text)) <= LARGEST else None


def is_hex(value: object, digits: int) -> bool:
    """Return whether a value is a text of so many hexadecimal digits, lower case."""
    return isinstance(value, str) and len(value) == digits and set(value) <= set("0123456789abcdef")


def is_name(value: object) -> bool:
    """Return whether a value can be one part of a path, a table's cell and a word in a command."""
    return (
        is_text(value, 200)
        and value not in ("", ".", "..")
        and str(value)[0] not in "-. "
        and not _NOT_IN_NAMES.intersection(str(value))
        and all(not unicodedata.category(char).startswith(("C", "Zl", "Zp")) for char in str(value))
    )


def _is_surrogate(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def shorten(value: object) -> str:
    """Return a value as JSON for a message, cut after 60 characters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        text = repr(type(value).__name__)
    return text if len(text) <= 60 else f"{text[:60]}…"


def check_depth(value: object, where: str, kind: type[ActisegError] = DataError, deepest: int = 50) -> None:
    """Raise ActisegError (``kind``) where lists and objects lie in each other more than ``deepest`` deep."""
    level: list[object] = [value]
    for _ in range(deepest + 1):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise kind(f"{where}: lists and objects lie in each other more than {deepest} deep")


def _inside(value: object) -> Iterable[object]:
    """Return what a list or an object holds."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
