"""A command's flags, made of the record of its options: a new field of it is a new flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from actiseg_bench.training.options import Flag, list_flags
from actiseg_noise.application import number_reader
from actiseg_noise.errors import raise_if

Command = Callable[..., None]


def with_flags_of(kind: type[Any]) -> Callable[[Command], Command]:
    """Return a decorator: a command that takes a record of options gets a flag for each of its fields.

    The record is the command's first argument; what else it takes stays as it is and comes last in ``--help``.
    """

    def decorate(function: Command) -> Command:
        hints = get_type_hints(kind)
        flags = [_parameter(one.name, hints[one.name], one.default, about) for one, about in list_flags(kind)]
        _, *others = signature(function, eval_str=True).parameters.values()

        @wraps(function)
        def command(**values: Any) -> None:
            given = {one.name: _value(hints[one.name], values.pop(one.name)) for one in flags}
            function(kind(**given), **values)

        parameters = [*flags, *(one.replace(kind=Parameter.KEYWORD_ONLY) for one in others)]
        command.__signature__ = signature(function).replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def _parameter(name: str, hint: Any, default: Any, about: Flag) -> Parameter:
    """Return the parameter that a field is on the command line; several values are a list there."""
    several = _is_several(hint)
    typed_as = about.name or f"--{name.replace('_', '-')}"  # named for switches, too: "--no-…" has no use
    shown_as = typer.Option(typed_as, help=about.help, **_shown(typed_as, hint, about))
    typed: Any = list[str] | None if several else hint
    shown = None if several else Parameter.empty if default is MISSING else default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=shown, annotation=Annotated[typed, shown_as])


def _shown(typed_as: str, hint: Any, about: Flag) -> dict[str, Any]:
    """Return how a value is read and called in ``--help``: as its flag says, else by its type."""
    kind = next((one for one in (bool, int, float, Path, str) if one is hint or one in get_args(hint)), str)
    if kind is float:
        return {"metavar": about.metavar or "N", "parser": number_reader(typed_as)}
    called = {bool: None, int: "N", Path: "DIR", str: "NAME"}[kind]
    return {"metavar": about.metavar or called, "min": about.at_least}


def _is_several(hint: Any) -> bool:
    """Say whether a field holds several values: a tuple, or a mapping, which is given as NAME=VALUE."""
    return get_origin(hint) in (tuple, Mapping)


def _value(hint: Any, value: Any) -> Any:
    """Return what a field holds of what was typed."""
    if get_origin(hint) is Mapping:
        return parse_pairs(value or ())
    return tuple(value or ()) if _is_several(hint) else value


def parse_pairs(texts: Sequence[str]) -> dict[str, Any]:
    """Return NAME → VALUE of texts ``NAME=VALUE``: a value as JSON has it, anything else as text.

    Raises:
        ActisegError: a text without a name or a sign of equality.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        raise_if(not equals or not name, f"--option {text}: expected NAME=VALUE, as in --option q=0.5")
        found[name] = _parse(value)
    return found


def _parse(value: str) -> Any:
    """Return a number, true, false, null or a list as JSON has it; anything else is text."""
    from json import loads

    try:
        return loads(value)
    except ValueError:
        return value
