"""The base loss that every strategy shares: mask focal, dice, positive head. Per sample, so that strategies can select.

Coefficients and the mask's focal parameters are ActionVOS's (2, 5, 2; alpha .25, gamma 2; arXiv 2407.07402 and its
released code). The positive head has plain cross entropy where ActionVOS has a focal loss: alpha .25 makes a score of
.5 mean "three times as likely positive", which a threshold of .75 on a model trained for days hides and a short
protocol does not; ``positive_loss`` turns ActionVOS's on. Targets may be soft: a mask pixel that covers an object's
edge has the covered share.

A network with several decoder layers learns from all of them alike, as ActionVOS's does, and adds what it learns
beside (``Prediction.own_loss``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.records import Batch, Prediction
from actiseg_bench.values import check_values, number

POSITIVES: Final = "positives"
ALL: Final = "all"


@dataclass(frozen=True)
class LossConfig:
    """Coefficients of the base loss.

    Attributes:
        mask, dice, positive: weights of the three terms.
        focal_alpha, focal_gamma: of the mask's focal loss.
        positive_loss: ``ce``, or ``focal`` with the mask's alpha and gamma, as ActionVOS's released code has it.
        dice_over: which samples have a dice term: ``positives``, or ``all`` as in ActionVOS's released code.

    Raises:
        UnknownNameError: another ``positive_loss`` or ``dice_over``. ActisegError: a value of another type or out of
            range.
    """

    mask: float = number(2.0)
    dice: float = number(5.0)
    positive: float = number(2.0)
    focal_alpha: float = number(0.25, at_most=1)
    focal_gamma: float = number(2.0)
    positive_loss: Literal["ce", "focal"] = "ce"
    dice_over: Literal["positives", "all"] = POSITIVES

    def __post_init__(self) -> None:
        check_values(self, "train.loss")


def focal(logits: Tensor, target: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the focal loss of every pixel (Lin et al., arXiv 1708.02002, eq. 5), same shape as ``logits``.

    FL = alpha_t (1 - p_t)^gamma CE. For a soft target, p_t and alpha_t are the expected ones.
    """
    p = logits.sigmoid()
    miss = p + target - 2 * p * target  # 1 - p_t
    weight = alpha * target + (1 - alpha) * (1 - target)
    return weight * miss**gamma * F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def base_focal(logits: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    """Return the focal loss of every pixel with the base loss's parameters, same shape as ``logits``."""
    return focal(logits, target, alpha=config.focal_alpha, gamma=config.focal_gamma)


def dice(logits: Tensor, target: Tensor, region: Tensor | None = None) -> Tensor:
    """Return the dice loss of every sample, ``[N]``, over all its pixels (V-Net, arXiv 1606.04797; +1 smoothing).

    1 - (2 Σ p y + 1) / (Σ p + Σ y + 1)

    Args:
        region: 0 or 1, as ``target``: pixels outside it do not count; None counts all.
    """
    p = logits.sigmoid()
    if region is not None:
        p, target = p * region, target * region
    p, y = p.flatten(1), target.flatten(1)
    return 1 - (2 * (p * y).sum(1) + 1) / (p.sum(1) + y.sum(1) + 1)


def fit_label(how: str, logits: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    """Return the loss of every pixel or flag, as ``logits``: cross entropy for ``ce``, or the base loss's ``focal``."""
    if how == "focal":
        return base_focal(logits, target, config)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def positive_loss(logits: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    """Return the loss of every sample's positive logit, ``[N]``."""
    return fit_label(config.positive_loss, logits, target, config)


def weigh(pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the loss of every pixel times its weight (``Batch.weights``), same shape; None weighs all the same."""
    return pixels if weights is None else pixels * weights


def mean_over_pixels(values: Tensor) -> Tensor:
    """Return the mean of ``[N, …]`` over everything but samples, ``[N]``."""
    return values.flatten(1).mean(1)


def mean_where(values: Tensor, kept: Tensor) -> Tensor:
    """Return the mean of ``[N, …]`` over the pixels kept of every sample, ``[N]``; 0 where none is."""
    return (values * kept).flatten(1).sum(1) / kept.flatten(1).sum(1).clamp_min(1)


def combine(
    masks: Sequence[Tensor],
    prediction: Prediction,
    batch: Batch,
    config: LossConfig,
    overlaps: Sequence[Tensor] | None = None,
) -> Tensor:
    """Return the loss of every sample, ``[N]``: Σ_l (mask·m_l + dice·d_l + positive·p_l) + the network's own.

    d_l counts for the samples that ``config.dice_over`` says, whoever gives it.

    Args:
        masks: m, what stands for the mask term in each of ``prediction.layers``, ``[N]`` each: what a robust loss
            replaces.
        overlaps: d, what stands for dice in each of them, ``[N]`` each; None is dice.

    Raises:
        ValueError: another number of terms than the prediction has layers.
    """
    layers = prediction.layers
    if overlaps is None:
        overlaps = [dice(layer.mask_logits, batch.masks) for layer in layers]
    for name, terms in (("mask", masks), ("overlap", overlaps)):
        if len(terms) != len(layers):
            raise ValueError(
                f"{len(terms)} {name} terms for a prediction of {len(layers)} decoder layers: give one for each of "
                "prediction.layers, the last layer first"
            )
    if config.dice_over == POSITIVES:
        overlaps = [overlap * batch.is_positive for overlap in overlaps]
    first, *rest = (
        config.mask * mask
        + config.dice * overlap
        + config.positive * positive_loss(layer.positive_logits, batch.is_positive, config)
        for mask, overlap, layer in zip(masks, overlaps, layers, strict=True)
    )
    total: Tensor = sum(rest, start=first)
    return total if prediction.own_loss is None else total + prediction.own_loss


def base_loss(prediction: Prediction, batch: Batch, config: LossConfig) -> Tensor:
    """Return the baseline's loss of every sample, ``[N]``.

    A network that has its layers as one tensor (``Prediction.all_layers``) is judged in all of them at once: a layer's
    answer to a sample counts as a sample of its own, and those of one sample are then added up.
    """
    if prediction.all_layers is None:
        pixels = [base_focal(layer.mask_logits, batch.masks, config) for layer in prediction.layers]
        return combine([mean_over_pixels(weigh(values, batch.weights)) for values in pixels], prediction, batch, config)
    masks, positives = prediction.all_layers
    layers = len(masks)
    flat = replace(
        batch,
        masks=batch.masks.repeat(layers, 1, 1, 1),
        is_positive=batch.is_positive.repeat(layers),
        weights=None if batch.weights is None else batch.weights.repeat(layers, 1, 1, 1),
    )
    alone = Prediction(masks.flatten(0, 1), positives.flatten())
    total = base_loss(alone, flat, config).view(layers, -1).sum(0)
    return total if prediction.own_loss is None else total + prediction.own_loss
