"""The errors a user can meet. Each message says what was expected, what came, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ActisegError(Exception):
    """Bad usage or bad input. The command line prints the message alone and exits with 2."""


class ActisegWarning(UserWarning):
    """Something that a user should know and that stops nothing. The command line prints it as one line."""


class UnknownNameError(ActisegError):
    """A name that no registry, recipe folder or protocol knows.

    Args:
        said: the message's first sentence, where ``unknown KIND 'NAME'`` would be none. more: its last one.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str], said: str | None = None, more: str = "") -> None:
        options = sorted(known)
        by_lower = {option.lower(): option for option in options}
        near = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
        hint = f" Did you mean {by_lower[near[0]]!r}?" if near else ""
        known_names = f"Known: {', '.join(options) or 'none'}"
        super().__init__(f"{said or f'unknown {kind} {name!r}'}.{hint} {known_names}{more and f'. {more}'}")


class DataError(ActisegError):
    """A file of a dataset that is missing, damaged or not what its layout promises."""


class MissingTextError(DataError):
    """A text of one clip or object that is empty: no reason to give up the clips that have theirs."""


class ManifestError(ActisegError):
    """A manifest folder that cannot be read as one: a missing file or column, a newer schema, broken Parquet."""


class GateError(ActisegError):
    """A build whose realised noise rate is outside what chance allows."""


class MissingExtraError(ActisegError):
    """A library that only an optional extra of this distribution installs, and that is not here."""

    def __init__(self, what: str, library: str, extra: str) -> None:
        super().__init__(f'{what} needs {library}, which is not installed: pip install "actiseg-nl[{extra}]"')


# Libraries that an extra brings, by the name they are imported by.
_EXTRAS = {
    **dict.fromkeys(("torch", "lightning_fabric", "safetensors", "scipy"), "bench"),
    **dict.fromkeys(("transformers", "tokenizers"), "referformer"),
    "nltk": "wordnet",
    "fsspec": "remote",
    "matplotlib": "plots",
    "distributed": "cluster",
    "tensorboard": "log",
}


def missing_extra(error: ImportError) -> str | None:
    """Return one line that says what to install for a library that could not be imported; None for our own modules."""
    name = (error.name or _module_at_work(error)).partition(".")[0]
    if not name or name.startswith("actiseg_"):
        return None
    extra = f"[{_EXTRAS[name]}]" if name in _EXTRAS else ""
    reason = " ".join(str(error).split())
    return f'this needs the library {name}, which cannot be imported ({reason}): pip install "actiseg-nl{extra}"'


def _module_at_work(error: ImportError) -> str:
    """Return the name of the module whose code raised an error that names none; '' where nothing is known."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))


def raise_if(condition: bool, message: str, kind: type[ActisegError] = ActisegError) -> None:
    """Raise ``kind(message)`` when ``condition`` holds: validation of input in one readable line."""
    if condition:
        raise kind(message)
