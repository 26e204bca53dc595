"""What ``run`` is asked to do: one frozen record from the command line to the runner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.training.options import TrainingOptions, flag
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.executors.base import PROCESSES, Engine

if TYPE_CHECKING:
    from actiseg_bench.grid.shards import Shard

WEIGHTS = ("bundled", "none")  # that are no file


@dataclass(frozen=True, kw_only=True)
class RunOptions(TrainingOptions):
    """Which runs to make, of what, on which machine, and where they go.

    Raises:
        UnknownNameError: no such protocol.
        ActisegError: options that contradict each other; a number below its least; a protocol file that is none.
    """

    everything: bool = flag(False, "Every strategy on every track of the protocol.", name="--all")
    protocol: str | None = flag(
        None, "quick, full, actiseg-nl, vost, vscos, or a TOML file. [default: quick]", metavar="NAME|FILE"
    )
    strategy: tuple[str, ...] = flag((), "Only this strategy; repeatable.")
    track: tuple[str, ...] = flag((), "Only this track; repeatable.")
    seeds: int | None = flag(None, "Trainings per cell. [default: the protocol's]", at_least=1)
    threads: int | None = flag(
        None, "CPU threads; equal threads, equal results. [default: 2, or 1 where several run at once]", at_least=1
    )
    jobs: int = flag(1, "Runs at once, each in a process of its own; several GPUs are dealt out to them.", at_least=1)
    engine: str = flag(
        PROCESSES, "Who makes the runs: processes, dask, dask=ADDRESS, or one of a plug-in. See docs/cluster.md."
    )
    gpus_per_run: int | None = flag(
        None,
        "GPUs that each run has to itself, here or at a worker; no more run at once. [default: all share]",
        at_least=1,
    )
    shard: str | None = flag(
        None, "Part I of N of the runs; without it, what no part made yet is made and the table printed.", metavar="I/N"
    )
    manifest: Path | None = flag(None, "Train on this manifest instead of a protocol's.")
    eval_manifest: Path | None = flag(None, "Score on this manifest; goes with --manifest.")
    eval_root: Path | None = flag(None, "The folder of the dataset that is scored on. [default: --root]")
    keep_weights: bool = flag(False, "Store the trained network of every run.")
    save_every: int | None = flag(
        None, "Steps between checkpoints of a run. [default: only when asked to stop]", at_least=1
    )
    out: Path = flag(Path("runs"), "Where runs and manifests go; finished runs are reused.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("strategy", "track"):
            value = getattr(self, name)
            raise_if(isinstance(value, str), f"{name}: expected a tuple of names, got {value!r}; write ({value!r},)")
        self.part  # noqa: B018 - a part that there is not is refused
        own = self.hands.is_own
        raise_if(
            not own and self.weights not in WEIGHTS and not Path(self.weights).is_absolute(),
            f"--weights {self.weights}: with --engine {self.engine} give its whole path: workers stand elsewhere",
        )
        raise_if(
            self.engine == "dask" and self.gpus_per_run is not None,
            "--gpus-per-run and --engine dask without an address: this machine's GPUs are dealt out by --jobs N; with "
            "dask=ADDRESS by workers that were started with --resources GPU=N",
        )
        protocol = (("--all", self.everything), ("--protocol", self.protocol), ("--track", self.track))
        given = [name for name, value in protocol if value]
        if self.manifest is None and self.eval_manifest is None:
            if self.protocol:
                from actiseg_bench.grid.protocols import load_protocol

                load_protocol(self.protocol)  # a name that is none is named before all else
            raise_if(
                not (self.everything or self.protocol or self.strategy or self.track),
                "say what to run: --all, or --strategy and --track, or --protocol, or --manifest and --eval-manifest",
            )
            return
        raise_if(bool(given), f"--manifest and {', '.join(given)} contradict each other: give one or the other")
        if self.manifest is None or self.eval_manifest is None:
            raise ActisegError(
                "--manifest and --eval-manifest go together. Clean evaluation labels are a manifest too: "
                "actiseg-noise build --dataset NAME --split val --recipe clean --out DIR"
            )

    @property
    def own_manifests(self) -> tuple[Path, Path] | None:
        """Return the manifests to train and to score on, None where a protocol names them."""
        if self.manifest is None or self.eval_manifest is None:
            return None
        return self.manifest, self.eval_manifest

    @property
    def part(self) -> Shard | None:
        """Return the part of the grid that is made, None for all of it.

        Raises:
            ActisegError: no such part.
        """
        if self.shard is None:
            return None
        from actiseg_bench.grid.shards import Shard

        return Shard.parse(self.shard)

    @property
    def threads_per_run(self) -> int:
        """Return the CPU threads of one run."""
        return self.threads or (2 if self.jobs == 1 and self.hands.is_own else 1)

    @property
    def hands(self) -> Engine:
        """Return who makes the runs.

        Raises:
            UnknownNameError: no such engine. ActisegError: an address where none may be, or an empty one.
        """
        return Engine.parse(self.engine)
