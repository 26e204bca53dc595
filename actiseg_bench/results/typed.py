"""Dataclasses of parsed JSON: every value has the type that its field states, at any depth."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from actiseg_noise.errors import ActisegError

T = TypeVar("T")

_MOVES = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029"  # control characters, line and paragraph separators
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"  # direction of writing; no characters
)
LONGEST_TEXT = 4096
"""Characters of a text field."""
LARGEST_INT = 2**63 - 1
DEEPEST = 16
"""Levels of lists and objects in a field that holds any JSON."""
CLOSE = 1e-9
"""By which two computations of one number may differ."""


class TypedReader:
    """Makes dataclasses of JSON objects, refusing missing and unknown keys and values of another type.

    Numbers are finite; whole numbers fit in 64 bits; text is one line of printable characters.

    Args:
        where: the file, first in every message. kind: the error that is raised.
    """

    def __init__(self, where: str, kind: type[ActisegError]) -> None:
        self._where, self._kind = where, kind

    def read(self, kind: type[T], data: Any, at: str = "") -> T:
        """Return the dataclass ``kind`` of a JSON object; ``at`` is its dotted place in the file.

        Raises:
            ActisegError: of the kind that was asked for; the message names file and key.
        """
        if not isinstance(data, dict):
            raise self._error(at, f"expected a JSON object, got {shown(data)}")
        hints = get_type_hints(kind)
        names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
        self.check_keys(data, names, at)
        return kind(**{name: self._value(hints[name], data[name], _below(at, name)) for name in names})

    def check_keys(self, data: Mapping[str, Any], names: list[str], at: str = "", *, also: Sequence[str] = ()) -> None:
        """Refuse missing and unknown keys; those of ``also`` may be there or not."""
        for problem, keys in (("missing", set(names) - set(data)), ("unknown", set(data) - {*names, *also})):
            if keys:
                raise self._error(at, f"{problem} keys: {', '.join(sorted(map(plain, keys)))}")

    def refuse(self, at: str, why: str) -> None:
        """Raise the error for the value at a place."""
        raise self._error(at, why)

    def _value(self, hint: Any, value: Any, at: str) -> Any:
        """Return a value as the type hint ``hint`` wants it."""
        if get_origin(hint) is UnionType:
            (one,) = [part for part in get_args(hint) if part is not type(None)]
            return None if value is None else self._value(one, value, at)
        if is_dataclass(hint):
            return self.read(hint, value, at)  # type: ignore[arg-type]
        if get_origin(hint) is dict:
            return self._object(get_args(hint)[1], value, at)
        if get_origin(hint) is tuple:
            if not isinstance(value, list | tuple):
                raise self._error(at, f"expected a list, got {shown(value)}")
            return tuple(self._value(get_args(hint)[0], one, f"{at}[{i}]") for i, one in enumerate(value))
        if hint is Any:
            self._check_any(value, at, DEEPEST)
            return value
        fits, expected = _PLAIN[hint]
        if not fits(value):
            raise self._error(at, f"expected {expected}, got {shown(value)}")
        return value

    def _object(self, hint: Any, value: Any, at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error(at, f"expected a JSON object, got {shown(value)}")
        for name in value:
            if not is_line(name):
                raise self._error(at, f"expected keys of one line of printable text, got {shown(name)}")
        return {name: self._value(hint, one, _below(at, name)) for name, one in value.items()}

    def _check_any(self, value: Any, at: str, levels: int) -> None:
        """Refuse what is nested too deeply or holds a number that is not finite."""
        if isinstance(value, dict | list | tuple):
            if not levels:
                raise self._error(at.partition(".")[0], f"nested more than {DEEPEST} levels deep")
            parts = self._object(Any, value, at).values() if isinstance(value, dict) else value
            for one in parts:
                self._check_any(one, at, levels - 1)
        elif isinstance(value, float | int) and not isinstance(value, bool):
            fits, expected = _PLAIN[float]
            if not fits(value):
                raise self._error(at, f"expected {expected}, got {shown(value)}")

    def _error(self, at: str, why: str) -> ActisegError:
        return self._kind(": ".join(filter(None, (self._where, at, why))))


def is_line(value: Any) -> bool:
    """Return whether a value is one line of text: nothing in it moves a terminal's cursor or turns the line around."""
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and not _MOVES.search(value)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INT


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


_PLAIN: dict[Any, tuple[Callable[[Any], bool], str]] = {
    str: (is_line, f"one line of printable text, {LONGEST_TEXT:,} characters at most"),
    int: (_is_int, "a whole number"),
    float: (_is_number, "a finite number"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
}


def _below(at: str, name: str) -> str:
    return f"{at}.{plain(name)}" if at else plain(name)


def plain(text: str) -> str:
    """Return a name as a message shows it: escaped where it is no line of text, and cut."""
    return text[:60] if is_line(text[:60]) else ascii(text[:60])


def shown(value: Any) -> str:
    """Return the start of a value as a message shows it."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        return f"a number of {value.bit_length()} bits"
    return repr(value[:60] if isinstance(value, str) else value)


def is_close(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal, numbers up to rounding."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=0, abs_tol=CLOSE)
    return bool(one == other)
