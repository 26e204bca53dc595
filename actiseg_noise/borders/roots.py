"""Where a dataset's files are: what the user says, else the environment, else (embedded datasets) the cache."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from actiseg_noise.borders.folders import suggest_root
from actiseg_noise.errors import ActisegWarning, DataError
from actiseg_noise.records import DatasetCard

_LOG = logging.getLogger(__name__)


def find_root(card: DatasetCard, root: str | Path | None = None, *, flag: str = "--root") -> Path:
    """Return the dataset's folder: ``root``, else ``ACTISEG_<DATASET>_ROOT``, else ``ACTISEG_DATA/<dataset>``.

    An embedded dataset falls back to the user's cache folder, which need not exist yet; a ``root`` must.

    Args:
        flag: what ``root`` is called where it is asked for; for messages.

    Raises:
        DataError: none of the three names a folder; the message says where to get the data and how to point to it.
    """
    candidates = _candidate_roots(card, root)
    for origin, path in candidates:
        if path.is_dir() or (card.is_embedded and origin != "--root"):
            _LOG.info("dataset %s: %s (%s)", card.name, path, origin)
            return path
        if origin == "--root":
            advice = f"{_drawn_without_root(card)}, or make the folder" if card.is_embedded else _help(card, flag)
            raise DataError(f"{flag} {path}: no such folder. {advice.rstrip('.')}.")
    tried = "; ".join(f"{origin} = {path}" for origin, path in candidates) or "nothing is set"
    raise DataError(f"no folder for dataset {card.name!r} ({tried}). {_help(card, flag)}")


def check_drawn(card: DatasetCard, root: str | Path | None, split: str) -> None:
    """Raise DataError where an embedded dataset's ``split`` is not in the ``root`` that it is to be read from.

    Only a build draws into a folder that somebody named. None, the usual place, is drawn into whenever it is needed.
    """
    if root is None or not card.is_embedded:
        return
    folder = find_root(card, root)
    if not (folder / split).is_dir():
        raise DataError(
            f"--root {folder}: split {split!r} of {card.name!r} is not drawn there, and only 'actiseg-noise build' "
            f"draws it into a --root. {_drawn_without_root(card)}.{suggest_root(folder, (split,))}"
        )


def _drawn_without_root(card: DatasetCard) -> str:
    """Say where an embedded dataset is when no root is given."""
    _, place = _candidate_roots(card, None)[0]
    return f"Leave --root out for {card.name!r}: it is drawn at {place} on first use"


def _candidate_roots(card: DatasetCard, root: str | Path | None) -> list[tuple[str, Path]]:
    """List (origin, path) in order of preference."""
    if root is not None:
        return [("--root", full_path(root))]
    variable = f"ACTISEG_{card.name.upper()}_ROOT"
    found = []
    if os.environ.get(variable):
        found.append((variable, full_path(os.environ[variable])))
    if os.environ.get("ACTISEG_DATA"):
        found.append(("ACTISEG_DATA", full_path(os.environ["ACTISEG_DATA"]) / card.name))
    elif card.is_embedded and not found:
        found.append(("cache", cache_folder() / f"{card.name}-{card.version}"))
    return found


def full_path(path: str | Path) -> Path:
    """Return a path with ``~`` written out.

    Raises:
        DataError: the home folder that it stands for is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"{path}: no home folder is known for '~' here; write the path in full") from None


def cache_folder() -> Path:
    """Return where things that can be made again are kept: in the user's cache, or below the system's temporary folder.

    The latter is for a user without a home, as in some containers, and a warning says so.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return full_path(base) / "actiseg"
    with suppress(RuntimeError):
        return Path.home() / ".cache" / "actiseg"
    folder = Path(tempfile.gettempdir()) / f"actiseg-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    warnings.warn(
        f"no home folder is known, so the cache is {folder}; set ACTISEG_DATA=DIR to choose another place",
        ActisegWarning,
        stacklevel=2,
    )
    return folder


def _help(card: DatasetCard, flag: str) -> str:
    """Say where to get the data and how to point to it."""
    return (
        f"Get it: {card.how_to_get} Then pass {flag} DIR, or set ACTISEG_{card.name.upper()}_ROOT=DIR, "
        f"or put it at $ACTISEG_DATA/{card.name}."
    )
