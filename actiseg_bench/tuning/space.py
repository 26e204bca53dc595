"""What a trial draws: the ranges on a strategy's card, and the learning rate, which is drawn for every strategy alike.

The address of a draw is ("tune", seed, strategy, trial, option): how many trials there are, and on which track,
does not enter it. Eight trials contain the four of a smaller budget, and a finished one is never lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from actiseg_bench.strategies.base import STRATEGIES
from actiseg_bench.strategies.ranges import LogUniform, Range
from actiseg_noise.errors import raise_if
from actiseg_noise.key import Key

LEARNING_RATE = "learning_rate"
RATES = LogUniform(1 / 3, 3)
"""Factors of the protocol's learning rate: what every strategy is tuned over, the baseline too."""
DEFAULTS = 0
"""The trial that draws nothing."""


def search_space(strategy: str, fixed: Collection[str] = ()) -> dict[str, Range]:
    """Return option → what tuning draws it from, in the order of the card.

    Args:
        fixed: options that somebody set, and that are not drawn.

    Raises:
        UnknownNameError: no such strategy. ActisegError: a strategy with options of which none has a range, so that
            its trials would be the baseline's.
    """
    options = STRATEGIES[strategy].card.list_options()
    ranges = {one.key: one.tune for one in options if one.tune is not None}
    raise_if(
        bool(options) and not ranges,
        f"strategy {strategy!r} cannot be tuned: none of its options ({', '.join(one.key for one in options)}) says "
        "what to draw it from. Write option(..., tune=LogUniform(low, high)) in its options, or leave the strategy out",
    )
    return {name: range_ for name, range_ in ranges.items() if name not in fixed}


def draw_options(space: Mapping[str, Range], seed: int, strategy: str, trial: int) -> dict[str, Any]:
    """Return option → value of a trial; trial 0 draws nothing, it is the defaults."""
    if trial == DEFAULTS:
        return {}
    key = Key("tune", seed, strategy, trial)
    return {name: range_.draw(key.child(name)) for name, range_ in space.items()}


def draw_learning_rate(default: float, seed: int, strategy: str, trial: int) -> float:
    """Return the learning rate of a trial, ``default`` times a factor of :data:`RATES`; trial 0 has the default."""
    if trial == DEFAULTS:
        return default
    return float(f"{default * RATES.draw(Key('tune', seed, strategy, trial, LEARNING_RATE)):.4g}")
