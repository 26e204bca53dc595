"""SCE: symmetric cross entropy on the mask: cross entropy, and the same with label and prediction exchanged."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.strategies.base import STRATEGIES, PixelOptions, PixelStrategy, Robustness, StrategyCard
from actiseg_bench.strategies.options import option
from actiseg_bench.strategies.ranges import LogUniform, OneOf, Uniform

LOG_ZERO = math.log(1e-4)


def reverse_cross_entropy(logits: Tensor, target: Tensor, *, log_zero: float = LOG_ZERO) -> Tensor:
    """Return -Σ_k p_k log y_k of every pixel with log 0 := A (Wang et al., arXiv 1908.06112, eq. 5), as ``logits``.

    For a label of 0 or 1 that is -A·|p - y|. A soft label counts as that share of a 1: -A·(p + y - 2py).
    """
    p = logits.sigmoid()
    return -log_zero * (p + target - 2 * p * target)


def symmetric_cross_entropy(
    logits: Tensor, target: Tensor, *, alpha: float, beta: float, log_zero: float = LOG_ZERO
) -> Tensor:
    """Return alpha·CE + beta·RCE of every pixel (arXiv 1908.06112, eq. 7), same shape as ``logits``."""
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return alpha * entropy + beta * reverse_cross_entropy(logits, target, log_zero=log_zero)


@dataclass(frozen=True)
class SCEOptions(PixelOptions):
    """See :class:`Options`."""

    alpha: float = option(
        0.1,
        "weight of cross entropy",
        at_least=0,
        tune=LogUniform(0.1, 6, "the paper: .1 on CIFAR-10, 6 on CIFAR-100"),
    )
    beta: float = option(
        1.0, "weight of reverse cross entropy", at_least=0, tune=Uniform(6, 10, "its authors, for segmentation")
    )
    log_zero: float = option(
        LOG_ZERO,
        "A, what stands for log 0; the paper speaks of -4 and -6, its code clamps the label at 1e-4",
        at_most=0,
        tune=OneOf((-1.0, -2.0), "its authors, for segmentation"),
    )
    additive: bool = option(False, "keep the focal term beside it; the published code does", released=True)
    guided: bool = option(
        True,
        "action-guided weights, where a run has them, multiply this term; in the published code the focal term alone",
        released=False,
    )


@STRATEGIES.register("sce")
class SCE(PixelStrategy):
    """Replaces the mask focal term; dice and positive head as in the baseline."""

    card = StrategyCard(
        name="sce",
        title="SCE",
        formula="2·(alpha·CE + beta·RCE) + 5·dice + 2·CE(positive), RCE = -A·|p - y|",
        source="Wang et al., ICCV 2019, arXiv 1908.06112, eq. 7; alpha .1, beta 1 (CIFAR-10), A = ln 1e-4 of its code",
        replaces="the mask focal term",
        options=SCEOptions,
        robust=Robustness(mask="bounded loss of pixels beside cross entropy"),
        deviations="the values of image classification; for the many pixels of a mask its authors advise A = -1 or -2 "
        "and beta = 6 to 10 (log_zero, beta)",
    )

    options: SCEOptions

    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """See :class:`PixelStrategy`."""
        o = self.options
        return symmetric_cross_entropy(logits, target, alpha=o.alpha, beta=o.beta, log_zero=o.log_zero)
