"""Where the images of a manifest lie: the folder that they are below, and their paths in it."""

from __future__ import annotations

import re
from pathlib import Path

from actiseg_noise.borders.folders import suggest_root
from actiseg_noise.borders.roots import check_drawn, find_root
from actiseg_noise.errors import DataError, ManifestError
from actiseg_noise.manifest.command import build_command
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.records import DatasetCard

_LONGEST_PATH, _LONGEST_NAME = 2048, 255
_ELSEWHERE = re.compile(r"^([A-Za-z]:)?[/\\]|(^|[/\\])\.\.([/\\]|$)")  # absolute, or up


def check_usable(manifest: Manifest, root: str | Path | None = None) -> Path:
    """Return the folder of a manifest's images.

    Raises:
        ManifestError: the manifest has no masks, or a table has lost rows.
        ActisegError: there is no such folder, or a dataset that is drawn was not drawn there.
    """
    content = manifest.info.content
    if content == "recipe-only":
        raise ManifestError(
            f"{manifest.path}: its masks were withheld (content 'recipe-only'). Build them from your own copy of the "
            f"dataset: {build_command(manifest.info, str(manifest.path), 'rebuilt')}"
        )
    if content != "full":
        raise ManifestError(
            f"{manifest.path}: the manifest has content {content!r}, training and scoring need masks ('full'). "
            "Build it again with --content full."
        )
    manifest.check_counts()
    card = DatasetCard.from_json(manifest.info.dataset)
    check_drawn(card, root, manifest.info.split)
    return find_root(card, root)


def missing_advice(path: Path, root: Path, manifest: Manifest, image_path: str) -> str:
    """Return what to do about an image that cannot be read: nothing more where it is there."""
    if path.exists():
        return ""
    place = f" Point --root (now {root}) to the folder of {manifest.info.dataset['name']}."
    return place + suggest_root(root, [image_path])


def relative_path(path: str | None, where: str) -> str:
    """Return where a frame's image lies below the root, from the manifest's ``image_path``.

    Raises:
        DataError: the manifest does not say, or names a place elsewhere or one that no file can have.
    """
    if path is None:
        raise DataError(
            f"{where}: image_path is null, so there is no image to train on or to predict. Build the labels where the "
            "images are, or import them with --images DIR."
        )
    if "\0" in path or len(path) > _LONGEST_PATH or max(len(part.encode()) for part in path.split("/")) > _LONGEST_NAME:
        raise DataError(f"{where}: image_path {path[:60]!r} cannot be the path of a file")
    if not path or _ELSEWHERE.search(path):
        raise DataError(f"{where}: image_path {path!r} leads out of the dataset's folder; expected a path inside it")
    return path
