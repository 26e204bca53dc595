"""Values that a careless or a bad hand writes where another one belongs."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from random import Random
from typing import Any

DEEP, LONG_NUMBER, HALF_CHARACTER = "@deep@", "@long number@", "@half character@"  # written raw, see json_text

_NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 255, 256, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**18),
    *(10**30, 0.0, -0.0, 0.5, 1.5, -1.5, 1e-320, 1e300, 1e308, math.nan, math.inf, -math.inf),
)
_TEXTS = (
    *("", " ", "x", "none", "None", "null", "true", "0", "-1", "1e999", "é", "\U0001f600", "\x00", "a\x00b", "a\nb"),
    *(
        "\r",
        "\t",
        "\x7f",
        "\x1b]0;title\x07\x1b[31mred",
        "\x9b31m",
        "\u202egnp.exe",
        "\ufeff",
        "\u2028",
        "[red]x[/red]",
    ),
    *("[/red]", "{0} %s %n", "<script>alert(1)</script>", "javascript:alert(1)", "](javascript:alert(1))", "```\n# x"),
    *("---\nlicense: mit", "x: [", '=HYPERLINK("http://x")', "+1", "@SUM(1)", "-1+1", "\\input{/etc/passwd}", "$(x)"),
    *(
        "{outside}/new",
        "{outside}/picture.jpg",
        "../../../outside",
        "../outside",
        "..",
        ".",
        "/",
        "a/b",
        "a\\b",
        "a/../../outside",
        "~",
        "-rf",
        "--out",
        "C:x",
    ),
    *("CON", "x.", "x ", "category_flip-v1", "category_flip-v99", "a" * 255, "y" * 5000, "z/" * 3000, "ab " * 400_000),
)


def wrong_value(random: Random, value: Any = None) -> Any:
    """Return something else than ``value``: of another type, out of range, or a text that means something elsewhere."""
    kinds = [_other_type, _number, _text, _near, _near]
    return kinds[random.randrange(len(kinds))](random, value)


def wrong_number(random: Random) -> Any:
    """Return a number at, or beyond, the edge of some type."""
    return random.choice(_NUMBERS)


def wrong_text(random: Random) -> str:
    """Return a text that is empty, long, not printable, or means something to a terminal, a shell, a path, a page."""
    return random.choice(_TEXTS)


def _number(random: Random, value: Any) -> Any:
    return wrong_number(random)


def _text(random: Random, value: Any) -> Any:
    return wrong_text(random)


def _other_type(random: Random, value: Any) -> Any:
    made: list[Any] = [None, True, False, [], {}, [[]], {"x": {}}, [None], ["x"], [1, 2], {"": 1}, DEEP, LONG_NUMBER]
    return random.choice([*made, HALF_CHARACTER, [value], {"x": value}, str(value), [value] * 1000])


def _near(random: Random, value: Any) -> Any:
    """Return a value of the same type that is a little, or much, off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return random.choice([value + 1, value - 1, -value, value * 2, value * 10**6, float(value) + 0.5])
    if isinstance(value, str):
        return random.choice(
            [f"{value} ", f" {value}", value.upper(), value[:-1], value[::-1], f"{value}\x00", value * 3]
        )
    if isinstance(value, list) and value:
        return random.choice([value[:-1], [*value, value[0]], value[::-1], [*value, None]])
    if isinstance(value, dict) and value:
        return {name: value[name] for name in list(value)[1:]}
    return wrong_number(random)


def iter_places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value in JSON data, outermost first: the keys and indices that lead there."""
    yield place
    if isinstance(data, dict):
        for name, value in data.items():
            yield from iter_places(value, (*place, name))
    elif isinstance(data, list):
        for index, value in enumerate(data[:20]):
            yield from iter_places(value, (*place, index))


def at(data: Any, place: tuple[Any, ...]) -> Any:
    """Return the value at a place."""
    for step in place:
        data = data[step]
    return data


def edit_json(random: Random, data: Any) -> tuple[Any, str, tuple[Any, ...]]:
    """Return an edited copy of JSON data, what was done, and where."""
    data = copy.deepcopy(data)
    places = list(iter_places(data))
    # The longest parts, such as digests per column, would take most edits: a level of the tree is drawn first.
    depth = random.choice(sorted({len(place) for place in places}))
    place = random.choice([place for place in places if len(place) == depth])
    if not place:
        return wrong_value(random, data), "value", place
    inside, last = at(data, place[:-1]), place[-1]
    what = random.choice(["value", "value", "value", "value", "remove", "add", "rename", "swap"])
    if what == "remove":
        del inside[last]
    elif what == "add" and isinstance(inside, dict):
        inside[wrong_text(random)] = wrong_value(random)
    elif what == "add":
        inside.insert(last, wrong_value(random, inside[last]))
    elif what == "rename" and isinstance(inside, dict):
        inside[wrong_text(random)] = inside.pop(last)
    elif what == "swap":
        other = random.choice(places)
        inside[last] = copy.deepcopy(at(data, other))
    else:
        inside[last] = wrong_value(random, inside[last])
        what = "value"
    return data, what, place


def json_text(data: Any) -> str:
    """Return JSON as text, with what no JSON library writes: nesting, digits and half characters without measure."""
    text = json.dumps(data, ensure_ascii=False, indent=1)
    raw = {DEEP: "[" * 100_000 + "]" * 100_000, LONG_NUMBER: "1" * 100_000, HALF_CHARACTER: '"\\ud800"'}
    for mark, written in raw.items():
        text = text.replace(json.dumps(mark), written)
    return text + "\n"


def toml_text(data: dict[str, Any]) -> str:
    """Return TOML with every table inline; null, which TOML does not have, is left out."""
    return "".join(f"{_quoted(name)} = {_toml(value)}\n" for name, value in data.items() if value is not None)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return _RAW_TOML.get(value) or _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value if item is not None)}]"
    pairs = ", ".join(f"{_quoted(str(name))} = {_toml(item)}" for name, item in value.items() if item is not None)
    return f"{{{pairs}}}"


_RAW_TOML = {DEEP: "[" * 5000 + "]" * 5000, LONG_NUMBER: "1" * 100_000}
