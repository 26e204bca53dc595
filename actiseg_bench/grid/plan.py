"""From what ``run`` is asked to do to the runs themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_bench.grid.engine import anywhere, by_engine
from actiseg_bench.grid.jobs import at_once, gpu_slots, list_gpus
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.protocols import Protocol, choose, load_protocol
from actiseg_bench.grid.remote import Machine
from actiseg_bench.grid.run import GridOutcome, Reporter, Runner, RunSpec, collect, make_grid, one_by_one
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.shards import Shard
from actiseg_bench.grid.tracks import (
    Build,
    Draw,
    FindRoot,
    HasNoise,
    Track,
    check_roots,
    list_draws,
    open_track,
    planned_track,
    protocol_tracks,
    shared_clips,
)
from actiseg_bench.results.result import REFERENCES, RESULT_NAME, read_old_result
from actiseg_bench.training.options import VARIANT, check_strategies
from actiseg_noise.borders.locks import host_name, locked
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.info import check_no_manifest

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig


MANIFESTS = "manifests"  # the folder of a protocol's labels, below the output


@dataclass(frozen=True)
class Plan:
    """What is asked for, checked, and how it is trained.

    Attributes:
        options: with the protocol's model and variant, where none was named. protocol: None for manifests of one's own.
        strategies: in order. base: everything but model, strategy, variant and seed of a run.
        own: strategy → hyper-parameters that the protocol has.
    """

    options: RunOptions
    protocol: Protocol | None
    strategies: list[str]
    base: RunConfig
    own: dict[str, dict[str, Any]]

    @property
    def variant(self) -> str:
        """Return the variant of every strategy that has it."""
        return self.options.variant or VARIANT

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
    is_given = options.variant is not None
    if protocol is not None:
        options = replace(
            options,
            model=options.model or protocol.model,
            variant=options.variant or protocol.variant,
            config=None if options.config == protocol.config else options.config,
        )
    listed = protocol.strategies if protocol and isinstance(protocol.strategies, tuple) else ()
    strategies = choose("strategy", options.strategy or listed, list(STRATEGIES))
    check_strategies(strategies, options, list(options.strategy), is_given=is_given)
    base = options.configure(protocol.train if protocol else {}, threads=options.threads_per_run)
    own = protocol.options if protocol else {}
    for name, changed in own.items():
        STRATEGIES[name].card.make_options(FAITHFUL, changed)  # what cannot be is refused before anything is built
    return Plan(options, protocol, strategies, base, own)


def make_runs(
    options: RunOptions,
    build: Build,
    reporter: Reporter | None = None,
    *,
    find_root: FindRoot | None = None,
    recipe_has_noise: HasNoise | None = None,
) -> GridOutcome:
    """Make every run that is asked for and not there yet, into ``options.out``, which is locked meanwhile.

    Of one part of a grid (``options.shard``) these are its runs alone, and ``options.out`` is not locked: parts work
    there at once.

    Args:
        build: ``actiseg_noise.build``, for the manifests that a protocol names.
        reporter: is entered as a context manager when all manifests are there.
        find_root: ``actiseg_noise.dataset_root``, to say before anything is built which folder of a protocol is
            missing; None leaves that to ``build``.
        recipe_has_noise: see :func:`list_draws`; a part of a protocol's grid needs it.

    Raises:
        ActisegError: what cannot be run, before anything is built or trained; ``out`` is in use or cannot be written;
            a part whose grid is not the one that is in ``out``.
    """
    reporter = reporter or Reporter()
    check_no_manifest(options.out)
    plan, runner, chosen = prepare(options, find_root)
    options, shard = plan.options, plan.options.part
    part = None if shard is None else plan_part(plan, shard, chosen, recipe_has_noise)
    with nullcontext() if part else locked(options.out):
        tracks = find_tracks(plan, chosen, build, part)
        grid = list_runs(plan, tracks, part)
        for spec in grid:
            spec.folder(options.out)  # a name that cannot be a folder's is refused before anything is made
        if part:
            check_same_grid(list_runs(plan, tracks), runner, options.out)
        with reporter:
            for text in list_shared_clips(tracks):
                reporter.warn(text)
            if options.hands.is_own:
                return make_all(grid, runner, options.out, reporter, options.jobs, options.device, options.gpus_per_run)
            return make_elsewhere(grid, runner, options, reporter, is_alone=part is None)


@dataclass(frozen=True)
class Part:
    """One part of a grid.

    Attributes:
        runs: their names. draws: of a protocol's labels, those that they train on. aside: a name that no other process
            at work in the same folder has.
    """

    runs: frozenset[str]
    draws: frozenset[Draw]
    aside: str


def plan_part(plan: Plan, shard: Shard, chosen: Sequence[str], recipe_has_noise: HasNoise | None) -> Part:
    """Return what a part of a grid is, from names alone: nothing is built for it.

    Args:
        recipe_has_noise: see :func:`list_draws`; None is enough for manifests of one's own.
    """
    aside = f"{host_name()}-{shard.index}-of-{shard.count}"
    grid = list_runs(plan, planned_tracks(plan, chosen, recipe_has_noise))
    runs = shard.choose(spec.name for spec in grid)
    infos = [spec.track.info for spec in grid if spec.name in runs and spec.strategy not in REFERENCES]
    return Part(runs, frozenset((info.name, info.noise_seed or 0) for info in infos), aside)


def planned_tracks(plan: Plan, chosen: Sequence[str], recipe_has_noise: HasNoise | None) -> list[Track]:
    """Return every track as far as its runs' names need it; nothing is built for it.

    Args:
        recipe_has_noise: see :func:`plan_part`.
    """
    if plan.protocol is None:
        return [own_track(plan.options, with_pictures=False)]
    if recipe_has_noise is None:
        raise ValueError("a protocol's tracks need recipe_has_noise")
    own = kept_apart(plan.protocol, plan.options)
    return [planned_track(own, draw) for draw in list_draws(own, chosen, recipe_has_noise)]


def list_runs(plan: Plan, tracks: Sequence[Track], part: Part | None = None) -> list[RunSpec]:
    """Return the runs of a plan on its tracks, those of a part alone where one is given."""
    grid = make_grid(tracks, plan.strategies, plan.variant, plan.seeds, plan.base.model)
    fitted = [fit_variant(spec) for spec in grid]
    return [spec for spec in fitted if part is None or spec.name in part.runs]


def check_same_grid(grid: Sequence[RunSpec], runner: Runner, out: Path) -> None:
    """Refuse a part whose runs are not of the grid that other parts made in ``out``: runs of one place that differ.

    Raises:
        ActisegError: a finished run of another configuration, of other labels or code; what differs is named.
    """
    for spec in grid:
        place = spec.folder(out)
        old, _ = read_old_result(place / RESULT_NAME)
        if old is not None and old.run_key != (identity := runner.identity(spec)).key():
            raise ActisegError(
                f"{place}: the run there is of another grid: {identity.changes_since(old)} changed. The parts of a "
                "grid share protocol, options, labels and code: use another --out, or make it again without --shard"
            )


def make_all(
    grid: Sequence[RunSpec],
    runner: Runner,
    out: Path,
    reporter: Reporter,
    jobs: int,
    device: str,
    gpus_per_run: int | None = None,
) -> GridOutcome:
    """Make every run of a grid that is not there yet, ``jobs`` at a time; the caller holds ``locked(out)``.

    Args:
        device: as ``--device`` says it; several GPUs are dealt out to the processes.
        gpus_per_run: that each process has to itself, of which there are no more then; None: they may share.

    Raises:
        ActisegError: fewer GPUs than a run is to have.
    """
    if gpus_per_run is None:
        work = partial(at_once, jobs=jobs, gpus=list_gpus(device)) if jobs > 1 else one_by_one
        return collect(grid, work(grid, runner, out, reporter), reporter)
    gpus = list_gpus(device)
    slots = gpu_slots(gpus, gpus_per_run)
    raise_if(not slots, f"--gpus-per-run {gpus_per_run}: of --device {device}, {len(gpus)} can be dealt out here")
    if len(slots) < jobs:
        reporter.note(f"{len(slots)} runs at once instead of --jobs {jobs}: that many have {gpus_per_run} GPU each")
    return collect(grid, at_once(grid, runner, out, reporter, min(jobs, len(slots)), slots), reporter)


def make_elsewhere(
    grid: Sequence[RunSpec], runner: Runner, options: RunOptions, reporter: Reporter, *, is_alone: bool
) -> GridOutcome:
    """Make every run of a grid that is not there yet by the executor of ``options.engine``; see :func:`by_engine`."""
    from actiseg_bench.models.referformer.text import VARIABLE

    environment = {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}
    machine = Machine(options.device, options.gpus_per_run, environment)
    grid, out = anywhere(grid), options.out.absolute()
    made = by_engine(grid, runner, out, reporter, options.hands, options.jobs, machine, is_alone=is_alone)
    with closing(made):
        return collect(grid, made, reporter)


def prepare(options: RunOptions, find_root: FindRoot | None = None) -> tuple[Plan, TorchRunner, list[str]]:
    """Refuse what cannot be run, before anything is built; return plan, runner and the protocol's tracks that are run.

    Args:
        find_root: see :func:`make_runs`.
    """
    from actiseg_bench.data.image_root import check_usable
    from actiseg_noise import read_manifest

    plan = make_plan(options)
    options, protocol = plan.options, plan.protocol
    kept: dict[str, Any] = {"keep_weights": options.keep_weights, "save_every": options.save_every}
    runner = TorchRunner(plan.base, options=plan.own, workers=options.workers, **kept)
    chosen: list[str] = []
    if protocol is not None:
        chosen = choose("track", options.track, list(protocol.tracks))
        if find_root is not None:
            check_roots(protocol, options.root, options.eval_root, find_root)
    for path, root in zip(options.own_manifests or (), (options.root, options.eval_root or options.root), strict=False):
        check_usable(read_manifest(path), root)
    runner.check(plan.base.model, None if options.hands.is_own else "cpu")
    return plan, runner, chosen


def find_tracks(plan: Plan, chosen: Sequence[str], build: Build, part: Part | None = None) -> list[Track]:
    """Return the tracks of a plan, or of a part of its runs; the manifests that are not there yet are built.

    A part without a training has the first track all the same, for what the reference rows are scored on.
    """
    options = plan.options
    if plan.protocol is not None:
        own = kept_apart(plan.protocol, options)
        folders: dict[str, Any] = {"root": options.root, "eval_root": options.eval_root}
        if part is not None:
            folders |= {"draws": wanted_draws(part, plan, chosen), "aside": part.aside}
        return protocol_tracks(own, chosen, options.out / MANIFESTS, build, **folders)
    return [own_track(options)]


def own_track(options: RunOptions, *, with_pictures: bool = True) -> Track:
    """Return the track of two manifests that options name."""
    if options.own_manifests is None:
        raise ValueError("without a protocol, options name the manifests")
    roots = options.root, options.eval_root or options.root
    return open_track(*options.own_manifests, *roots, with_pictures=with_pictures)


def wanted_draws(part: Part, plan: Plan, chosen: Sequence[str]) -> frozenset[Draw]:
    """Return the draws of a protocol's labels that a part needs: the first one where it trains on none."""
    if plan.protocol is None or part.draws:
        return part.draws
    return frozenset({(chosen[0], plan.protocol.noise_seeds[0])})


def kept_apart(protocol: Protocol, options: RunOptions) -> Protocol:
    """Return the protocol, under an id of its own where options differ from it."""
    return replace(protocol, id=changed_id(protocol, options.changes()))


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
