"""Label smoothing: no label is quite certain, of a mask pixel and of the positive flag alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from actiseg_bench.losses import combine, fit_label, positive_loss
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import STRATEGIES, PixelOptions, PixelStrategy, Robustness, Step, StrategyCard
from actiseg_bench.strategies.options import option
from actiseg_bench.strategies.ranges import Uniform


def smooth(target: Tensor, alpha: float) -> Tensor:
    """Return (1 - alpha)·y + alpha/K of two classes (Szegedy et al., arXiv 1512.00567, section 7), as ``target``."""
    return (1 - alpha) * target + alpha / 2


@dataclass(frozen=True)
class LabelSmoothingOptions(PixelOptions):
    """See :class:`Options`."""

    alpha: float = option(
        0.1, "how much of a pixel's label is shared out", at_least=0, below=1, tune=Uniform(0.05, 0.6)
    )
    alpha_positive: float = option(0.1, "the same of the positive flag", at_least=0, below=1, tune=Uniform(0.05, 0.6))
    fit: Literal["ce", "focal"] = option("ce", "what fits the smoothed label of a pixel")


@STRATEGIES.register("label_smoothing")
class LabelSmoothing(PixelStrategy):
    """Replaces the mask focal term and the positive head's; dice has the labels as given."""

    card = StrategyCard(
        name="label_smoothing",
        title="Label smoothing",
        formula="2·CE(y') + 5·dice + 2·CE(positive'), y' = (1 - alpha)·y + alpha/2",
        source="Szegedy et al., CVPR 2016, arXiv 1512.00567, section 7, alpha .1; against label noise: Lukasik et al., "
        "ICML 2020, arXiv 2003.02819",
        replaces="the mask focal term and the positive head's",
        options=LabelSmoothingOptions,
        hurts="where few pixels are wrong: what is right is believed less, too",
        robust=Robustness(mask="soft labels", positive="soft labels"),
        deviations="a pixel and a flag have two classes each, and each is smoothed by itself",
    )

    options: LabelSmoothingOptions

    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """See :class:`PixelStrategy`."""
        return fit_label(self.options.fit, logits, smooth(target, self.options.alpha), self.setting.loss)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction, config = predict_view(networks[0], batch), self.setting.loss
        masks = [self._mask_term(layer.mask_logits, batch) for layer in prediction.layers]
        soft = smooth(batch.is_positive, self.options.alpha_positive)
        flags = torch.stack([positive_loss(layer.positive_logits, soft, config) for layer in prediction.layers]).sum(0)
        rest = combine(masks, prediction, batch, replace(config, positive=0.0))
        return Step([(rest + config.positive * flags).mean()])
