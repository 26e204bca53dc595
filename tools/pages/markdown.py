"""Docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from actiseg_noise.markdown import iter_table


def paragraphs(thing: object) -> str:
    """Return the docstring of ``thing`` as Markdown, without its sections (``Args:``, ``Raises:``)."""
    return to_markdown(re.split(r"\n\n?(?:Args|Raises|Returns|Attributes):\n", inspect.getdoc(thing) or "")[0])


def to_markdown(text: str) -> str:
    """Return a cleaned docstring as Markdown: code in single backticks, ``::`` before a block as one colon."""
    return re.sub(r" +\n", "\n", text.replace("``", "`").replace("::\n", ":\n") + "\n").strip()


def arguments(thing: object) -> dict[str, str]:
    """Return name → text of a docstring's ``Args:`` section, each text on one line."""
    found = re.search(r"(?:^|\n)Args:\n((?:    .*\n?|\n)+)", inspect.getdoc(thing) or "")
    if found is None:
        return {}
    entries: dict[str, str] = {}
    name = ""
    for line in found.group(1).splitlines():
        start = re.match(r"    (\w+): (.*)", line)
        if start:
            name = start.group(1)
            entries[name] = start.group(2)
        elif name:
            entries[name] = f"{entries[name]} {line.strip()}".strip()
    return {name: to_markdown(text) for name, text in entries.items()}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, all columns to the left."""
    return "\n".join(iter_table(header, rows, range(len(header)))).rstrip("\n")
