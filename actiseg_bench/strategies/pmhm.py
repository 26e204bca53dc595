"""PMHM: parallel mask heads vote on where a label is trusted; where nobody is sure, they only have to agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import base_focal, combine, dice, mean_over_pixels, weigh
from actiseg_bench.records import AuxiliaryHeads, Batch, Network, Prediction, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Step, Strategy, StrategyCard
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import LogUniform, Uniform
from actiseg_noise.key import Key


class Regions(NamedTuple):
    """Where the label is trusted and where nobody is sure, bool ``[N, T, h, w]`` each; the two may overlap."""

    confident: Tensor
    uncertain: Tensor


def sobel(p: Tensor) -> Tensor:
    """Return |∇p| of every pixel, ``[N, T, h, w]`` as given, by Sobel's kernels over 8; outside the frame p is 0."""
    q = F.pad(p, (1, 1, 1, 1))
    rows = q[..., :-2, :] + 2 * q[..., 1:-1, :] + q[..., 2:, :]
    columns = q[..., :-2] + 2 * q[..., 1:-1] + q[..., 2:]
    across, down = rows[..., :-2] - rows[..., 2:], columns[..., :-2, :] - columns[..., 2:, :]
    return (across.square_() + down.square_()).sqrt_() / 8


def quantiles(values: Tensor, *shares: float) -> list[Tensor]:
    """Return the quantiles of every sample, ``[N, 1, 1, 1]`` each, of ``[N, T, h, w]``, linear between neighbours."""
    flat = values.flatten(1)
    if flat.device.type != "cpu":
        found = flat.quantile(torch.tensor(shares).to(flat), dim=1)
    else:  # a partition is several times as quick as the sort that torch makes
        places = np.array(shares) * (flat.shape[1] - 1)
        below, above = np.floor(places).astype(int), np.ceil(places).astype(int)
        ordered = np.partition(flat.numpy(), np.unique([below, above]), axis=1)
        weight = places - below
        found = torch.from_numpy((ordered[:, below] * (1 - weight) + ordered[:, above] * weight).T.astype(np.float32))
    return [q[:, None, None, None] for q in found]


def find_regions(main: Tensor, heads: Tensor, *, margin: float, edge: float, confidence: float, agree: int) -> Regions:
    """Return the regions of PMHM's design (ActiSeg-NL, arXiv 2509.16677, as configured in its released code).

    With M = |p - .5| and E = |Sobel(p)| of the main head, per sample over all its frames: uncertain where
    M < Q_margin(M) or E > Q_edge(E); confident where at least ``agree`` heads vote the same way (threshold .5) and
    M ≥ Q_confidence(M). The label does not enter.

    Args:
        main: probabilities of the main head, ``[N, T, h, w]``. heads: of the auxiliary heads, ``[A, N, T, h, w]``.
        agree: capped at the number of heads, the main one included.
    """
    sureness, slope = (main - 0.5).abs(), sobel(main)
    low, high = quantiles(sureness, margin, confidence)
    (steep,) = quantiles(slope, edge)
    votes = torch.cat([main[None], heads]) > 0.5
    total, yes = len(votes), votes.sum(0)
    needed = min(agree, total)
    agreed = (yes >= needed) | (total - yes >= needed)
    return Regions(agreed & (sureness >= high), (sureness < low) | (slope > steep))


def dice_inside(logits: Tensor, target: Tensor, region: Tensor, *, masked_logits: bool) -> Tensor:
    """Return the dice loss of every sample inside ``region``, ``[N]``: pixels outside it do not count.

    Args:
        masked_logits: the published way, logits · region: outside, p is .5 and enters the denominator.
    """
    return dice(logits * region, target * region) if masked_logits else dice(logits, target, region)


def tversky(p: Tensor, target: Tensor, region: Tensor, *, alpha: float, beta: float) -> Tensor:
    """Return 1 - TP / (TP + alpha·FP + beta·FN) of every sample inside ``region``, ``[N]``."""
    p, y = (p * region).flatten(1), (target * region).flatten(1)
    hit, extra, missed = (p * y).sum(1), (p * (1 - y)).sum(1), ((1 - p) * y).sum(1)
    return 1 - (hit + 1e-6) / (hit + alpha * extra + beta * missed + 1e-6)


def symmetric_kl(first: Tensor, second: Tensor) -> Tensor:
    """Return KL(p‖q) + KL(q‖p) of every pixel's Bernoulli: (p - q)(logit p - logit q), for logits."""
    return (first.sigmoid() - second.sigmoid()) * (first - second)


def disagreement(logits: Tensor, others: Tensor, region: Tensor) -> Tensor:
    """Return the mean of :func:`symmetric_kl` over the batch's pixels inside ``region``, and over the others.

    Args:
        logits: ``[N, T, h, w]``. others: ``[K, N, T, h, w]``. region: 0 or 1, ``[N, T, h, w]``.
    """
    apart = (symmetric_kl(logits[None], others) * region).sum((1, 2, 3, 4)) / region.sum().clamp_min(1)
    return apart.mean()


def annealed(start: float, end: float, epoch: float, epochs: float) -> float:
    """Return the value of a completed epoch on the line from the first to the last."""
    return start + (end - start) * min(int(epoch) / max(math.ceil(epochs) - 1, 1), 1.0)


@dataclass(frozen=True)
class PMHMOptions(Options):
    """See :class:`Options`."""

    heads: int = option(1, "auxiliary mask heads; without any the main head votes alone", at_least=0)
    init_std: float | None = option(
        1e-3,
        "noise on the copies of the main head; null: heads start unrelated, as in the published code",
        released=None,
        at_least=0,
    )
    dropout: float = option(0.2, "of the features that auxiliary heads read", at_least=0, below=1)
    dropout_unit: Literal["channel", "frame"] = option(
        "channel", "what is dropped at once; in the published code, whole frames", released="frame"
    )
    noise: float = option(0.2, "on those features, in their standard deviations", at_least=0)
    margin: float = option(
        0.20,
        "quantile of |p - .5| below which a pixel is uncertain",
        at_least=0,
        at_most=1,
        tune=Uniform(0.05, 0.4),
    )
    edge: float = option(
        0.85,
        "quantile of |Sobel(p)| above which a pixel is uncertain",
        at_least=0,
        at_most=1,
        tune=Uniform(0.7, 0.95),
    )
    confidence: float = option(
        0.60,
        "quantile of |p - .5| from which a pixel may be confident",
        at_least=0,
        at_most=1,
        tune=Uniform(0.2, 0.8),
    )
    agree: int = option(2, "heads that must vote alike, capped at their number", at_least=1)
    focal_region: Literal["confident", "all"] = option("confident", "where focal counts: on S, or everywhere")
    dice_region: Literal["confident", "all"] = option("confident", "where dice counts: on S, or everywhere")
    tversky_alpha: tuple[float, float] = option(
        (0.7, 0.5),
        "weight of false positives, first and last epoch; the published annealing is never called",
        released=(0.7, 0.7),
        at_least=0,
    )
    tversky_beta: float = option(0.5, "weight of false negatives", at_least=0)
    tversky: float = option(0.3, "coefficient of the Tversky term", at_least=0, tune=LogUniform(0.03, 3))
    consistency: float = option(
        0.1, "coefficient of the symmetric KL between heads", at_least=0, tune=LogUniform(0.01, 1)
    )
    layer_consistency: float = option(
        0.1,
        "coefficient of the symmetric KL between the last decoder layer and each earlier one, each by the query that "
        "answered; none in a model of one layer",
        at_least=0,
    )
    freeze: tuple[float, float] = option(
        (0.3, 0.1),
        "probability that auxiliary heads do not learn, first and last epoch",
        released=(0.2, 0.2),
        at_least=0,
        at_most=1,
    )
    freeze_every: Literal["epoch", "step"] = option(
        "epoch", "how often that is drawn; the published command draws per step", released="step"
    )
    masked_logits: bool = option(
        False, "dice on logits · S, as published: pixels outside S weigh with p = .5", released=True
    )
    guided: bool = option(
        True,
        "action-guided weights, where a run has them, multiply the focal term; the published code takes the flag and "
        "never uses them",
        released=False,
    )


@STRATEGIES.register("pmhm")
class PMHM(Strategy):
    """Parallel Mask Head Mechanism. The auxiliary heads exist in training alone, on the last decoder layer.

    Earlier layers have the main head alone: what they trust is a matter of their confidence, and they have to agree
    with the last layer where that one is unsure.
    """

    card = StrategyCard(
        name="pmhm",
        title="PMHM",
        formula="2·focal on S + 5·dice on S + .3·Tversky on U + .1·symmetric KL between heads on U + .1·symmetric "
        "KL between decoder layers on U + 2·CE(positive)",
        source="ActiSeg-NL, arXiv 2509.16677: the design that its released code and README configure",
        replaces="the mask focal term and dice",
        options=PMHMOptions,
        cost="1.5× on tiny, whose mask head is a third of a step; 1.06× on referformer-mini",
        hurts="where the labels are right: most of a confident network's errors lie outside S, and are not corrected",
        robust=Robustness("region S", "region S", layers="each layer by its own S; heads vote on the last one"),
        deviations="its values come from this task, those of the other strategies from the classification of CIFAR",
    )

    options: PMHMOptions

    def prepare(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        o = self.options
        heads = AuxiliaryHeads(o.heads, o.init_std, o.dropout, o.dropout_unit, o.noise)
        for network in networks if o.heads else ():
            network.add_heads(heads)  # type: ignore[operator]

    def finish(self, networks: Sequence[nn.Module]) -> None:
        """See :class:`Strategy`."""
        for network in networks if self.options.heads else ():
            network.drop_heads()  # type: ignore[operator]

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        if self.options.heads:
            networks[0].let_heads_learn(not self._is_frozen(epoch))  # type: ignore[attr-defined]
        prediction = predict_view(networks[0], batch)
        if self.options.heads and prediction.auxiliary is None:
            raise ValueError("the network has no auxiliary heads: call prepare first")
        regions = [self.regions(layer) for layer in prediction.layers]
        return Step([self._loss(prediction, regions, batch, epoch)], trusted=regions[0].confident)

    @torch.no_grad()
    def regions(self, layer: Prediction) -> Regions:
        """Return where one decoder layer trusts the label and where it is unsure; without heads the main one votes."""
        main = layer.mask_logits.sigmoid()
        heads = main[None][:0] if layer.auxiliary is None else layer.auxiliary.sigmoid()
        o = self.options
        return find_regions(main, heads, margin=o.margin, edge=o.edge, confidence=o.confidence, agree=o.agree)

    def _loss(self, prediction: Prediction, regions: list[Regions], batch: Batch, epoch: float) -> Tensor:
        """Return the mean over samples of the trusted parts, the uncertain ones, and what the base loss has beside."""
        o = self.options
        layers = zip(prediction.layers, regions, strict=True)
        terms = [self._layer_terms(layer.mask_logits, where, batch, epoch) for layer, where in layers]
        masks, overlaps, boundaries = zip(*terms, strict=True)
        trusted = combine(masks, prediction, batch, self.setting.loss, overlaps).mean()
        boundary = torch.stack(boundaries).sum(0).mean()
        logits, unsure = prediction.mask_logits, regions[0].uncertain.to(prediction.mask_logits)
        loss = trusted + o.tversky * boundary
        if prediction.auxiliary is not None:
            loss = loss + o.consistency * disagreement(logits, prediction.auxiliary, unsure)
        if prediction.earlier:
            others = torch.stack([layer.mask_logits for layer in prediction.earlier])
            loss = loss + o.layer_consistency * disagreement(logits, others, unsure)
        return loss

    def _layer_terms(self, logits: Tensor, regions: Regions, batch: Batch, epoch: float) -> tuple[Tensor, ...]:
        """Return focal on S, dice on S and Tversky on U of every sample, ``[N]`` each, for one decoder layer."""
        o, target = self.options, batch.masks
        sure, unsure = (region.to(logits) for region in regions)
        everywhere = torch.ones_like(sure)
        pixels = weigh(base_focal(logits, target, self.setting.loss), self.pixel_weights(batch))
        pixels = pixels * (sure if o.focal_region == "confident" else everywhere)
        inside = sure if o.dice_region == "confident" else everywhere
        overlap = dice_inside(logits, target, inside, masked_logits=o.masked_logits)
        start, end = o.tversky_alpha
        alpha = annealed(start, end, epoch, self.setting.epochs)
        boundary = tversky(logits.sigmoid(), target, unsure, alpha=alpha, beta=o.tversky_beta)
        return mean_over_pixels(pixels), overlap, boundary

    def _is_frozen(self, epoch: float) -> bool:
        """Return whether the auxiliary heads learn nothing at this point of the run."""
        start, end = self.options.freeze
        share = annealed(start, end, epoch, self.setting.epochs)
        when = repr(int(epoch) if self.options.freeze_every == "epoch" else epoch)
        return Key("pmhm", self.setting.seed).child(when).uniform("freeze") < share
