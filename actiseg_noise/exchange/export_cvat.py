"""Export to CVAT for images 1.1, to look at labels and mend them there.

    annotations.xml                              labels, and an image a frame with its objects
    images/<clip>/<frame>.jpg                    with images; the names in the file begin below ``images``

masks="rle": ``mask`` elements, runs of the object's box, row by row, background first. masks="polygon": ``polygon``
elements along the borders of pixels; several of one object are a group. The label is the noun; attributes say
``object_id``, ``positive`` and ``expression``. CVAT has no void: such pixels are background.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from actiseg_noise.borders.writing import whole_text
from actiseg_noise.exchange.export_clips import count_void
from actiseg_noise.exchange.export_masks import ExportClip, ExportObject, MaskExport
from actiseg_noise.exchange.export_names import sorted_names
from actiseg_noise.exchange.polygons import find_polygons
from actiseg_noise.manifest.clips import ManifestFrame
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import BinaryMask, decode_rle

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACED = chr(0xFFFD)  # Unicode's own sign for it, which no terminal is shown
_ATTRIBUTES = (("object_id", "number", "1\n255\n1"), ("positive", "checkbox", "false"), ("expression", "text", ""))


def export_cvat(manifest: Manifest, out: Path, *, masks: str = "rle", **options: Any) -> dict[str, Any]:
    """Write a manifest's labels as CVAT for images 1.1 and return what ``export.json`` says.

    The clips are read twice: the file begins with the labels that they have.

    Args:
        masks: ``rle`` or ``polygon``.
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, an image does not fit its labels, or ``out``
            is no export.
    """
    with MaskExport(manifest, out, "cvat", sorted_names, **options) as export, ExitStack() as stack:
        file = stack.enter_context(whole_text(export.folder.path("annotations.xml")))
        file.writelines(_head(manifest, _nouns(manifest, export.labels)))
        number = 0
        for clip in export.clips():
            for frame in clip.frames:
                _write_image(file, clip, frame, number, masks)
                number += 1
            export.counts["masks"] += sum(len(item.masks) for item in clip.objects)
            export.counts["frames_with_void_as_background"] += count_void(clip.frames)
            export.take_images(clip, "images", clip.name)
        file.write("</annotations>\n")
        stack.close()
        return export.commit(masks=masks)


def _nouns(manifest: Manifest, labels: str) -> list[str]:
    """Return the nouns of a manifest's objects, in order."""
    return sorted({s.text(labels).noun for clip in manifest.iter_clips(with_masks=False) for s in clip.samples})


def _head(manifest: Manifest, nouns: list[str]) -> Iterator[str]:
    """Yield the beginning of the file."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task>\n'
    yield f"<name>{_text(manifest.info.name)}</name>\n<subset>{_text(manifest.info.split)}</subset>\n<labels>\n"
    attributes = "".join(
        f"<attribute><name>{name}</name><mutable>False</mutable><input_type>{kind}</input_type>"
        f"<default_value></default_value><values>{values}</values></attribute>"
        for name, kind, values in _ATTRIBUTES
    )
    for noun in nouns:
        yield f"<label><name>{_text(noun)}</name><attributes>{attributes}</attributes></label>\n"
    yield "</labels>\n</task></meta>\n"


def _write_image(file: IO[str], clip: ExportClip, frame: ManifestFrame, number: int, masks: str) -> None:
    """Write one frame with its objects."""
    height, width = frame.size or clip.size
    name = _quoted(f"{clip.name}/{clip.stems[frame.frame_id]}.jpg")
    file.write(f'<image id="{number}" name={name} width="{width}" height="{height}">\n')
    for item in clip.objects:
        if frame.frame_id in item.masks:
            mask = decode_rle(item.masks[frame.frame_id])
            for tag, place in _box_of_runs(mask) if masks == "rle" else _points(mask, 256 * number + item.object_id):
                file.write(f'<{tag} label={_quoted(item.noun)} source="manual" occluded="0" {place} z_order="0">')
                file.write(f"{_attributes(item)}</{tag}>\n")
    file.write("</image>\n")


def _attributes(item: ExportObject) -> str:
    """Return the attributes of an object."""
    values = (str(item.object_id), str(item.is_positive).lower(), _text(item.text))
    return "".join(
        f'<attribute name="{name}">{value}</attribute>' for (name, _, _), value in zip(_ATTRIBUTES, values, strict=True)
    )


def _box_of_runs(mask: BinaryMask) -> Iterator[tuple[str, str]]:
    """Yield a mask as its box and the runs in it, row by row, background first."""
    import cv2

    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    line = mask[top : top + height, left : left + width].ravel()
    edges = np.flatnonzero(np.diff(line, prepend=False)).tolist()
    runs = np.diff([0, *edges, line.size]).tolist()
    rle = ", ".join(map(str, runs))
    yield "mask", f'rle="{rle}" left="{left}" top="{top}" width="{width}" height="{height}"'


def _points(mask: BinaryMask, group_id: int) -> Iterator[tuple[str, str]]:
    """Yield the polygons of a mask; several are a group, whose number no other object of the file has."""
    polygons = find_polygons(mask)
    group = f' group_id="{group_id}"' if len(polygons) > 1 else ""
    for polygon in polygons:
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon)
        yield "polygon", f'points="{points}"{group}'


def _text(text: str) -> str:
    """Return a text as XML holds it; characters that it cannot are replaced."""
    return escape(_NO_XML.sub(_REPLACED, text))


def _quoted(text: str) -> str:
    """Return a text as the value of an XML attribute, in quotation marks."""
    return quoteattr(_NO_XML.sub(_REPLACED, text))
