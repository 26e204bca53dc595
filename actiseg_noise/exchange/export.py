"""``export``: a manifest's labels in a layout that other people's code reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_noise.borders.roots import check_drawn, find_root
from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.exchange.export_coco import export_coco
from actiseg_noise.exchange.export_cvat import export_cvat
from actiseg_noise.exchange.export_davis import export_davis
from actiseg_noise.exchange.export_folder import check_outside
from actiseg_noise.exchange.export_images import IMAGES, usual_images
from actiseg_noise.exchange.export_refvos import export_refvos
from actiseg_noise.exchange.export_sam2 import export_sam2
from actiseg_noise.exchange.export_ytvis import export_sam3, export_ytvis
from actiseg_noise.manifest.clips import LABELS
from actiseg_noise.manifest.read import Manifest, open_whole
from actiseg_noise.progress import Progress
from actiseg_noise.records import DatasetCard


@dataclass(frozen=True, slots=True)
class Format:
    """A layout that can be written.

    Attributes:
        write: takes a manifest, the folder, and as keywords labels, root, images, force and progress; and masks, where
            there is more than one form of them.
        masks: the forms that its masks can have, the usual one first.
        needs_masks: nothing of it can be written of a manifest of content ``text``.
    """

    write: Callable[..., dict[str, Any]]
    masks: tuple[str, ...]
    needs_masks: bool = True


FORMATS = {
    "actionvos": Format(export_actionvos, ("png",), needs_masks=False),
    "refvos": Format(export_refvos, ("png", "rle"), needs_masks=False),
    "ytvis": Format(export_ytvis, ("rle",)),
    "sam3": Format(export_sam3, ("rle",)),
    "coco": Format(export_coco, ("rle", "polygon")),
    "davis": Format(export_davis, ("png",)),
    "sam2": Format(export_sam2, ("png", "objects")),
    "cvat": Format(export_cvat, ("rle", "polygon")),
}


def export(
    manifest: str | Path | Manifest,
    *,
    format: str,  # noqa: A002 - the word of the command line, and of everybody
    out: str | Path,
    labels: str = "noisy",
    masks: str | None = None,
    images: str | None = None,
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
        format: one of ``FORMATS``, such as ``actionvos``, or ``refvos`` (Ref-YouTube-VOS; with ``masks="rle"`` MeViS).
        out: the folder to write, outside of the manifest and the dataset; whole or not at all.
        labels: ``noisy`` or ``clean``.
        masks: the form of the masks; None: the format's first.
        images: ``none``, ``copy``, ``link`` or ``resize`` (to the size of the labels). None: ``none``, but ``resize``
            where ``root`` is given and has all images, of another size than the labels.
        root: the dataset's folder, for images and actionvos's weight maps; by default the usual one when images are
            asked for.
        force: replace an earlier export.

    Raises:
        UnknownNameError: an unknown word for ``format``, ``labels``, ``masks`` or ``images``.
        ActisegError: masks were withheld, the layout cannot hold the labels, an image does not fit them, or ``out`` may
            not be written.
    """
    form = _check_words(format, labels, masks, images)
    opened = open_whole(manifest)
    raise_if(
        form.needs_masks and opened.info.content == "text",
        f"{opened.path}: content 'text' has no masks, of which --format {format} is made; "
        f"without masks there are {', '.join(name for name, other in FORMATS.items() if not other.needs_masks)}",
    )
    check_outside(Path(out), opened.path, "the manifest")
    folder = None
    if images not in (None, "none") or root is not None:
        card = DatasetCard.from_json(opened.info.dataset)
        folder = find_root(card, root)
        if opened.info.content != "text":
            check_drawn(card, root, opened.info.split)
        check_outside(Path(out), folder, "the dataset")
    options: dict[str, Any] = {"labels": labels, "root": folder, "force": force, "progress": progress}
    if len(form.masks) > 1:
        options["masks"] = masks or form.masks[0]
    return form.write(opened, Path(out), images=images or usual_images(opened, folder), **options)


def _check_words(name: str, labels: str, masks: str | None, images: str | None) -> Format:
    """Return the format of a name, after a look at the words that go with it."""
    known_masks = tuple(dict.fromkeys(word for form in FORMATS.values() for word in form.masks))
    words = (("format", name, FORMATS), ("labels", labels, LABELS), ("masks", masks, known_masks))
    for kind, word, known in (*words, ("images", images, IMAGES)):
        if word is not None and word not in known:
            raise UnknownNameError(f"--{kind}", word, tuple(known))
    form = FORMATS[name]
    if masks is not None and masks not in form.masks:
        others = [other for other, format_ in FORMATS.items() if masks in format_.masks]
        raise ActisegError(f"--masks {masks}: only with --format {', '.join(others)}")
    return form
