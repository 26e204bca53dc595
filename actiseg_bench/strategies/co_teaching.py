"""Co-teaching: two networks, each learns from the samples that its peer finds easy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from actiseg_bench.losses import base_loss
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Setting, Step, Strategy, StrategyCard
from actiseg_bench.strategies.options import Options, option
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


@dataclass(frozen=True)
class CoTeachingOptions(Options):
    """See :class:`Options`."""

    forget: float | None = option(
        None,
        "tau, by how much the share kept falls: null is the noise rate of the manifest, which is oracle knowledge; the "
        "published code has .1 whatever the noise",
        released=0.1,
        at_least=0,
        at_most=1,
    )
    warmup_share: float = option(
        0.05,
        "T_k, over which it falls, as a share of the epochs; 6 of 6 epochs in the published code",
        released=1.0,
        at_least=0,
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
        formula="base loss of network f on the R(T) share of smallest loss under g, and the other way round",
        source="Han et al., NeurIPS 2018, arXiv 1804.06872, algorithm 1; T_k = 10 of 200 epochs there",
        options=CoTeachingOptions,
        networks=2,
        oracle="noise rate",
        cost="2×",
        hurts="where hard samples are right: they are left out like wrong ones",
    )

    options: CoTeachingOptions

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        given = self.options.forget
        if given is not None:  # a schedule that is given in advance needs nothing that a user would not know
            self.card = replace(type(self).card, oracle="")  # type: ignore[misc]
        self._forget = setting.noise_rate if given is None else given
        _check_schedule(self.options.keep_first, self._forget)

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        losses = [base_loss(predict_view(network, batch), batch, self.setting.loss) for network in networks]
        picks = [easiest(loss.detach(), self.share(epoch)) for loss in losses]
        peers = picks[::-1]
        kept = [tuple(batch.sample_ids[i] for i in peer.tolist()) for peer in peers]
        return Step([loss[peer].mean() for loss, peer in zip(losses, peers, strict=True)], kept)

    def share(self, epoch: float) -> float:
        """Return the share of samples kept when ``epoch`` epochs are completed."""
        o = self.options
        completed, warmup = int(epoch) if o.stepwise else epoch, o.warmup_share * self.setting.epochs
        return keep_rate(completed, noise_rate=self._forget, warmup=warmup, first=o.keep_first)
