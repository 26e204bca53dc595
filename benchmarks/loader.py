"""Frames that the data loader delivers against those that ``tiny`` consumes: ``python benchmarks/loader.py``.

Consuming is a training step of the baseline on two threads, on batches of ``kitchen`` that are there. Delivering is
everything before it: rows and masks of the manifest, JPEGs where the dataset's cache is off or still empty, drawing,
augmenting, batching, by 0, 1 or 2 worker processes. Both are wall time on this machine, in turns; a ratio is the median
over rounds. ``train`` loads without workers, cached where a dataset takes less than 1 GiB, so the target is for those;
workers cost their start in every epoch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from torch.utils.data import DataLoader

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import MODELS
from actiseg_bench.records import Batch
from actiseg_bench.training.batches import EpochSampler, make_batch
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.train import descend, make_fabric, make_networks, make_optimizer, make_strategy
from actiseg_noise import build

CONFIG = RunConfig(device="cpu", threads=2)
TARGET = 3.0


def deliver(data: ManifestDataset, workers: int, epoch: int) -> Iterator[Batch]:
    """Yield the batches of an epoch, as a training makes them."""
    sampler = EpochSampler(data.groups, CONFIG.train.clips_per_batch, CONFIG.seed)
    sampler.epoch = epoch
    loader = DataLoader(data, batch_sampler=sampler, collate_fn=list, num_workers=workers)
    return (make_batch(items, CONFIG, step) for step, items in enumerate(loader))


def frames(batch: Batch) -> int:
    """Return how many pictures a batch has."""
    return batch.frames.shape[0] * batch.frames.shape[1]


class Consumer:
    """``tiny`` in training."""

    def __init__(self, data: ManifestDataset, batches: list[Batch]) -> None:
        self.fabric, self.batches = make_fabric(CONFIG), batches
        self.strategy = make_strategy(CONFIG, data)
        networks, _ = make_networks(CONFIG, 1, self.fabric.device)
        self.wrapped = [self.fabric.setup(networks[0].train(), make_optimizer(networks[0], CONFIG.train))]

    def rate(self) -> float:
        """Return frames per second."""
        start = time.perf_counter()
        for batch in self.batches:
            losses = self.strategy.step([network for network, _ in self.wrapped], batch, 0.0).losses
            descend(self.fabric, self.wrapped, losses, CONFIG.train.learning_rate, CONFIG.train.clip_norm)
        return sum(map(frames, self.batches)) / (time.perf_counter() - start)


def delivery_rate(data: ManifestDataset, workers: int, epoch: int) -> float:
    """Return frames per second over an epoch, the start of the workers included."""
    start = time.perf_counter()
    count = sum(frames(batch) for batch in deliver(data, workers, epoch))
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="training steps per round")
    options = parser.parse_args()
    torch.set_num_threads(CONFIG.threads)
    card = MODELS[CONFIG.model].card
    with tempfile.TemporaryDirectory() as folder:
        manifest = build("kitchen", recipe="mixed-40-15", out=Path(folder) / "manifest")
        sets = {
            name: ManifestDataset(manifest, size=card.input_size, mask_stride=card.mask_stride, cache=name == "cached")
            for name in ("cached", "uncached")
        }
        first = list(deliver(sets["cached"], 0, 0))  # fills the cache
        consumer = Consumer(sets["cached"], first[: options.steps])
        consumer.rate()
        cells = [(name, workers) for name in sets for workers in (0, 1, 2)]
        ratios: dict[tuple[str, int], list[tuple[float, float]]] = {cell: [] for cell in cells}
        for epoch in range(1, options.rounds + 1):
            for cell in cells:
                eaten = consumer.rate()
                found = delivery_rate(sets[cell[0]], cell[1], epoch)
                ratios[cell].append((found, found / eaten))
    print(f"{'loader':20s} {'frames/s':>10s} {'against tiny':>14s}  target")
    for (name, workers), found in ratios.items():
        ratio = median(r for _, r in found)
        verdict = "met" if ratio >= TARGET else "MISSED"
        print(
            f"{name}, {workers} workers  {median(f for f, _ in found):10.0f} {ratio:13.1f}× {TARGET:6.0f}×  {verdict}"
        )


if __name__ == "__main__":
    main()
