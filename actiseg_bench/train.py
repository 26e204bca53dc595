"""One training run: the trainer owns optimizers, schedule and data; the strategy owns loss and memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler

from actiseg_bench.config import RunConfig, TrainConfig
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.transforms import add_strong_view, augment
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.weights import load_start_weights
from actiseg_bench.records import Batch, ClipItem, collate
from actiseg_bench.strategies.base import STRATEGIES, Setting, Strategy
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.key import Key

Progress = Callable[[int, int, float], None]


class NotFiniteError(ActisegError):
    """A loss became NaN or infinite; the message names step and clips."""


@dataclass(frozen=True)
class TrainOutcome:
    """What a training gives.

    Attributes:
        networks: trained networks in evaluation mode.
        losses: mean loss of every epoch, first network's first.
        steps: updates made. train_s: seconds, loading included.
        oracle: what the strategy was told that a user would not know, empty when nothing.
        weights: name and digest of the start weights.
    """

    networks: list[VosModel]
    losses: list[float]
    steps: int
    train_s: float
    oracle: str
    weights: str


def pick_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is CUDA where there is one.

    Raises:
        ActisegError: a device that this machine or this torch does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise ActisegError(f"--device {name}: not available here ({first_line}). Use cpu, cuda or auto.") from None
    return torch.device(name)


class EpochSampler(Sampler[list[int]]):
    """Batches of clip positions; the order of an epoch depends on (seed, epoch) alone.

    Clips that show the same frames are visited together. A batch is filled with whole groups up to ``clips`` clips (a
    larger group is a batch of its own); the groups that do not fill the last batch wait for another epoch's order.
    """

    def __init__(self, groups: list[list[int]], clips: int, seed: int) -> None:
        self.groups, self.clips, self.seed, self.epoch = groups, clips, seed, 0

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(len(self.groups), generator=generator(self.seed, "order", self.epoch)).tolist()
        batches: list[list[int]] = [[]]
        for group in (self.groups[i] for i in order):
            if batches[-1] and len(batches[-1]) + len(group) > self.clips:
                batches.append([])
            batches[-1] = batches[-1] + group
        full = [batch for batch in batches if len(batch) == max(map(len, batches))]
        return iter(full)


def generator(seed: int, purpose: str, step: int) -> torch.Generator:
    """Return a torch generator addressed by (seed, purpose, step): nothing depends on what was drawn before."""
    return torch.Generator().manual_seed(_seed(seed, purpose, step))


def _seed(seed: int, purpose: str, step: int) -> int:
    """Return 56 bits addressed by (seed, purpose, step)."""
    return int.from_bytes(Key("train", seed).child(step).digest(purpose)[:7], "little")


def draw_samples(item: ClipItem, count: int, random: torch.Generator) -> ClipItem:
    """Return the clip with at most ``count`` of its samples, drawn without repetition, in their order."""
    return item.take(torch.randperm(len(item.expressions), generator=random)[:count].sort().values.tolist())


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the rate of a 0-based step: linear warm-up, then a cosine to zero."""
    warmup = max(1, round(config.warmup_share * config.steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, config.steps - warmup)))


def make_networks(config: RunConfig, count: int, device: torch.device) -> tuple[list[VosModel], str]:
    """Return ``count`` networks with start weights and the weights' name; networks differ in their fresh parameters."""
    networks, name = [], "none"
    for i in range(count):
        seed = int.from_bytes(Key("network", config.seed, i).digest("init")[:7], "little")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = MODELS[config.model]()
        name = load_start_weights(network, config.start_weights, seed)
        networks.append(network.to(device).to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    return networks, name


def train_run(
    config: RunConfig, manifest: Path, root: Path | None = None, *, on_progress: Progress | None = None
) -> TrainOutcome:
    """Train as ``config`` says on the noisy labels of ``manifest``.

    Args:
        manifest: a manifest folder with content ``full``.
        root: where its images are; by default the dataset's usual place.
        on_progress: called after every step with (steps done, steps in all, loss).

    Raises:
        NotFiniteError: a loss that is NaN or infinite.
        ActisegError: unknown model, strategy, option or device; a manifest without masks; missing images.
    """
    torch.set_num_threads(config.threads)
    device = pick_device(config.device)
    started = time.perf_counter()
    card = MODELS[config.model].card
    data = ManifestDataset(
        manifest, root, size=card.input_size, mask_stride=card.mask_stride, targets=config.train.targets
    )
    raise_if(not len(data), f"{manifest}: the manifest has no clip with a sample; there is nothing to train on")
    strategy = make_strategy(config, data)
    networks, weights = make_networks(config, strategy.card.networks, device)
    torch.manual_seed(_seed(config.seed, "prepare", 0))
    strategy.prepare(networks)
    losses = fit(networks, strategy, data, config, device, on_progress)
    strategy.finish(networks)
    for network in networks:
        network.eval()
    oracle = f"{strategy.card.oracle} {strategy.setting.noise_rate:.3f}" if strategy.card.oracle else ""
    return TrainOutcome(networks, losses, config.train.steps, time.perf_counter() - started, oracle, weights)


def make_strategy(config: RunConfig, data: ManifestDataset) -> Strategy:
    """Return the strategy of a run, told what its card asks for."""
    epochs = config.train.steps / steps_per_epoch(data, config.train)
    setting = Setting(
        loss=config.train.loss,
        noise_rate=data.noise_rate,
        epochs=max(1, math.ceil(epochs)),
        frames=data.frames_of_samples,
        mask_size=data.mask_size,
        seed=config.seed,
    )
    return STRATEGIES[config.strategy](setting, config.strategy_options, config.variant)


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW with the fresh parameters of a model in a group of their own."""
    fresh = network.card.fresh if isinstance(network, VosModel) else ()
    prefixes = tuple(f"{name}." for name in fresh)
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for name, p in named if not name.startswith(prefixes)], "factor": 1.0},
        {"params": [p for name, p in named if name.startswith(prefixes)], "factor": config.fresh_factor},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=config.learning_rate, weight_decay=config.weight_decay
    )


def steps_per_epoch(data: ManifestDataset, config: TrainConfig) -> float:
    """Return the updates after which every clip was visited once."""
    return max(1.0, len(data) / config.clips_per_batch)


def fit(
    networks: Sequence[VosModel],
    strategy: Strategy,
    data: ManifestDataset,
    config: RunConfig,
    device: torch.device,
    on_progress: Progress | None,
) -> list[float]:
    """Run all steps; return the mean loss of every epoch."""
    train = config.train
    optimizers = [make_optimizer(network, train) for network in networks]
    sampler = EpochSampler(data.groups, train.clips_per_batch, config.seed)
    per_epoch = steps_per_epoch(data, train)
    loader = DataLoader(data, batch_sampler=sampler, collate_fn=list)
    for network in networks:
        network.train()
    history: list[list[float]] = []
    step = 0
    while step < train.steps:
        sampler.epoch = len(history)
        history.append([])
        for items in loader:
            batch = make_batch(items, config, step, views=strategy.card.views).to(device)
            rate = learning_rate(step, train)
            torch.manual_seed(_seed(config.seed, "step", step))  # what a network draws for itself has an address too
            loss = update(networks, optimizers, strategy, batch, rate, train.clip_norm, step / per_epoch, items)
            history[-1].append(loss)
            step += 1
            if on_progress:
                on_progress(step, train.steps, loss)
            if step == train.steps:
                break
    return [sum(epoch) / len(epoch) for epoch in history]


def make_batch(items: list[ClipItem], config: RunConfig, step: int, *, views: int = 1) -> Batch:
    """Draw samples and augment; every draw is addressed by (seed, step), so a second view changes nobody's first."""
    random = generator(config.seed, "batch", step)
    drawn = [draw_samples(item, config.train.samples_per_clip, random) for item in items]
    batch = augment(collate(drawn), config.train.augment, random)
    if views == 1:
        return batch
    return add_strong_view(batch, config.train.augment, generator(config.seed, "strong view", step))


def update(
    networks: Sequence[VosModel],
    optimizers: list[torch.optim.AdamW],
    strategy: Strategy,
    batch: Batch,
    rate: float,
    clip_norm: float,
    epoch: float,
    items: list[ClipItem],
) -> float:
    """Make one step of every network; return the first network's loss."""
    losses = strategy.step(networks, batch, epoch).losses
    for network, optimizer, loss in zip(networks, optimizers, losses, strict=True):
        if not torch.isfinite(loss):
            clips = ", ".join(item.clip_id for item in items)
            raise NotFiniteError(f"the loss is {loss.item()} at epoch {epoch:.2f}, clips {clips}")
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        optimizer.step()
    return losses[0].item()
