"""``run`` and ``train`` for Python: what the commands of these names do, from the same records of options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actiseg_bench.grid.run import Reporter
    from actiseg_bench.results.stored import Results
    from actiseg_bench.training.progress import Progress


def run(
    out: str | Path = "runs",
    *,
    protocol: str | None = None,
    strategy: Sequence[str] = (),
    track: Sequence[str] = (),
    manifest: str | Path | None = None,
    eval_manifest: str | Path | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Results:
    """Train and score strategies on tracks, or on two manifests; finished runs in ``out`` are reused.

    Args:
        out: where runs and the protocol's manifests go; one process at a time works there.
        protocol: ``quick`` (None), another one's name, or a TOML file.
        strategy, track: some of its names; none for all.
        manifest, eval_manifest: instead: train on the noisy labels of one manifest, score on the clean ones of another.
        reporter: is entered as a context manager and called as runs begin and end.
        options: the other fields of :class:`RunOptions`, such as ``root``, ``seeds``, ``steps``, ``model``, ``jobs``,
            ``shard``.

    Returns:
        The results, those of earlier calls too, and in ``failed`` what could not be made.

    Raises:
        ActisegError: unknown names; manifests without masks; an ``out`` that is in use.
    """
    import actiseg_noise
    from actiseg_bench.grid.options import RunOptions
    from actiseg_bench.grid.plan import make_runs
    from actiseg_bench.results.stored import Results, find_run

    own: dict[str, Any] = {
        "manifest": _path(manifest),
        "eval_manifest": _path(eval_manifest),
        "root": _path(options.pop("root", None)),
        "eval_root": _path(options.pop("eval_root", None)),
    }
    everything = not (strategy or track or manifest or eval_manifest)
    names: dict[str, Any] = {
        "protocol": protocol,
        "strategy": tuple(strategy),
        "track": tuple(track),
        "everything": everything,
    }
    asked = RunOptions(out=Path(out), **names, **own, **options)
    outcome = make_runs(
        asked,
        actiseg_noise.build,
        reporter,
        find_root=actiseg_noise.dataset_root,
        recipe_has_noise=lambda recipe: bool(actiseg_noise.load_recipe(recipe).noises),
    )
    return Results([find_run(result, Path(out)) for result in outcome.results], outcome.failed)


def _path(path: str | Path | None) -> Path | None:
    """Return a path that was given as text or not at all."""
    return None if path is None else Path(path)


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
    strategy: str = "baseline",
    strategy_options: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    **options: Any,
) -> TrainedFolder:
    """Train once on the noisy labels of a manifest and keep the networks; the same call continues an interrupted one.

    Args:
        out: where the training goes. strategy, strategy_options: how to learn.
        on_progress: called with (steps done, steps in all, loss).
        options: the other fields of :class:`TrainOptions`, such as ``root``, ``model``, ``steps``, ``seed``.

    Raises:
        ActisegError: unknown names; a manifest without masks; missing images; an ``out`` with another training in it.
    """
    from actiseg_bench.data.image_root import check_usable
    from actiseg_bench.training.folder import train_to
    from actiseg_bench.training.options import TrainOptions
    from actiseg_noise import read_manifest
    from actiseg_noise.borders.locks import locked

    given: dict[str, Any] = {"root": _path(options.pop("root", None)), "strategy_options": dict(strategy_options or {})}
    asked = TrainOptions(manifest=Path(manifest), out=Path(out), strategy=strategy, **given, **options)
    config, labels = asked.run_config(), (asked.manifest, asked.root)
    check_usable(read_manifest(asked.manifest), asked.root)
    with locked(asked.out):
        kept: dict[str, Any] = {"save_every": asked.save_every, "workers": asked.workers}
        report = train_to(asked.out, config, *labels, on_progress=on_progress, logs=asked.logs, **kept)
    return TrainedFolder(asked.out, report)
