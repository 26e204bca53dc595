"""TOML files that go by name: those that travel with the package, and anybody's by path."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from actiseg_noise.errors import ActisegError, UnknownNameError


def file_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder of the package."""
    return sorted(path.stem for path in folder.glob("*.toml"))


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
    try:
        return tomllib.loads(path.read_text("utf-8")), path
    except FileNotFoundError:
        raise ActisegError(f"{path}: no such {kind} file. Named: {', '.join(known)}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ActisegError(f"{path}: not a readable TOML file ({error})") from None
