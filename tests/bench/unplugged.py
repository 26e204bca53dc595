"""A training that is stopped half way and goes on: what it owes the one that nobody stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actiseg_bench.training.checkpoint import read_tensors
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.progress import Progress
from actiseg_bench.training.train import TrainOutcome, train_run


class UnpluggedError(Exception):
    """Somebody pulls the plug."""


def unplug_at(step: int, config: RunConfig) -> Progress:
    """Stop at a step of the run proper, whatever was trained before it."""

    def on_progress(done: int, total: int, loss: float) -> None:
        if done - (total - config.train.steps) == step:
            raise UnpluggedError

    return on_progress


def are_same(one: TrainOutcome, two: TrainOutcome) -> bool:
    """Return whether all parameters and losses are the same to the last bit."""
    pairs = [
        (a, b)
        for left, right in zip(one.networks, two.networks, strict=True)
        for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    ]
    return all(torch.equal(a, b) for a, b in pairs) and one.losses == two.losses


def check_goes_on(
    config: RunConfig, manifest: Path, root: Path, folder: Path, *, stop: int, save_every: int, kept: int
) -> None:
    """Train in one go, and with a stop at a step: both are the same, from the checkpoint of step ``kept`` on."""
    whole = train_run(config, manifest, root, folder=folder / "whole")
    part = folder / "part"
    with pytest.raises(UnpluggedError):
        train_run(config, manifest, root, folder=part, save_every=save_every, on_progress=unplug_at(stop, config))
    assert read_tensors(part / "training.safetensors")[1]["step"] == kept
    assert are_same(whole, train_run(config, manifest, root, folder=part, save_every=save_every))
