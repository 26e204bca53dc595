"""``export``: a manifest's labels in a layout that other people's code reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.borders.roots import check_drawn, find_root
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.exchange.export_folder import IMAGES
from actiseg_noise.exchange.export_refvos import MASKS, export_refvos
from actiseg_noise.manifest.clips import LABELS
from actiseg_noise.manifest.read import Manifest, open_manifest
from actiseg_noise.progress import Progress
from actiseg_noise.records import DatasetCard

FORMATS = ("actionvos", "refvos")


def export(
    manifest: str | Path | Manifest,
    *,
    format: str,  # noqa: A002 - the word of the command line, and of everybody
    out: str | Path,
    labels: str = "noisy",
    masks: str = "png",
    images: str = "none",
    root: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a manifest's labels as a folder at ``out`` and return what its ``export.json`` says.

    >>> import actiseg_noise
    >>> report = actiseg_noise.export(folder, format="refvos", out="labels", masks="rle")
    >>> report["format"], report["counts"]["videos"]
    ('refvos', 3)

    Args:
        manifest: a manifest folder, or an open manifest.
        format: ``actionvos``, or ``refvos`` (Ref-YouTube-VOS; with ``masks="rle"`` MeViS).
        out: the folder to write; whole or not at all.
        labels: ``noisy`` or ``clean``.
        images: ``none``, ``copy`` or ``link``.
        root: the dataset's folder, for images and actionvos's weight maps; by default the usual one when images are
            asked for.
        force: replace an earlier export.

    Raises:
        UnknownNameError: an unknown word for ``format``, ``labels``, ``masks`` or ``images``.
        ActisegError: masks were withheld, the layout cannot hold the labels, or ``out`` may not be replaced.
    """
    words = (("format", format, FORMATS), ("labels", labels, LABELS), ("masks", masks, MASKS))
    for kind, word, known in (*words, ("images", images, IMAGES)):
        if word not in known:
            raise UnknownNameError(f"--{kind}", word, known)
    opened = open_manifest(manifest)
    folder = None
    if images != "none" or root is not None:
        card = DatasetCard.from_json(opened.info.dataset)
        folder = find_root(card, root)
        if opened.info.content != "text":
            check_drawn(card, root, opened.info.split)
    options: dict[str, Any] = {"labels": labels, "images": images, "root": folder, "force": force, "progress": progress}
    if format == "refvos":
        return export_refvos(opened, Path(out), masks=masks, **options)
    if masks != "png":
        raise ActisegError(f"--masks {masks}: only with --format refvos")
    return export_actionvos(opened, Path(out), **options)
