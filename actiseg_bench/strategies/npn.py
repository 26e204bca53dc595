"""NPN: partial and negative label learning: a pixel's label is the one that the network predicted of it most often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import combine, fit_label, mean_over_pixels, mean_where, weigh
from actiseg_bench.records import Batch, Network, Prediction, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.memory import PixelMemory, as_seen
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import LogUniform, Uniform

MOST = 255


def confidence_penalty(logits: Tensor) -> Tensor:
    """Return the negative entropy of every pixel's prediction, -log 2 to 0, same shape as ``logits``."""
    p = logits.sigmoid()
    return p * F.logsigmoid(logits) + (1 - p) * F.logsigmoid(-logits)


def one_hot(is_object: Tensor) -> Tensor:
    """Return (background, object), bool ``[2, …]``."""
    return torch.stack([~is_object, is_object])


def candidates(label: Tensor, predicted: Tensor, sure: Tensor) -> Tensor:
    """Return S = {y, argmax p} of every pixel (Sheng et al., arXiv 2312.09505), bool ``[2, …]``.

    Args:
        label, predicted: whether the pixel is the object's. sure: where the prediction may be a candidate.
    """
    return one_hot(label) | (one_hot(predicted) & sure)


def relabelled(counts: Tensor, label: Tensor) -> Tensor:
    """Return whether a pixel is the object's by the larger count of ``[2, …]``; a tie keeps the given label, bool."""
    return torch.where(counts[0] == counts[1], label, counts[1] > counts[0])


def negative_loss(logits: Tensor, members: Tensor) -> Tensor:
    """Return -Σ log(1 - p_c) over the classes c outside S (arXiv 2312.09505) of every pixel, as ``logits``.

    Of two classes that is cross entropy where S has one element, and 0 elsewhere.
    """
    return F.softplus(-logits) * ~members[0] + F.softplus(logits) * ~members[1]


def halve_full(counts: Tensor) -> Tensor:
    """Return the counts ``[2, …]`` with both halved where one is too large for a byte: their order stays."""
    return torch.where(counts.amax(0) > MOST, counts // 2, counts)


def count(before: Tensor, members: Tensor) -> Tensor:
    """Return the counts ``[2, …]`` after one more sight of ``members``, bool ``[2, …]``."""
    return halve_full(before + members)


def count_warmup(before: Tensor, label: Tensor, predicted: Tensor, sure: Tensor) -> Tensor:
    """Return the counts after a warm-up step of the published code: the label's is set to 1, then a sure one added."""
    return count(torch.where(one_hot(label), 1, before), one_hot(predicted) & sure)


@dataclass(frozen=True)
class NPNOptions(Options):
    """See :class:`Options`."""

    warmup_share: float = option(
        2 / 3,
        "of the epochs; 2 of 6 in the published code",
        released=1 / 3,
        at_least=0,
        at_most=1,
        tune=Uniform(0.2, 0.8),
    )
    warmup_fit: Literal["ce", "focal"] = option(
        "ce", "what fits the label in the warm-up; focal in the published code", released="focal"
    )
    penalty: float = option(
        1.0,
        "weight of the confidence penalty Σ p log p in the warm-up; the published code has none",
        released=0.0,
        at_least=0,
    )
    alpha: float = option(
        1.0, "weight of NL: the complementary labels", released=0.1, at_least=0, tune=LogUniform(0.1, 3)
    )
    beta: float = option(
        2.0,
        "weight of CR: agreement of the strong view with the weak one's prediction",
        released=0.2,
        at_least=0,
        tune=LogUniform(0.2, 6),
    )
    pll: Literal["hard", "soft", "weighted"] = option(
        "hard",
        "hard: the larger count is the label; soft: each class by its share of the counts; weighted, as in the "
        "published code: the larger count by its share",
        released="weighted",
    )
    counted: Literal["predictions", "candidates"] = option(
        "predictions",
        "predictions; or candidates, as in the published code: the given label is set to 1 in the warm-up and counted "
        "every time after it, so that no prediction can overtake it any more",
        released="candidates",
    )
    tau: float = option(
        0.5,
        "confidence above which a prediction is counted and a candidate; .5 is always",
        released=0.7,
        at_least=0.5,
        at_most=1,
    )
    eta: float = option(
        0.5, "confidence above which CR holds a pixel; .5 is always", released=0.7, at_least=0.5, at_most=1
    )
    sharpen: float = option(
        1.0, "factor of the logits in PLL and CR; the published pair (-x, x) makes it 2", released=2.0, above=0
    )
    updates: Literal["step", "layer"] = option(
        "step",
        "step: the last decoder layer counts, once; layer: every layer does and is labelled by what it finds, the last "
        "one first, then from the first on, as in the published code; of a model of one layer they are the same",
        released="layer",
    )
    guided: bool = option(
        True,
        "action-guided weights, where a run has them, multiply the mask term; the published code reads them and never "
        "uses them",
        released=False,
    )


@STRATEGIES.register("npn")
class NPN(Strategy):
    """Counts of both classes are kept per mask pixel, one byte each; given labels are coverage above one half.

    The last decoder layer counts, and the counts label every layer. Agreement is layer by layer. After the warm-up,
    ``Step.trusted`` says where the counts agree with the given label.

    Raises:
        ValueError: a batch without ``strong`` after the warm-up.
    """

    card = StrategyCard(
        name="npn",
        title="NPN",
        formula="2·(PLL + alpha·NL + beta·CR) + 5·dice + 2·CE(positive), S = {y, argmax p}; "
        "before, 2·(CE + Σ p log p) + 5·dice + 2·CE(positive)",
        source="Sheng et al., AAAI 2024, arXiv 2312.09505 and its code; alpha 1, beta 2, warm-up 200 of 300 epochs",
        replaces="the mask focal term",
        options=NPNOptions,
        views=2,
        cost="2× after the warm-up, and 2 bytes per mask pixel and frame",
        hurts="where errors of the network are older than the right answer: counts are slow to turn",
        robust=Robustness(mask="relabelling of pixels", layers="the last layer's counts for all"),
        deviations="a tie of the counts keeps the given label, where the official argmax takes the first class, which "
        "would be the background; counts of a byte are halved when one is full",
    )

    options: NPNOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        file = setting.folder and setting.folder / "npn.npy"
        self.memory = PixelMemory(setting.frames, setting.mask_size, dtype=np.uint8, channels=2, file=file)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction = predict_view(networks[0], batch)
        logits = mask_logits(prediction)
        is_warmup = epoch < self.options.warmup_share * self.setting.epochs
        stored = self.count_layers(batch, [x.detach().sigmoid() for x in logits], is_warmup)
        trusted = None
        if is_warmup:
            pixels = [weigh(self.warmup_loss(x, batch.masks), self.pixel_weights(batch)) for x in logits]
            masks = [mean_over_pixels(values) for values in pixels]
        else:
            strong = mask_logits(predict_view(networks[0], batch, like=prediction))
            seen = [as_seen(counts.float(), batch) for counts in stored]
            counts = seen if len(seen) == len(logits) else seen * len(logits)
            masks = [self.mask_term(*layer, batch) for layer in zip(logits, strong, counts, strict=True)]
            label = batch.masks > 0.5
            trusted = relabelled(seen[0], label) == label
        return Step([combine(masks, prediction, batch, self.setting.loss).mean()], trusted=trusted)

    def mask_term(self, weak: Tensor, strong: Tensor, counts: Tensor, batch: Batch) -> Tensor:
        """Return PLL + alpha·NL + beta·CR of every sample, ``[N]``, for one decoder layer.

        Args:
            weak, strong: logits of the two views, ``[N, T, h, w]``. counts: ``[2, N, T, h, w]``, as the batch shows it.
        """
        weights = self.pixel_weights(batch)
        labelled = weigh(self.label_loss(weak, batch.masks > 0.5, counts), weights)
        return mean_over_pixels(labelled) + self.options.beta * self.agreement(strong, weak.detach(), weights)

    def warmup_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return CE plus confidence penalty of every pixel, or what the options put in their place."""
        fit = fit_label(self.options.warmup_fit, logits, target, self.setting.loss)
        return fit + self.options.penalty * confidence_penalty(logits)

    def label_loss(self, logits: Tensor, label: Tensor, counts: Tensor) -> Tensor:
        """Return PLL + alpha·NL of every pixel, same shape as ``logits``."""
        predicted, sure = logits.detach() > 0, is_sure(logits.detach().sigmoid(), self.options.tau)
        target = relabelled(counts, label).to(logits)
        total = counts.sum(0)
        if self.options.pll == "soft":
            target = torch.where(total > 0, counts[1] / total.clamp_min(1e-6), target)
        partial = self.cross_entropy(logits, target)
        if self.options.pll == "weighted":
            partial = partial * torch.where(total > 0, counts.amax(0) / total.clamp_min(1e-6), 1.0)
        return partial + self.options.alpha * negative_loss(logits, candidates(label, predicted, sure))

    def agreement(self, strong: Tensor, weak: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return CR of every sample, ``[N]``: the mean over sure pixels of CE(p_strong, argmax p_weak), weighed."""
        pixels = weigh(self.cross_entropy(strong, (weak > 0).to(strong)), weights)
        return mean_where(pixels, is_sure(weak.sigmoid(), self.options.eta))

    def cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return CE of every pixel, logits sharpened as the options say."""
        return F.binary_cross_entropy_with_logits(self.options.sharpen * logits, target, reduction="none")

    def count_layers(self, batch: Batch, beliefs: list[Tensor], is_warmup: bool) -> list[Tensor]:
        """Return the counts after the last decoder layer's sight, or as each layer finds them: last layer first.

        Args:
            beliefs: probabilities of the object by each layer, ``[N, T, h, w]``, last layer first.
        """
        last, *earlier = beliefs
        found = [self.remember(batch, last, is_warmup)]
        if self.options.updates == "layer":
            found += [self.remember(batch, p, is_warmup) for p in reversed(earlier)][::-1]
        return found

    def remember(self, batch: Batch, p: Tensor, is_warmup: bool) -> Tensor:
        """Count one sight of the batch; return the counts ``[2, N, T, h, w]`` of the frames as stored."""
        counts_labels = self.options.counted == "candidates"

        def rule(before: Tensor, seen: Tensor) -> Tensor:
            predicted, sure = seen[0] > 0.5, is_sure(seen[0], self.options.tau)
            if not counts_labels:
                return count(before, one_hot(predicted) & sure)
            label = seen[1] > 0.5
            if is_warmup:
                return count_warmup(before, label, predicted, sure)
            return count(before, candidates(label, predicted, sure))

        return self.memory.update(batch, torch.stack([p, batch.masks]) if counts_labels else p[None], rule)

    def state(self) -> dict[str, Tensor]:
        """See :class:`Strategy`."""
        return {"counts": self.memory.state()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See :class:`Strategy`."""
        self.memory.load_state(state["counts"])

    def finish(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        self.memory.close()


def mask_logits(prediction: Prediction) -> list[Tensor]:
    """Return every decoder layer's mask logits in full precision, ``[N, T, h, w]`` each, last layer first."""
    return [layer.mask_logits.float() for layer in prediction.layers]


def is_sure(p: Tensor, confidence: float) -> Tensor:
    """Return where the likelier class has more than ``confidence``, bool; everywhere for a confidence of .5."""
    return torch.maximum(p, 1 - p) > confidence if confidence > 0.5 else torch.ones_like(p, dtype=torch.bool)
