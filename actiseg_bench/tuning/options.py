"""What ``tune`` is asked to do. Imports nothing heavy, so that ``--help`` does not."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from actiseg_bench.grid.options import RunOptions
from actiseg_bench.training.options import VARIANT, TrainingOptions, flag
from actiseg_noise.errors import UnknownNameError, raise_if

MEASURES = ("p_miou", "p_ciou", "giou", "acc")
"""The metrics of which more is better."""
PROTOCOL = "full"


@dataclass(frozen=True, kw_only=True)
class TuneOptions(TrainingOptions):
    """How many trials, of what, on which machine, and where they go.

    Raises:
        UnknownNameError: a measure that there is not.
        ActisegError: a variant other than ``faithful``; a number below its least.
    """

    trials: int = flag(8, "Trials per strategy and track; the first is the defaults.", at_least=1)
    protocol: str = flag(PROTOCOL, "full, or a TOML file with a validation split.", metavar="NAME|FILE")
    strategy: tuple[str, ...] = flag((), "Only this strategy; repeatable.")
    track: tuple[str, ...] = flag((), "Only this track; repeatable.")
    by: str = flag("p_miou", "What chooses: p_miou, p_ciou, giou or acc, on noisy validation.", metavar="METRIC")
    seed: int = flag(0, "Seed of the draws.", at_least=0)
    trials_only: bool = flag(False, "Stop after the trials.")
    seeds: int | None = flag(None, "Trainings per cell, after the trials. [default: the protocol's]", at_least=1)
    threads: int | None = flag(
        None, "CPU threads; equal threads, equal results. [default: 2, or 1 per job]", at_least=1
    )
    jobs: int = flag(1, "Runs at once, each in a process of its own.", at_least=1)
    eval_root: Path | None = flag(None, "The folder of the dataset that is scored on. [default: --root]")
    keep_weights: bool = flag(False, "Store the trained network of every run that is no trial.")
    out: Path = flag(Path("runs"), "Where trials, runs and manifests go; finished ones are reused.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by not in MEASURES:
            raise UnknownNameError("measure", self.by, MEASURES)
        raise_if(
            self.variant not in (None, VARIANT),
            f"--variant {self.variant}: tuning varies the method of its own paper; leave --variant out",
        )
        self.as_run()

    def as_run(self) -> RunOptions:
        """Return the same for ``run``: what the rows of defaults are made with."""
        own = {one.name for one in fields(self)}
        shared = {one.name: getattr(self, one.name) for one in fields(RunOptions) if one.name in own}
        return RunOptions(**(shared | {"everything": True, "variant": VARIANT}))
