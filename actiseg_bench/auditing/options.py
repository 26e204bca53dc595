"""What ``audit`` is asked to do. Imports nothing heavy, so that ``--help`` does not."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.training.options import TrainingOptions, check_strategies, flag
from actiseg_noise.errors import UnknownNameError

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig

NOUN, MASK, FLAG = "noun", "mask", "flag"
CHECKS = (NOUN, MASK, FLAG)


@dataclass(frozen=True, kw_only=True)
class AuditOptions(TrainingOptions):
    """What ``audit`` is asked to do.

    Raises:
        UnknownNameError: a check that there is not.
    """

    manifest: Path = flag(MISSING, "The labels: a manifest folder, or its address.")
    out: Path = flag(MISSING, "Where the audit goes; the same command continues an interrupted one.")
    folds: int = flag(3, "Parts that the videos are dealt into; each is judged by who learned from the others.")
    check: tuple[str, ...] = flag((), "What to look at: noun, mask, flag; repeatable. [default: all three]")
    strategy: str = flag("baseline", "How to learn; see 'list strategies'.")
    worst: int = flag(24, "How many labels the contact sheet shows.", at_least=1)
    seed: int = flag(0, "Seed of folds, order, augmentation and fresh parameters.")
    threads: int = flag(2, "CPU threads; equal threads, equal results.", at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.check:
            if name not in CHECKS:
                raise UnknownNameError("check", name, CHECKS)

    @property
    def checks(self) -> tuple[str, ...]:
        """Return what is looked at, in order."""
        return tuple(name for name in CHECKS if not self.check or name in self.check)

    def run_config(self, what: str) -> RunConfig:
        """Return how the networks of a check learn.

        For nouns that is referring alone: every object's mask is the target of its text, whose narration is another
        clip's, so that masks of negative objects teach too and nothing else than the noun can say which mask is meant.

        Raises:
            UnknownNameError: no such strategy, model or option. ActisegError: a value that is not allowed.
        """
        check_strategies([self.strategy], self, [self.strategy])
        config = self.configure({}, strategy=self.strategy, seed=self.seed, threads=self.threads)
        if what != NOUN:
            return config
        loss = replace(config.train.loss, mask=20.0, positive=0.0, dice_over="all")
        return replace(config, train=replace(config.train, targets="all", action_weights=False, loss=loss))
