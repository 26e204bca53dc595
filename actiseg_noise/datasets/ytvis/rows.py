"""Annotations of a JSON file as they are kept: a few numbers each, put in order when all are there."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actiseg_noise.datasets.ytvis.table import VideoId
from actiseg_noise.errors import DataError


class Numbers:
    """What is kept of every annotation: one number each of five kinds."""

    def __init__(self) -> None:
        self.ids, self.categories, self.starts, self.stops = (array("q") for _ in range(4))
        self.videos = array("q")
        self.owners: dict[VideoId, int] = {}

    def add(self, number: int, video: VideoId, category_id: int, start: int, stop: int) -> None:
        """Take in one."""
        self.ids.append(number)
        self.videos.append(self.owners.setdefault(video, len(self.owners)))
        self.categories.append(category_id)
        self.starts.append(start)
        self.stops.append(stop)

    def unknown_categories(self, known: dict[int, str]) -> Iterator[tuple[int, int]]:
        """Yield (annotation id, category) of those whose category is not known."""
        if not len(self.ids):
            return
        unknown = set(np.unique(as_array(self.categories)).tolist()) - known.keys()
        if unknown:
            at = self.categories.index(min(unknown))
            yield self.ids[at], min(unknown)


class Rows:
    """The annotations in order of video and id.

    Attributes:
        order: their positions in the file. ids, categories, starts, stops: of each.

    Raises:
        DataError: an id stands twice, or an annotation is of a video that the file does not have.
    """

    def __init__(self, numbers: Numbers, videos: dict[VideoId, int], path: Path, kind: str) -> None:
        self._check_ids(as_array(numbers.ids), path)
        places = np.array([videos.get(owner, -1) for owner in numbers.owners] or [0], np.int64)
        of_each = places[as_array(numbers.videos)]
        strangers = np.flatnonzero(of_each < 0)
        if len(strangers):
            first = int(strangers[0])
            owner = next(owner for owner, place in numbers.owners.items() if place == numbers.videos[first])
            raise DataError(
                f"{path}: annotation {numbers.ids[first]}: {kind} {owner!r} is not among the {len(videos)} {kind}s of "
                f"the file; add the {kind}, or mend the annotation"
            )
        self.order = order = np.lexsort((as_array(numbers.ids), of_each))
        self._videos = of_each[order]
        self.ids, self.categories, self.starts, self.stops = (
            as_array(values)[order] for values in (numbers.ids, numbers.categories, numbers.starts, numbers.stops)
        )

    def of(self, place: int) -> npt.NDArray[np.int64]:
        """Return the rows of one video."""
        first, last = np.searchsorted(self._videos, (place, place + 1))
        return np.arange(first, last)

    def place_of(self, row: int) -> tuple[int, int]:
        """Return where an annotation lies in the file: its first byte and the byte after its last."""
        return int(self.starts[row]), int(self.stops[row])

    def count(self, place: int, category_id: int) -> int:
        """Return how many annotations a video has of one category."""
        rows = self.of(place)
        return int(np.count_nonzero(self.categories[rows] == category_id))

    @staticmethod
    def _check_ids(ids: npt.NDArray[np.int64], path: Path) -> None:
        ordered = np.argsort(ids, kind="stable")
        twice = np.flatnonzero(np.diff(ids[ordered]) == 0)
        if len(twice):
            first, second = ordered[twice[0] : twice[0] + 2].tolist()
            raise DataError(
                f"{path}: annotation id {int(ids[first])} stands twice (annotations[{first}] and [{second}]); "
                "give each annotation an id of its own"
            )


def as_array(values: array[int]) -> npt.NDArray[np.int64]:
    """Return numbers as an array."""
    return np.frombuffer(values, np.int64) if len(values) else np.zeros(0, np.int64)
