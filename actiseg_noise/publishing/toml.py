"""A recipe as TOML, which ``actiseg-noise build --recipe FILE`` reads back as the same recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from actiseg_noise.errors import ActisegError
from actiseg_noise.recipe import Recipe

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def recipe_toml(recipe: Recipe) -> str:
    """Return the recipe's TOML file: what it is, then one ``[[noise]]`` table per noise."""
    data = recipe.to_json()
    noises = data.pop("noise")
    lines = [_line(key, value) for key, value in data.items()]
    for noise in noises:
        lines += ["", "[[noise]]", *(_line(key, value) for key, value in noise.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    """Return ``key = value``."""
    return f"{_key(key)} = {_value(value)}"


def _key(key: str) -> str:
    """Return a key, in quotes where it needs them."""
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    """Return a value on one line; nested tables are inline.

    Raises:
        ActisegError: TOML has no such value.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(key))} = {_value(item)}" for key, item in value.items()) + "}"
    raise ActisegError(f"the recipe holds {value!r}, which no TOML file can; give the option another value")


def _text(text: str) -> str:
    """Return a basic string: JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
