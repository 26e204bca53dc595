"""APL: an active loss that fits the label, normalised, and a passive one that unfits the other, added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import focal
from actiseg_bench.strategies.base import STRATEGIES, PixelOptions, PixelStrategy, Robustness, StrategyCard
from actiseg_bench.strategies.gce import generalized_cross_entropy
from actiseg_bench.strategies.options import option
from actiseg_bench.strategies.ranges import LogUniform, OneOf
from actiseg_bench.strategies.sce import reverse_cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]


def normalized(loss: Loss, logits: Tensor, target: Tensor) -> Tensor:
    """Return L(f, y) / Σ_k L(f, k) of every pixel (Ma et al., arXiv 2006.13554, eq. 4), in [0, 1], as ``logits``."""
    total = loss(logits, torch.ones_like(target)) + loss(logits, torch.zeros_like(target))
    return loss(logits, target) / total.clamp_min(1e-12)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return CE of every pixel."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def unweighted_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Return (1 - p_y)^.5 CE of every pixel: the focal loss of the paper's NFL, gamma .5, without class weights.

    Logits are kept within 15: at a saturated sigmoid the root has no finite slope.
    """
    return 2 * focal(logits.clamp(-15, 15), target, alpha=0.5, gamma=0.5)


def mean_absolute_error(logits: Tensor, target: Tensor) -> Tensor:
    """Return |p - y| of every pixel, 1 - p_y for a soft label; half of the paper's sum over two classes."""
    p = logits.sigmoid()
    return p + target - 2 * p * target


PASSIVE: dict[str, Loss] = {"mae": mean_absolute_error, "rce": reverse_cross_entropy}


def active_loss(name: str, logits: Tensor, target: Tensor, *, q: float) -> Tensor:
    """Return the active loss called ``name`` of every pixel; ``gce`` alone is not normalised."""

    def gce(x: Tensor, y: Tensor) -> Tensor:
        return generalized_cross_entropy(x, y, q=q)

    if name == "gce":
        return gce(logits, target)
    losses: dict[str, Loss] = {"nce": cross_entropy, "nfl": unweighted_focal, "ngce": gce}
    return normalized(losses[name], logits, target)


@dataclass(frozen=True)
class APLOptions(PixelOptions):
    """See :class:`Options`."""

    active: Literal["nce", "nfl", "ngce", "gce"] = option(
        "nce",
        "the active loss; the published code has gce, not normalised and no active loss of the paper",
        released="gce",
        tune=OneOf(("nce", "nfl"), "the paper's combinations"),
    )
    passive: Literal["mae", "rce"] = option(
        "rce", "the passive loss", released="mae", tune=OneOf(("mae", "rce"), "the paper's combinations")
    )
    alpha: float = option(
        1.0,
        "weight of the active loss",
        released=10.0,
        at_least=0,
        tune=LogUniform(1, 10, "the paper: 1 on CIFAR-10, 10 on CIFAR-100"),
    )
    beta: float = option(
        1.0,
        "weight of the passive loss",
        at_least=0,
        tune=LogUniform(0.1, 1, "the paper: 1 on CIFAR-10, .1 on CIFAR-100"),
    )
    q: float = option(0.7, "of ngce and gce", above=0, at_most=1)
    clamp_logits: float | None = option(
        None, "logits are kept within this distance of 0; the published code has 10", released=10.0, above=0
    )
    additive: bool = option(False, "keep the focal term beside it; the published code does", released=True)


@STRATEGIES.register("apl")
class APL(PixelStrategy):
    """Replaces the mask focal term; dice and positive head as in the baseline."""

    card = StrategyCard(
        name="apl",
        title="APL",
        formula="2·(alpha·active + beta·passive) + 5·dice + 2·CE(positive), NCE = CE(p, y)/(CE(p, 0) + CE(p, 1))",
        source="Ma et al., ICML 2020, arXiv 2006.13554, eq. 10; NCE + RCE, 1 and 1 (CIFAR-10)",
        replaces="the mask focal term",
        options=APLOptions,
        robust=Robustness(mask="bounded loss of pixels"),
        deviations="nfl has the slope of its equation; the official code holds (1 - p_y)^gamma constant, so that its "
        "gradient is another one",
    )

    options: APLOptions

    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """See :class:`PixelStrategy`."""
        o = self.options
        x = logits if o.clamp_logits is None else logits.clamp(-o.clamp_logits, o.clamp_logits)
        return o.alpha * active_loss(o.active, x, target, q=o.q) + o.beta * PASSIVE[o.passive](x, target)
