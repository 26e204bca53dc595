"""ADELE: labels are corrected by the network's confident predictions from the moment that it begins to memorise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.losses import combine, mean_over_pixels, weigh
from actiseg_bench.records import Batch, Network, Prediction, predict_again, predict_view, resize_frames
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import LogUniform, Uniform

Values = npt.NDArray[np.float64]
FEWEST = 3  # points of a curve of three parameters
CELL = 8  # sides of resized frames are multiples of it


def iou_curve(t: Values, a: float, b: float, c: float) -> Values:
    """Return f(t) = a·(1 - exp(-t^b / c)), how labels are fitted (Liu et al., arXiv 2110.03740, official code)."""
    return a * (1 - np.exp(-(t**b) / c))


def iou_slope(t: float, a: float, b: float, c: float) -> float:
    """Return f'(t)."""
    return float(a * b / c * np.exp(-(t**b) / c) * t ** (b - 1))


def fit_curve(ious: Values) -> tuple[float, float, float]:
    """Return a, b, c of the curve through ``[P]`` points at t = 1, 2, …; late points weigh more (official code).

    a and b lie in [0, 1]; residuals are divided by a deviation that falls from 1 to .1.
    """
    from scipy.optimize import least_squares  # here, as every command that knows the strategies loads this module

    t, deviation = np.arange(1.0, len(ious) + 1), np.geomspace(1, 0.1, len(ious))
    bounds = ([0, 0, 1e-9], [1, 1, np.inf])
    found = least_squares(lambda x: (iou_curve(t, *x) - ious) / deviation, (0.9, 0.9, 1.0), bounds=bounds)
    a, b, c = map(float, found.x)
    return a, b, c


def relative_change(ious: Values) -> float:
    """Return |f'(1) - f'(P)| / |f'(1)| of the curve fitted to P points (arXiv 2110.03740, section 3), in [0, 1].

    1 for a curve that is flat from its first point on: what is learned early was learned before.
    """
    parameters = fit_curve(ious)
    first = iou_slope(1.0, *parameters)
    return abs(first - iou_slope(float(len(ious)), *parameters)) / first if first > 1e-12 else 1.0


def bernoulli_kl(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(p‖q) of every pixel's two classes, for probabilities of the object inside (0, 1)."""
    return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()


def corrections(label: Tensor, q: Tensor, confidence: float) -> Tensor:
    """Return which pixels get the other label, bool ``[N, …]``: where q is surer than ``confidence`` of it.

    As in the official code, a sample that would lose more than half of its object and keep less than a twentieth of the
    picture stays as it is.

    Args:
        label: bool ``[N, …]``. q: probability of the object, the same shape.
    """
    other = ((q > 0.5) != label) & (torch.maximum(q, 1 - q) > confidence)
    before, after = label.flatten(1).float().mean(1), (label ^ other).flatten(1).float().mean(1)
    is_spared = (after < before / 2) & (after < 0.05)
    return other & ~is_spared.view(-1, *[1] * (label.ndim - 1))


def scaled(size: Sequence[int], scale: float) -> tuple[int, int]:
    """Return about ``scale`` times a size (rows, columns), in whole cells of 8 pixels."""
    rows, columns = (max(CELL, round(side * scale / CELL) * CELL) for side in size)
    return rows, columns


@dataclass(frozen=True)
class ADELEOptions(Options):
    """See :class:`Options`."""

    onset: float = option(
        0.9,
        "r: relative change of the fitted curve's slope from which on labels are corrected",
        at_least=0,
        at_most=1,
        tune=Uniform(0.5, 0.98),
    )
    confidence: float = option(
        0.8,
        "tau: confidence above which a prediction replaces the label",
        at_least=0.5,
        at_most=1,
        tune=Uniform(0.6, 0.98),
    )
    consistency: float = option(
        1.0, "lambda: weight of the divergence of every scale from their mean", at_least=0, tune=LogUniform(0.1, 10)
    )
    gate: float = option(
        0.8, "rho: highest confidence in a sample from which on its scales have to agree", at_least=0, at_most=1
    )
    scales: tuple[float, float] = option((0.7, 1.5), "sizes of the frames beside their own", above=0)
    points: int = option(
        20, "points of the curve in a run, each of the steps since the last one; in the paper one per epoch", at_least=3
    )


@STRATEGIES.register("adele")
class ADELE(Strategy):
    """One curve of the objects' IoU with the labels as given decides for all positive samples.

    ``Step.trusted`` says, from the onset on, which labels were not corrected.
    """

    card = StrategyCard(
        name="adele",
        title="ADELE",
        formula="2·mean over scales s of (CE(p_s, y') + lambda·KL(p_s‖q)) + 5·dice + 2·CE(positive), q = mean of p_s; "
        "y' is argmax q where q > tau after the onset |f'(1) - f'(t)| > r·|f'(1)|, f(t) = a·(1 - exp(-t^b/c))",
        source="Liu et al., CVPR 2022, arXiv 2110.03740, and its code; r .9, tau .8, lambda 1",
        replaces="the mask focal term",
        options=ADELEOptions,
        cost="4.3×: every step predicts three sizes",
        hurts="where the network is surer than it is right when the onset comes: its errors become the labels",
        robust=Robustness(mask="relabelling of pixels", layers="the last layer's labels for all"),
        deviations="one class, the object that the text names, with one onset, where the paper has one for each "
        "category; a curve of 20 points in a run, where the paper has one per epoch of about 20; labels are corrected "
        "anew in every step by its own predictions, where the official code stores them after an epoch; scales weigh "
        "the same, where their weights are learned there; the empty target of a negative is never corrected",
    )

    options: ADELEOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        self.ious: list[float] = []
        self.is_correcting = False
        self._areas = torch.zeros(2, dtype=torch.float64)  # of intersection and union since the last point
        self._due = 1

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        plain = predict_view(networks[0], batch)
        layers = self._layers(networks[0], batch, plain)
        means = [p.mean(0) for p in (logits.detach().sigmoid() for logits in layers)]
        label, is_positive = batch.masks > 0.5, batch.is_positive > 0.5
        self._watch(plain.mask_logits[is_positive].detach() > 0, label[is_positive], epoch)
        target, trusted = batch.masks, None
        if self.is_correcting:
            changed = corrections(label, means[0], self.options.confidence)
            changed &= is_positive[:, None, None, None]
            target, trusted = torch.where(changed, (~label).to(target), target), ~changed
        weights = self.pixel_weights(batch)
        masks = [mean_over_pixels(weigh(self.pixels(logits, target), weights)) for logits in layers]
        return Step([combine(masks, plain, batch, self.setting.loss).mean()], trusted=trusted)

    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean over scales of CE + lambda·KL(p_s‖q) of every pixel, ``[N, T, h, w]``.

        Args:
            logits: of every scale, ``[S, N, T, h, w]``. target: ``[N, T, h, w]``.
        """
        fit = F.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none").mean(0)
        p = logits.sigmoid().clamp(1e-7, 1 - 1e-7)
        q = p.mean(0).clamp(1e-3, 1 - 1e-3)
        is_sure = torch.maximum(q, 1 - q).flatten(1).amax(1) >= self.options.gate
        apart = bernoulli_kl(p, q).mean(0) * is_sure[:, None, None, None]
        return fit + self.options.consistency * apart

    def _layers(self, network: Network, batch: Batch, plain: Prediction) -> list[Tensor]:
        """Return every decoder layer's logits at every scale, ``[S, N, T, h, w]`` each, last layer first."""
        answers = [plain]
        for scale in self.options.scales:
            resize = getattr(network, "resize", resize_frames)  # kept features know how
            frames = resize(batch.frames, scaled(batch.frames.shape[-2:], scale))
            answers.append(predict_again(network, frames, batch, plain))
        size = list(batch.masks.shape[-2:])
        found = []
        for one in zip(*(answer.layers for answer in answers), strict=True):
            maps = [F.interpolate(x.mask_logits.float(), size, mode="bilinear", align_corners=False) for x in one]
            found.append(torch.stack(maps))
        return found

    def _watch(self, predicted: Tensor, label: Tensor, epoch: float) -> None:
        """Add a step's positive samples, bool each, to the curve's next point; close it before, when it is due."""
        if epoch >= self._due * self.setting.epochs / self.options.points:
            self._close_point()
            self._due = int(epoch * self.options.points / self.setting.epochs) + 1
        self._areas += torch.tensor([(predicted & label).sum().item(), (predicted | label).sum().item()])

    def _close_point(self) -> None:
        """Add a point to the curve; look for the onset where there are enough."""
        both, either = self._areas.tolist()
        if either > 0:
            self.ious.append(both / either)
            self._areas.zero_()
        if not self.is_correcting and len(self.ious) >= FEWEST:
            self.is_correcting = relative_change(np.array(self.ious)) > self.options.onset

    def state(self) -> dict[str, Tensor]:
        """See :class:`Strategy`."""
        progress = torch.tensor([self._due, int(self.is_correcting)])
        ious = torch.tensor(self.ious, dtype=torch.float64)
        return {"ious": ious, "areas": self._areas.clone(), "progress": progress}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See :class:`Strategy`."""
        self.ious = state["ious"].tolist()
        self._areas = state["areas"].clone()
        self._due, correcting = state["progress"].tolist()
        self.is_correcting = bool(correcting)
