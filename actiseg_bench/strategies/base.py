"""What every strategy provides, and the registry of strategies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from actiseg_bench.losses import LossConfig
from actiseg_bench.records import Batch, Network
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.registry import Registry


@dataclass(frozen=True)
class StrategyCard:
    """What a strategy is.

    Attributes:
        formula: one line; source: paper and equation.
        defaults: hyper-parameter → value, from the method's paper.
        networks: how many networks it trains.
        oracle: what it knows that a user would not, empty when nothing.
        cost: time per step relative to the baseline, in words.
    """

    name: str
    title: str
    formula: str
    source: str
    defaults: dict[str, Any] = field(default_factory=dict)
    networks: int = 1
    variants: tuple[str, ...] = ("faithful",)
    oracle: str = ""
    cost: str = "1×"


@dataclass(frozen=True)
class Setting:
    """What the trainer tells a strategy about the run.

    Attributes:
        loss: the base loss's coefficients.
        noise_rate: share of the training labels that are wrong, from the manifest; an oracle.
        epochs: length of the run.
    """

    loss: LossConfig
    noise_rate: float
    epochs: int


class Step(NamedTuple):
    """One step's answer.

    Attributes:
        losses: one scalar to descend per network, in the networks' order.
        kept: per network, the ids of the samples that its loss used; None when all were used.
    """

    losses: list[Tensor]
    kept: list[tuple[str, ...]] | None = None


class Strategy(ABC):
    """A way to learn from noisy labels: the networks it needs, its loss, what it remembers.

    Args:
        setting: what the run tells it.
        options: hyper-parameters that differ from the card's defaults; an unknown name is refused.
        variant: ``faithful`` (the method's own paper) or ``released`` (as the published ActiSeg-NL code does it).

    Raises:
        UnknownNameError: an option or variant that the card does not name.
    """

    card: ClassVar[StrategyCard]

    def __init__(self, setting: Setting, options: dict[str, Any] | None = None, variant: str = "faithful") -> None:
        for name in options or {}:
            if name not in self.card.defaults:
                raise UnknownNameError(f"option of strategy {self.card.name!r}", name, self.card.defaults)
        if variant not in self.card.variants:
            raise ActisegError(
                f"strategy {self.card.name!r} has no variant {variant!r}. Known: {', '.join(self.card.variants)}"
            )
        self.setting = setting
        self.options = {**self.card.defaults, **(options or {})}
        self.variant = variant

    @abstractmethod
    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """Return the losses of one batch.

        Args:
            networks: ``card.networks`` of them, in training mode.
            epoch: how many epochs were completed, with a fraction: 0.0 at the first step.
        """


STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "actiseg_bench.strategies", "actiseg.strategies")
