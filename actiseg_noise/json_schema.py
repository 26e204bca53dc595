"""JSON Schema (draft 2020-12) in a few words, for what commands print with ``--json``.

A schema is a dict. What is a record in the code is one here, so that a new field is in the schema at once, with what
its class's docstring says of it; records of the command line alone are written out. No record allows a key that it does
not name.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

Schema: TypeAlias = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {}
_SCALARS: dict[Any, Schema] = {
    **{str: TEXT, Path: TEXT, int: WHOLE, float: NUMBER, bool: FLAG, Any: ANY, object: ANY},
    types.NoneType: {"type": "null"},
}


def record(
    *members: tuple[str, Schema] | tuple[str, Schema, str], what: str = "", extra: Schema | None = None
) -> Schema:
    """Return the schema of an object of these members and no others.

    Args:
        members: (name, schema, what it is); a ``?`` at the name's end: may be missing.
        extra: pattern of a name → schema, for members whose names are data.
    """
    named = {name.removesuffix("?"): _described(schema, *said) for name, schema, *said in members}
    schema: Schema = {"type": "object", "properties": named, "additionalProperties": False}
    schema["required"] = [name for name, *_ in members if not name.endswith("?")]
    schema |= {"patternProperties": extra} if extra else {}
    return _described(schema, what)


def array(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def mapping(value: Schema) -> Schema:
    """Return the schema of an object whose names are data."""
    return {"type": "object", "additionalProperties": value}


def either(*schemas: Schema) -> Schema:
    """Return the schema of what is one of several."""
    return {"anyOf": list(schemas)}


def nullable(schema: Schema) -> Schema:
    """Return the schema of what may be null."""
    return either(schema, _SCALARS[types.NoneType])


def joined(*records: Schema) -> Schema:
    """Return a record with the members of several; what a later one says of a name counts."""
    return {
        "type": "object",
        "properties": {name: value for one in records for name, value in one["properties"].items()},
        "additionalProperties": False,
        "required": list(dict.fromkeys(name for one in records for name in one["required"])),
    }


def but(schema: Schema, *names: str) -> Schema:
    """Return a record in which these members may be missing."""
    return schema | {"required": [name for name in schema["required"] if name not in names]}


def schema_of(hint: Any) -> Schema:
    """Return the schema of a type of the code, as ``dataclasses.asdict`` or ``_asdict`` has it.

    Raises:
        TypeError: a type that has no form in JSON.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if origin in (Union, types.UnionType):
        return either(*map(schema_of, inner))
    if origin is not None and issubclass(origin, Mapping):
        return mapping(schema_of(inner[1]))
    if origin is tuple and inner[-1] is not Ellipsis:
        return {"type": "array", "prefixItems": list(map(schema_of, inner)), "items": False, "minItems": len(inner)}
    if origin is not None and issubclass(origin, Sequence | frozenset):
        return array(schema_of(inner[0]))
    if is_dataclass(hint) or hasattr(hint, "_fields"):
        hints, said = get_type_hints(hint), describe_fields(hint)
        return record(*((name, schema_of(hints[name]), said.get(name, "")) for name in names_of(hint)))
    raise TypeError(f"{hint}: no form in JSON is known")


def names_of(kind: Any) -> tuple[str, ...]:
    """Return the fields of a dataclass or named tuple, in order."""
    return tuple(one.name for one in fields(kind)) if is_dataclass(kind) else tuple(kind._fields)


def describe_fields(kind: Any) -> dict[str, str]:
    """Return field → what the section ``Attributes:`` of a class's docstring says of it.

    Several names before one colon share what it says; several entries may stand in one line: ``a: one. b, c: two.``
    """
    found = re.search(r"\nAttributes:\n((?:    .*\n?)+)", inspect.getdoc(kind) or "")
    if found is None:
        return {}
    text = re.sub(r"\bNone\b", "null", " ".join(found[1].split()).replace("``", ""))
    name = "|".join(map(re.escape, names_of(kind)))
    starts = list(re.finditer(rf"(?:^|(?<=[.;,] ))(?:{name})(?:, (?:{name}))*: ", text))
    ends = [one.start() for one in starts[1:]] + [len(text)]
    return {
        field: f"{text[one.end() : end].rstrip('.;, ')}."
        for one, end in zip(starts, ends, strict=True)
        for field in one[0].removesuffix(": ").split(", ")
    }


def document(title: str, schema: Schema) -> Schema:
    """Return a schema as a file of its own."""
    return {"$schema": DRAFT, "title": title, **schema}


def _described(schema: Schema, what: str = "") -> Schema:
    return schema | {"description": what} if what else schema
