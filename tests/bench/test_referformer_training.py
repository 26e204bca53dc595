"""A ReferFormer that fits a CPU learns from noisy labels of ``kitchen`` under every strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from actiseg_bench.strategies.base import STRATEGIES, updates_before
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.train import make_options, train_run

OPTIONS: dict[str, dict[str, Any]] = {"npn": {"warmup_share": 0.0}}  # its loss is another one after the warm-up


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "frozen"])  # it trains no masks
def test_the_loss_falls(strategy: str, noisy_val: Path, kitchen_root: Path) -> None:
    few = TrainConfig(steps=12, clips_per_batch=2, samples_per_clip=1, frames_per_clip=2, learning_rate=3e-3)
    config = RunConfig(
        "referformer-mini",
        strategy,
        strategy_options=OPTIONS.get(strategy, {}),
        start_weights="none",
        device="cpu",
        threads=1,
        train=few,
    )
    losses: list[float] = []
    outcome = train_run(config, noisy_val, kitchen_root, on_progress=lambda step, steps, loss: losses.append(loss))
    before = updates_before(make_options(config), 12)
    assert len(losses) == outcome.steps == before + 12
    assert sum(losses[-4:]) < 0.95 * sum(losses[before : before + 4])
    names = set(outcome.networks[0].state_dict())
    assert not any("auxiliary" in name for name in names)  # what trains alone is gone
    assert all(torch.isfinite(value).all() for value in outcome.networks[0].state_dict().values())
