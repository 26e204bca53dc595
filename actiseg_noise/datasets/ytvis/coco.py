"""Files of YouTube-VIS's form, ``videos`` with ``file_names``, and of COCO's, ``images`` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_noise.borders.json_lists import iter_json_parts
from actiseg_noise.datasets.ytvis.entries import Entries, Pair, phrase_of
from actiseg_noise.datasets.ytvis.rows import Rows
from actiseg_noise.datasets.ytvis.table import VideoId, distinct, files_of
from actiseg_noise.datasets.ytvis.videos import Annotation, Video, VideoFile, take_size
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, shorten


class AnnotationFile(VideoFile):
    """A file in the form of COCO (``images``) or YouTube-VIS (``videos``).

    Raises:
        DataError: entries that do not fit each other; file and entry are named.
    """

    def __init__(self, path: Path, entries: Entries) -> None:
        entries.check()
        self.is_images = not entries.videos.starts
        table = entries.images if self.is_images else entries.videos
        super().__init__(path, distinct(table.names, table.ids, path), entries.categories, entries.tracks.split)
        self._starts, self._stops = table.starts, table.stops
        self._rows = Rows(entries.annotations, table.ids, path, "image" if self.is_images else "video")
        self._absent = _absent(entries, table.ids, self._rows)

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        place = self._places[name]
        return bool(len(self._rows.of(place))) or place in self._absent

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`; without masks nothing of them is read."""
        place = self._places[name]
        rows = self._rows.of(place).tolist()
        parts = [(self._starts[place], self._stops[place]), *map(self._rows.place_of, rows if with_masks else ())]
        entry, *masks = iter_json_parts(self.path, parts)
        fields = Fields(entry, f"{self.path}: {'image' if self.is_images else 'video'} {name!r}")
        files = files_of(fields, is_image=self.is_images)
        if with_masks:
            found = [self._annotation(row, part, name, len(files)) for row, part in zip(rows, masks, strict=True)]
        else:
            found = [Annotation(int(self._rows.ids[row]), int(self._rows.categories[row])) for row in rows]
        found += [Annotation(None, category_id) for category_id in self._absent.get(place, ())]
        return Video(name, fields.place[0], *take_size(fields), files, tuple(found))

    def _annotation(self, row: int, entry: Any, name: str, frames: int) -> Annotation:
        """Return one annotation with its masks."""
        rows = self._rows
        number = int(rows.ids[row])
        where = f"{self.path}: {'image' if self.is_images else 'video'} {name!r}, annotation {number}"
        key = "segmentation" if self.is_images else "segmentations"
        if type(entry) is not dict or key not in entry:
            raise DataError(f"{where}: the key {key!r} is missing; add it, or remove the annotation")
        category_id = int(rows.categories[row])
        _check_phrase(phrase_of(Fields(entry, where)), category_id, self.categories, where)
        if self.is_images:
            return Annotation(number, category_id, (entry[key],))
        masks = entry[key]
        if type(masks) is not list or len(masks) != frames:
            found = f"{len(masks)} masks" if type(masks) is list else shorten(masks)
            raise DataError(
                f"{where}: segmentations: expected a list of {frames} masks or null, one for each frame of the video, "
                f"found {found}; fetch the file again, or mend the annotation"
            )
        return Annotation(number, category_id, masks)


def _absent(entries: Entries, videos: dict[VideoId, int], rows: Rows) -> dict[int, tuple[int, ...]]:
    """Return video → categories of the phrases that name nothing in it, ascending.

    Raises:
        DataError: a pair of a video or category that is not there, one that stands twice, or another number of
            masklets than the annotations have.
    """
    found: dict[int, set[int]] = {}
    seen: set[tuple[int, int]] = set()
    for pair in entries.pairs:
        place = videos.get(pair.video, -1)
        _check_pair(pair, place, entries.categories, rows)
        said = f"{pair.where}: video {pair.video!r} has category {pair.category_id} in another pair; keep one"
        raise_if((place, pair.category_id) in seen, said, DataError)
        seen.add((place, pair.category_id))
        if not pair.count:
            found.setdefault(place, set()).add(pair.category_id)
    return {place: tuple(sorted(categories)) for place, categories in found.items()}


def _check_pair(pair: Pair, place: int, categories: dict[int, str], rows: Rows) -> None:
    """Hold a pair against the rest of the file; ``place`` is that of its video, -1 for none."""
    where, category_id = pair.where, pair.category_id
    raise_if(place < 0, f"{where}: video {pair.video!r} is not among the videos; mend the pair", DataError)
    known = category_id in categories
    raise_if(not known, f"{where}: category {category_id} is not among the categories; mend the pair", DataError)
    _check_phrase(pair.phrase, category_id, categories, where)
    there = rows.count(place, category_id)
    raise_if(
        there != pair.count,
        f"{where}: num_masklets is {pair.count}, but video {pair.video!r} has {there} annotations of category "
        f"{category_id}; fetch the file again",
        DataError,
    )


def _check_phrase(phrase: str | None, category_id: int, categories: dict[int, str], where: str) -> None:
    """Refuse an entry whose own phrase is not the name of its category."""
    noun = categories[category_id]
    if phrase is not None and " ".join(phrase.replace("_", " ").split()) != noun:
        raise DataError(
            f"{where}: noun_phrase is {shorten(phrase)}, but its category {category_id} is {shorten(noun)}; expected "
            "the name of the category. Mend one of them"
        )
