"""What pages of the website have from the code while it is built: commands, public names, protocols.

Only the website has it, so that nothing has to be made again when an option is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from actiseg_noise.markdown import iter_table


def command_line(program: str) -> str:
    """Return a section per command of ``actiseg-noise`` or ``actiseg-bench``, with a table of what it takes."""
    from typer.main import get_command

    app = import_module(f"{program.replace('-', '_')}.cli.commands").app
    found = _iter_commands(get_command(app))
    return "\n".join(line for words, command in found for line in _command(f"{program} {words}", command))


def json_forms() -> str:
    """Return a section per command that prints JSON, with a table of the keys."""
    from actiseg_noise.application import find_forms

    tools = {tool: find_forms(f"actiseg_{tool}.cli.json_forms") for tool in ("noise", "bench")}
    found = [(f"actiseg-{tool} {words}", schema) for tool, forms in tools.items() for words, schema in forms.items()]
    return "\n".join(line for command, schema in found for line in _json_form(command, schema))


def public_names(package: str) -> str:
    """Return the directives that show every name of a package's ``__all__`` but the version, in its order."""
    names = [name for name in import_module(package).__all__ if name != "__version__"]
    return "\n".join(["```{eval-rst}", *(line for name in names for line in _directive(package, name)), "```", ""])


def protocols() -> str:
    """Return a section per protocol that travels with the package: what it runs, and its notes."""
    from actiseg_bench.grid.protocols import load_protocol, protocol_names

    return "\n".join(line for name in protocol_names() for line in _protocol(name, load_protocol(name)))


def _iter_commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (words to type, command) of all commands, a group's own before those in it."""
    for name, command in group.commands.items():
        words = f"{before}{name}"
        yield words, command
        if hasattr(command, "commands"):
            yield from _iter_commands(command, f"{words} ")


def _command(typed: str, command: Any) -> Iterator[str]:
    """Yield the lines of one command's section."""
    context = command.context_class(command, info_name=typed)
    takes = [
        one for one in command.get_params(context) if "--help" not in one.opts and not getattr(one, "hidden", False)
    ]
    arguments = [one.metavar or one.name for one in takes if one.param_type_name == "argument"]
    yield from (f"## {typed}", "", _plain(command.help or ""), "")
    yield from ("```text", " ".join([typed, *arguments, "[OPTIONS]"]), "```", "")
    rows = [_row(one, context) for one in takes]
    if rows:
        yield from iter_table(("", "what it is"), rows, range(2))


def _row(parameter: Any, context: Any) -> list[str]:
    """Return what is typed and what it means, as ``--help`` says it."""
    typed, meaning = parameter.get_help_record(context)
    return [f"`{re.sub(' <.*>$', '', typed)}`", _plain(meaning)]


def _json_form(command: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one command's section: a table per form that its JSON may have."""
    yield from (f"## {command} --json", "")
    for form in schema.get("anyOf", [schema]):
        yield from (f"{_kind(form).capitalize()}. {_plain(form.get('description', ''))}".strip(), "")
        yield from iter_table(("", "", "what it is"), list(_keys(form)), range(3))


def _keys(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (path of a key, its type, what it is) of all keys of a schema, those of inner records after their own."""
    item = schema.get("items")
    if isinstance(item, dict):
        yield from _keys(item, f"{before}[]")
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield from _keys(values, f"{before}{{}}")
    for one in schema.get("anyOf", ()):
        yield from _keys(one, before)
    for name, value in schema.get("properties", {}).items():
        path = f"{before}.{name}" if before else name
        kind = _kind(value) + ("" if name in schema.get("required", ()) else ", may be missing")
        yield f"`{path}`", kind, _plain(value.get("description", ""))
        yield from _keys(value, path)
    for value in schema.get("patternProperties", {}).values():
        yield f"`{before}.…`".replace("`.", "`"), _kind(value), _plain(value.get("description", ""))


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of a schema in words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    kind = schema.get("type", "any value")
    if isinstance(schema.get("items"), dict):
        return f"list of {_kind(schema['items'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _plain(text: str) -> str:
    """Return help as Markdown: what looks like marks are letters."""
    escaped = "".join(f"\\{letter}" if letter in "<>*_[]`#" else letter for letter in text)
    return " ".join(escaped.split())


def _directive(package: str, name: str) -> Iterator[str]:
    """Yield the lines that show one public name; a class with its documented members, an error by itself."""
    thing = getattr(import_module(package), name)
    if not isinstance(thing, type):
        yield from (f".. autofunction:: {package}.{name}", "")
        return
    yield f".. autoclass:: {package}.{name}"
    yield from () if issubclass(thing, Exception) else ("   :members:",)
    yield ""


def _protocol(name: str, protocol: Any) -> Iterator[str]:
    """Yield the lines of one protocol's section."""
    draws = ", ".join(map(str, protocol.noise_seeds))
    methods = protocol.strategies if isinstance(protocol.strategies, str) else ", ".join(protocol.strategies)
    rows = [
        ("to type", f"`--protocol {name}`"),
        (
            "trained on, scored on",
            f"`{protocol.dataset}` {protocol.train_split}, `{protocol.scored_dataset}` {protocol.eval_split}",
        ),
        ("watched on", protocol.validation_split or "–"),
        ("tracks", ", ".join(f"`{track}`" for track in protocol.tracks)),
        ("strategies", methods),
        ("draws of the noise, trainings of each", f"seeds {draws}; {protocol.seeds}"),
        ("model, variant", f"`{protocol.model}`, {protocol.variant}"),
    ]
    yield from (f"## {protocol.id}", "", _plain(protocol.title), "")
    yield from iter_table(("", ""), rows, range(2))
    yield from (f"* {_plain(note)}" for note in protocol.notes)
    yield ""


GENERATED: dict[str, Callable[[], str]] = {
    "command_line_noise": lambda: command_line("actiseg-noise"),
    "command_line_bench": lambda: command_line("actiseg-bench"),
    "json": json_forms,
    "python_noise": lambda: public_names("actiseg_noise"),
    "python_bench": lambda: public_names("actiseg_bench"),
    "protocols": protocols,
}
