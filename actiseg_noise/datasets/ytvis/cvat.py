"""Files of CVAT's own XML, version 1.1: "for images" and "for video"."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from actiseg_noise.borders.xml_entries import XmlElement, iter_xml_entries, iter_xml_parts
from actiseg_noise.datasets.lexicon import unknown_category_id
from actiseg_noise.datasets.ytvis.cvat_meta import EXPRESSION, OBJECT_ID, POSITIVE, CvatMeta
from actiseg_noise.datasets.ytvis.cvat_shapes import MASKS, SHAPES, mask_of, whole
from actiseg_noise.datasets.ytvis.cvat_tracks import CvatTracks, Track, read_track
from actiseg_noise.datasets.ytvis.table import check_ids, distinct
from actiseg_noise.datasets.ytvis.videos import (
    Annotation,
    Video,
    VideoFile,
    check_file_names,
    check_file_path,
    name_of,
    take_size,
    warn_left_aside,
)
from actiseg_noise.errors import DataError, raise_if
from actiseg_noise.fields import Fields, parse_number, shorten

ROOT, FORM = "annotations", "CVAT's XML 1.1"


def open_cvat(path: Path) -> VideoFile:
    """Return a file of CVAT's XML.

    Raises:
        DataError: it is malformed, has neither images nor tracks or both, or no masks; file, image or track are named.
    """
    meta: CvatMeta | None = None
    images, tracks, said = _Images(), list[Track](), Counter[str]()
    for start, stop, element in iter_xml_entries(path, ROOT, form=FORM):
        if element.tag == "meta":
            meta = CvatMeta(element, path)
        elif element.tag in ("image", "track"):
            raise_if(meta is None, f"{path}: <{element.tag}> before <meta>, which lists the labels", DataError)
            said.update(_kinds(element))
        if element.tag == "image" and meta is not None:
            images.add(element, (start, stop), meta, path)
        elif element.tag == "track" and meta is not None:
            tracks.append(read_track(element, (start, stop), meta, path))
    if meta is None or bool(images.names) == bool(tracks):
        what = "both" if tracks else "neither" if meta is not None else "no <meta>"
        raise DataError(f"{path}: expected <meta> and either <image> or <track> elements (CVAT 1.1), found {what}")
    warn_left_aside(path, said, MASKS, any(images.has_masks) or any(track.frames for track in tracks))
    return CvatImages(path, meta, images) if images.names else CvatTracks(path, meta, tracks)


def _kinds(element: XmlElement) -> Counter[str]:
    """Return how many shapes of an image are no masks; a track of boxes is one."""
    found = Counter(shape.tag for shape in element.each(*SHAPES) if shape.tag not in MASKS)
    return found if element.tag == "image" else Counter(dict.fromkeys(found, 1))


@dataclass
class _Images:
    """What is kept of the images of a file."""

    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    has_masks: list[bool] = field(default_factory=list)
    starts: array[int] = field(default_factory=lambda: array("q"))
    stops: array[int] = field(default_factory=lambda: array("q"))
    orders: array[int] = field(default_factory=lambda: array("q"))

    def add(self, element: XmlElement, place: tuple[int, int], meta: CvatMeta, path: Path) -> None:
        """Take in an image whose shapes are as they should be."""
        image = _Image(element, meta, f"{path}: image [{len(self.names)}]")
        self.names.append(image.files[0])
        self.ids.append(image.number)
        self.orders.append(image.order)
        self.has_masks.append(bool(image.objects))
        self.starts.append(place[0])
        self.stops.append(place[1])


class CvatImages(VideoFile):
    """A file "for images": each is a clip of one frame; each mask, or the shapes of one group and label, is an object.

    Where the labels have the attribute ``object_id``, as in our own export, the images of one folder are a clip, in the
    order of their ids, and the shapes of one ``object_id`` are an object; ``positive`` and ``expression`` are its own.
    """

    form = "CVAT"

    def __init__(self, path: Path, meta: CvatMeta, images: _Images) -> None:
        self._meta, self._images = meta, images
        self.is_numbered_by_order = not meta.has_object_ids
        videos: dict[str, list[int]] = {}
        for place, file in enumerate(images.names):
            is_frame = meta.has_object_ids and "/" in file
            key = name_of([file], is_image=False) if is_frame else f"{file}\0{place}"
            videos.setdefault(key, []).append(place)
        self._members = [sorted(members, key=images.orders.__getitem__) for members in videos.values()]
        names = [key if "\0" not in key else name_of([key.partition("\0")[0]], is_image=True) for key in videos]
        firsts = [members[0] for members in self._members]
        check_ids("images", images.ids, path)
        super().__init__(
            path, distinct(names, [images.ids[place] for place in firsts], path), meta.categories, meta.subsets
        )

    def has_objects(self, name: str) -> bool:
        """See :class:`VideoFile`."""
        return any(self._images.has_masks[place] for place in self._members[self._places[name]])

    def read(self, name: str, *, with_masks: bool = True) -> Video:
        """See :class:`VideoFile`."""
        where = f"{self.path}: image {name!r}"
        places = self._members[self._places[name]]
        parts = iter_xml_parts(self.path, ((self._images.starts[p], self._images.stops[p]) for p in places))
        frames = [_Image(part, self._meta, f"{self.path}:") for part in parts]
        sizes = {frame.size for frame in frames}
        raise_if(len(sizes) > 1, f"{where}: its frames have {len(sizes)} sizes; expected one size for all", DataError)
        size = sizes.pop()
        files = check_file_names([frame.files[0] for frame in frames], f"{where}: name")
        others = (tuple(frame.files[-1] for frame in frames),) if len(frames[0].files) > 1 else ()
        objects = _join_frames(frames)
        found = tuple(
            Annotation(
                number,
                unknown_category_id(one.noun),
                [mask_of(frame.shapes_of(number), *size, frame.where) for frame in frames] if with_masks else (),
                one.text,
                one.is_positive,
            )
            for number, one in sorted(objects.items())
        )
        return Video(name, where, *size, files, found, others)


@dataclass
class _Object:
    """One object of an image. ``text``: its expression; None: the noun."""

    noun: str
    text: str | None
    is_positive: bool
    shapes: list[XmlElement]

    @property
    def words(self) -> tuple[str, str | None, bool]:
        """Return what must be the same in all frames."""
        return self.noun, self.text, self.is_positive


class _Image:
    """One image, its shapes checked but for their pixels.

    Attributes:
        number: the id, with that of its task before. order: the id as a number. files: what its file may be called.
        objects: number → object, those with a mask.
    """

    def __init__(self, element: XmlElement, meta: CvatMeta, where: str) -> None:
        name = element.attributes.get("name", "")
        self.where = f"{where} {shorten(name)}"
        file = check_file_path(name, f"{self.where}: name")
        subset = element.attributes.get("subset", "")
        self.files = (file, check_file_path(f"{subset}/{file}", f"{self.where}: subset")) if subset else (file,)
        self.order = whole(element, "id", self.where)
        self.number = "-".join(filter(None, (element.attributes.get("task_id", ""), str(self.order))))
        sides = {key: parse_number(element.attributes.get(key, "")) for key in ("height", "width")}
        self.size = take_size(Fields(sides, self.where))
        self.objects: dict[int, _Object] = {}
        self._groups: dict[tuple[int, str], int] = {}
        for place, shape in enumerate(element.each(*MASKS), start=1):
            self._add(shape, place, meta)

    def shapes_of(self, number: int) -> list[XmlElement]:
        """Return the shapes of an object, none where it is not visible."""
        return self.objects[number].shapes if number in self.objects else []

    def _add(self, shape: XmlElement, place: int, meta: CvatMeta) -> None:
        """Take in a shape."""
        noun = meta.noun(shape, self.where)
        said = {one.attributes.get("name", ""): one.text for one in shape.each("attribute")}
        number = self._own_number(said, shape) if meta.has_object_ids else self._number(shape, noun, place)
        text = said.get(EXPRESSION) if meta.has_object_ids else None
        is_positive = said.get(POSITIVE, "true").strip() != "false" or not meta.has_object_ids
        new = _Object(noun, text or None, is_positive, [])
        one = self.objects.setdefault(number, new)
        _check_words(number, one, new, self.where)
        one.shapes.append(shape)

    def _number(self, shape: XmlElement, noun: str, place: int) -> int:
        """Return the number of a shape's object, which it shares with those of its group and label."""
        group = whole(shape, "group_id", self.where, 0), noun
        return self._groups.setdefault(group, place) if group[0] else place

    def _own_number(self, said: dict[str, str], shape: XmlElement) -> int:
        """Return the number that a shape's attribute ``object_id`` says."""
        number = parse_number(said.get(OBJECT_ID, "").strip())
        if number is None:
            raise DataError(
                f"{self.where}: <{shape.tag}> of label {shorten(shape.attributes.get('label', ''))}: its attribute "
                f"{OBJECT_ID!r} is {shorten(said.get(OBJECT_ID))}; expected the number of its object, the same in all "
                "frames"
            )
        return number


def _join_frames(frames: Iterable[_Image]) -> dict[int, _Object]:
    """Return number → object of the images of one clip, as its first frame says it."""
    found: dict[int, _Object] = {}
    for frame in frames:
        for number, one in frame.objects.items():
            _check_words(number, found.setdefault(number, one), one, frame.where)
    return found


def _check_words(number: int, known: _Object, other: _Object, where: str) -> None:
    """Refuse an object that is said to be two things."""
    for before, after in zip(known.words, other.words, strict=True):
        if before != after:
            raise DataError(
                f"{where}: object {number} is {shorten(after)}, but {shorten(before)} before; expected one label, "
                "expression and flag for an object of a clip"
            )
