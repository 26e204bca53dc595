"""From what ``run`` is asked to do to the runs themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_bench.grid.jobs import at_once
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.run import GridOutcome, Reporter, Runner, RunSpec, collect, make_grid, one_by_one
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.tracks import (
    Build,
    Protocol,
    Track,
    choose,
    load_protocol,
    open_track,
    protocol_tracks,
    shared_clips,
)
from actiseg_bench.results.result import REFERENCES
from actiseg_bench.training.options import check_strategies
from actiseg_noise.borders.locks import locked

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig


@dataclass(frozen=True)
class Plan:
    """What is asked for, checked, and how it is trained.

    Attributes:
        options: with the protocol's model, where none was named. protocol: None for manifests of one's own.
        strategies: in order. base: everything but model, strategy, variant and seed of a run.
        own: strategy → hyper-parameters that the protocol has.
    """

    options: RunOptions
    protocol: Protocol | None
    strategies: list[str]
    base: RunConfig
    own: dict[str, dict[str, Any]]

    @property
    def seeds(self) -> int:
        """Return how many trainings a cell has."""
        return self.options.seeds or (self.protocol.seeds if self.protocol else 1)


def make_plan(options: RunOptions) -> Plan:
    """Return what is to be done, or refuse what no training can be made of.

    Raises:
        ActisegError: unknown names, options and values that are not allowed.
    """
    from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES

    protocol = None if options.own_manifests else load_protocol(options.protocol or "quick")
    if protocol is not None and options.model is None:
        options = replace(options, model=protocol.model)
    listed = protocol.strategies if protocol and isinstance(protocol.strategies, tuple) else ()
    strategies = choose("strategy", options.strategy or listed, list(STRATEGIES))
    check_strategies(strategies, options, list(options.strategy))
    base = options.configure(protocol.train if protocol else {}, threads=options.threads_per_run)
    own = protocol.options if protocol else {}
    for name, changed in own.items():
        STRATEGIES[name].card.make_options(FAITHFUL, changed)  # what cannot be is refused before anything is built
    return Plan(options, protocol, strategies, base, own)


def make_runs(options: RunOptions, build: Build, reporter: Reporter | None = None) -> GridOutcome:
    """Make every run that is asked for and not there yet, into ``options.out``, which is locked meanwhile.

    Args:
        build: ``actiseg_noise.build``, for the manifests that a protocol names.
        reporter: is entered as a context manager when all manifests are there.

    Raises:
        ActisegError: what cannot be run, before anything is built or trained; ``out`` is in use or cannot be written.
    """
    reporter = reporter or Reporter()
    plan = make_plan(options)
    options, model = plan.options, plan.base.model
    runner = TorchRunner(plan.base, keep_weights=options.keep_weights, options=plan.own)
    find_tracks = track_finder(options, plan.protocol, build)
    runner.check(model)
    with locked(options.out):
        tracks = find_tracks()
        grid = [fit_variant(spec) for spec in make_grid(tracks, plan.strategies, options.variant, plan.seeds, model)]
        for spec in grid:
            spec.folder(options.out)  # a name that cannot be a folder's is refused before anything is made
        with reporter:
            for text in list_shared_clips(tracks):
                reporter.note(f"warning: {text}")
            return make_all(grid, runner, options.out, reporter, options.jobs)


def make_all(grid: Sequence[RunSpec], runner: Runner, out: Path, reporter: Reporter, jobs: int) -> GridOutcome:
    """Make every run of a grid that is not there yet, ``jobs`` at a time; the caller holds ``locked(out)``."""
    work = partial(at_once, jobs=jobs) if jobs > 1 else one_by_one
    return collect(grid, work(grid, runner, out, reporter), reporter)


def track_finder(options: RunOptions, protocol: Protocol | None, build: Build) -> Callable[[], list[Track]]:
    """Refuse unknown tracks and unusable manifests; return what builds the protocol's manifests and opens tracks."""
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_noise import read_manifest

    if protocol is not None:
        chosen = choose("track", options.track, list(protocol.tracks))
        kept_apart = replace(protocol, id=changed_id(protocol, options.changes()))
        return lambda: protocol_tracks(kept_apart, chosen, options.out / "manifests", build, root=options.root)
    manifests = options.own_manifests
    if manifests is None:
        raise ValueError("without a protocol, options name the manifests")
    for path in manifests:
        check_usable(read_manifest(path), options.root)
    track = open_track(*manifests, options.root)
    return lambda: [track]


def changed_id(protocol: Protocol, changes: Mapping[str, Any]) -> str:
    """Return the protocol's id, or one that says what differs: other runs, kept apart from the protocol's."""
    from actiseg_bench.training.named_configs import load_config

    own = {name: value for name, value in changes.items() if value != protocol.train.get(name)}
    if "config" in own:
        own["config"] = load_config(own["config"]).name
    return "+".join([protocol.id, *(f"{value}-steps" if n == "steps" else f"{n}-{value}" for n, value in own.items())])


def fit_variant(spec: RunSpec) -> RunSpec:
    """Return the run in the variant that its strategy has: as its paper says where the published code lacks it."""
    from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES

    if spec.strategy in REFERENCES or spec.variant in STRATEGIES[spec.strategy].card.variants:
        return spec
    return replace(spec, variant=FAITHFUL)


def list_shared_clips(tracks: Sequence[Track]) -> list[str]:
    """Return a line per track that trains on clips which it is scored on."""
    from actiseg_noise import read_manifest

    found = []
    for track in tracks:
        if track.train_manifest is not None:
            shared = shared_clips(read_manifest(track.train_manifest), read_manifest(track.eval_manifest))
            if shared:
                name = track.info.name
                found.append(
                    f"track {name}: {len(shared)} evaluation clips are training clips too, the first is {shared[0]}"
                )
    return found
