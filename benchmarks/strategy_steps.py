"""Time of a training step of every strategy against the baseline's: ``python benchmarks/strategy_steps.py``.

A step is forward, loss, memory, backward and update of every network that the strategy has, on ``tiny`` or ``--model``,
with batches of ``kitchen`` as the default configuration makes them; loading is not in it. Strategies take turns on
every batch, at a point of the run after all warm-ups, where a step costs most. Times are CPU seconds on one thread,
which a busy machine moves least; a ratio is the median over batches of that to the baseline's on the same batch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.models.base import MODELS
from actiseg_bench.records import Batch
from actiseg_bench.strategies.base import STRATEGIES, Strategy
from actiseg_bench.training.batches import EpochSampler, make_batch
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.devices import make_fabric
from actiseg_bench.training.train import descend, make_networks, make_optimizer, make_strategy
from actiseg_noise import build

CONFIG = RunConfig(device="cpu", threads=1)
TARGETS = {"sce": 1.15, "gce": 1.15, "apl": 1.15, "elr": 1.15, "pmhm": 1.3, "co_teaching": 2.2, "npn": 2.2}


@dataclass
class Contender:
    """A strategy with its networks and their optimizers, as fabric wraps them, and the seconds of its steps."""

    title: str
    strategy: Strategy
    wrapped: list[tuple[Any, Any]]
    seconds: list[float]

    def step(self, fabric: Fabric, batch: Batch) -> None:
        """Make one update and note what it took."""
        start = time.process_time()
        networks = [network for network, _ in self.wrapped]
        losses = self.strategy.step(networks, batch, 0.9 * self.strategy.setting.epochs).losses
        descend(fabric, self.wrapped, losses, CONFIG.train.learning_rate, CONFIG.train.clip_norm)
        self.seconds.append(time.process_time() - start)


def make_contender(name: str, variant: str, model: str, data: ManifestDataset, fabric: Fabric) -> Contender:
    """Return a strategy ready for its first step; a model without bundled weights starts from drawn ones."""
    start = "none" if MODELS[model].card.start_weights is None else "bundled"
    config = replace(CONFIG, model=model, start_weights=start, strategy=name, variant=variant)
    strategy = make_strategy(config, data)
    networks, _ = make_networks(config, strategy.card.networks, fabric.device)
    strategy.prepare(networks)
    wrapped = [fabric.setup(network.train(), make_optimizer(network, config.train)) for network in networks]
    return Contender(name if variant == "faithful" else f"{name}@{variant}", strategy, wrapped, [])


def load_data(folder: Path, model: str) -> ManifestDataset:
    """Return noisy ``kitchen`` as a model reads it, built into ``folder``."""
    manifest = build("kitchen", recipe="mixed-40-15", out=folder / "manifest")
    card = MODELS[model].card
    return ManifestDataset(manifest, size=card.input_size, mask_stride=card.mask_stride)


def batches(data: ManifestDataset, count: int) -> list[Batch]:
    """Return the first batches of a run, with the strong view that some strategies need."""
    sampler, found = EpochSampler(data.groups, CONFIG.train.clips_per_batch, CONFIG.seed), []
    while len(found) < count:
        found += [make_batch([data[i] for i in batch], CONFIG, len(found), views=2) for batch in sampler]
        sampler.epoch += 1
    return found[:count]


def show(contender: Contender, baseline: Contender, warm: int) -> None:
    """Print one row."""
    seconds = contender.seconds[warm:]
    ratio = median(s / b for s, b in zip(seconds, baseline.seconds[warm:], strict=True))
    target = TARGETS.get(contender.title.partition("@")[0])
    verdict = "" if target is None else f"{target:6.2f}  {'met' if ratio <= target else 'MISSED'}"
    memory = getattr(contender.strategy, "memory", None)
    store = f"{memory.bytes_per_pixel} bytes/pixel, {memory.bytes / 2**20:.1f} MiB" if memory else ""
    print(f"{contender.title:22s} {1e3 * median(seconds):8.1f} ms  {ratio:6.3f} {verdict:14s} {store}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm", type=int, default=3, help="steps that are not counted")
    parser.add_argument("--strategy", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--model", default=CONFIG.model)
    options = parser.parse_args()
    torch.set_num_threads(CONFIG.threads)
    fabric = make_fabric(CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        data = load_data(Path(folder), options.model)
        names = dict.fromkeys(chain(["baseline"], options.strategy))
        methods = [(name, variant) for name in names for variant in STRATEGIES[name].card.variants]
        contenders = [make_contender(*method, options.model, data, fabric) for method in methods]
        for number, batch in enumerate(batches(data, options.warm + options.steps)):
            turn = number % len(contenders)
            for contender in contenders[turn:] + contenders[:turn]:
                contender.step(fabric, batch)
    print(f"{'strategy':22s} {'a step':>8s}     {'ratio':>6s} target")
    for contender in contenders:
        show(contender, contenders[0], options.warm)


if __name__ == "__main__":
    main()
