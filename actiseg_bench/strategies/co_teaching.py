"""Co-teaching: two networks, each learns from the samples that its peer finds easy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from actiseg_bench.losses import base_loss
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Robustness, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.loss_mixture import LossWindows, wrong_share
from actiseg_bench.strategies.options import Options, option
from actiseg_bench.strategies.ranges import Uniform
from actiseg_noise.errors import raise_if


def keep_rate(epoch: float, *, noise_rate: float, warmup: float, first: float = 1.0) -> float:
    """Return R(T) = 1 - min(tau·T/T_k, tau), the share kept after T epochs (Han et al., arXiv 1804.06872, alg. 1).

    Args:
        epoch: T, epochs completed, with a fraction.
        noise_rate: tau. warmup: T_k in epochs.
        first: what stands for the 1, the share kept at first.
    """
    return first - noise_rate * min(epoch / warmup, 1.0) if warmup > 0 else first - noise_rate


def easiest(losses: Tensor, share: float) -> Tensor:
    """Return the positions of the ``share`` of smallest losses, int64, at least one, in ascending position."""
    count = max(1, round(share * len(losses)))
    return losses.argsort(stable=True)[:count].sort().values


def easiest_within(losses: Tensor, is_positive: Tensor, shares: tuple[float, float]) -> Tensor:
    """Return the positions of the easiest positives and of the easiest negatives, int64, in ascending position.

    Args:
        losses: ``[N]``. is_positive: bool ``[N]``. shares: of positives and of negatives to keep, of each flag that
            occurs at least one.
    """
    groups = [flag.nonzero().flatten() for flag in (is_positive, ~is_positive)]
    kept = [at[easiest(losses[at], share)] for at, share in zip(groups, shares, strict=True) if len(at)]
    return torch.cat(kept).sort().values


@dataclass(frozen=True)
class CoTeachingOptions(Options):
    """See :class:`Options`."""

    select: Literal["flag", "batch"] = option(
        "flag",
        "flag: the easiest of the positives and the easiest of the negatives, each with a tau of its own, so that what "
        "is left out is no question of which flag has the larger loss; batch: the easiest of all, as in the published "
        "code",
        released="batch",
    )
    rates: Literal["manifest", "mixture", "first"] = option(
        "manifest",
        "where tau comes from that no option gives: manifest: the share of labels that are wrong, which is oracle "
        "knowledge; mixture: the upper mode of two normal densities fitted to the logarithms of the last losses, one "
        "half at most, which is none; first: the one rate, too high, that the first protocols told of all samples. A "
        "tau that validation has chosen is given as forget",
    )
    forget: float | None = option(
        None,
        "tau, by how much the share of positives kept falls (of all samples, under select = batch); null: see rates; "
        "the published code has .1 whatever the noise",
        released=0.1,
        at_least=0,
        at_most=1,
        tune=Uniform(0.05, 0.6),
    )
    forget_negatives: float | None = option(
        None,
        "the same of negatives, under select = flag; null: see rates, or 0 where forget is given",
        at_least=0,
        at_most=1,
        tune=Uniform(0, 0.4),
    )
    window: int = option(
        128,
        "losses of each flag that a mixture is fitted to: so few that the network is nearly the same for all of them",
        at_least=32,
    )
    warmup_share: float = option(
        1 / 3,
        "T_k, over which it falls, as a share of the epochs: 10 of 200 in the paper, whose 10 epochs visit a sample "
        "more often than a whole run here; 6 of 6 epochs in the published code",
        released=1.0,
        at_least=0,
        tune=Uniform(0.05, 0.75),
    )
    keep_first: float = option(
        1.0, "share kept at first; .95 in the published code", released=0.95, at_least=0, at_most=1
    )
    stepwise: bool = option(
        False,
        "it falls once an epoch, as in the published code: .95, .933, .917, .9, .883, .867 (that the code collects 128 "
        "samples and then makes one update for each that is kept is not imitated: the updates of a run are equal for "
        "all strategies)",
        released=True,
    )

    def check(self) -> None:
        """Refuse a schedule that keeps less than nothing."""
        _check_schedule(self.keep_first, self.forget or 0.0)


def _check_schedule(first: float, forget: float) -> None:
    """Raise ActisegError unless both ends of a schedule are shares."""
    raise_if(
        first < forget,
        f"options keep_first and forget: expected to keep at first at least what is forgotten in the end, got "
        f"{first:g} and {forget:g}",
    )


@STRATEGIES.register("co_teaching")
class CoTeaching(Strategy):
    """Selects whole samples; a sample's loss is the whole base loss, of all decoder layers and the network's own.

    Raises:
        ActisegError: a noise rate that is more than the share kept at first.
    """

    card = StrategyCard(
        name="co_teaching",
        title="Co-teaching",
        formula="base loss of network f on the R(T) share of positives and of negatives of smallest loss under g, and "
        "the other way round; R(T) = 1 - tau·min(T/T_k, 1)",
        source="Han et al., NeurIPS 2018, arXiv 1804.06872, algorithm 1; T_k = 10 of 200 epochs there",
        options=CoTeachingOptions,
        networks=2,
        oracle="noise rates of positives and negatives",
        cost="2×",
        hurts="where hard samples are right: they are left out like wrong ones; with rates = mixture, where losses of "
        "right labels have two modes, and where wrong ones have none of their own: nothing is left out then; and an "
        "estimate of so few losses jumps",
        robust=Robustness("selection of samples", "selection of samples", "selection of samples", "their sum selects"),
        deviations="one selection for each flag (select), where the paper's samples have one label alone; both "
        "networks start from the same pretrained weights, and differ in what is new to them",
        scored="both networks, and the mean is reported",
    )

    options: CoTeachingOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        given = self._given()
        self._forget = tuple(own if own is not None else rest for own, rest in zip(given, self._rest(), strict=True))
        if None not in given or self.options.rates == "mixture":  # nothing that a user would not know
            self.card = replace(type(self).card, oracle="")  # type: ignore[misc]
        for forget in self._forget:
            _check_schedule(self.options.keep_first, forget or 0.0)
        streams = 2 * self.card.networks
        self._windows = LossWindows(streams, self.options.window) if None in self._forget else None

    def _given(self) -> tuple[float | None, float | None]:
        """Return tau of positives and of negatives, or twice that of all samples, as the options give it."""
        o = self.options
        if o.select == "batch":
            return o.forget, o.forget
        return o.forget, 0.0 if o.forget is not None and o.forget_negatives is None else o.forget_negatives

    def _rest(self) -> tuple[float | None, float | None]:
        """Return the same as the manifest knows it; None is to be estimated."""
        known = self.setting.noise_rates
        if self.options.rates == "mixture":
            return None, None
        if self.options.rates == "first":
            return known.first, known.first
        return (known.samples,) * 2 if self.options.select == "batch" else (known.positives, known.negatives)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        losses = [base_loss(predict_view(network, batch), batch, self.setting.loss) for network in networks]
        ranked, is_positive = [loss.detach() for loss in losses], batch.is_positive > 0.5
        picks = [self._pick(i, loss, is_positive, epoch) for i, loss in enumerate(ranked)]
        peers = picks[::-1]
        kept = [tuple(batch.sample_ids[i] for i in peer.tolist()) for peer in peers]
        own = [loss[peer].mean() for loss, peer in zip(losses, peers, strict=True)]
        return Step(own, kept, ranked=ranked[::-1])

    def _pick(self, network: int, losses: Tensor, is_positive: Tensor, epoch: float) -> Tensor:
        """Return the positions of the samples that a network finds easy, for its peer, int64."""
        if self._windows is not None:
            for i, flag in enumerate(self._flags(is_positive)):
                self._windows.add(2 * network + i, losses[flag])
        positives, negatives = self.shares(epoch, network)
        if self.options.select == "batch":
            return easiest(losses, positives)
        return easiest_within(losses, is_positive, (positives, negatives))

    def _flags(self, is_positive: Tensor) -> tuple[Tensor, Tensor]:
        """Return which samples have the losses of either estimate: a flag each, or all of them for both."""
        everyone = torch.ones_like(is_positive)
        return (everyone, everyone) if self.options.select == "batch" else (is_positive, ~is_positive)

    def shares(self, epoch: float, network: int = 0) -> tuple[float, float]:
        """Return the shares of positives and of negatives kept when ``epoch`` epochs are completed.

        Args:
            network: whose losses an estimate is made of.
        """
        o = self.options
        completed, warmup = int(epoch) if o.stepwise else epoch, o.warmup_share * self.setting.epochs
        positives, negatives = (
            max(keep_rate(completed, noise_rate=forget, warmup=warmup, first=o.keep_first), 0.0)
            for forget in self.forgets(network)
        )
        return positives, negatives

    def forgets(self, network: int = 0) -> tuple[float, float]:
        """Return tau of positives and of negatives, as given, known or estimated now from a network's losses."""
        first, second = (
            tau if tau is not None else self._estimate(2 * network + i) for i, tau in enumerate(self._forget)
        )
        return first, second

    def _estimate(self, stream: int) -> float:
        """Return the share of wrong labels that a stream of losses shows."""
        return 0.0 if self._windows is None else wrong_share(self._windows.losses(stream))

    def oracle(self) -> str:
        """See :class:`Strategy`."""
        values = ", ".join(f"{tau:.3f}" for tau in self._forget if tau is not None)
        return f"{self.card.oracle} {values}" if self.card.oracle else ""

    def state(self) -> dict[str, Tensor]:
        """See :class:`Strategy`."""
        return {} if self._windows is None else self._windows.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See :class:`Strategy`."""
        if self._windows is not None:
            self._windows.load_state(state["losses"], state["seen"])
