"""Export to the layout that SAM 2's trainer reads (``PNGRawDataset`` of its ``training`` folder).

    <split>.txt                                  ``file_list_txt``: one clip a line
    JPEGImages/<clip>/<number>.jpg               ``img_folder``, with images
    masks="png"      Annotations/<clip>/<number>.png            ``gt_folder``: index masks, ``is_palette: true``
    masks="objects"  Annotations/<clip>/<object>/<number>.png   one mask an object, ``is_palette: false``

It makes an integer of every frame's name, of at least five digits: a frame keeps its own number where the numbers sort,
else it gets its position. In folders, the trainer's object is the folder's number and one: object 1 lies in ``000``. It
takes every value of an index mask for an object, so void is background, and counted. Clips without a visible object,
on which it ends, are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.borders.writing import write_text
from actiseg_noise.exchange.export_clips import count_void
from actiseg_noise.exchange.export_masks import ExportClip, MaskExport
from actiseg_noise.exchange.export_names import number_names
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import decode_rle


def export_sam2(manifest: Manifest, out: Path, *, masks: str = "png", **options: Any) -> dict[str, Any]:
    """Write a manifest's labels as SAM 2's trainer reads them and return what ``export.json`` says.

    Args:
        masks: ``png``, or ``objects``, which can overlap.
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, two objects overlap in an index mask, an
            image does not fit its labels, or ``out`` is no export.
    """
    with MaskExport(manifest, out, "sam2", number_names, **options) as export:
        names: list[str] = []
        for clip in export.clips():
            if not clip.visible:
                export.counts["clips_without_visible_object_left_out"] += 1
                continue
            (_add_indexed if masks == "png" else _add_objects)(export, clip)
            export.take_images(clip, "JPEGImages", clip.name)
            export.counts["frames_with_void_as_background"] += count_void(clip.frames)
            names.append(f"{clip.name}\n")
        write_text(export.folder.path(f"{export.split}.txt"), "".join(names))
        return export.commit(masks=masks)


def _add_indexed(export: MaskExport, clip: ExportClip) -> None:
    """Write one index mask a frame."""
    numbers = {item.object_id: item.object_id for item in clip.visible}
    for frame in clip.frames:
        index_mask = clip.index_mask(frame, numbers, "use --masks objects")
        export.folder.write_mask(index_mask, "Annotations", clip.name, f"{clip.stems[frame.frame_id]}.png")
        export.counts["masks"] += 1


def _add_objects(export: MaskExport, clip: ExportClip) -> None:
    """Write one mask an object and frame in which it has a pixel."""
    for item in clip.visible:
        folder = f"{item.object_id - 1:03d}"
        for frame_id, rle in item.masks.items():
            mask = decode_rle(rle).astype("uint8")
            export.folder.write_mask(mask, "Annotations", clip.name, folder, f"{clip.stems[frame_id]}.png")
            export.counts["masks"] += 1
