"""``preview.webp``: what the labels of a publication look like, on one small picture that its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actiseg_noise.borders.images import webp_bytes
from actiseg_noise.borders.roots import find_root
from actiseg_noise.borders.writing import write_bytes
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.read import read_manifest
from actiseg_noise.publishing.licence import find_licence
from actiseg_noise.publishing.shards import Published
from actiseg_noise.records import DatasetCard
from actiseg_noise.view.preview_sheet import draw_preview

PREVIEW_NAME = "preview.webp"
MOST_BYTES = 300_000
_ROWS = 4


def write_preview(published: Sequence[Published], folder: Path, root: Path | None, *, images_allowed: bool) -> None:
    """Draw four clips of the first manifest that has noise, as it is in the publication at ``folder``.

    Frames are shown where the dataset's licence, or the publisher, allows passing them on; else masks lie on a plain
    canvas.

    Args:
        root: the dataset's folder; None: the usual one, if it is there.
    """
    item = next((item for item in published if item.info.recipe.noises or item.info.imported), published[0])
    frames = _usual_root(item, root) if images_allowed or image_refusal(item.info) is None else None
    sheet = draw_preview(read_manifest(folder / item.folder), root=frames, limit=_ROWS)
    write_bytes(folder / PREVIEW_NAME, webp_bytes(sheet.image, MOST_BYTES))


def image_refusal(info: ManifestInfo) -> str | None:
    """Return why the images of a manifest's dataset are not passed on; None: its licence allows it."""
    return find_licence(str(info.dataset.get("licence", ""))).image_refusal


def _usual_root(item: Published, root: Path | None) -> Path | None:
    """Return the folder given, or the dataset's usual one; None where there is none. Nothing is drawn for it."""
    if root is not None:
        return root
    try:
        return find_root(DatasetCard.from_json(item.info.dataset))
    except DataError:
        return None
