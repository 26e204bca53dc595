"""A trial: one training with drawn options, scored on validation. It is a run of the grid, in a folder of its own.

It lies in ``<out>/tuning-trials/<protocol>/<track>/<model>/<strategy>-trial-<k>/seed0``: ``result.json`` has the scores
on clean validation labels, which choose nothing, ``given.json`` those on the labels as given, which choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from actiseg_bench.grid import execution
from actiseg_bench.grid.run import Outcome, OwnSettings, RunSpec
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.tracks import Track
from actiseg_bench.results.result import TUNED
from actiseg_bench.strategies.ranges import Range
from actiseg_bench.tuning import given
from actiseg_bench.tuning.space import draw_learning_rate, draw_options

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig
    from actiseg_bench.training.train import TrainOutcome

TRAINING_SEED = 0
"""Of every trial: order, augmentation and fresh parameters are the same for all."""


class TrialRunner(TorchRunner):
    """Makes trials: scores on the validation's clean labels as any run, and on its given ones."""

    roots: ClassVar[tuple[str, ...]] = (execution.__name__, given.__name__)

    def score(self, spec: RunSpec, config: RunConfig, folder: Path, trained: TrainOutcome | None) -> Outcome:
        """See :class:`TorchRunner`; the scores on given labels go into a file of their own.

        Raises:
            ValueError: a reference row, which nobody tunes.
        """
        if trained is None:
            raise ValueError(f"{spec.name}: a trial is trained")
        outcome = super().score(spec, config, folder, trained)
        scores = given.score_given(trained.networks, config, spec.track)
        given.write_given(folder, self.identity(spec).key(), scores)
        return outcome

    def store_training(self, spec: RunSpec, config: RunConfig, folder: Path, trained: TrainOutcome) -> None:
        """Store nothing: no report shows the clips of a trial."""


def trial_spec(
    track: Track, model: str, strategy: str, space: Mapping[str, Range], trial: int, *, seed: int, rate: float
) -> RunSpec:
    """Return the run of a trial.

    Args:
        track: a validation track. seed: of the draws. rate: the learning rate of trial 0, the defaults.
    """
    drawn = draw_options(space, seed, strategy, trial)
    learning_rate = draw_learning_rate(rate, seed, strategy, trial)
    own = OwnSettings(drawn, learning_rate, {"seed": seed, "trial": trial})
    name = f"trial-{trial}" if seed == 0 else f"draws-{seed}-trial-{trial}"
    return RunSpec(track, model, strategy, name, TRAINING_SEED, own)


def tuned_spec(
    track: Track, model: str, strategy: str, seed: int, own: OwnSettings, about: Mapping[str, Any]
) -> RunSpec:
    """Return a run with the settings of the trial that was chosen; ``about``: from how many, and by what."""
    return RunSpec(track, model, strategy, TUNED, seed, OwnSettings(own.options, own.learning_rate, about))
