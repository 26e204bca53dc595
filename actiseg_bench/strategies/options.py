"""The options of a strategy: one frozen dataclass each, with type, range, default and meaning in one place.

An option's type is the annotation of its field: ``float``, ``int``, ``bool``, ``str``, a ``Literal`` of words, a tuple
of these, or one of them ``| None``. A name that is a keyword of Python ends in an underscore: ``lambda_`` is
``lambda`` everywhere else.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from inspect import get_annotations
from typing import Any, Literal, get_args, get_origin, get_type_hints

from actiseg_bench.strategies.ranges import Range
from actiseg_bench.values import Bounds, as_typed, fits, in_words
from actiseg_noise.errors import ActisegError, UnknownNameError

_UNCHANGED = object()
_KEY = "actiseg_bench.option"


@dataclass(frozen=True)
class Option:
    """One option as its field declares it.

    Attributes:
        key: its name on the command line and in results. kind: the field's type.
        default: the value of the variant ``faithful``. released: the value of the variant ``released``, equal where
            the published code has the same. is_changed: whether the published code has another.
        meaning: what it is, and for a switch what the published code does.
        tune: what tuning draws it from; None leaves it at its default.
    """

    key: str
    field: str
    kind: Any
    default: Any
    released: Any
    is_changed: bool
    meaning: str
    bounds: Bounds
    tune: Range | None = None

    def allows(self, value: Any) -> bool:
        """Say whether a value has the option's type and lies in its range."""
        return fits(self.kind, value, self.bounds)

    @property
    def allowed(self) -> str:
        """Return in words what it may be: ``a number above 0 and of at most 1``."""
        return in_words(self.kind, self.bounds)


def option(
    default: Any,
    meaning: str,
    *,
    released: Any = _UNCHANGED,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    tune: Range | None = None,
) -> Any:
    """Return the dataclass field of an option.

    Args:
        default: from the method's paper: the variant ``faithful``.
        meaning: what it is, and for a switch what the published code does.
        released: what the published ActiSeg-NL code has instead; left out where it has the default.
        at_least, at_most, above, below: which numbers are allowed, each of them where it is a tuple.
        tune: what ``actiseg-bench tune`` draws it from, as the method's paper or its authors advise; None: it is not
            tuned.
    """
    bounds = Bounds(at_least, at_most, above, below)
    return field(default=default, metadata={_KEY: (meaning, released, bounds, tune)})


@dataclass(frozen=True)
class Options:
    """What every strategy's options derive from; a strategy without any uses this one.

    Raises:
        ActisegError: a value of another type or out of range, or values that do not go together.
    """

    def __post_init__(self) -> None:
        for one in list_options(type(self)):
            value = getattr(self, one.field)
            if not one.allows(value):
                near = difflib.get_close_matches(str(value), _choices(one.kind), n=1, cutoff=0.4)
                hint = f". Did you mean {near[0]!r}?" if near else ""
                raise ActisegError(f"option {one.key}: expected {one.allowed}, got {as_typed(value)}{hint}")
        self.check()

    def check(self) -> None:
        """Raise ActisegError where values that are fine alone do not go together."""

    @classmethod
    def make(cls, strategy: str, given: Mapping[str, Any], *, is_released: bool = False) -> Options:
        """Return the options of a variant of a strategy, those ``given`` by key last; lists count as tuples.

        Raises:
            UnknownNameError: an option that the strategy does not have. ActisegError: a value that is not allowed; both
                messages name the strategy, the option, what is allowed and what came.
        """
        known = {one.key: one for one in list_options(cls)}
        for key in given:
            if key not in known:
                raise UnknownNameError("option", key, known, f"strategy {strategy!r} has no option {key!r}")
        values = {one.field: one.released if is_released else one.default for one in known.values()}
        values |= {known[key].field: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
        try:
            return cls(**values)
        except ActisegError as error:
            raise ActisegError(f"strategy {strategy!r}, {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return key → value."""
        return {one.key: getattr(self, one.field) for one in list_options(type(self))}


def list_options(kind: type[Options]) -> list[Option]:
    """Return the options of a class, its own before those that it inherits.

    Raises:
        TypeError: a class that is not decorated with ``@dataclass(frozen=True)``; a field that is no ``option``;
            a range with values that the option does not allow.
    """
    if "__dataclass_fields__" not in vars(kind):
        raise TypeError(
            f"{kind.__qualname__}: decorate it with @dataclass(frozen=True), so that its options are fields"
        )
    hints, by_name = get_type_hints(kind), {one.name: one for one in fields(kind)}
    found = []
    for name in dict.fromkeys(name for one in kind.__mro__ for name in get_annotations(one) if name in by_name):
        if _KEY not in by_name[name].metadata:
            raise TypeError(f"{kind.__qualname__}.{name}: declare it as {name} = option(default, meaning)")
        default, (meaning, released, bounds, tune) = by_name[name].default, by_name[name].metadata[_KEY]
        same = released is _UNCHANGED
        value = default if same else released
        key = name.removesuffix("_")
        one = Option(key, name, hints[name], default, value, not same, meaning, bounds, tune)
        for end in () if tune is None else tune.ends():
            if not one.allows(end):
                raise TypeError(f"{kind.__qualname__}.{name}: tuning may draw {as_typed(end)}, expected {one.allowed}")
        found.append(one)
    return found


def _choices(kind: Any) -> list[str]:
    """Return the words of a ``Literal``, alone or in a union."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for part in get_args(kind) for word in _choices(part)]
