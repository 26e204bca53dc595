"""Export to the layout of DAVIS 2017, as trainers and scorers of video object segmentation read it.

    ImageSets/2017/<split>.txt                   train or val: one clip a line
    Annotations/480p/<clip>/<frame>.png          index masks, 255 void, DAVIS palette
    JPEGImages/480p/<clip>/<frame>.jpg           with images
    texts.json                                   clip → object → its text, which the layout itself has no place for

The level is called ``480p`` whatever the size is: that is the name its readers open. A clip's visible objects are
numbered without gaps, as DAVIS numbers them. Its readers know as many objects as the first mask says (the largest id):
those above are counted.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from actiseg_noise.borders.writing import write_text
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.exchange.export_clips import VOID_ID, paint_void
from actiseg_noise.exchange.export_growing import GrowingObject
from actiseg_noise.exchange.export_masks import ExportClip, MaskExport
from actiseg_noise.exchange.export_names import sorted_names
from actiseg_noise.manifest.read import Manifest

LEVEL = "480p"
_ADVICE = "use --format ytvis, or sam2 with --masks objects"


def export_davis(manifest: Manifest, out: Path, **options: Any) -> dict[str, Any]:
    """Write a manifest's labels in DAVIS's layout and return what ``export.json`` says.

    Args:
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, two objects overlap, an image does not fit
            its labels, or ``out`` is no export.
    """
    split = "val" if manifest.info.split in manifest.info.dataset["eval_splits"] else "train"
    with MaskExport(manifest, out, "davis", sorted_names, split=split, **options) as export, ExitStack() as stack:
        texts = GrowingObject(stack, export.folder.path("texts.json"), "{", "}")
        names: list[str] = []
        renumbered: dict[str, dict[str, int]] = {}
        for clip in export.clips():
            numbers = {item.object_id: place for place, item in enumerate(clip.visible, 1)}
            if any(number != object_id for object_id, number in numbers.items()):
                renumbered[clip.name] = {str(number): object_id for object_id, number in numbers.items()}
            _add(export, clip, numbers)
            texts.add(clip.name, {str(numbers[item.object_id]): item.text for item in clip.visible})
            names.append(f"{clip.name}\n")
        texts.end()
        stack.close()
        write_text(export.folder.path("ImageSets", "2017", f"{split}.txt"), "".join(names))
        return export.commit(renumbered=renumbered)


def _add(export: MaskExport, clip: ExportClip, numbers: dict[int, int]) -> None:
    """Write one clip's masks and images."""
    where = f"clip {clip.clip_id!r}"
    raise_if(len(numbers) >= VOID_ID, f"{where}: {len(numbers)} objects, and {VOID_ID} is void; {_ADVICE}", DataError)
    for place, frame in enumerate(clip.frames):
        index_mask = clip.index_mask(frame, numbers, _ADVICE)
        if place == 0:
            export.counts["objects_above_the_first_mask"] += len(numbers) - int(index_mask.max())
        stem = clip.stems[frame.frame_id]
        export.folder.write_mask(paint_void(index_mask, frame), "Annotations", LEVEL, clip.name, f"{stem}.png")
        export.counts["masks"] += 1
    export.take_images(clip, "JPEGImages", LEVEL, clip.name)
