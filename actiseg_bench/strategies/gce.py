"""GCE: generalised cross entropy on the mask, between cross entropy and mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from actiseg_bench.strategies.base import STRATEGIES, PixelOptions, PixelStrategy, Robustness, StrategyCard
from actiseg_bench.strategies.options import option
from actiseg_bench.strategies.ranges import Uniform


def generalized_cross_entropy(logits: Tensor, target: Tensor, *, q: float) -> Tensor:
    """Return (1 - p_y^q) / q of every pixel (Zhang & Sabuncu, arXiv 1805.07836, eq. 6), same shape as ``logits``.

    p_y = p·y + (1 - p)(1 - y). q → 0 is cross entropy, q = 1 is |p - y|. p_y is kept above 1e-6, where its power has
    no gradient to give.
    """
    p = logits.sigmoid()
    p_y = p * target + (1 - p) * (1 - target)
    return (1 - p_y.clamp_min(1e-6) ** q) / q


@dataclass(frozen=True)
class GCEOptions(PixelOptions):
    """See :class:`Options`."""

    q: float = option(
        0.7,
        "towards 0 it is cross entropy, 1 is mean absolute error; the published code has a flag for it that is never "
        "read",
        above=0,
        at_most=1,
        tune=Uniform(0.3, 0.9),
    )
    additive: bool = option(False, "keep the focal term beside it; the published code does", released=True)
    guided: bool = option(
        True,
        "action-guided weights, where a run has them, multiply this term; in the published code the focal term alone",
        released=False,
    )


@STRATEGIES.register("gce")
class GCE(PixelStrategy):
    """Replaces the mask focal term; dice and positive head as in the baseline."""

    card = StrategyCard(
        name="gce",
        title="GCE",
        formula="2·(1 - p_y^q)/q + 5·dice + 2·CE(positive)",
        source="Zhang & Sabuncu, NeurIPS 2018, arXiv 1805.07836, eq. 6; q = .7",
        replaces="the mask focal term",
        options=GCEOptions,
        hurts="where masks are not learned yet: a bounded loss has little slope where the network is far off",
        robust=Robustness(mask="bounded loss of pixels"),
    )

    options: GCEOptions

    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """See :class:`PixelStrategy`."""
        return generalized_cross_entropy(logits, target, q=self.options.q)
