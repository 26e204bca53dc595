"""Labels of frames as runs: going down one column after another, where another id begins, and which.

A few thousand numbers say what two million pixels do, in the order of COCO's codes: boxes, areas, codes and shared
pixels follow from them without another look at a pixel. Frames of one canvas stand one after another, as if the next
one went on to the right, so that one pass serves several of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from actiseg_noise.codes import encode_codes
from actiseg_noise.masks import Box, IndexMask, Rle, find_nonzero

Positions = npt.NDArray[np.int64]
"""Pixels, each (frame · width + column) · height + row."""

MOST_FRAMES = 128
"""That stand together."""


@dataclass(frozen=True)
class LabelRuns:
    """The runs of index masks.

    Attributes:
        starts: ``int64 [N]``, first pixel of each run; ascending, every frame begins with one.
        values: ``uint8 [N]``, their ids; neighbours in a frame differ.
        height, width: canvas in pixels. count: of frames.
    """

    starts: Positions
    values: IndexMask
    height: int
    width: int
    count: int = 1

    @classmethod
    def of(cls, *index_masks: IndexMask) -> LabelRuns:
        """Return the runs of at least one mask, all of one size, of at least one pixel."""
        height, width = index_masks[0].shape
        starts, values = zip(*map(_find_runs, index_masks), strict=True)
        placed = [found + number * height * width for number, found in enumerate(starts)]
        return cls(np.concatenate(placed), np.concatenate(values), height, width, len(index_masks))

    def relabelled(self, starts: Positions, values: IndexMask) -> LabelRuns:
        """Return the runs of other labels of these frames, given in parts of which neighbours may have the same id."""
        is_first = starts % self.pixels == 0
        is_first[1:] |= values[1:] != values[:-1]
        return LabelRuns(starts[is_first], values[is_first], self.height, self.width, self.count)

    @property
    def pixels(self) -> int:
        """Return the pixels of the canvas."""
        return self.height * self.width

    @cached_property
    def objects(self) -> Objects:
        """The runs of non-zero ids."""
        seen = self.values.nonzero()[0]
        starts = self.starts[seen]
        stops = np.concatenate([self.starts, [self.pixels * self.count]])[seen + 1]
        keys = ((starts // self.pixels << 8) + self.values[seen]).astype(np.uint16)
        order = keys.argsort(kind="stable")
        keys = keys[order]
        is_first = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        firsts = is_first.nonzero()[0]
        frames, ids = np.divmod(keys[firsts].astype(np.int64), 256)
        return Objects(frames, ids, firsts, starts[order], stops[order])

    @cached_property
    def boxes(self) -> list[dict[int, Box]]:
        """Per frame, the bounding box of every non-zero id, ids ascending."""
        frames, ids, firsts, starts, stops = self.objects
        boxes: list[dict[int, Box]] = [{} for _ in range(self.count)]
        if not len(ids):
            return boxes
        left, right = starts // self.height, (stops - 1) // self.height
        top, bottom = starts - left * self.height, stops - right * self.height
        is_broken = left != right  # the run goes on at the top of the next column
        top[is_broken], bottom[is_broken] = 0, self.height
        before = frames * self.width
        lasts = np.concatenate([firsts[1:], [len(right)]]) - 1
        sides = (
            np.minimum.reduceat(top, firsts),
            left[firsts] - before,
            np.maximum.reduceat(bottom, firsts),
            right[lasts] + 1 - before,
        )
        for frame, i, *box in zip(frames.tolist(), ids.tolist(), *(side.tolist() for side in sides), strict=True):
            boxes[frame][i] = Box(*box)
        return boxes

    def codes(self) -> list[dict[int, Rle]]:
        """Return, per frame, the code of every non-zero id, ids ascending."""
        frames, ids, firsts, starts, stops = self.objects
        codes: list[dict[int, Rle]] = [{} for _ in range(self.count)]
        if not len(ids):
            return codes
        areas = np.add.reduceat(stops - starts, firsts).tolist()
        texts = encode_codes(*self._run_lengths())
        for frame, i, text, area in zip(frames.tolist(), ids.tolist(), texts, areas, strict=True):
            codes[frame][i] = Rle(self.height, self.width, text, area)
        return codes

    def _run_lengths(self) -> tuple[Positions, Positions]:
        """Return the run lengths of all objects, background first and, if there is any, last; and how many each has."""
        frames, _, firsts, starts, stops = self.objects
        lasts = np.concatenate([firsts[1:], [len(starts)]]) - 1
        pairs = np.empty((len(starts), 2), np.int64)
        pairs[:, 1] = stops - starts
        pairs[0, 0], pairs[1:, 0] = 0, starts[1:] - stops[:-1]
        pairs[firsts, 0] = starts[firsts] - frames * self.pixels
        rests = (frames + 1) * self.pixels - stops[lasts]
        has_rest = rests > 0
        counts = 2 * (lasts - firsts + 1) + has_rest
        ends = counts.cumsum()
        is_rest = np.zeros(ends[-1], bool)
        is_rest[ends[has_rest] - 1] = True
        lengths = np.empty(ends[-1], np.int64)
        lengths[~is_rest] = pairs.reshape(-1)
        lengths[is_rest] = rests[has_rest]
        return lengths, counts


class Objects(NamedTuple):
    """Runs of non-zero ids, those of one id in one frame together.

    Attributes:
        frames, ids: of each object, ascending. firsts: place of its first run. starts, stops: of each run.
    """

    frames: Positions
    ids: Positions
    firsts: Positions
    starts: Positions
    stops: Positions


def _find_runs(index_mask: IndexMask) -> tuple[Positions, IndexMask]:
    """Return where the runs of one mask begin, and their ids."""
    height, width = index_mask.shape
    changes = np.empty((height, width), np.uint8)
    changes[0, 0] = 1
    np.bitwise_xor(index_mask[0, 1:], index_mask[-1, :-1], out=changes[0, 1:])  # on from the column before
    np.bitwise_xor(index_mask[1:], index_mask[:-1], out=changes[1:])
    found = find_nonzero(changes)
    row = found // width
    starts = (found - row * width) * height + row
    starts.sort()
    column = starts // height
    return starts, index_mask[starts - column * height, column]


def find_boxes(index_mask: IndexMask) -> dict[int, Box]:
    """Return the bounding box of every non-zero id present in ``index_mask``, ids ascending."""
    return LabelRuns.of(index_mask).boxes[0]


def shared_pixels(one: LabelRuns, other: LabelRuns) -> list[list[int]]:
    """Return, per frame and id 0–255, how many pixels have it in both of two labels of the same frames."""
    starts = np.concatenate([one.starts, other.starts])
    starts.sort()
    before, after = (runs.values[runs.starts.searchsorted(starts, "right") - 1] for runs in (one, other))
    return count_shared(one, starts, before, after)


def count_shared(runs: LabelRuns, starts: Positions, before: IndexMask, after: IndexMask) -> list[list[int]]:
    """Return, per frame and id 0–255, how many pixels have it in both of two labels.

    Args:
        starts: of the parts in which the labels are given, ascending. before, after: the id of each.
    """
    lengths = np.concatenate([starts[1:], [runs.pixels * runs.count]]) - starts
    is_same = before == after
    keys = (starts[is_same] // runs.pixels << 8) + before[is_same]
    shared = np.bincount(keys, lengths[is_same], 256 * runs.count).astype(np.int64)
    found: list[list[int]] = shared.reshape(runs.count, 256).tolist()
    return found
