"""Checkpoints as published trainings write them, small."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actiseg_bench.models.base import MODELS
from actiseg_bench.models.referformer.model import ReferFormerMini, ReferFormerR101

State = dict[str, Tensor]
NAME = "published-mini"


class PublishedMini(ReferFormerMini):
    """The small network under the large one's rules: what start weights may lack, how much is predicted at once."""

    card = replace(ReferFormerR101.card, name=NAME, input_size=(32, 48), positive_threshold=0.5)


def drawn(seed: int = 0) -> PublishedMini:
    """Return an untrained network of this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PublishedMini()


def hollow_state(model: str) -> State:
    """Return a state of a model's names and shapes, of zeros that take no room: for models too large for a test."""
    with torch.device("meta"):
        outline = MODELS[model]()
    return {name: torch.zeros(1).expand(value.shape) for name, value in outline.state_dict().items()}


def without(state: State, *prefixes: str) -> State:
    return {name: value for name, value in state.items() if not name.startswith(prefixes)}


def write_pth(path: Path, state: State, **more: Any) -> Path:
    """Write what ActionVOS's training writes: model, optimizer, schedule, epoch, and options as a namespace."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=1e-4)
    weight.sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    options = Namespace(backbone="resnet101", lr_drop=[3, 5], lr=1e-4, device="cuda", pretrained_weights=None)
    stored = {"model": state, "optimizer": optimizer.state_dict(), "lr_scheduler": schedule.state_dict()}
    torch.save(stored | {"epoch": 5, "args": options} | more, path)
    return path


def names_below(state: Iterable[str], prefix: str) -> list[str]:
    return [name for name in state if name.startswith(f"{prefix}.")]
