"""``run`` and ``train`` for Python: what the commands of these names do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.grid.run import Reporter
    from actiseg_bench.grid.tracks import Protocol, Track
    from actiseg_bench.results.stored import Results
    from actiseg_bench.training.train import Progress


def run(
    out: str | Path = "runs",
    *,
    protocol: str | Path = "quick",
    strategy: Sequence[str] = (),
    track: Sequence[str] = (),
    manifest: str | Path | None = None,
    eval_manifest: str | Path | None = None,
    root: str | Path | None = None,
    seeds: int | None = None,
    steps: int | None = None,
    model: str = "tiny",
    weights: str = "bundled",
    device: str = "auto",
    threads: int = 2,
    keep_weights: bool = False,
    reporter: Reporter | None = None,
) -> Results:
    """Train and score strategies on tracks, or on two manifests; finished runs in ``out`` are reused.

    Args:
        out: where runs and the protocol's manifests go; one process at a time works there.
        protocol: ``quick``, ``full`` or a TOML file. strategy, track: some of its names; none for all.
        manifest, eval_manifest: instead: train on the noisy labels of one manifest, score on the clean ones of another.
        root: the dataset's folder; by default its usual place.
        seeds: trainings per cell. steps: updates per training. None: as the protocol says.
        model, weights: the model and its start weights: ``bundled``, ``none``, or a safetensors file.
        threads: CPU threads; equal threads, equal results.
        keep_weights: store the trained network of every run.
        reporter: is called as runs begin and end.

    Returns:
        The results, those of earlier calls too, and in ``failed`` what could not be made.

    Raises:
        ActisegError: unknown names; manifests without masks; an ``out`` that is in use.
    """
    from actiseg_bench.grid.run import make_grid, run_grid
    from actiseg_bench.grid.runner import TorchRunner
    from actiseg_bench.grid.tracks import choose, load_protocol
    from actiseg_bench.results.stored import Results, find_run
    from actiseg_bench.strategies.base import STRATEGIES
    from actiseg_bench.training.config import RunConfig
    from actiseg_noise.borders.locks import locked

    folder = Path(out)
    raise_if((manifest is None) != (eval_manifest is None), "manifest and eval_manifest go together")
    chosen = load_protocol(protocol) if manifest is None else None
    if chosen and steps not in (None, chosen.train.get("steps")):
        chosen = replace(chosen, id=f"{chosen.id}+{steps}-steps")  # other runs, kept apart from the protocol's
    listed = chosen.strategies if chosen and isinstance(chosen.strategies, tuple) else ()
    strategies = choose("strategy", strategy or listed, list(STRATEGIES))
    train = (chosen.train if chosen else {}) | ({} if steps is None else {"steps": steps, "epochs": None})
    machine = {"start_weights": weights, "device": device, "threads": threads}
    runner = TorchRunner(RunConfig.from_dict({**machine, "train": train}), keep_weights=keep_weights)
    runner.check(model)
    with locked(folder):
        tracks = _tracks(folder, chosen, track, (manifest, eval_manifest), None if root is None else Path(root))
        grid = make_grid(tracks, strategies, "faithful", seeds or (chosen.seeds if chosen else 1), model)
        outcome = run_grid(grid, runner, folder, reporter)
    return Results([find_run(result, folder) for result in outcome.results], outcome.failed)


def _tracks(
    out: Path,
    protocol: Protocol | None,
    names: Sequence[str],
    manifests: tuple[str | Path | None, str | Path | None],
    root: Path | None,
) -> list[Track]:
    """Return the tracks to run on, after building the protocol's manifests."""
    import actiseg_noise
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.grid.tracks import choose, open_track, protocol_tracks

    if protocol is not None:
        wanted = choose("track", names, list(protocol.tracks))
        return protocol_tracks(protocol, wanted, out / "manifests", actiseg_noise.build, root=root)
    labels, truth = (Path(str(path)) for path in manifests)
    for path in (labels, truth):
        check_usable(actiseg_noise.read_manifest(path), root)
    return [open_track(labels, truth, root)]


@dataclass(frozen=True)
class TrainedFolder:
    """A finished training: its folder, and what its ``train.json`` says."""

    path: Path
    report: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """Return the file of the trained networks, for :func:`actiseg_bench.predict`."""
        from actiseg_bench.results.result import CHECKPOINT_NAME

        return self.path / CHECKPOINT_NAME


def train(
    manifest: str | Path,
    out: str | Path,
    *,
    root: str | Path | None = None,
    strategy: str = "baseline",
    variant: str = "faithful",
    strategy_options: Mapping[str, Any] | None = None,
    model: str = "tiny",
    weights: str = "bundled",
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int = 2,
    save_every: int = 50,
    on_progress: Progress | None = None,
) -> TrainedFolder:
    """Train once on the noisy labels of a manifest and keep the networks; the same call continues an interrupted one.

    Args:
        out: where the training goes. root: the dataset's folder; by default its usual place.
        strategy, variant, strategy_options: how to learn. model, weights: what learns, from which start weights.
        steps: updates; None: the default of the configuration.
        seed: of order, augmentation and fresh parameters. threads: CPU threads; equal threads, equal results.
        save_every: steps between checkpoints. on_progress: called with (steps done, steps in all, loss).

    Raises:
        ActisegError: unknown names; a manifest without masks; missing images; an ``out`` with another training in it.
    """
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.training.config import RunConfig
    from actiseg_bench.training.folder import train_to
    from actiseg_noise import read_manifest
    from actiseg_noise.borders.locks import locked

    place = None if root is None else Path(root)
    check_usable(read_manifest(manifest), place)
    kind = {"strategy": strategy, "variant": variant, "strategy_options": dict(strategy_options or {}), "model": model}
    config = RunConfig.from_dict({**kind, "start_weights": weights, "seed": seed, "device": device, "threads": threads})
    if steps is not None:
        config = replace(config, train=replace(config.train, steps=steps, epochs=None))
    with locked(Path(out)):
        report = train_to(Path(out), config, Path(manifest), place, save_every=save_every, on_progress=on_progress)
    return TrainedFolder(Path(out), report)
