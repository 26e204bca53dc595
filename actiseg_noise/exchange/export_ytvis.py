"""Export to COCO-video JSON: of YouTube-VIS, and of SAM 3, where a category is a phrase.

    <split>.json                                 videos, annotations, categories
    <split>/JPEGImages/<clip>/<frame>.jpg        with images; ``file_names`` begin below JPEGImages

An annotation is an object of a clip, with a mask, a box and an area per frame, null where it has no pixel. Objects that
never have one are left out: evaluators divide by their area. Beside the usual keys an annotation says ``object_id``,
``noun``, ``expression`` and ``positive``.

``ytvis``: ``category_id`` is the label, by the dataset's own ids; negative objects are annotations like others.

``sam3``: the form of SA-Co. A category is a text, ``noun_phrase``, and ``video_np_pairs`` says for every text of a
video how many objects it names: a positive object is an annotation; a text that negative objects alone have is a pair
with ``num_masklets`` 0, which is how SAM 3 is told that nothing is to be found.

The forms have no void: such pixels are background. Masks are in memory one clip at a time.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from actiseg_noise.borders.set_aside import SetAside
from actiseg_noise.exchange.coco_json import Categories, about, box_of, file_names, run_lengths, words_of
from actiseg_noise.exchange.export_clips import count_void
from actiseg_noise.exchange.export_growing import GrowingList
from actiseg_noise.exchange.export_masks import ExportClip, ExportObject, MaskExport
from actiseg_noise.exchange.export_names import sorted_names
from actiseg_noise.manifest.read import Manifest

Values = dict[str, Any]


def export_ytvis(manifest: Manifest, out: Path, **options: Any) -> dict[str, Any]:
    """Write a manifest's labels as YouTube-VIS has them and return what ``export.json`` says.

    Args:
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: masks were withheld, a name or path leads elsewhere, frames of one clip have two sizes, an image
            does not fit its labels, or ``out`` is no export.
    """
    categories = Categories(manifest)
    with MaskExport(manifest, out, "ytvis", sorted_names, **options) as export, _VideoFile(export) as file:
        for clip in export.clips():
            file.add_video(clip)
            for item in clip.visible:
                file.add_object(clip, item, item.category_id)
                categories.add(item)
        export.counts["nouns_that_the_categories_do_not_say"] = categories.other_nouns
        file.end({"categories": categories.to_json(), "licenses": []})
        return export.commit()


def export_sam3(manifest: Manifest, out: Path, **options: Any) -> dict[str, Any]:
    """Write a manifest's labels as SAM 3 reads videos with phrases and return what ``export.json`` says.

    Args:
        options: labels, root, images, force and progress; see :class:`Export`.

    Raises:
        ActisegError: see :func:`export_ytvis`.
    """
    phrases: dict[str, int] = {}
    with MaskExport(manifest, out, "sam3", sorted_names, **options) as export, _VideoFile(export) as file:
        pairs = file.set_aside()
        for clip in export.clips():
            video_id = file.add_video(clip)
            for text in dict.fromkeys(item.text for item in clip.objects):
                number = phrases.setdefault(text, len(phrases) + 1)
                named = [item for item in clip.visible if item.text == text and item.is_positive]
                for item in named:
                    file.add_object(clip, item, number, noun_phrase=text)
                pair = {"id": pairs.count + 1, "video_id": video_id, "category_id": number, "noun_phrase": text}
                pairs.add(pair | {"num_masklets": len(named)})
                export.counts["negative_pairs"] += not named
            export.counts["negative_objects_left_out"] += sum(not item.is_positive for item in clip.objects)
        categories = [{"id": number, "name": text} for text, number in phrases.items()]
        file.end({"categories": categories, "video_np_pairs": pairs})
        return export.commit()


class _VideoFile:
    """The JSON file in the making. A context manager."""

    def __init__(self, export: MaskExport) -> None:
        self._export = export
        self._stack = ExitStack()

    def __enter__(self) -> _VideoFile:
        self._videos = SetAside(self._stack)
        self._annotations = GrowingList(
            self._stack, self._export.folder.path(f"{self._export.split}.json"), "annotations"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_video(self, clip: ExportClip) -> int:
        """Keep a clip's entry, take its images, and return its id."""
        height, width = clip.size
        number = self._videos.count + 1
        names = {"id": number, "video_name": clip.name, "file_names": file_names(clip)}
        self._videos.add(names | {"height": height, "width": width, "length": len(clip.frames)})
        export = self._export
        export.take_images(clip, export.split, "JPEGImages", clip.name)
        export.counts["frames_with_void_as_background"] += count_void(clip.frames)
        return number

    def set_aside(self) -> SetAside:
        """Return another list of the file, which it gets at its end."""
        return SetAside(self._stack)

    def add_object(self, clip: ExportClip, item: ExportObject, category_id: int, **more: Any) -> None:
        """Write an object of the video that was added last."""
        rles = [item.masks.get(frame.frame_id) for frame in clip.frames]
        height, width = clip.size
        annotation = {
            "id": self._annotations.count + 1,
            "video_id": self._videos.count,
            "category_id": category_id,
            "iscrowd": 0,
            "height": height,
            "width": width,
            "length": len(rles),
            "segmentations": [None if rle is None else run_lengths(rle) for rle in rles],
            "bboxes": [None if rle is None else box_of(rle) for rle in rles],
            "areas": [None if rle is None else rle.area for rle in rles],
        }
        self._annotations.add(annotation | more | words_of(item))
        self._export.counts["masks"] += len(item.masks)

    def end(self, others: Values) -> None:
        """Make the file whole."""
        about_it = {"info": about(self._export.manifest, self._export.labels)}
        self._annotations.end({"videos": self._videos} | others | about_it)
        self._stack.close()
