"""What the trials of one strategy on one track say: which one the given labels choose, and which one clean ones would.

``tune.json`` holds it, in ``<out>/<protocol>/<track>/<model>/<strategy>-tuned/``, beside the runs that were made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_bench.grid.run import RunSpec
from actiseg_bench.results.result import TUNED
from actiseg_bench.results.stored import run_folder
from actiseg_bench.tuning.given import Scores
from actiseg_bench.tuning.space import LEARNING_RATE
from actiseg_noise.borders.writing import write_json

TUNE_NAME = "tune.json"


@dataclass(frozen=True)
class Trial:
    """One trial and what came of it.

    Attributes:
        spec: what was trained, with its settings. run_key: what made it, None where it failed.
        given: metric → score on the validation labels as given. clean: on clean ones. None: the trial failed.
        error: why it failed; empty when it did not.
    """

    spec: RunSpec
    run_key: str | None = None
    given: Scores | None = None
    clean: Scores | None = None
    error: str = ""

    @property
    def number(self) -> int:
        """Return which trial of its strategy it is; 0 is the defaults."""
        return int(self.spec.own.about["trial"]) if self.spec.own else 0

    def settings(self) -> dict[str, Any]:
        """Return what it was trained with: the options that were drawn, and the learning rate."""
        own = self.spec.own
        return {} if own is None else {**own.options, LEARNING_RATE: own.learning_rate}

    def to_json(self, by: str) -> dict[str, Any]:
        """Return what ``tune.json`` says of the trial; ``by`` is the metric that chooses."""
        short = {"given": score_of(self.given, by), "clean": score_of(self.clean, by)}
        return {"trial": self.number, **short, "settings": self.settings()}


@dataclass(frozen=True)
class Choice:
    """What was chosen for a strategy on a track.

    Attributes:
        by: the metric. trials: in order, those that failed too. seed: of the draws.
        chosen: the best on the labels as given; of equal ones the first, so that the defaults stay where nothing beats
            them. None where no trial has a score.
        by_clean: what clean validation labels would have chosen. It is told and never used.
    """

    by: str
    seed: int
    trials: tuple[Trial, ...]
    chosen: Trial | None
    by_clean: Trial | None

    @property
    def spec(self) -> RunSpec:
        """Return the first trial's run: its track, model and strategy are those of all."""
        return self.trials[0].spec

    @property
    def regret(self) -> float | None:
        """Return how much of the clean score is lost by choosing on given labels, at least 0."""
        best, own = (score_of(one.clean if one else None, self.by) for one in (self.by_clean, self.chosen))
        return None if best is None or own is None else best - own

    def about(self) -> dict[str, Any]:
        """Return what a tuned run says of its options: chosen from how many trials, by what, and which one it was."""
        number = None if self.chosen is None else self.chosen.number
        return {"seed": self.seed, "trials": len(self.trials), "by": self.by, "trial": number}

    def to_json(self) -> dict[str, Any]:
        """Return what ``tune.json`` holds."""
        spec, info = self.spec, self.spec.track.info
        place = {"protocol": info.protocol, "track": info.name, "model": spec.model, "strategy": spec.strategy}
        labels = {
            "noise_seed": info.noise_seed,
            "train_manifest": info.train_manifest,
            "validation": info.eval_manifest,
        }
        return {
            **place,
            **labels,
            "by": self.by,
            "seed": self.seed,
            "chosen": self.chosen and self.chosen.to_json(self.by),
            "clean_would_choose": self.by_clean and self.by_clean.to_json(self.by),
            "regret": self.regret,
            "trials": [
                one.to_json(self.by)
                | {
                    "run_key": one.run_key,
                    "scores": {"given": one.given, "clean": one.clean},
                    "error": one.error or None,
                }
                for one in self.trials
            ],
        }


def score_of(scores: Scores | None, by: str) -> float | None:
    """Return one score, None where there is none."""
    return None if scores is None else scores[by]


def choose_trial(trials: Sequence[Trial], by: str, seed: int) -> Choice:
    """Choose on given labels; say what clean ones would have chosen. ``by``: a metric of which more is better."""
    return Choice(by, seed, tuple(trials), _best(trials, "given", by), _best(trials, "clean", by))


def _best(trials: Sequence[Trial], labels: str, by: str) -> Trial | None:
    """Return the trial of the highest score, of equal ones the first; one without a score is never it."""
    scored: Mapping[int, float] = {
        i: score for i, one in enumerate(trials) if (score := score_of(getattr(one, labels), by)) is not None
    }
    return trials[max(scored, key=scored.__getitem__)] if scored else None


def write_choice(choice: Choice, out: Path) -> Path:
    """Write ``tune.json`` whole or not at all, and return its path."""
    spec = choice.spec
    row = f"{spec.strategy}-{TUNED}"
    folder = run_folder(spec.track.info, spec.model, row, 0, out).parent
    return write_json(folder / TUNE_NAME, choice.to_json(), allow_nan=False)
