"""What COCO's JSON and the forms made of it say of a mask, of the categories, and of the file."""

from __future__ import annotations

from typing import Any

from actiseg_noise.exchange.export_masks import ExportClip, ExportObject
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.masks import Rle, coco_code

Values = dict[str, Any]


def run_lengths(rle: Rle) -> Values:
    """Return COCO's compressed run lengths as JSON has them."""
    return {"size": [rle.height, rle.width], "counts": rle.counts}


def box_of(rle: Rle) -> list[int]:
    """Return left, top, width and height of a mask in pixels.

    Raises:
        DataError: the run lengths are none, or do not fill their canvas.
    """
    from pycocotools import mask as coco

    return [int(value) for value in coco.toBbox(coco_code(rle.counts, rle.height, rle.width)).tolist()]


class Categories:
    """The categories of a manifest's vocabulary, by their ids in the dataset, and those that the labels have besides.

    Attributes:
        other_nouns: objects that are called otherwise than their category.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._names = dict(manifest.vocabulary.names)
        self.other_nouns = 0

    def add(self, item: ExportObject) -> None:
        """Take note of an object."""
        self.other_nouns += self._names.setdefault(item.category_id, item.noun) != item.noun

    def to_json(self) -> list[Values]:
        """Return the member ``categories`` of a file."""
        return [{"id": i, "name": self._names[i], "supercategory": "object"} for i in sorted(self._names)]


def words_of(item: ExportObject) -> Values:
    """Return what the forms have no key for: readers pass over keys that they do not know."""
    said = {"object_id": item.object_id, "noun": item.noun, "expression": item.text}
    return said | {"positive": int(item.is_positive)}


def about(manifest: Manifest, labels: str) -> Values:
    """Return the member ``info`` of a file."""
    return {"description": f"{manifest.info.name}, {labels} labels", "digest": manifest.digest}


def file_names(clip: ExportClip) -> list[str]:
    """Return the places of a clip's images below the folder of images."""
    return [f"{clip.name}/{clip.stems[frame.frame_id]}.jpg" for frame in clip.frames]
