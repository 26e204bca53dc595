"""The application of a tool, and what every command of both tools takes.

``--quiet`` and ``--log-level`` stand before a command or after it; both places mean the same, and what stands last
counts. A command that has ``--json`` has ``--json-schema`` beside it: the form of what it prints.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module
from inspect import Parameter, signature
from typing import Annotated, Any, TypeVar

import typer

from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.json_schema import Schema, document
from actiseg_noise.logs import LEVELS
from actiseg_noise.terminal import print_json, speak

Function = Callable[..., Any]
Kept = TypeVar("Kept", bound=Function)

_QUIET = typer.Option("--quiet", "-q", help="No progress and no hints; warnings, errors and the result stay.")
_LOG_LEVEL = typer.Option(
    "--log-level", metavar="LEVEL", help="Say on standard error: debug, info, warning, or error. [default: warning]"
)


class Application(typer.Typer):
    """A typer application whose commands all take what this module's are for.

    Args:
        forms: the module whose ``FORMS`` say what commands print with ``--json``: words of a command → schema.
    """

    def __init__(self, *, forms: str, **settings: Any) -> None:
        self.forms = forms
        super().__init__(**settings)

    def command(self, *names: Any, **settings: Any) -> Callable[[Kept], Kept]:
        """Register a command, which stays as it is for who calls it."""
        return self._after(super().command(*names, **settings))

    def callback(self, *names: Any, **settings: Any) -> Callable[[Kept], Kept]:
        """Register what runs before a command."""
        return self._after(super().callback(*names, **settings))

    def _after(self, register: Callable[[Any], Any]) -> Callable[[Kept], Kept]:
        """Return a decorator: the function is registered with the options of all, and returned without."""

        def decorate(function: Kept) -> Kept:
            register(_with_options(function, self._print_schema))
            return function

        return decorate

    def _print_schema(self, context: typer.Context, is_asked: bool) -> None:
        """Print the form of what a command prints with ``--json``, and end."""
        if is_asked:
            words = _words(context)
            print_json(document(f"{words} --json", find_forms(self.forms)[words]))
            raise typer.Exit


def find_forms(module: str) -> dict[str, Schema]:
    """Return the ``FORMS`` of a module."""
    forms: dict[str, Schema] = import_module(module).FORMS
    return forms


def make_application(program: str, about: str, forms: str) -> Application:
    """Return the application of a tool.

    Args:
        program: its name. about: a sentence. forms: see :class:`Application`.
    """
    app = Application(
        forms=forms,
        help=about,
        no_args_is_help=True,
        add_completion=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    def print_version(is_asked: bool) -> None:
        if is_asked:
            from actiseg_noise.version import tool_version

            typer.echo(f"{program} {tool_version()}")
            raise typer.Exit

    told = typer.Option(False, "--version", is_eager=True, callback=print_version, help="Print the version and end.")

    @app.callback()
    def take_options(version: bool = told) -> None:
        """Take what stands before a command."""

    return app


def _words(context: typer.Context) -> str:
    """Return the words of a command without the tool's name: ``noises show``."""
    names: list[str] = []
    here: Any = context
    while here.parent is not None:
        names.insert(0, here.info_name)
        here = here.parent
    return " ".join(names)


def _with_options(function: Function, print_schema: Function) -> Function:
    """Return a function that takes the options of all commands, too, and does what they say first."""
    own = signature(function, eval_str=True).parameters.values()
    is_json = any(one.name == "json" for one in own)
    parameters = [*own, *([_schema_parameter(print_schema)] if is_json else []), *_COMMON]

    @wraps(function)
    def command(*, quiet: bool, log_level: str | None, json_schema: bool = False, **values: Any) -> Any:
        if log_level is not None and log_level.lower() not in LEVELS:
            raise UnknownNameError("level", log_level, LEVELS, f"--log-level {log_level}: no such level")
        speak(quiet=quiet, level=None if log_level is None else LEVELS[log_level.lower()])
        return function(**values)

    keywords = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in parameters]
    command.__signature__ = signature(function).replace(parameters=keywords)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in keywords}
    return command


_COMMON = (
    Parameter("quiet", Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, _QUIET]),
    Parameter("log_level", Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, _LOG_LEVEL]),
)


def _schema_parameter(print_schema: Function) -> Parameter:
    told = "Print the JSON Schema of what --json prints, and end."
    shown = typer.Option("--json-schema", is_eager=True, callback=print_schema, help=told)
    return Parameter("json_schema", Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, shown])


def number_reader(option: str, *, percent: bool = False) -> Callable[[str], float]:
    """Return what reads the number that was typed for an option.

    Args:
        percent: ``30%`` is .3; else the error proposes it.

    Raises (the reader):
        ActisegError: the text is no number; of a percentage, the number that was meant is proposed.
    """

    def read(text: str) -> float:
        with suppress(ValueError):
            return float(text)
        share = None
        with suppress(ValueError):
            share = float(str(text).rstrip().removesuffix("%")) / 100
        if share is not None and percent:
            return share
        hint = "" if share is None else f"; did you mean {share:g}?"
        raise ActisegError(f"{option}: expected a number, got {text!r}{hint}")

    return read
