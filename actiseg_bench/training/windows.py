"""Training items of one expression on a few frames around an anchor, as ActionVOS's training draws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import torch
from torch.utils.data import Sampler

from actiseg_bench.data.manifest_dataset import View
from actiseg_bench.training.batches import generator
from actiseg_noise.errors import raise_if

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

    The order depends on (seed, epoch) alone, and a view's frames on (seed, epoch, which item) alone. The last batch is
    filled up from the start of the order.

    Args:
        extents: (samples, frames) of every clip.
        frames: of a view. items: of a batch.
        rank, world: of several processes, each takes every ``world``-th item of a batch.

    Attributes:
        epoch: which order comes next. skip: how many of its batches were used before.

    Raises:
        ActisegError: batches that the processes cannot share evenly.
    """

    def __init__(
        self, extents: Sequence[tuple[int, int]], frames: int, items: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        raise_if(
            items % world != 0,
            f"{items} items of one update cannot be shared by {world} processes evenly: let --clips (clips_per_batch) "
            f"be a multiple of {world}",
        )
        self.items = list_items(extents, frames)
        self.lengths = [length for _, length in extents]
        self.frames, self.per_batch, self.seed, self.rank, self.world = frames, items, seed, rank, world
        self.epoch = self.skip = 0

    def __iter__(self) -> Iterator[list[View]]:
        order = torch.randperm(len(self.items), generator=generator(self.seed, "order", self.epoch)).tolist()
        batches = -(-len(order) // self.per_batch)
        full = list(islice(cycle(order), batches * self.per_batch))
        for batch in range(self.skip, batches):
            mine = full[batch * self.per_batch : (batch + 1) * self.per_batch][self.rank :: self.world]
            yield [self._view(item) for item in mine]

    def _view(self, item: int) -> View:
        clip, sample, anchor = self.items[item]
        random = generator(self.seed, f"window of epoch {self.epoch}", item)
        return View(clip, (sample,), tuple(draw_window(anchor, self.lengths[clip], self.frames, random)))


def list_items(extents: Sequence[tuple[int, int]], frames: int) -> list[tuple[int, int, int]]:
    """Return (clip, sample, anchor) of every item of an epoch."""
    return [
        (clip, sample, anchor)
        for clip, (samples, length) in enumerate(extents)
        for sample in range(samples)
        for anchor in range(0, length, frames)
    ]
