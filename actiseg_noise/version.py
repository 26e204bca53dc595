"""The version of this package, for both tools."""

from __future__ import annotations

from importlib.metadata import version


def tool_version() -> str:
    """Return the installed version of this package."""
    return version("actiseg-nl")
