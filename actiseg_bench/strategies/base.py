"""What every strategy provides, and the registry of strategies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from actiseg_bench.losses import LossConfig, base_focal, combine, mean_over_pixels, weigh
from actiseg_bench.records import Batch, Network, NoiseRates, predict_view
from actiseg_bench.strategies.options import Option, Options, list_options, option
from actiseg_bench.strategies.ranges import LogUniform
from actiseg_noise.errors import ActisegError
from actiseg_noise.registry import Registry

FAITHFUL, RELEASED = "faithful", "released"
OUT_OF_FOLD = "out_of_fold"
NEEDS = ("", OUT_OF_FOLD)


class Robustness(NamedTuple):
    """What protects each term of the base loss from wrong labels, in a few words; empty: it trusts the given label.

    Attributes:
        mask, dice, positive: of the three terms. layers: how several decoder layers share in it.
    """

    mask: str = ""
    dice: str = ""
    positive: str = ""
    layers: str = "each layer alike"


TRUSTS_ALL = Robustness()


class OutOfFold(NamedTuple):
    """What networks say of N samples whose videos they did not learn from.

    Attributes:
        sample_ids: N. is_positive: bool ``[N]``, the given flags.
        positive_scores: float64 ``[N]`` in [0, 1]: that what the given text names takes part in its action.
    """

    sample_ids: tuple[str, ...]
    is_positive: Tensor
    positive_scores: Tensor


@dataclass(frozen=True)
class OutOfFoldOptions(Options):
    """The options of every strategy that ``needs`` networks trained out of fold."""

    folds: int = option(
        3, "parts that the videos are dealt into; each is judged by a network that learned from the others", at_least=2
    )
    fold_updates: float = option(
        0.5, "updates of each of these networks, as a share of the run's", above=0, tune=LogUniform(0.25, 1)
    )

    def updates(self, steps: int) -> tuple[int, ...]:
        """Return the updates of every fold's network for a run of ``steps``, one or more each."""
        return self.folds * (max(1, round(self.fold_updates * steps)),)


def updates_before(options: Options, steps: int) -> int:
    """Return the updates that are made before a run of ``steps`` begins, of all networks together."""
    return sum(options.updates(steps)) if isinstance(options, OutOfFoldOptions) else 0


@dataclass(frozen=True)
class StrategyCard:
    """What a strategy is.

    Attributes:
        formula: one line; source: paper and equation.
        replaces: the part of the base loss that the strategy's own takes the place of.
        options: the class of its hyper-parameters: from the method's paper, the variant ``faithful``; where the
            published ActiSeg-NL code has other values for some, they are the variant ``released``.
        networks: how many networks it trains. views: 2 for strategies that need ``Batch.strong``.
        needs: ``out_of_fold`` for strategies that need ``Setting.out_of_fold``, whose options are then a subclass of
            :class:`OutOfFoldOptions`; empty when nothing is trained before the run.
        oracle: what it knows that a user would not, empty when nothing.
        cost: time per step relative to the baseline, in words. hurts: when it does.
        robust: which terms of the base loss it protects. deviations: from the paper and its official code, beside what
            the options say; empty when there are none.
        scored: whose predictions are scored.
        needs_truth: it is told which labels are right (``Batch.agrees``); a strategy that learns from noise is not.
        length: updates of its runs relative to the others', for yardsticks of equal computation; methods have 1.
    """

    name: str
    title: str
    formula: str
    source: str
    replaces: str = "nothing"
    options: type[Options] = Options
    networks: int = 1
    views: int = 1
    needs: str = ""
    oracle: str = ""
    cost: str = "1×"
    hurts: str = ""
    robust: Robustness = TRUSTS_ALL
    deviations: str = ""
    scored: str = "the network"
    needs_truth: bool = False
    length: float = 1.0

    def __post_init__(self) -> None:
        if self.needs not in NEEDS or (self.needs == OUT_OF_FOLD) is not issubclass(self.options, OutOfFoldOptions):
            raise TypeError(
                f"strategy {self.name!r}: needs={self.needs!r} with options {self.options.__name__}: expected "
                f"{OUT_OF_FOLD!r} with options of OutOfFoldOptions, or neither"
            )

    def list_options(self) -> list[Option]:
        """Return the options, one by one."""
        return list_options(self.options)

    @property
    def variants(self) -> tuple[str, ...]:
        """Return ``faithful``, and ``released`` where the published code sets an option otherwise."""
        return (FAITHFUL, RELEASED) if any(one.is_changed for one in self.list_options()) else (FAITHFUL,)

    def make_options(self, variant: str, given: Mapping[str, Any]) -> Options:
        """Return the options of a variant, those ``given`` last.

        Raises:
            UnknownNameError: an option that the strategy does not have. ActisegError: an unknown variant; a value of
                another type or out of range.
        """
        if variant not in self.variants:
            raise ActisegError(f"strategy {self.name!r} has no variant {variant!r}. Known: {', '.join(self.variants)}")
        return self.options.make(self.name, given, is_released=variant == RELEASED)


@dataclass(frozen=True)
class Setting:
    """What a strategy may know of its run.

    Attributes:
        loss: the base loss's coefficients.
        noise_rates: which shares of the training labels are wrong, from the manifest; an oracle.
        epochs: length of the run, with a fraction.
        frames: sample_id → the frame_idx that training shows of it, for memory per pixel.
        mask_size: (rows, columns) of a target.
        seed: of the run, for draws of the strategy's own.
        folder: where memory that is too large for the process may lie on disk; None keeps it in the process.
        out_of_fold: what networks say that did not learn from a sample's video, for strategies whose card needs it;
            None for others.
    """

    loss: LossConfig
    noise_rates: NoiseRates
    epochs: float
    frames: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    mask_size: tuple[int, int] = (0, 0)
    seed: int = 0
    folder: Path | None = None
    out_of_fold: OutOfFold | None = None


class Step(NamedTuple):
    """One step's answer.

    Attributes:
        losses: one scalar to descend per network, in the networks' order.
        kept: per network, the ids of the samples that its loss used; None when all were used.
        trusted: bool ``[N, T, h, w]``: the pixels whose given label the strategy believes; None when it does not ask.
        ranked: per network, what ranked its samples in ``kept``, ``[N]`` each, larger for labels believed less; None
            when nothing did.
    """

    losses: list[Tensor]
    kept: list[tuple[str, ...]] | None = None
    trusted: Tensor | None = None
    ranked: list[Tensor] | None = None


class Strategy(ABC):
    """A way to learn from noisy labels: the networks it needs, its loss, what it remembers.

    Args:
        setting: what it may know of the run.
        options: hyper-parameters that differ from the variant's, by key.
        variant: ``faithful`` (the method's own paper) or ``released`` (as the published ActiSeg-NL code does it).

    Attributes:
        options: of the card's class; a subclass says of which: ``options: GCEOptions``.

    Raises:
        ActisegError: see :meth:`StrategyCard.make_options`.
    """

    card: ClassVar[StrategyCard]
    options: Options

    def __init__(self, setting: Setting, options: Mapping[str, Any] | None = None, variant: str = FAITHFUL) -> None:
        self.options = self.card.make_options(variant, options or {})
        self.setting = setting
        self.variant = variant

    def prepare(self, networks: Sequence[nn.Module]) -> None:  # noqa: B027 — most strategies need nothing
        """Change the networks once, after start weights are in and before the first step."""

    @abstractmethod
    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """Return the losses of one batch.

        Args:
            networks: ``card.networks`` of them, in training mode.
            epoch: how many epochs were completed, with a fraction: 0.0 at the first step.
        """

    def state(self) -> dict[str, Tensor]:
        """Return what the strategy remembers, for a checkpoint: ``load_state``'s inverse."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 — most strategies remember nothing
        """Restore what ``state`` returned."""

    def finish(self, networks: Sequence[nn.Module]) -> None:  # noqa: B027 — most strategies add nothing
        """Take away what training alone needed; the networks are scored and stored after this."""

    def oracle(self) -> str:
        """Return what the strategy knows that a user would not, with its values last; empty when nothing."""
        return self.card.oracle

    def pixel_weights(self, batch: Batch) -> Tensor | None:
        """Return what multiplies the strategy's own mask term; None where it has an option ``guided`` that is false."""
        return batch.weights if getattr(self.options, "guided", True) else None


@dataclass(frozen=True)
class PixelOptions(Options):
    """The options that every :class:`PixelStrategy` has."""

    additive: bool = option(False, "keep the focal term beside it")


class PixelStrategy(Strategy):
    """A robust loss of every mask pixel in the place of the focal term; dice and positive head as in the baseline.

    The option ``additive`` keeps the focal term beside it, as the published code does. Action-guided weights, where a
    run has them, multiply both; with the option ``guided`` false, the focal term alone.
    """

    options: PixelOptions

    @abstractmethod
    def pixels(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every pixel, same shape as ``logits``."""

    def step(self, networks: Sequence[Network], batch: Batch, epoch: float) -> Step:
        """See :class:`Strategy`."""
        prediction = predict_view(networks[0], batch)
        masks = [self._mask_term(layer.mask_logits, batch) for layer in prediction.layers]
        return Step([combine(masks, prediction, batch, self.setting.loss).mean()])

    def _mask_term(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return what stands for the mask term of every sample, ``[N]``, for one decoder layer's logits."""
        pixels = weigh(self.pixels(logits, batch.masks), self.pixel_weights(batch))
        if self.options.additive:
            pixels = pixels + weigh(base_focal(logits, batch.masks, self.setting.loss), batch.weights)
        return mean_over_pixels(pixels)


STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "actiseg_bench.strategies", "actiseg.strategies", ("card",))
