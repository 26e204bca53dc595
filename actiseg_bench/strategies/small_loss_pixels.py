"""Small-loss pixels: a trimmed mask loss, which leaves out the pixels that fit their label worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from actiseg_bench.losses import base_focal, combine, mean_where, weigh
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import LogUniform, Uniform


def smallest(losses: Tensor, region: Tensor, drop: float) -> Tensor:
    """Return where ``region`` is kept, bool: all of it but the ``drop`` share of largest losses of every sample.

    The rounded-down share of each sample's pixels in the region, exactly: of equal losses the first ones are dropped.

    Args:
        losses: ``[N, …]``. region: bool, the same shape.
    """
    flat, inside = losses.flatten(1), region.flatten(1)
    order = flat.masked_fill(~inside, -1.0).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    rank = torch.empty_like(order).scatter_(1, order, places)
    dropped = (drop * inside.sum(1, keepdim=True)).floor()
    return (inside & (rank >= dropped)).view_as(region)


def trimmed(losses: Tensor, label: Tensor, foreground: float, background: float) -> Tensor:
    """Return the pixels that a trimmed loss keeps, bool as ``label``: of the object and of the background apart.

    Iterative trimmed loss minimisation (Shen & Sanghavi, ICML 2019, arXiv 1810.11874, algorithm 1) over the pixels of
    every sample, stratified by the given label.

    Args:
        losses: of every pixel, at least 0, ``[N, …]``. label: bool, whether it is given as the object's.
        foreground, background: shares to drop.
    """
    return smallest(losses, label, foreground) | smallest(losses, ~label, background)


@dataclass(frozen=True)
class SmallLossPixelsOptions(Options):
    """See :class:`Options`."""

    foreground: float | None = option(
        None,
        "share of a sample's pixels given as the object that is dropped; null: the share that is wrong by the "
        "manifest, which is oracle knowledge",
        at_least=0,
        below=1,
        tune=Uniform(0, 0.5),
    )
    background: float | None = option(
        None, "the same of pixels given as background", at_least=0, below=1, tune=LogUniform(0.001, 0.1)
    )
    warmup_share: float = option(
        1 / 3,
        "share of the epochs over which both shares grow from 0",
        at_least=0,
        at_most=1,
        tune=Uniform(0.05, 0.75),
    )


@STRATEGIES.register("small_loss_pixels")
class SmallLossPixels(Strategy):
    """The focal loss over a sample's pixels of smallest loss; every decoder layer trims by its own losses."""

    card = StrategyCard(
        name="small_loss_pixels",
        title="Small-loss pixels",
        formula="2·mean of focal over the pixels kept + 5·dice + 2·CE(positive)",
        source="Shen & Sanghavi, ICML 2019, arXiv 1810.11874, algorithm 1: iterative trimmed loss minimisation",
        replaces="the mask focal term",
        options=SmallLossPixelsOptions,
        oracle="noise rates of object and background pixels",
        cost="1.1×",
        hurts="where thin parts and edges are right: they have the largest losses; against wrong texts it does nothing",
        robust=Robustness(mask="trimming of pixels"),
        deviations="pixels of a sample, where the paper trims samples; in every step, where it alternates, and with a "
        "warm-up; the focal loss of the baseline, whose order within a label is that of cross entropy",
    )

    options: SmallLossPixelsOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        o, known = self.options, setting.noise_rates
        if o.foreground is not None and o.background is not None:  # nothing that a user would not know
            self.card = replace(type(self).card, oracle="")  # type: ignore[misc]
        self.foreground = known.foreground if o.foreground is None else o.foreground
        self.background = known.background if o.background is None else o.background

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction = predict_view(networks[0], batch)
        pixels = [base_focal(layer.mask_logits, batch.masks, self.setting.loss) for layer in prediction.layers]
        kept = [self.kept(losses.detach(), batch.masks > 0.5, epoch) for losses in pixels]
        weights = self.pixel_weights(batch)
        masks = [mean_where(weigh(losses, weights), where) for losses, where in zip(pixels, kept, strict=True)]
        return Step([combine(masks, prediction, batch, self.setting.loss).mean()], trusted=kept[0])

    def kept(self, losses: Tensor, label: Tensor, epoch: float) -> Tensor:
        """Return the pixels kept when ``epoch`` epochs are completed, bool as ``label``."""
        warmup = self.options.warmup_share * self.setting.epochs
        grown = min(epoch / warmup, 1.0) if warmup > 0 else 1.0
        return trimmed(losses, label, grown * self.foreground, grown * self.background)

    def oracle(self) -> str:
        """See :class:`Strategy`."""
        return f"{self.card.oracle} {self.foreground:.3f}, {self.background:.3f}" if self.card.oracle else ""
