"""Longer baseline: the baseline with twice the updates. What methods with two networks could spend theirs on."""

from __future__ import annotations

from actiseg_bench.strategies.base import STRATEGIES, StrategyCard
from actiseg_bench.strategies.baseline import Baseline


@STRATEGIES.register("longer_baseline")
class LongerBaseline(Baseline):
    """The baseline's step, twice as often, under a schedule of twice the length.

    A method that trains two networks makes two updates where the baseline makes one. Where it is better than the
    baseline and no better than this row, the updates may be what it owes it to.
    """

    card = StrategyCard(
        name="longer_baseline",
        title="Longer baseline",
        formula="2·focal + 5·dice + 2·CE(positive), for twice the updates; the schedule drops twice as late",
        source="this project: a yardstick, no method",
        cost="1×, for twice as many steps",
        hurts="where the baseline learns wrong labels by heart: it has twice the time to",
        length=2.0,
    )
