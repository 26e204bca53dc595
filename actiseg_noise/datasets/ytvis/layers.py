"""The clips of a file of videos whose masks may overlap: each video divided into layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.datasets.layers import MOST_OBJECTS, divide_into_layers, layer_name
from actiseg_noise.datasets.ytvis.forms import open_annotations, read_video
from actiseg_noise.datasets.ytvis.masks import find_meetings, join_spans, read_spans
from actiseg_noise.datasets.ytvis.videos import Annotation, Video
from actiseg_noise.errors import DataError

Layers = list[tuple[int, ...]]
"""Positions among a video's annotations, per layer."""

NO_ANNOTATION = "-"
LISTS_KEPT = 65_536  # SA-V has a file for each video


@dataclass(frozen=True, slots=True)
class Layer:
    """One clip of a video: which of its annotations are in it.

    Attributes:
        source_order: 0-based position among all clips of the file, in the file's order of videos.
        members: positions among the video's annotations; None: all of them.
    """

    path: Path
    clip_id: str
    video: str
    source_order: int
    members: tuple[int, ...] | None

    def pick(self, annotations: Sequence[Annotation]) -> list[Annotation]:
        """Return the layer's annotations."""
        return list(annotations) if self.members is None else [annotations[place] for place in self.members]


def list_layers(paths: Sequence[Path]) -> list[Layer]:
    """Return the clips of files in ascending clip_id; every mask is read for it, once per process.

    A video without annotations is no clip.

    Raises:
        DataError: a file or one of its masks is malformed, or two clips have one name.
    """
    found: list[Layer] = []
    for path in paths:
        before = len(found)
        mine = _list_layers(path, *file_stamp(path))
        found += [replace(one, source_order=one.source_order + before) for one in mine] if before else mine
    return check_names(sorted(found, key=lambda layer: layer.clip_id))


@lru_cache(LISTS_KEPT)
def _list_layers(path: Path, changed_ns: int, size: int) -> list[Layer]:
    found = open_annotations(path)
    return list(_iter_layers(path, (name for name in found.names if found.has_objects(name))))


def _iter_layers(path: Path, names: Iterable[str]) -> Iterator[Layer]:
    """Yield the layers of videos."""
    order = 0
    for name in names:
        video = read_video(path, name)
        for layer in name_layers(path, name, divide([video]), order):
            yield layer
            order += 1


def name_layers(path: Path, video: str, layers: Layers, order: int) -> Iterator[Layer]:
    """Yield a video's layers with their names; ``order`` is the place of the first."""
    for place, members in enumerate(layers):
        kept = None if len(layers) == 1 else members
        yield Layer(path, layer_name(video, place, len(layers)), video, order + place, kept)


def divide(versions: Sequence[Video]) -> Layers:
    """Return the layers of a video of which there are several versions, such as clean and noisy: the same annotations
    in the same order. Objects share a layer where their masks meet in no frame of any version.
    """
    annotations = versions[0].annotations
    meetings: set[tuple[int, int]] = set()
    for video in versions:
        for frame_idx in range(len(video.file_names)):
            meetings |= find_meetings(read_spans(video, frame_idx, video.annotations))
    return divide_into_layers(range(len(annotations)), meetings)


def find_apart(clean: Video, noisy: Video) -> list[int | None]:
    """Return the annotations that are visible in both versions of a video, and share a pixel in no frame.

    Args:
        clean, noisy: the same annotations and frames in the same order.
    """
    count = len(clean.annotations)
    met, visible = set[int](), (set[int](), set[int]())
    for frame_idx in range(len(clean.file_names)):
        first, second = (read_spans(video, frame_idx, video.annotations) for video in (clean, noisy))
        met.update(one for one, other in find_meetings(join_spans(first, second, count)) if other == one + count)
        for seen, spans in zip(visible, (first, second), strict=True):
            seen.update(spans.owners.tolist())
    return [clean.annotations[place].annotation_id for place in sorted((visible[0] & visible[1]) - met)]


def object_ids(video: Video, members: Sequence[Annotation]) -> list[int]:
    """Return the object ids of a layer: the annotations' own where all of the video's fit into 1 … 254, else positions.

    Positions count from 1, in ascending order of annotation ids; phrases that name nothing come last.
    """
    own = [one.annotation_id or 0 for one in video.annotations]
    if all(1 <= number <= MOST_OBJECTS for number in own):
        return [int(one.annotation_id or 0) for one in members]
    return list(range(1, len(members) + 1))


def join_ids(members: Iterable[Annotation]) -> str:
    """Return the annotations of a clip in one word, ``17+18``; ``-`` stands for a phrase that names nothing."""
    return "+".join(NO_ANNOTATION if one.annotation_id is None else str(one.annotation_id) for one in members)


def pick_joined(annotations: Sequence[Annotation], word: str, where: str) -> list[Annotation]:
    """Return the annotations of a word made by ``join_ids``.

    Raises:
        DataError: one of them is not there; ``where`` is named.
    """
    known = {str(one.annotation_id): one for one in annotations if one.annotation_id is not None}
    known[NO_ANNOTATION] = Annotation(None, 0)
    picked = [known.get(part) for part in word.split("+")]
    if None in picked:
        raise DataError(f"{where}: not all of the annotations {word[:80]} are there any more; build again")
    return [one for one in picked if one is not None]


def check_names(layers: list[Layer]) -> list[Layer]:
    """Return the layers, sorted, unless two have one name."""
    for first, second in pairwise(layers):
        if first.clip_id == second.clip_id:
            raise DataError(
                f"{first.path}: video {first.video!r}, and {second.path}: video {second.video!r}: both give a clip "
                f"{first.clip_id!r}; rename the folder of one"
            )
    return layers
