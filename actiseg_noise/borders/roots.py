"""Where a dataset's files are: what the user says, else the environment, else (embedded datasets) the cache."""

from __future__ import annotations

import os
from pathlib import Path

from actiseg_noise.errors import DataError
from actiseg_noise.records import DatasetCard


def find_root(card: DatasetCard, root: str | Path | None = None) -> Path:
    """Return the dataset's folder: ``root``, else ``ACTISEG_<DATASET>_ROOT``, else ``ACTISEG_DATA/<dataset>``.

    An embedded dataset falls back to the user's cache folder, which need not exist yet.

    Raises:
        DataError: none of the three names a folder; the message says where to get the data and how to point to it.
    """
    candidates = _candidate_roots(card, root)
    for origin, path in candidates:
        if card.is_embedded or path.is_dir():
            return path
        if origin == "--root":
            raise DataError(f"--root {path}: no such folder. {_help(card)}")
    tried = "; ".join(f"{origin} = {path}" for origin, path in candidates) or "nothing is set"
    raise DataError(f"no folder for dataset {card.name!r} ({tried}). {_help(card)}")


def _candidate_roots(card: DatasetCard, root: str | Path | None) -> list[tuple[str, Path]]:
    """List (origin, path) in order of preference."""
    if root is not None:
        return [("--root", Path(root).expanduser())]
    variable = f"ACTISEG_{card.name.upper()}_ROOT"
    found = []
    if variable in os.environ:
        found.append((variable, Path(os.environ[variable]).expanduser()))
    if "ACTISEG_DATA" in os.environ:
        found.append(("ACTISEG_DATA", Path(os.environ["ACTISEG_DATA"]).expanduser() / card.name))
    if card.is_embedded:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        found.append(("cache", cache / "actiseg" / f"{card.name}-{card.version}"))
    return found


def _help(card: DatasetCard) -> str:
    """Say where to get the data and how to point to it."""
    return (
        f"Get it: {card.how_to_get} Then pass --root DIR, or set ACTISEG_{card.name.upper()}_ROOT=DIR, "
        f"or put it at $ACTISEG_DATA/{card.name}."
    )
