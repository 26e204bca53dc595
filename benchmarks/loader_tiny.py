"""Frames that the loader delivers from memory against those that ``tiny`` consumes, for ``loader.py``."""

from __future__ import annotations

import time
from pathlib import Path

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import MODELS
from actiseg_bench.records import Batch
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.devices import make_fabric
from actiseg_bench.training.items import make_sampler
from actiseg_bench.training.loading import BatchReader, iter_loaded, iter_requests
from actiseg_bench.training.train import descend, make_networks, make_optimizer, make_strategy
from actiseg_noise import build

CONFIG = RunConfig(device="cpu", threads=1)
STEPS = 6  # of a round


def measure(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Return frames per CPU second that are delivered, and that are consumed, of every round."""
    card = MODELS[CONFIG.model].card
    manifest = build("kitchen", recipe="mixed-40-15", out=folder / "kitchen")
    data = ManifestDataset(manifest, size=card.input_size, mask_stride=card.mask_stride, cache=True)
    deliver(data)  # fills the cache
    consumer = Consumer(data)
    consumer.rate()
    found = [(delivery_rate(data), consumer.rate()) for _ in range(rounds)]
    return [one for one, _ in found], [two for _, two in found]


def deliver(data: ManifestDataset) -> list[Batch]:
    """Return the first batches of a training."""
    requests = iter_requests(make_sampler(data, CONFIG), 0, 0, 0, CONFIG.train.steps)
    return [one.batch for one in iter_loaded(BatchReader(data, CONFIG, 1), requests, 0) if one.batch is not None]


def delivery_rate(data: ManifestDataset) -> float:
    """Return frames per CPU second."""
    start = time.process_time()
    count = sum(map(frames, deliver(data)))
    return count / (time.process_time() - start)


def frames(batch: Batch) -> int:
    """Return how many pictures a batch has."""
    return batch.frames.shape[0] * batch.frames.shape[1]


class Consumer:
    """``tiny`` in training."""

    def __init__(self, data: ManifestDataset) -> None:
        self.fabric, self.batches = make_fabric(CONFIG), deliver(data)[:STEPS]
        self.strategy = make_strategy(CONFIG, data)
        networks, _ = make_networks(CONFIG, 1, self.fabric.device)
        self.wrapped = [self.fabric.setup(networks[0].train(), make_optimizer(networks[0], CONFIG.train))]

    def rate(self) -> float:
        """Return frames per CPU second."""
        start = time.process_time()
        for batch in self.batches:
            losses = self.strategy.step([network for network, _ in self.wrapped], batch, 0.0).losses
            descend(self.fabric, self.wrapped, losses, CONFIG.train.learning_rate, CONFIG.train.clip_norm)
        return sum(map(frames, self.batches)) / (time.process_time() - start)
