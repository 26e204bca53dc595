"""APL: an active loss that fits the label, normalised, and a passive one that unfits the other, added."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import focal
from actiseg_bench.strategies.base import STRATEGIES, PixelStrategy, Setting, StrategyCard
from actiseg_bench.strategies.gce import generalized_cross_entropy
from actiseg_bench.strategies.sce import reverse_cross_entropy
from actiseg_noise.errors import UnknownNameError

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
ACTIVE = ("nce", "nfl", "ngce", "gce")


def active_loss(name: str, logits: Tensor, target: Tensor, *, q: float) -> Tensor:
    """Return the active loss called ``name`` of every pixel; ``gce`` alone is not normalised."""

    def gce(x: Tensor, y: Tensor) -> Tensor:
        return generalized_cross_entropy(x, y, q=q)

    if name == "gce":
        return gce(logits, target)
    losses: dict[str, Loss] = {"nce": cross_entropy, "nfl": unweighted_focal, "ngce": gce}
    return normalized(losses[name], logits, target)


@STRATEGIES.register("apl")
class APL(PixelStrategy):
    """Replaces the mask focal term; dice and positive head as in the baseline."""

    card = StrategyCard(
        name="apl",
        title="APL",
        formula="2·(alpha·active + beta·passive) + 5·dice + 2·CE(positive), NCE = CE(p, y)/(CE(p, 0) + CE(p, 1))",
        source="Ma et al., ICML 2020, arXiv 2006.13554, eq. 10; NCE + RCE, 1 and 1 (CIFAR-10)",
        replaces="the mask focal term",
        defaults={
            "active": "nce",
            "passive": "rce",
            "alpha": 1.0,
            "beta": 1.0,
            "q": 0.7,
            "clamp_logits": None,
            "additive": False,
        },
        released={
            "active": "gce",
            "passive": "mae",
            "alpha": 10.0,
            "clamp_logits": 10.0,
            "additive": True,
        },
        meanings={
            "active": "nce, nfl, ngce; the published code has gce, not normalised and no active loss of the paper",
            "passive": "mae or rce",
            "alpha": "weight of the active loss",
            "beta": "weight of the passive loss",
            "q": "of ngce and gce",
            "clamp_logits": "logits are kept within this distance of 0; the published code has 10",
            "additive": "keep the focal term beside it; the published code does",
        },
    )

    def __init__(self, setting: Setting, options: dict[str, object] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        for name, known in (("active", ACTIVE), ("passive", tuple(PASSIVE))):
            if self.options[name] not in known:
                raise UnknownNameError(f"{name} loss of strategy 'apl'", self.options[name], known)

    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """See :class:`PixelStrategy`."""
        options, limit = self.options, self.options["clamp_logits"]
        x = logits if limit is None else logits.clamp(-limit, limit)
        active = active_loss(options["active"], x, target, q=options["q"])
        return options["alpha"] * active + options["beta"] * PASSIVE[options["passive"]](x, target)
