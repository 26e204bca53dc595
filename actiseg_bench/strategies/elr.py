"""ELR: early-learning regularisation: every mask pixel keeps to what the network believed of it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import combine, focal, mean_over_pixels
from actiseg_bench.memory import PixelMemory, as_seen
from actiseg_bench.records import Batch, Network
from actiseg_bench.strategies.base import STRATEGIES, Setting, Step, Strategy, StrategyCard
from actiseg_noise.errors import UnknownNameError, raise_if

CLAMP = 1e-4
VISITS, BELIEF, BELIEF_BITS = 31, 2047, 11
CHOICES = {"fit": ("ce", "focal"), "regularise": ("target", "label"), "initial": ("none", "background")}


def both(p: Tensor) -> Tensor:
    """Return (background, object), ``[2, …]``, for the probability of the object."""
    return torch.stack([1 - p, p])


def update_target(t: Tensor, p: Tensor, beta: float) -> Tensor:
    """Return beta·t + (1 - beta)·p (Liu et al., arXiv 2007.00151, section 4), ``[2, …]``: background, object."""
    return beta * t + (1 - beta) * p


def elr_regularizer(p: Tensor, t: Tensor) -> Tensor:
    """Return log(1 - <t, p>) of every pixel (arXiv 2007.00151, section 4), for ``[2, …]`` each.

    <t, p> is the sum over background and object; with t of sum 1 it is t·p + (1 - t)(1 - p).
    """
    return (1 - (t * p).sum(0)).log()


def pack(belief: Tensor, visits: Tensor) -> Tensor:
    """Return 16 bits as int32: the number of updates, at most 31, in the upper five, the belief in 2047ths below."""
    return (visits.clamp(max=VISITS) << BELIEF_BITS) + (belief * BELIEF).round().int()


def unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Return (belief in the object, number of updates) of :func:`pack`."""
    return (packed & BELIEF) / BELIEF, packed >> BELIEF_BITS


@STRATEGIES.register("elr")
class ELR(Strategy):
    """The running target t is kept per mask pixel, updated once a step, before it is used.

    Both classes of t start at 0: no belief, no regularisation. After n updates they sum to 1 - beta^n, so that n and
    the object's share of them are the whole of t: 2 bytes per mask pixel and frame.

    Raises:
        ActisegError: a beta for which 31 updates are not nearly all: above .9.
    """

    card = StrategyCard(
        name="elr",
        title="ELR",
        formula="2·(CE + lambda·log(1 - <t, p>)) + 5·dice + 2·CE(positive), t ← beta·t + (1 - beta)·p",
        source="Liu et al., NeurIPS 2020, arXiv 2007.00151, section 4 and its code; beta .7, lambda 3 (CIFAR-10)",
        replaces="the mask focal term",
        defaults={"beta": 0.7, "lambda": 3.0, "fit": "ce", "regularise": "target", "initial": "none"},
        released={
            "beta": 0.01,
            "lambda": 5e-4,
            "fit": "focal",
            "regularise": "label",
            "initial": "background",
        },
        meanings={
            "beta": "how much of t an update keeps, at most .9; the published code keeps .01 and updates once per "
            "decoder layer, of which a model of one layer has no counterpart",
            "lambda": "weight of the regulariser; 5e-4 in the published code",
            "fit": "ce, or focal as in the published code: what fits the label beside the regulariser",
            "regularise": "target: <t, p>; label: <y, p>, as in the published code, which stores t and never uses it, "
            "so that the term rewards memorising the label (that its noise never reached the training, for the data "
            "loader reads clean masks, is not imitated)",
            "initial": "t before its first update: none, 0 for both classes; background, as in the published code: "
            "1 for the background",
        },
        cost="1.1×, and 2 bytes per mask pixel and frame",
        hurts="where the first beliefs are wrong: they are kept",
    )

    def __init__(self, setting: Setting, options: dict[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        for name, known in CHOICES.items():
            if self.options[name] not in known:
                raise UnknownNameError(f"{name} of strategy 'elr'", self.options[name], known)
        beta = self.options["beta"]
        raise_if(not 0 <= beta <= 0.9, f"beta of strategy 'elr' must be from 0 to .9, got {beta}")
        self.memory: PixelMemory | None = None
        if self.options["regularise"] == "target":
            file = setting.folder and setting.folder / "elr.npy"
            self.memory = PixelMemory(setting.frames, setting.mask_size, dtype=np.uint16, file=file)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction, config = networks[0](batch.frames, batch.expressions, batch.frames_of), self.setting.loss
        logits = prediction.mask_logits.float()
        p = logits.sigmoid().clamp(CLAMP, 1 - CLAMP)
        t = both(batch.masks) if self.memory is None else self.running_target(self.memory, batch, p.detach())
        pixels = self.fit(logits, batch.masks) + self.options["lambda"] * elr_regularizer(both(p), t)
        return Step([combine(mean_over_pixels(pixels), prediction, batch, config).mean()])

    def fit(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every pixel that fits the label, same shape as ``logits``."""
        config = self.setting.loss
        if self.options["fit"] == "focal":
            return focal(logits, target, alpha=config.focal_alpha, gamma=config.focal_gamma)
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none")

    def running_target(self, memory: PixelMemory, batch: Batch, p: Tensor) -> Tensor:
        """Return t ``[2, N, T, h, w]`` as the batch sees it, updated with the object's probabilities ``p``."""

        def rule(packed: Tensor, seen: Tensor) -> Tensor:
            t = update_target(self.target(packed[0]), both(seen[0]), self.options["beta"])
            return pack(t[1] / t.sum(0), unpack(packed[0])[1] + 1)[None]

        return as_seen(self.target(memory.update(batch, p[None], rule)[0]), batch)

    def target(self, packed: Tensor) -> Tensor:
        """Return t ``[2, …]`` of what memory holds."""
        belief, visits = unpack(packed)
        if self.options["initial"] == "background":
            return both(belief)
        mass = 1 - self.options["beta"] ** torch.arange(VISITS + 1, device=packed.device)
        return both(belief) * mass[visits]

    def state(self) -> dict[str, Tensor]:
        """See :class:`Strategy`."""
        return {} if self.memory is None else {"target": self.memory.state()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See :class:`Strategy`."""
        if self.memory is not None:
            self.memory.load_state(state["target"])

    def finish(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        if self.memory is not None:
            self.memory.close()
