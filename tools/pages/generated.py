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


def public_names(package: str) -> str:
    """Return the directives that show every name of a package's ``__all__`` but the version, in its order."""
    names = [name for name in import_module(package).__all__ if name != "__version__"]
    return "\n".join(["```{eval-rst}", *(line for name in names for line in _directive(package, name)), "```", ""])


def protocols() -> str:
    """Return a section per protocol that travels with the package: what it runs, and its notes."""
    from actiseg_bench.grid.tracks import load_protocol, protocol_names

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
    "python_noise": lambda: public_names("actiseg_noise"),
    "python_bench": lambda: public_names("actiseg_bench"),
    "protocols": protocols,
}
