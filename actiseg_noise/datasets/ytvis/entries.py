"""The entries of a JSON file of videos or images with masks, checked one by one; what is kept of each is numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_noise.datasets.ytvis.rows import Numbers
from actiseg_noise.datasets.ytvis.table import Links, Table, VideoId, take_id
from actiseg_noise.datasets.ytvis.videos import LARGEST_CATEGORY, take_category, take_size
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, is_text, shorten


class Entries:
    """Takes in the entries of a file.

    Attributes:
        items: Datumaro's images: first byte and byte after the last. labels: what it says of its labels.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.videos, self.images = Table(), Table()
        self.categories: dict[int, str] = {}
        self.annotations = Numbers()
        self.pairs: list[Pair] = []
        self.tracks = Tracks()
        self.links = Links()
        self.items: list[tuple[int, int]] = []
        self.labels: object = None
        self._keys: set[str] = set()

    def add(self, key: str, number: int, start: int, stop: int, value: Any) -> None:
        """Take in one entry of a list."""
        self._keys.add(key)
        if self.tracks.add(self.path, key, number, start, stop, value):
            return
        if key == "items" and number >= 0:
            self.items.append((start, stop))
            return
        if key == "categories" and type(value) is dict and number < 0 and "label" in value:
            self.labels = value["label"]
            return
        take = {
            "videos": self._add_video,
            "images": self._add_image,
            "categories": self._add_category,
            "annotations": self._add_annotation,
            "video_np_pairs": self._add_pair,
        }.get(key)
        if take is None or (value is None and number < 0):
            return
        if number < 0:
            raise DataError(f"{self.path}: {key}: expected a list, found {shorten(value)}")
        take(Fields(value, f"{self.path}: {key}[{number}]"), start, stop)

    def check(self) -> None:
        """Refuse a file of another form, and one without annotations."""
        has_videos, has_images = bool(self.videos.names), bool(self.images.names)
        if self.links.videos.names and not has_images:
            raise DataError(
                f"{self.path}: videos without file_names, and no 'images' that say their video_id; expected one of them"
            )
        if not has_videos and not has_images:
            found = ", ".join(sorted(self._keys)[:10]) or "none"
            raise DataError(
                f"{self.path}: expected a JSON object with 'videos' (YouTube-VIS) or 'images' (COCO), 'annotations' "
                "and 'categories', with 'sequences' (BURST), 'items' (Datumaro) or 'masklet' (SA-V); none of these "
                f"lists has an entry. Keys found: {found}"
            )
        if has_videos and has_images:
            raise DataError(
                f"{self.path}: has both 'images' and 'videos' with file_names; expected videos with 'file_names' and "
                "'segmentations' (YouTube-VIS), images alone (COCO), or videos without 'file_names' whose images say "
                "their video_id (TAO). Remove one of them"
            )
        for numbers in self.annotations.unknown_categories(self.categories):
            number, category_id = numbers
            raise DataError(
                f"{self.path}: annotation {number}: category {category_id} is not among the {len(self.categories)} "
                "categories of the file; add it there, or mend the annotation"
            )

    def _add_video(self, fields: Fields, start: int, stop: int) -> None:
        if "file_names" in fields:
            self.videos.add(fields, start, stop, is_image=False)
        else:
            self.links.add_video(fields, start, stop)

    def _add_image(self, fields: Fields, start: int, stop: int) -> None:
        self.images.add(fields, start, stop, is_image=True)
        self.links.add_image(fields)

    def _add_category(self, fields: Fields, start: int, stop: int) -> None:
        number, noun = take_category(fields)
        where, _, _ = fields.place
        raise_if(
            number in self.categories, f"{where}: the id {number} stands twice; keep one category of it", DataError
        )
        self.categories[number] = noun

    def _add_annotation(self, fields: Fields, start: int, stop: int) -> None:
        number = fields.integer("id", least=0)
        key = "image_id" if "image_id" in fields else "video_id"
        category_id = fields.integer("category_id", least=0, most=LARGEST_CATEGORY)
        self.annotations.add(number, take_id(fields, key), category_id, start, stop)
        self.links.add_annotation(fields)

    def _add_pair(self, fields: Fields, start: int, stop: int) -> None:
        category_id = fields.integer("category_id", least=0, most=LARGEST_CATEGORY)
        count = fields.integer("num_masklets", least=0)
        video = take_id(fields, "video_id")
        self.pairs.append(Pair(fields.place[0], video, category_id, count, phrase_of(fields)))


class Tracks:
    """The entries of files whose masks are listed by frame: BURST's sequences, and SA-V's one video.

    Attributes:
        sequences: BURST. masklets: the frames of SA-V, first byte and byte after the last. facts: SA-V's other values.
        masklet_ids: SA-V. split: what BURST says it is of.
    """

    def __init__(self) -> None:
        self.sequences = Table()
        self.has_objects: list[bool] = []
        self.masklets: list[tuple[int, int]] = []
        self.masklet_ids: list[Any] = []
        self.facts: dict[str, Any] = {}
        self.split = ""

    def add(self, path: Path, key: str, number: int, start: int, stop: int, value: Any) -> bool:
        """Take in an entry; return whether it was one of these."""
        if key == "sequences" and number >= 0:
            self._add_sequence(Fields(value, f"{path}: sequences[{number}]"), start, stop)
        elif key == "masklet" and number >= 0:
            self.masklets.append((start, stop))
        elif key == "masklet_id" and number >= 0:
            self.masklet_ids.append(value)
        elif number < 0 and key.startswith("video_"):
            self.facts[key] = value
        elif number < 0 and key == "split":
            self.split = value if is_text(value, 200) else ""
        else:
            return False
        return True

    def _add_sequence(self, fields: Fields, start: int, stop: int) -> None:
        take_size(fields)
        name = "_".join(fields.text(key).replace("/", "_") for key in ("dataset", "seq_name") if fields.raw(key, None))
        self.sequences.add_place(fields, name, start, stop)
        named = fields.table("track_category_ids"), fields.raw("neg_category_ids", None)
        self.has_objects.append(bool(named[0] or named[1]))


@dataclass(frozen=True, slots=True)
class Pair:
    """A phrase and how many annotations of a video it names."""

    where: str
    video: VideoId
    category_id: int
    count: int
    phrase: str | None


def phrase_of(fields: Fields) -> str | None:
    """Return an entry's own phrase, None where it has none."""
    return None if fields.raw("noun_phrase", None) is None else fields.text("noun_phrase")
