"""Baseline: the base loss on the labels as given."""

from __future__ import annotations

from collections.abc import Sequence

from actiseg_bench.losses import base_loss
from actiseg_bench.records import Batch, Network, predict_view
from actiseg_bench.strategies.base import STRATEGIES, Step, Strategy, StrategyCard


@STRATEGIES.register("baseline")
class Baseline(Strategy):
    """Trusts every label."""

    card = StrategyCard(
        name="baseline",
        title="Baseline",
        formula="2·focal + 5·dice + 2·CE(positive)",
        source="ActionVOS (arXiv 2407.07402) and its released code: coefficients, alpha .25, gamma 2",
    )

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        return Step([base_loss(predict_view(networks[0], batch), batch, self.setting.loss).mean()])
