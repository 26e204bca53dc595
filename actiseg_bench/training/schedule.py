"""How fast every parameter learns at every step."""

from __future__ import annotations

import math

import torch
from torch import nn

from actiseg_bench.models.base import VosModel
from actiseg_bench.training.config import CONSTANT, STEPS, TrainConfig
from actiseg_noise.errors import ActisegError


def learning_rate(step: int, config: TrainConfig, epoch_steps: float) -> float:
    """Return the rate of a 0-based step: linear warm-up, then a cosine to zero, drops, or nothing.

    Args:
        epoch_steps: steps of an epoch.
    """
    warmup = max(1, round(config.warmup_share * config.steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == CONSTANT:
        return config.learning_rate
    if config.schedule == STEPS:
        dropped = sum(step >= round(epoch * epoch_steps) for epoch in config.drops)
        return config.learning_rate * config.drop_factor**dropped
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, config.steps - warmup)))


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW over what learns, in groups of one ``factor`` of the learning rate each; fused on CUDA.

    Raises:
        ActisegError: ``rates`` names parameters that the network does not have.
    """
    fresh = network.card.fresh if isinstance(network, VosModel) else ()
    factors = dict.fromkeys(fresh, config.fresh_factor) | config.rates
    _check_names(network, config.rates)
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(factor_of(name, factors), []).append(parameter)
    kept = [{"params": found, "factor": factor} for factor, found in groups.items() if found]
    fused = True if all(parameter.is_cuda for found in groups.values() for parameter in found) else None
    return torch.optim.AdamW(kept, lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused)


def factor_of(name: str, factors: dict[str, float]) -> float:
    """Return the factor of a parameter: that of the longest submodule name in ``factors`` it lies in, else 1."""
    found = [prefix for prefix in factors if is_within(name, prefix)]
    return factors[max(found, key=len)] if found else 1.0


def is_within(name: str, prefix: str) -> bool:
    """Say whether a parameter is called ``prefix`` or lies in the submodule of that name."""
    return name == prefix or name.startswith(f"{prefix}.")


def _check_names(network: nn.Module, rates: dict[str, float]) -> None:
    names = [name for name, _ in network.named_parameters()]
    for prefix in rates:
        if not any(is_within(name, prefix) for name in names):
            parts = ", ".join(dict.fromkeys(name.partition(".")[0] for name in names))
            raise ActisegError(
                f"rates in [train] names {prefix!r}, and {type(network).__name__} has no such parameters. "
                f"Its parts: {parts}"
            )
