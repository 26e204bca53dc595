"""What a value of a configuration or an option may be: of which type, and numbers in which range."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from actiseg_noise.errors import ActisegError, UnknownNameError

_KEY = "actiseg_bench.bounds"


@dataclass(frozen=True)
class Bounds:
    """Which numbers a value may be: ``above < x < below`` and ``at_least <= x <= at_most``; None is no bound."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None

    def hold(self, number: float) -> bool:
        """Say whether a finite number lies within."""
        return math.isfinite(number) and (
            (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        words = {"of at least": self.at_least, "above": self.above, "of at most": self.at_most, "below": self.below}
        return " and ".join(f"{word} {bound:g}" for word, bound in words.items() if bound is not None)


def fits(kind: Any, value: Any, bounds: Bounds) -> bool:
    """Say whether a value is of a type, numbers in it within the bounds."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin in (Union, UnionType):
        return any(fits(part, value, bounds) for part in parts)
    if origin is tuple:
        alike = isinstance(value, tuple) and len(value) == len(parts)
        return alike and all(fits(part, one, bounds) for part, one in zip(parts, value, strict=True))
    if kind in (int, float):
        number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
        return number and bounds.hold(value)
    return isinstance(value, kind)


def in_words(kind: Any, bounds: Bounds) -> str:
    """Return in words what :func:`fits` allows, as the command line takes it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else str(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(in_words(part, bounds) for part in parts)
    if origin is tuple:
        return f"[{', '.join(in_words(part, bounds) for part in parts)}]"
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "text", NoneType: "null"}
    return f"{words.get(kind, kind)} {bounds}".rstrip() if kind in (int, float) else str(words.get(kind, kind))


def as_typed(value: Any) -> str:
    """Return a value as the command line takes it, text in quotes."""
    if isinstance(value, str):
        return repr(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)


def number(default: Any, *, at_least: float = 0, at_most: float | None = None) -> Any:
    """Return the dataclass field of a number of a configuration, or of a tuple of them."""
    return field(default=default, metadata=within(Bounds(at_least, at_most)))


def within(bounds: Bounds) -> dict[str, Bounds]:
    """Return the metadata of a field whose numbers have a range."""
    return {_KEY: bounds}


def check_values(config: Any, table: str) -> None:
    """Hold every value of a configuration against the type and the range of its field.

    Args:
        config: a dataclass. table: its table in a configuration file, for the message: ``train``.

    Raises:
        UnknownNameError: another word than those of a ``Literal``. ActisegError: any other value; the message names
            key and table, what was expected and what is there.
    """
    hints = get_type_hints(type(config))
    for one in fields(config):
        bounds = one.metadata.get(_KEY, Bounds())
        _check(f"{one.name} in [{table}]", hints[one.name], getattr(config, one.name), bounds)


def _check(what: str, kind: Any, value: Any, bounds: Bounds) -> None:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        kinds = [part for part in parts if part is not NoneType]
        if len(kinds) > 1:
            _expect(fits(kind, value, bounds), what, in_words(kind, bounds), value)
        elif value is not None:
            _check(what, kinds[0], value, bounds)
    elif origin is Literal and isinstance(value, str):
        if value not in parts:
            raise UnknownNameError(what, value, parts)
    elif origin is dict:
        _expect(isinstance(value, dict), what, "a table", value)
        for one in value.values():
            _check(what, parts[1], one, bounds)
    elif origin is tuple:
        count = None if parts[-1] is Ellipsis else len(parts)
        expected = "a list" if count is None else f"a list of {count}"
        _expect(isinstance(value, tuple) and count in (None, len(value)), what, expected, value)
        for one in value:
            _check(what, parts[0], one, bounds)
    else:
        _expect(fits(kind, value, bounds), what, in_words(kind, bounds), value)


def _expect(holds: bool, what: str, expected: str, value: Any) -> None:
    if not holds:
        shown = repr(value)
        raise ActisegError(f"{what} must be {expected}, got {shown if len(shown) <= 60 else shown[:60] + '…'}")
