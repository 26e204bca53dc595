"""The errors a user can meet. Each message says what was expected, what came, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ActisegError(Exception):
    """Bad usage or bad input. The command line prints the message alone and exits with 2."""


class UnknownNameError(ActisegError):
    """A name that no registry, recipe folder or protocol knows."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        options = sorted(known)
        near = difflib.get_close_matches(str(name), options, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(options) or 'none'}")


class DataError(ActisegError):
    """A file of a dataset that is missing, damaged or not what its layout promises."""


class MissingTextError(DataError):
    """A text of one clip or object that is empty: no reason to give up the clips that have theirs."""


class ManifestError(ActisegError):
    """A manifest folder that cannot be read as one: a missing file or column, a newer schema, broken Parquet."""


class GateError(ActisegError):
    """A build whose realised noise rate is outside what chance allows."""


def raise_if(condition: bool, message: str, kind: type[ActisegError] = ActisegError) -> None:
    """Raise ``kind(message)`` when ``condition`` holds: validation of input in one readable line."""
    if condition:
        raise kind(message)
