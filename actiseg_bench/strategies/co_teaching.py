"""Co-teaching: two networks, each learns from the samples that its peer finds easy."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from actiseg_bench.losses import base_loss
from actiseg_bench.records import Batch, Network
from actiseg_bench.strategies.base import STRATEGIES, Step, Strategy, StrategyCard


def keep_rate(epoch: float, *, noise_rate: float, warmup: float) -> float:
    """Return R(T) = 1 - min(tau·T/T_k, tau), the share kept after T epochs (Han et al., arXiv 1804.06872, alg. 1).

    Args:
        epoch: T, epochs completed, with a fraction.
        noise_rate: tau. warmup: T_k in epochs.
    """
    return 1 - noise_rate * min(epoch / warmup, 1.0)


def easiest(losses: Tensor, share: float) -> Tensor:
    """Return the positions of the ``share`` of smallest losses, int64, at least one, in ascending position."""
    count = max(1, round(share * len(losses)))
    return losses.argsort(stable=True)[:count].sort().values


@STRATEGIES.register("co_teaching")
class CoTeaching(Strategy):
    """Selects whole samples; a sample's loss is the whole base loss. The first network is scored."""

    card = StrategyCard(
        name="co_teaching",
        title="Co-teaching",
        formula="base loss of network f on the R(T) share of smallest loss under g, and the other way round",
        source="Han et al., NeurIPS 2018, arXiv 1804.06872, algorithm 1; T_k = 10 of 200 epochs there",
        defaults={"warmup_share": 0.05},
        networks=2,
        oracle="noise rate",
        cost="2×",
    )

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        warmup = self.options["warmup_share"] * self.setting.epochs
        share = keep_rate(epoch, noise_rate=self.setting.noise_rate, warmup=warmup)
        losses = [self._losses(network, batch) for network in networks]
        picks = [easiest(loss.detach(), share) for loss in losses]
        peers = picks[::-1]
        kept = [tuple(batch.sample_ids[i] for i in peer.tolist()) for peer in peers]
        return Step([loss[peer].mean() for loss, peer in zip(losses, peers, strict=True)], kept)

    def _losses(self, network: Network, batch: Batch) -> Tensor:
        prediction = network(batch.frames, batch.expressions, batch.frames_of)
        return base_loss(prediction, batch, self.setting.loss)
