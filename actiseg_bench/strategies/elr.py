"""ELR: early-learning regularisation: every mask pixel keeps to what the network believed of it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from actiseg_bench.losses import combine, fit_label, mean_over_pixels, weigh
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.memory import PixelMemory, as_seen
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import LogUniform, Uniform

CLAMP = 1e-4
VISITS, BELIEF, BELIEF_BITS = 31, 2047, 11


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


@dataclass(frozen=True)
class ELROptions(Options):
    """See :class:`Options`."""

    beta: float = option(
        0.7,
        "how much of t an update keeps, at most .9, for which 31 updates are nearly all; the published code keeps .01",
        released=0.01,
        at_least=0,
        at_most=0.9,
        tune=Uniform(0.5, 0.9, "the paper: .7 on CIFAR-10, .9 on CIFAR-100"),
    )
    lambda_: float = option(
        3.0,
        "weight of the regulariser; 5e-4 in the published code",
        released=5e-4,
        at_least=0,
        tune=LogUniform(1, 10, "the paper: 3 on CIFAR-10, 7 on CIFAR-100"),
    )
    fit: Literal["ce", "focal"] = option(
        "ce", "what fits the label beside the regulariser; focal in the published code", released="focal"
    )
    regularise: Literal["target", "label"] = option(
        "target",
        "target: <t, p>; label: <y, p>, as in the published code, which stores t and never uses it, so that the term "
        "rewards memorising the label (that its noise never reached the training, for the data loader reads clean "
        "masks, is not imitated)",
        released="label",
    )
    initial: Literal["none", "background"] = option(
        "none",
        "t before its first update: none, 0 for both classes; background, as in the published code: 1 for the "
        "background",
        released="background",
    )
    updates: Literal["step", "layer"] = option(
        "step",
        "step: the last decoder layer updates t, once; layer: every layer does and is regularised by what it finds, "
        "the last one first, then from the first on, as in the published code; of a model of one layer they are the "
        "same",
        released="layer",
    )
    guided: bool = option(
        True,
        "action-guided weights, where a run has them, multiply the regulariser, too; in the published code the fit "
        "alone",
        released=False,
    )


@STRATEGIES.register("elr")
class ELR(Strategy):
    """The running target t is kept per mask pixel, updated once a step by the last decoder layer, before it is used.

    One t regularises every layer.

    Both classes of t start at 0: no belief, no regularisation. After n updates they sum to 1 - beta^n, so that n and
    the object's share of them are the whole of t: 2 bytes per mask pixel and frame.
    """

    card = StrategyCard(
        name="elr",
        title="ELR",
        formula="2·(CE + lambda·log(1 - <t, p>)) + 5·dice + 2·CE(positive), t ← beta·t + (1 - beta)·p",
        source="Liu et al., NeurIPS 2020, arXiv 2007.00151, section 4 and its code; beta .7, lambda 3 (CIFAR-10)",
        replaces="the mask focal term",
        options=ELROptions,
        cost="1.1×, and 2 bytes per mask pixel and frame",
        hurts="where the first beliefs are wrong: they are kept",
        robust=Robustness(mask="regularised towards earlier beliefs", layers="the last layer's t for all"),
        deviations="t is stored in 2047ths, and beyond 31 updates counts as complete",
    )

    options: ELROptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        self.memory: PixelMemory | None = None
        if self.options.regularise == "target":
            file = setting.folder and setting.folder / "elr.npy"
            self.memory = PixelMemory(setting.frames, setting.mask_size, dtype=np.uint16, file=file)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction = predict_view(networks[0], batch)
        logits = [layer.mask_logits.float() for layer in prediction.layers]
        beliefs = [x.sigmoid().clamp(CLAMP, 1 - CLAMP) for x in logits]
        targets = self.targets(batch, [p.detach() for p in beliefs])
        masks = [self.mask_term(*layer, batch) for layer in zip(logits, beliefs, targets, strict=True)]
        return Step([combine(masks, prediction, batch, self.setting.loss).mean()])

    def mask_term(self, logits: Tensor, p: Tensor, t: Tensor, batch: Batch) -> Tensor:
        """Return fit plus lambda·regulariser of every sample, ``[N]``, for one decoder layer.

        Args:
            logits, p: ``[N, T, h, w]``. t: ``[2, N, T, h, w]``.
        """
        fit = weigh(fit_label(self.options.fit, logits, batch.masks, self.setting.loss), batch.weights)
        regularizer = weigh(elr_regularizer(both(p), t), self.pixel_weights(batch))
        return mean_over_pixels(fit + self.options.lambda_ * regularizer)

    def targets(self, batch: Batch, beliefs: list[Tensor]) -> list[Tensor]:
        """Return the t that regularises each decoder layer, ``[2, N, T, h, w]``, of their beliefs, last layer first."""
        if self.memory is None:
            return [both(batch.masks)] * len(beliefs)
        if self.options.updates == "step":
            return [self.running_target(self.memory, batch, beliefs[0])] * len(beliefs)
        last, *earlier = beliefs
        found = [self.running_target(self.memory, batch, p) for p in (last, *reversed(earlier))]
        return [found[0], *reversed(found[1:])]

    def running_target(self, memory: PixelMemory, batch: Batch, p: Tensor) -> Tensor:
        """Return t ``[2, N, T, h, w]`` as the batch sees it, updated with the object's probabilities ``p``."""

        def rule(packed: Tensor, seen: Tensor) -> Tensor:
            t = update_target(self.target(packed[0]), both(seen[0]), self.options.beta)
            return pack(t[1] / t.sum(0), unpack(packed[0])[1] + 1)[None]

        return as_seen(self.target(memory.update(batch, p[None], rule)[0]), batch)

    def target(self, packed: Tensor) -> Tensor:
        """Return t ``[2, …]`` of what memory holds."""
        belief, visits = unpack(packed)
        if self.options.initial == "background":
            return both(belief)
        mass = 1 - self.options.beta ** torch.arange(VISITS + 1, device=packed.device)
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
