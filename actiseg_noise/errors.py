"""The errors a user can meet. Each message says what was expected, what came, where, and what to do next."""

from __future__ import annotations

import difflib
import linecache
import re
import traceback
from collections.abc import Iterable, Iterator


class ActisegError(Exception):
    """Bad usage or bad input. The command line prints the message alone and exits with 2."""


class ActisegWarning(UserWarning):
    """Something that a user should know and that stops nothing. The command line prints it as one line."""


class UnknownNameError(ActisegError):
    """A name that no registry, recipe folder or protocol knows."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        options = sorted(known)
        near = difflib.get_close_matches(str(name), options, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(options) or 'none'}")


class DataError(ActisegError):
    """A file of a dataset that is missing, damaged or not what its layout promises."""


class ManifestError(ActisegError):
    """A manifest folder that cannot be read as one: a missing file or column, a newer schema, broken Parquet."""


class GateError(ActisegError):
    """A build whose realised noise rate is outside what chance allows."""


# Libraries that an extra brings, by the name they are imported by.
_EXTRAS = {
    **dict.fromkeys(("torch", "lightning_fabric", "safetensors", "scipy"), "bench"),
    **dict.fromkeys(("transformers", "tokenizers"), "referformer"),
    "nltk": "wordnet",
}
_IMPORT = re.compile(r"\s*(?:from|import)\s+(\w+)")


def missing_extra(error: ImportError) -> str | None:
    """Return one line that says what to install for a library that could not be imported; None for our own modules."""
    names = list(_names_of(error))
    name = next((name for name in names if name in _EXTRAS), next(iter(names), None))
    if name is None or name.startswith("actiseg_"):
        return None
    extra = f"[{_EXTRAS[name]}]" if name in _EXTRAS else ""
    reason = " ".join(str(error).split())
    return f'this needs the library {name}, which cannot be imported ({reason}): pip install "actiseg-nl{extra}"'


def _names_of(error: ImportError) -> Iterator[str]:
    """Yield the top-level modules that may be what could not be imported, the likeliest first.

    An error made by hand names none: then it is a module whose code was running, or the statement that imported it.
    """
    if error.name:
        yield error.name.partition(".")[0]
    frames = list(traceback.walk_tb(error.__traceback__))[::-1]
    for frame, _ in frames:
        yield from (name for name in [str(frame.f_globals.get("__name__")).partition(".")[0]] if name in _EXTRAS)
    for frame, line in frames:
        if found := _IMPORT.match(linecache.getline(frame.f_code.co_filename, line)):
            yield found[1]


def raise_if(condition: bool, message: str, kind: type[ActisegError] = ActisegError) -> None:
    """Raise ``kind(message)`` when ``condition`` holds: validation of input in one readable line."""
    if condition:
        raise kind(message)
