"""Co-teaching: two networks, each learns from the samples that its peer finds easy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from actiseg_bench.losses import base_loss
from actiseg_bench.records import Batch, Network, look
from actiseg_bench.strategies.base import STRATEGIES, Setting, Step, Strategy, StrategyCard
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


@STRATEGIES.register("co_teaching")
class CoTeaching(Strategy):
    """Selects whole samples; a sample's loss is the whole base loss, of all decoder layers and the network's own.

    Raises:
        ActisegError: a schedule that keeps less than nothing or more than all.
    """

    card = StrategyCard(
        name="co_teaching",
        title="Co-teaching",
        formula="base loss of network f on the R(T) share of smallest loss under g, and the other way round",
        source="Han et al., NeurIPS 2018, arXiv 1804.06872, algorithm 1; T_k = 10 of 200 epochs there",
        defaults={"forget": None, "warmup_share": 0.05, "keep_first": 1.0, "stepwise": False},
        released={"forget": 0.1, "warmup_share": 1.0, "keep_first": 0.95, "stepwise": True},
        meanings={
            "forget": "tau, by how much the share kept falls: None is the noise rate of the manifest, which is oracle "
            "knowledge; the published code has .1 whatever the noise",
            "warmup_share": "T_k, over which it falls, as a share of the epochs; 6 of 6 epochs in the published code",
            "keep_first": "share kept at first; .95 in the published code",
            "stepwise": "it falls once an epoch, as in the published code: .95, .933, .917, .9, .883, .867 (that the "
            "code collects 128 samples and then makes one update for each that is kept is not imitated: the updates "
            "of a run are equal for all strategies)",
        },
        networks=2,
        oracle="noise rate",
        cost="2×",
        hurts="where hard samples are right: they are left out like wrong ones",
    )

    def __init__(self, setting: Setting, options: dict[str, Any] | None = None, variant: str = "faithful") -> None:
        super().__init__(setting, options, variant)
        told = self.options["forget"]
        if told is not None:  # a schedule that is told in advance needs nothing that a user would not know
            self.card = replace(type(self).card, oracle="")  # type: ignore[misc]
        self._forget = setting.noise_rate if told is None else told
        first = self.options["keep_first"]
        raise_if(
            not 0 <= first - self._forget <= first <= 1,
            f"strategy 'co_teaching' keeps {first} at first and {self._forget} less in the end: both must stay "
            "between 0 and 1",
        )

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        losses = [base_loss(look(network, batch), batch, self.setting.loss) for network in networks]
        picks = [easiest(loss.detach(), self.share(epoch)) for loss in losses]
        peers = picks[::-1]
        kept = [tuple(batch.sample_ids[i] for i in peer.tolist()) for peer in peers]
        return Step([loss[peer].mean() for loss, peer in zip(losses, peers, strict=True)], kept)

    def share(self, epoch: float) -> float:
        """Return the share of samples kept when ``epoch`` epochs are completed."""
        completed = int(epoch) if self.options["stepwise"] else epoch
        warmup, first = self.options["warmup_share"] * self.setting.epochs, self.options["keep_first"]
        return keep_rate(completed, noise_rate=self._forget, warmup=warmup, first=first)
