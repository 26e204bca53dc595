"""What every piece of work for a worker elsewhere begins with: who the worker is, its versions, the shared disk.

What goes to a worker are texts and bytes, versions first: nothing that another version of this package could read
wrongly before it has said which version it is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.locks import host_name
from actiseg_noise.version import tool_version

PATIENCE_S = 60.0  # a network's file system shows the folders of other machines after a minute at the latest
_LOOKED_EVERY_S = 0.2


def worker_name() -> str:
    """Return what this process is called in messages that are read elsewhere."""
    return f"worker {host_name()} (process {os.getpid()})"


def versions_here(*packages: str) -> dict[str, str]:
    """Return the versions that labels may depend on, and those of ``packages``; one that is missing has ``none``."""
    own = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}", "actiseg-nl": tool_version()}
    return own | {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def differing_versions(asked: Mapping[str, str], *packages: str, of: str, what: str) -> str | None:
    """Return what is said of versions here that differ from those asked for, None where none does.

    Args:
        packages: as in :func:`versions_here`. of: whose versions were asked for: ``build``. what: could differ.
    """
    own = versions_here(*packages)
    names = [name for name in {**asked, **own} if asked.get(name) != own.get(name)]
    if not names:
        return None
    pairs = ", ".join(f"{name} {own.get(name)}, the {of} {asked.get(name)}" for name in names)
    return f"{worker_name()} has {pairs}: {what} could differ. Start workers of the same versions"


def not_there(folder: Path, of: str) -> str:
    """Return what is said of a folder of the shared ``--out`` that this worker does not see; ``of``: ``build``."""
    return f"{worker_name()}: {folder} is not there; every worker needs the {of}'s --out at this path"


def is_shown(folder: Path, *, patience_s: float = PATIENCE_S) -> bool:
    """Return whether a folder is there, waiting for a file system that shows the work of other machines late."""
    until = time.monotonic() + patience_s
    while not folder.is_dir():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOKED_EVERY_S)
        list_names(folder.parent)  # asks the server, where a look at the name alone may be answered from memory
    return True


def described(error: BaseException) -> str:
    """Return an executor's own error in one line."""
    return " ".join(f"{type(error).__name__} {error}".split())
