"""What a command wrote, in a form in which two runs of it can be compared."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

# How long something took, and what else two runs of one command never share.
_VOLATILE = re.compile(r"(_s|_mb|seconds|started|finished|time|date|host|pid|peak_rss\w*)$")


def snapshot(folder: Path) -> dict[str, str]:
    """Return name → digest of every file below a folder; of JSON, and of what safetensors say, name → value.

    A folder is listed by its name alone, a link by where it leads. Times and peaks of memory are left out.
    """
    found: dict[str, str] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            shown = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[shown] = f"→ {path.readlink()}"
            elif path.is_dir():
                found[f"{shown}/"] = "folder"
            else:
                found |= {f"{shown}{where}": value for where, value in _content(path)}
    return found


def _content(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (where in the file, what is there)."""
    data = path.read_bytes()
    if path.suffix == ".json":
        yield from _leaves(data)
        return
    if path.suffix == ".safetensors":
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        for name, text in (header.pop("__metadata__", None) or {}).items():
            yield from ((f" {name}{where}", value) for where, value in _leaves(text))
        yield " tensors", json.dumps(header, sort_keys=True)
        data = data[8 + length :]
    yield "", blake2b(data, digest_size=16).hexdigest()


def _leaves(text: bytes | str) -> Iterator[tuple[str, str]]:
    try:
        data = json.loads(text)
    except ValueError:
        yield "", f"no JSON: {text[:200]!r}"
        return
    yield from _walk(data, "")


def _walk(data: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            if not _VOLATILE.search(name):
                yield from _walk(value, f"{where} {name}")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _walk(value, f"{where} {index}")
    else:
        yield where, repr(data)


def differences(one: Mapping[str, str], other: Mapping[str, str], ignored: frozenset[str] = frozenset()) -> list[str]:
    """Return what differs between two snapshots, but for what is ignored."""
    names = sorted({*one, *other} - ignored)
    return [
        f"{name}: {one.get(name, 'missing')} → {other.get(name, 'missing')}"
        for name in names
        if one.get(name) != other.get(name)
    ]
