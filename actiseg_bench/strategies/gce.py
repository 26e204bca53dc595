"""GCE: generalised cross entropy on the mask, between cross entropy and mean absolute error."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from actiseg_bench.losses import combine, mean_over_pixels
from actiseg_bench.records import Batch, Network
from actiseg_bench.strategies.base import STRATEGIES, Step, Strategy, StrategyCard


def generalized_cross_entropy(logits: Tensor, target: Tensor, *, q: float) -> Tensor:
    """Return (1 - p_y^q) / q of every pixel (Zhang & Sabuncu, arXiv 1805.07836, eq. 6), same shape as ``logits``.

    p_y = p·y + (1 - p)(1 - y). q → 0 is cross entropy, q = 1 is |p - y|. p_y is kept above 1e-6, where its power has
    no gradient to give.
    """
    p = logits.sigmoid()
    p_y = p * target + (1 - p) * (1 - target)
    return (1 - p_y.clamp_min(1e-6) ** q) / q


@STRATEGIES.register("gce")
class GCE(Strategy):
    """Replaces the mask focal term; dice and positive head as in the baseline."""

    card = StrategyCard(
        name="gce",
        title="GCE",
        formula="2·(1 - p_y^q)/q + 5·dice + 2·CE(positive)",
        source="Zhang & Sabuncu, NeurIPS 2018, arXiv 1805.07836, eq. 6; q = .7",
        defaults={"q": 0.7},
    )

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction = networks[0](batch.frames, batch.expressions, batch.frames_of)
        pixels = generalized_cross_entropy(prediction.mask_logits, batch.masks, q=self.options["q"])
        return Step([combine(mean_over_pixels(pixels), prediction, batch, self.setting.loss).mean()])
