"""The base loss that every strategy shares: mask focal, dice, positive head. Per sample, so that strategies can select.

Coefficients and focal parameters are ActionVOS's (2, 5, 2; alpha .25, gamma 2; arXiv 2407.07402 and its released code).
Targets may be soft: a mask pixel that covers an object's edge has the covered share.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812


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


def positive_focal(logits: Tensor, is_positive: Tensor, config: LossConfig) -> Tensor:
    """Return the positive head's focal loss, ``[N]``."""
    return focal(logits, is_positive, alpha=config.focal_alpha, gamma=config.focal_gamma)


def combine(mask: Tensor, logits: Tensor, target: Tensor, positive: Tensor, config: LossConfig) -> Tensor:
    """Return the weighted sum per sample, ``[N]``.

    Args:
        mask: the mask term of every sample, ``[N]``: what a robust loss replaces.
        positive: the positive head's term, ``[N]``.
    """
    return config.mask * mask + config.dice * dice(logits, target) + config.positive * positive


def mean_over_pixels(values: Tensor) -> Tensor:
    """Return the mean of ``[N, …]`` over everything but samples, ``[N]``."""
    return values.flatten(1).mean(1)


def base_loss(mask_logits: Tensor, positive_logits: Tensor, masks: Tensor, is_positive: Tensor, config: LossConfig) -> Tensor:
    """Return the baseline's loss per sample, ``[N]``; shapes as in :class:`Prediction` and :class:`Batch`."""
    mask = mean_over_pixels(focal(mask_logits, masks, alpha=config.focal_alpha, gamma=config.focal_gamma))
    return combine(mask, mask_logits, masks, positive_focal(positive_logits, is_positive, config), config)


