"""The base loss that every strategy shares: mask focal, dice, positive head. Per sample, so that strategies can select.

Coefficients and the mask's focal parameters are ActionVOS's (2, 5, 2; alpha .25, gamma 2; arXiv 2407.07402 and its
released code). The positive head has plain cross entropy where ActionVOS has a focal loss: alpha .25 makes a score of
.5 mean "three times as likely positive", which a threshold of .75 on a model trained for days hides and a short
protocol does not. Targets may be soft: a mask pixel that covers an object's edge has the covered share.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.records import Batch, Prediction


@dataclass(frozen=True)
class LossConfig:
    """Coefficients of the base loss."""

    mask: float = 2.0
    dice: float = 5.0
    positive: float = 2.0
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0


def focal(logits: Tensor, target: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the focal loss of every pixel (Lin et al., arXiv 1708.02002, eq. 5), same shape as ``logits``.

    FL = alpha_t (1 - p_t)^gamma CE. For a soft target, p_t and alpha_t are the expected ones.
    """
    p = logits.sigmoid()
    miss = p + target - 2 * p * target  # 1 - p_t
    weight = alpha * target + (1 - alpha) * (1 - target)
    return weight * miss**gamma * F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return the dice loss of every sample, ``[N]``, over all its pixels (V-Net, arXiv 1606.04797; +1 smoothing).

    1 - (2 Σ p y + 1) / (Σ p + Σ y + 1)
    """
    p, y = logits.sigmoid().flatten(1), target.flatten(1)
    return 1 - (2 * (p * y).sum(1) + 1) / (p.sum(1) + y.sum(1) + 1)


def combine(mask: Tensor, prediction: Prediction, batch: Batch, config: LossConfig) -> Tensor:
    """Return the weighted sum of every sample, ``[N]``.

    Args:
        mask: the mask term of every sample, ``[N]``: what a robust loss replaces. Dice and positive head are the
            baseline's.
    """
    return combine_parts(mask, dice(prediction.mask_logits, batch.masks), prediction, batch, config)


def combine_parts(mask: Tensor, overlap: Tensor, prediction: Prediction, batch: Batch, config: LossConfig) -> Tensor:
    """Return the weighted sum of every sample, ``[N]``, for strategies that replace the dice term, too.

    Args:
        mask, overlap: what stands for the mask term and for dice, ``[N]`` each.
    """
    positive = F.binary_cross_entropy_with_logits(prediction.positive_logits, batch.is_positive, reduction="none")
    return config.mask * mask + config.dice * overlap + config.positive * positive


def mean_over_pixels(values: Tensor) -> Tensor:
    """Return the mean of ``[N, …]`` over everything but samples, ``[N]``."""
    return values.flatten(1).mean(1)


def base_loss(prediction: Prediction, batch: Batch, config: LossConfig) -> Tensor:
    """Return the baseline's loss of every sample, ``[N]``."""
    pixels = focal(prediction.mask_logits, batch.masks, alpha=config.focal_alpha, gamma=config.focal_gamma)
    return combine(mean_over_pixels(pixels), prediction, batch, config)
