"""TOML files that go by name: those that travel with the package, and anybody's by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import list_files
from actiseg_noise.borders.text import read_toml
from actiseg_noise.errors import ActisegError, UnknownNameError

MOST_BYTES = 2**24
"""Of one of these files."""


def file_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder of the package, in code point order."""
    return sorted(list_files(folder, (".toml",)))


def read_named(kind: str, name: str | Path, folder: Path) -> tuple[dict[str, Any], Path]:
    """Return what a named file of ``folder``, or a ``.toml`` file anywhere, says, and where it is.

    Args:
        kind: the word used in error messages.

    Raises:
        UnknownNameError: neither; the message has the nearest name. ActisegError: no such file, or not a readable one.
    """
    path, known = Path(name), file_names(folder)
    if path.suffix != ".toml":
        if str(name) not in known:
            raise UnknownNameError(kind, str(name), known)
        path = folder / f"{name}.toml"
    if not path.exists():
        raise ActisegError(f"{path}: no such {kind} file. Named: {', '.join(known)}")
    return read_toml(path, most=MOST_BYTES), path
