"""Which clips a step sees, and what they become: every draw is addressed by (seed, purpose, step or epoch)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch.utils.data import Sampler

from actiseg_bench.data.cut_items import read_cut
from actiseg_bench.data.cuts import whole
from actiseg_bench.data.manifest_dataset import ManifestDataset, View, frames_id_of
from actiseg_bench.data.scales import cut_affine
from actiseg_bench.data.transforms import Part, add_strong_view, augment, augment_cut, draw_moves, perturb_features
from actiseg_bench.records import Batch, ClipItem, collate
from actiseg_bench.training.config import CLIP, RunConfig, TrainConfig
from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key


class EpochSampler(Sampler[list[int]]):
    """Batches of clip positions; the order of an epoch depends on (seed, epoch) alone.

    Clips that show the same frames are visited together. A batch is filled with whole groups up to ``clips`` clips (a
    larger group is a batch of its own); the groups that do not fill the last batch wait for another epoch's order.

    Attributes:
        epoch: which order comes next. skip: how many of its batches were used before.
    """

    def __init__(self, groups: list[list[int]], clips: int, seed: int) -> None:
        self.groups, self.clips, self.seed = groups, clips, seed
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
        return iter([[clip for group in batch for clip in group] for batch in full])


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
    return item.take(_draw(len(item.expressions), count, random))


def _draw(have: int, count: int, random: torch.Generator) -> list[int]:
    """Return ``count`` positions of ``have``, ascending, or all of them."""
    return torch.randperm(have, generator=random)[:count].sort().values.tolist()


def draw_frames(items: list[ClipItem], count: int | None, random: torch.Generator) -> list[ClipItem]:
    """Return the clips with ``count`` of their frames; see :func:`draw_places`."""
    places = draw_places([(item.frames_id, len(item.frame_idx)) for item in items], count, random)
    return [item if shown is None else item.show(shown) for item, shown in zip(items, places, strict=True)]


def draw_places(
    sequences: Sequence[tuple[str, int]], count: int | None, random: torch.Generator
) -> list[list[int] | None]:
    """Return ``count`` positions in temporal order of every clip's frames; clips on the same frames get the same ones.

    A clip with fewer shows some twice. None shows all.

    Args:
        sequences: name and length of every clip's frames.
    """
    if count is None:
        return [None] * len(sequences)
    chosen: dict[str, list[int]] = {}
    for name, have in sequences:
        if name not in chosen:
            order = torch.cat([torch.randperm(have, generator=random) for _ in range(-(-count // have))])
            chosen[name] = order[:count].sort().values.tolist()
    return [chosen[name] for name, _ in sequences]


def deal(frames_of: Sequence[int], world: int) -> list[list[int]]:
    """Return the positions of the samples that each of ``world`` processes gets, ascending; none twice.

    Sequences stay whole where there are enough of them: each goes to the process with the fewest samples so far.

    Args:
        frames_of: the sequence of each sample, ascending.

    >>> deal([0, 0, 0, 1, 1, 2], 2)
    [[0, 1, 2], [3, 4, 5]]
    >>> deal([0, 0, 0], 2)
    [[0, 2], [1]]
    """
    sequences = sorted(set(frames_of))
    if len(sequences) < world:
        return [list(range(len(frames_of)))[rank::world] for rank in range(world)]
    found: list[list[int]] = [[] for _ in range(world)]
    for sequence in sequences:
        fewest = min(found, key=len)
        fewest += [place for place, one in enumerate(frames_of) if one == sequence]
    return found


def read_batch(
    data: ManifestDataset,
    asked: Sequence[int | View],
    config: RunConfig,
    step: int,
    *,
    views: int = 1,
    rank: int = 0,
    world: int = 1,
) -> tuple[Batch, int | None]:
    """Return the batch of an update, read from a dataset: what :func:`make_batch` makes of its items.

    Where items are not kept in memory, the draws come first and nothing is read but what they show: of an update that
    ``world`` processes share (:func:`deal`), the part of process ``rank``. Its draws are those of the whole.

    Returns:
        The batch, and how many samples the whole update has; None where the batch is all of it.

    Args:
        asked: positions of clips, or views of them. step: of the update, the address of all its draws.

    Raises:
        ActisegError: see :meth:`ManifestDataset.__getitem__`; clips of several sizes.
    """
    stride, scales = data.mask_stride, config.train.augment.scales
    if data.is_at_hand:
        return make_batch([data[item] for item in asked], config, step, views=views, stride=stride), None
    random = generator(config.seed, "batch", step)
    shown = [item for item in asked if isinstance(item, View)]
    if not shown:
        shown = _draw_views(data, [item for item in asked if isinstance(item, int)], config.train, random)
    clips = [(view, data.shown_frames(data.clip_ids[view.clip])) for view in shown]
    names = [(frames_id_of(frames), view.frames) for view, frames in clips]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    sequences = [order[name] for name in names]
    own, samples = take_part(shown, sequences, rank, world)
    part = Part(len(order), tuple(sorted({sequence for _, sequence in own})))
    if scales is None:
        batch = collate([data[view] for view, _ in own])
        return _augmented(batch, config, step, random, views, stride, part), samples
    sizes = {data.size_of([frames[i] for i in view.frames]) for view, frames in clips}
    raise_if(len(sizes) > 1, f"clips of one update are seen in several sizes, {sorted(sizes)}: pass --clips 1")
    (size,) = sizes
    moves = draw_moves(part.total, size, config.train.augment, random, stride)
    cut, mirrored = moves.cut or whole(size), moves.flipped.tolist()
    items = [read_cut(data, view, cut, is_mirrored=mirrored[sequence]) for view, sequence in own]
    batch = replace(collate(items), affine=cut_affine(cut, size).repeat(len(part.own), 1, 1))
    batch = augment_cut(batch, moves.flipped, config.train.augment, random, part)
    return _with_views(batch, config, step, views, is_kept=False, part=part), samples


def take_part(
    shown: Sequence[View], sequences: Sequence[int], rank: int, world: int
) -> tuple[list[tuple[View, int]], int | None]:
    """Return what one of ``world`` processes reads of an update: views with their sequences; see :func:`deal`.

    Args:
        sequences: of the views, which sequence of frames each one shows, counted as they come.

    Returns:
        Views, and how many samples the update has; all views and None where there is nothing to share.
    """
    views = sorted(zip(shown, sequences, strict=True), key=lambda pair: pair[1])
    owners = [sequence for view, sequence in views for _ in view.samples]
    mine = deal(owners, world)
    if world == 1 or not all(mine):
        return list(zip(shown, sequences, strict=True)), None
    kept = set(mine[rank])
    found, place = [], 0
    for view, sequence in views:
        taken = tuple(sample for i, sample in enumerate(view.samples, place) if i in kept)
        place += len(view.samples)
        if taken:
            found.append((view._replace(samples=taken), sequence))
    return found, len(owners)


def _draw_views(data: ManifestDataset, clips: list[int], config: TrainConfig, random: torch.Generator) -> list[View]:
    """Draw the frames and samples of whole clips, as :func:`make_batch` does."""
    names = [data.clip_ids[clip] for clip in clips]
    pictures = [data.shown_frames(name) for name in names]
    sequences = [(frames_id_of(frames), len(frames)) for frames in pictures]
    chosen = draw_places(sequences, config.frames_per_clip, random)
    samples = [_draw(len(data.without_masks(name).samples), config.samples_per_clip, random) for name in names]
    return [
        View(clip, tuple(taken), tuple(range(have)) if frames is None else tuple(frames))
        for clip, taken, frames, (_, have) in zip(clips, samples, chosen, sequences, strict=True)
    ]


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
    is_kept = items[0].frames.is_floating_point()
    if is_kept:
        return _with_views(collate(items), config, step, views, is_kept=True)
    return _augmented(collate(items), config, step, random, views, stride)


def _augmented(
    batch: Batch,
    config: RunConfig,
    step: int,
    random: torch.Generator,
    views: int,
    stride: int,
    part: Part | None = None,
) -> Batch:
    """Return a batch of pictures augmented, with as many views as a strategy wants."""
    moved = augment(batch, config.train.augment, random, stride, part)
    return _with_views(moved, config, step, views, is_kept=False, part=part)


def _with_views(
    batch: Batch, config: RunConfig, step: int, views: int, *, is_kept: bool, part: Part | None = None
) -> Batch:
    """Return a batch with a second view where a strategy wants one, of pictures or of kept features."""
    if views == 1:
        return batch
    how = config.train.augment
    strong = generator(config.seed, "strong view", step)
    return perturb_features(batch, how.strong, strong) if is_kept else add_strong_view(batch, how, strong, part)
