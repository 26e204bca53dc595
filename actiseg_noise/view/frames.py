"""Where a manifest's frames are, for pictures that do without them as well."""

from __future__ import annotations

from pathlib import Path

from actiseg_noise.borders.roots import find_root
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.manifest.read import Manifest


def find_frames(manifest: Manifest, root: str | Path | None) -> Path | None:
    """Return the dataset's folder: the one given, the usual one, or None; an embedded dataset is drawn when absent.

    Raises:
        ActisegError: there is no such ``root``.
    """
    if root is not None:
        absent = f"--root {root}: no such folder; leave it out to see the masks on a plain canvas"
        raise_if(not Path(root).is_dir(), absent)
        return Path(root)
    name = manifest.info.dataset["name"]
    if name not in DATASETS:
        return None
    card = DATASETS[name].card
    try:
        folder = find_root(card)
    except DataError:
        return None
    if card.is_embedded:
        next(DATASETS[name](folder).iter_clips(manifest.info.split, with_frames=True), None)
    return folder
