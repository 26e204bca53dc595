"""Export to COCO's instances: an image a frame, an annotation an object that has a pixel in it.

    annotations/instances_<split>.json           images, annotations, categories
    <split>/<clip>/<frame>.jpg                   with images; ``file_name`` begins below <split>

``category_id`` is the label, by the dataset's own ids. Masks are compressed run lengths, or polygons along the borders
of pixels, which draw the very same mask; a mask with holes is several polygons, since COCO's have none. Beside the
usual keys an annotation says ``object_id``, ``noun``, ``expression`` and ``positive``; an image, ``video``, ``frame``.
Objects may overlap. The form has no void: such pixels are background.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from actiseg_noise.borders.set_aside import SetAside
from actiseg_noise.exchange.coco_json import Categories, about, box_of, file_names, run_lengths, words_of
from actiseg_noise.exchange.export_clips import count_void
from actiseg_noise.exchange.export_growing import GrowingList
from actiseg_noise.exchange.export_masks import ExportClip, MaskExport
from actiseg_noise.exchange.export_names import sorted_names
from actiseg_noise.exchange.polygons import find_polygons
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import Rle, decode_rle

Values = dict[str, Any]


def export_coco(manifest: Manifest, out: Path, *, masks: str = "rle", **options: Any) -> dict[str, Any]:
    """Write a manifest's labels as COCO's instances and return what ``export.json`` says.

    Masks are in memory one clip at a time, images not at all.

    Args:
        masks: ``rle`` or ``polygon``.
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, an image does not fit its labels, or ``out``
            is no export.
    """
    with MaskExport(manifest, out, "coco", sorted_names, **options) as export, ExitStack() as stack:
        path = export.folder.path("annotations", f"instances_{export.split}.json")
        annotations = GrowingList(stack, path, "annotations")
        images = SetAside(stack)
        categories = Categories(manifest)
        for clip in export.clips():
            for image, found in _frames(clip, masks, images.count + 1):
                images.add(image)
                for annotation in found:
                    annotations.add({"id": annotations.count + 1} | annotation)
                export.counts["masks"] += len(found)
            for item in clip.visible:
                categories.add(item)
            export.counts["frames_with_void_as_background"] += count_void(clip.frames)
            export.take_images(clip, export.split, clip.name)
        export.counts["nouns_that_the_categories_do_not_say"] = categories.other_nouns
        others = {"images": images, "categories": categories.to_json(), "licenses": []}
        annotations.end(others | {"info": about(manifest, export.labels)})
        stack.close()
        return export.commit(masks=masks)


def _frames(clip: ExportClip, masks: str, first: int) -> Iterator[tuple[Values, list[Values]]]:
    """Yield a clip's images, numbered from ``first``, with their annotations, which have no ids yet."""
    for number, (frame, file_name) in enumerate(zip(clip.frames, file_names(clip), strict=True), first):
        height, width = frame.size or clip.size
        image = {"id": number, "file_name": file_name, "height": height, "width": width}
        visible = [item for item in clip.objects if frame.frame_id in item.masks]
        yield (
            image | {"video": clip.name, "frame": clip.stems[frame.frame_id]},
            [
                {"image_id": number, "category_id": item.category_id, "iscrowd": 0}
                | _shape(item.masks[frame.frame_id], masks)
                | words_of(item)
                for item in visible
            ],
        )


def _shape(rle: Rle, masks: str) -> Values:
    """Return area, box and mask of an object."""
    if masks == "rle":
        segmentation: Any = run_lengths(rle)
    else:
        polygons = find_polygons(decode_rle(rle))
        segmentation = [[value for point in polygon for value in point] for polygon in polygons]
    return {"area": rle.area, "bbox": box_of(rle), "segmentation": segmentation}
