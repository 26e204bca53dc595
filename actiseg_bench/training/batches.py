"""Which clips a step sees, and what they become: every draw is addressed by (seed, purpose, step or epoch)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from actiseg_bench.data.transforms import add_strong_view, augment, perturb_features
from actiseg_bench.records import Batch, ClipItem, collate
from actiseg_bench.training.config import CLIP, RunConfig
from actiseg_noise.key import Key


class EpochSampler(Sampler[list[int]]):
    """Batches of clip positions; the order of an epoch depends on (seed, epoch) alone.

    Clips that show the same frames are visited together. A batch is filled with whole groups up to ``clips`` clips (a
    larger group is a batch of its own); the groups that do not fill the last batch wait for another epoch's order.

    Args:
        rank, world: of several processes, each takes every ``world``-th group of a batch.

    Attributes:
        epoch: which order comes next. skip: how many of its batches were used before.
    """

    def __init__(self, groups: list[list[int]], clips: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.groups, self.clips, self.seed, self.rank, self.world = groups, clips, seed, rank, world
        self.epoch = self.skip = 0

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(len(self.groups), generator=generator(self.seed, "order", self.epoch)).tolist()
        batches: list[list[list[int]]] = [[]]
        for group in (self.groups[i] for i in order):
            if batches[-1] and _clips(batches[-1]) + len(group) > self.clips:
                batches.append([])
            batches[-1].append(group)
        most = max(map(_clips, batches))
        full = [batch for batch in batches if _clips(batch) == most][self.skip :]
        return iter([[clip for group in batch[self.rank :: self.world] for clip in group] for batch in full])


def _clips(groups: list[list[int]]) -> int:
    """Return how many clips some groups have."""
    return sum(map(len, groups))


def step_seed(seed: int, purpose: str, step: int) -> int:
    """Return 56 bits addressed by (seed, purpose, step)."""
    return int.from_bytes(Key("train", seed).child(step).digest(purpose)[:7], "little")


def generator(seed: int, purpose: str, step: int) -> torch.Generator:
    """Return a torch generator addressed by (seed, purpose, step): nothing depends on what was drawn before."""
    return torch.Generator().manual_seed(step_seed(seed, purpose, step))


def draw_samples(item: ClipItem, count: int, random: torch.Generator) -> ClipItem:
    """Return the clip with at most ``count`` of its samples, drawn without repetition, in their order."""
    return item.take(torch.randperm(len(item.expressions), generator=random)[:count].sort().values.tolist())


def draw_frames(items: list[ClipItem], count: int | None, random: torch.Generator) -> list[ClipItem]:
    """Return the clips with ``count`` of their frames in temporal order; clips on the same frames get the same ones.

    A clip with fewer shows some twice. None shows all.
    """
    if count is None:
        return items
    chosen: dict[str, list[int]] = {}
    for item in items:
        if item.frames_id not in chosen:
            have = len(item.frame_idx)
            order = torch.cat([torch.randperm(have, generator=random) for _ in range(-(-count // have))])
            chosen[item.frames_id] = order[:count].sort().values.tolist()
    return [item.show(chosen[item.frames_id]) for item in items]


def make_batch(items: list[ClipItem], config: RunConfig, step: int, *, views: int = 1, stride: int = 1) -> Batch:
    """Draw samples and augment; every draw is addressed by (seed, step), so a second view changes nobody's first.

    Args:
        items: whole clips, of which frames and samples are drawn, or windows, which are shown as they are. Kept
            features are not augmented, but for a second view.
        stride: frame pixels per mask pixel, where augmentation makes the mask pixels (``AugmentConfig.scales``).
    """
    random = generator(config.seed, "batch", step)
    if config.train.item == CLIP:
        items = draw_frames(items, config.train.frames_per_clip, random)
        items = [draw_samples(item, config.train.samples_per_clip, random) for item in items]
    batch, how = collate(items), config.train.augment
    is_kept = items[0].frames.is_floating_point()
    if not is_kept:
        batch = augment(batch, how, random, stride)
    if views == 1:
        return batch
    strong = generator(config.seed, "strong view", step)
    return perturb_features(batch, how.strong, strong) if is_kept else add_strong_view(batch, how, strong)
