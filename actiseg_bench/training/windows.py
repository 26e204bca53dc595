"""Training items of one expression on a few frames around an anchor, as ActionVOS's training draws them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice
from typing import NamedTuple

import torch
from torch.utils.data import Sampler

from actiseg_bench.data.manifest_dataset import View
from actiseg_bench.data.sizes import Size
from actiseg_bench.training.batches import generator

NEAR = 3  # frames before and after the anchor at the most


def draw_window(anchor: int, length: int, count: int, random: torch.Generator) -> list[int]:
    """Return ``count`` positions of a clip of ``length`` frames, ascending; a short clip shows some twice.

    The anchor; one frame 1–3 before and one 1–3 after it, or the clip's ends; the others from outside of these three
    (the later one counts as outside), from the whole clip where too few lie outside. ReferFormer's rule.
    """
    if count == 1:
        return [anchor]
    before, after = torch.randint(1, NEAR + 1, (2,), generator=random).tolist()
    near = [anchor, max(0, anchor - before), min(length - 1, anchor + after)]
    wanted = count - len(near)
    outside = [*range(min(near)), *range(max(near), length)]
    if wanted > 0 and len(outside) > wanted:
        near += _draw(outside, wanted, random)
    elif wanted > 0:
        whole, rest = divmod(wanted, length)
        near += [*range(length)] * whole + _draw(range(length), rest, random)
    return sorted(near)[:count]


def _draw(places: Sequence[int], count: int, random: torch.Generator) -> list[int]:
    """Return ``count`` of some positions, none twice."""
    return [places[i] for i in torch.randperm(len(places), generator=random)[:count].tolist()]


class WindowSampler(Sampler[list[View]]):
    """Batches of views: every sample of every clip with an anchor on every ``frames``-th of its frames, once an epoch.

    The order depends on (seed, epoch) alone, and a view's frames on (seed, epoch, which item) alone. A batch has views
    of one size; it is complete as soon as there are enough of one. The last one of every size is filled up from the
    start of the order.

    Args:
        extents: (samples, frames) of every clip.
        frames: of a view. items: of a batch. expressions: samples of a view; None: all of its clip.
        sizes: in which every clip is shown; None: all in one.

    Attributes:
        epoch: which order comes next. skip: how many of its batches were used before.
    """

    def __init__(
        self,
        extents: Sequence[tuple[int, int]],
        frames: int,
        items: int,
        seed: int,
        *,
        expressions: int | None = 1,
        sizes: Sequence[Size] | None = None,
    ) -> None:
        self.items = list_items(extents, frames, expressions)
        self.sizes = sizes
        self.lengths = [length for _, length in extents]
        self.frames, self.per_batch, self.seed = frames, items, seed
        self.epoch = self.skip = 0

    def __iter__(self) -> Iterator[list[View]]:
        order = torch.randperm(len(self.items), generator=generator(self.seed, "order", self.epoch)).tolist()
        for batch in islice(self._batches(order), self.skip, None):
            yield [self._view(item) for item in batch]

    def _batches(self, order: Sequence[int]) -> Iterator[list[int]]:
        """Yield the items of batches, each of one size, in the order in which they become complete."""
        waiting: dict[Size | None, list[int]] = {}
        first: dict[Size | None, list[int]] = {}
        for item in order:
            size = None if self.sizes is None else self.sizes[self.items[item].clip]
            waiting.setdefault(size, []).append(item)
            if len(first.setdefault(size, [])) < self.per_batch:
                first[size].append(item)
            if len(waiting[size]) == self.per_batch:
                yield waiting.pop(size)
        for size, rest in waiting.items():
            yield list(islice(chain(rest, cycle(first[size])), self.per_batch))

    def _view(self, item: int) -> View:
        clip, samples, anchor = self.items[item]
        random = generator(self.seed, f"window of epoch {self.epoch}", item)
        return View(clip, samples, tuple(draw_window(anchor, self.lengths[clip], self.frames, random)))


class WindowItem(NamedTuple):
    """What an epoch visits once: some samples of a clip on the frames around an anchor."""

    clip: int
    samples: tuple[int, ...]
    anchor: int


def list_items(extents: Sequence[tuple[int, int]], frames: int, expressions: int | None = 1) -> list[WindowItem]:
    """Return every item of an epoch; see :class:`WindowSampler`."""
    return [
        WindowItem(clip, tuple(range(first, min(first + step, samples))), anchor)
        for clip, (samples, length) in enumerate(extents)
        for step in [expressions or samples]
        for first in range(0, samples, step)
        for anchor in range(0, length, frames)
    ]


def count_batches(items: Sequence[WindowItem], sizes: Sequence[Size], per_batch: int) -> int:
    """Return how many batches an epoch has: those of every size are filled up."""
    return sum(-(-count // per_batch) for count in Counter(sizes[item.clip] for item in items).values())
