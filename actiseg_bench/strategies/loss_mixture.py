"""How many labels are wrong, estimated from losses alone: wrong labels are learned late and stand apart as a mode."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Values = npt.NDArray[np.float64]
FEWEST, ROUNDS, VALLEY = 32, 200, 0.8
_SMALLEST = 1e-8


class Mixture(NamedTuple):
    """Two normal densities, the lower mean first: shares of sum 1, means, variances, ``[2]`` each."""

    shares: Values
    means: Values
    variances: Values

    def densities(self, values: Values) -> Values:
        """Return share times density of every value, ``[2, N]``."""
        z = (values - self.means[:, None]) ** 2 / self.variances[:, None]
        return self.shares[:, None] * np.exp(-z / 2) / np.sqrt(2 * math.pi * self.variances[:, None])

    @property
    def has_valley(self) -> bool:
        """Say whether the density falls by a fifth below both means between them: two modes, no long tail."""
        low, high = self.means.tolist()
        between = self.densities(np.linspace(low, high, 101)).sum(0)
        return bool(between.min() < VALLEY * min(between[0], between[-1]))


def fit_mixture(values: Values, rounds: int = ROUNDS) -> Mixture:
    """Return two normal densities fitted to ``[N]`` values by expectation maximisation, from their quartiles on.

    Dempster, Laird & Rubin 1977; DivideMix (Li et al., ICLR 2020, arXiv 2002.07394) fits it to losses. No variance
    falls below a thousandth of that of all values.
    """
    whole = max(float(values.var()), _SMALLEST)
    means = np.quantile(values, [0.25, 0.75])
    found = Mixture(np.array([0.5, 0.5]), means, np.array([whole, whole]) / 2)
    for _ in range(rounds):
        weights = found.densities(values)
        weights = weights / weights.sum(0).clip(1e-300)
        mass = weights.sum(1).clip(1e-12)
        means = (weights * values).sum(1) / mass
        variances = (weights * (values - means[:, None]) ** 2).sum(1) / mass
        before, found = found, Mixture(mass / mass.sum(), means, variances.clip(whole / 1000))
        if np.abs(found.shares - before.shares).max() < 1e-6 and np.abs(found.means - before.means).max() < 1e-6:
            break
    order = np.argsort(found.means)
    return Mixture(*(part[order] for part in found))


def wrong_share(losses: Values) -> float:
    """Return the estimated share of wrong labels among ``[N]`` losses, in [0, .5]: that of the upper mode.

    Of the logarithms, whose bells are as wide as losses are apart by a factor. 0 where there is no mode to speak of:
    fewer than 32 losses; one normal density as good by the Bayesian information criterion (Schwarz 1978); no valley
    between two, as in the long tail that losses of right labels have. One half at most: what is in the majority cannot
    be told from what is right.
    """
    values = np.log(losses.clip(_SMALLEST))
    variance = float(values.var()) if len(values) >= FEWEST else 0.0
    if variance < _SMALLEST:
        return 0.0
    single = -0.5 * len(values) * (math.log(2 * math.pi * variance) + 1)
    found = fit_mixture(values)
    double = float(np.log(found.densities(values).sum(0).clip(1e-300)).sum())
    three_more = 1.5 * math.log(len(values))  # parameters that a second density has
    is_mode = found.has_valley and double - three_more > single
    return min(float(found.shares[1]), 0.5) if is_mode else 0.0


class LossWindows:
    """The last losses of several streams, each in a ring of equal length: what an estimate is made of.

    Args:
        streams: how many. length: losses that are kept of each.
    """

    def __init__(self, streams: int, length: int) -> None:
        self._losses = torch.zeros(streams, length)
        self._seen = torch.zeros(streams, dtype=torch.int64)

    def add(self, stream: int, losses: Tensor) -> None:
        """Keep ``[N]`` losses of a stream, the oldest ones give way; of more than a ring holds, the last ones."""
        length = self._losses.shape[1]
        places = (torch.arange(len(losses)) + self._seen[stream]) % length
        self._losses[stream, places[-length:]] = losses.detach().float().cpu()[-length:]
        self._seen[stream] += len(losses)

    def losses(self, stream: int) -> Values:
        """Return what is kept of a stream, float64."""
        count = min(int(self._seen[stream]), self._losses.shape[1])
        return self._losses[stream, :count].double().numpy()

    def state(self) -> dict[str, Tensor]:
        """Return everything, for a checkpoint."""
        return {"losses": self._losses.clone(), "seen": self._seen.clone()}

    def load_state(self, losses: Tensor, seen: Tensor) -> None:
        """Restore what :meth:`state` returned.

        Raises:
            ValueError: windows of another length or number.
        """
        if losses.shape != self._losses.shape or seen.shape != self._seen.shape:
            raise ValueError(f"windows of losses {list(losses.shape)}, expected {list(self._losses.shape)}")
        self._losses.copy_(losses)
        self._seen.copy_(seen)
