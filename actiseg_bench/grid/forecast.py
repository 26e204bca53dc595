"""What a grid would do, before any run is made: how many runs, of how many updates, how long, and how large.

Counts come from one training manifest and the evaluation's, which are built where they are not there yet: the runs need
them anyway, and noise changes neither clips nor samples. Time is measured, never guessed: every strategy trains for
some seconds, as its runs do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from actiseg_bench.device import pick_device
from actiseg_bench.grid.plan import (
    MANIFESTS,
    Part,
    Plan,
    kept_apart,
    list_runs,
    own_track,
    plan_part,
    planned_tracks,
    prepare,
    wanted_draws,
)
from actiseg_bench.grid.run import Reporter, RunSpec
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.timing import time_prediction, time_steps
from actiseg_bench.grid.tracks import (
    Build,
    Draw,
    FindRoot,
    HasNoise,
    Track,
    find_eval_manifest,
    list_draws,
    manifest_finder,
    manifest_folder,
    open_track,
)
from actiseg_bench.models.base import MODELS
from actiseg_bench.results.result import REFERENCES, RESULT_NAME, read_old_result
from actiseg_bench.results.stored import why_incomplete
from actiseg_bench.strategies.base import STRATEGIES, updates_before
from actiseg_bench.training.items import fit_to_data, open_training, steps_per_epoch
from actiseg_bench.training.train import make_options
from actiseg_noise import read_manifest
from actiseg_noise.borders.folders import list_names
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.manifest.schema import MASKS

if TYPE_CHECKING:
    from actiseg_bench.data.manifest_dataset import ManifestDataset
    from actiseg_bench.grid.options import RunOptions
    from actiseg_bench.training.config import RunConfig


@dataclass(frozen=True)
class StrategyForecast:
    """The runs of one strategy.

    Attributes:
        strategy, variant: of the registry.
        networks: that every run trains. steps: of a run, of each network, and those of networks trained before it.
        runs, done: in all, and those that are there already.
        step_s: seconds of one step, of all networks together; None where it was not measured.
    """

    strategy: str
    variant: str
    networks: int
    steps: int
    runs: int
    done: int
    step_s: float | None = None

    @property
    def updates(self) -> int:
        """Return the updates of one run, of all networks together."""
        return self.networks * self.steps

    @property
    def left(self) -> int:
        """Return how many runs are to be made."""
        return self.runs - self.done


@dataclass(frozen=True)
class Forecast:
    """What a grid would do.

    Attributes:
        protocol, model, out: as in the results. tracks, seeds: columns, every draw of the noise once, and trainings of
            each.
        clips, samples: of the training labels. items: that an epoch visits. epoch_steps: updates of an epoch.
        strategies: in order. references, references_done: the rows that are not trained.
        manifests, manifests_built: how many the tracks need, that of the evaluation and that which training is watched
            on among them, and those that are there.
        manifest_bytes, run_bytes, weight_bytes: of all, about: the manifests that are missing taken for as large as the
            largest that is there (one with noisy masks is up to half as large again), predictions for as large as the
            evaluation's masks or, where there are runs, as theirs, weights of ``--keep-weights``.
        device: where time was measured; None where it was not. predict_s: seconds to predict all evaluation clips with
            one network.
        shard: the part that is counted, None for all.
    """

    protocol: str
    model: str
    out: Path
    tracks: tuple[str, ...]
    seeds: int
    clips: int
    samples: int
    items: int
    epoch_steps: float
    strategies: tuple[StrategyForecast, ...]
    references: int
    references_done: int
    manifests: int
    manifests_built: int
    manifest_bytes: int
    run_bytes: int
    weight_bytes: int
    device: str | None = None
    predict_s: float | None = None
    shard: str | None = None

    @property
    def runs(self) -> int:
        """Return how many runs there are, reference rows among them."""
        return self.references + sum(row.runs for row in self.strategies)

    @property
    def done(self) -> int:
        """Return how many of them are there already."""
        return self.references_done + sum(row.done for row in self.strategies)

    @property
    def updates(self) -> int:
        """Return the updates of all runs, of all networks together."""
        return sum(row.runs * row.updates for row in self.strategies)

    @property
    def updates_left(self) -> int:
        """Return the updates of the runs that are to be made."""
        return sum(row.left * row.updates for row in self.strategies)

    def hours_of(self, row: StrategyForecast) -> float | None:
        """Return the hours of one run of a strategy, training and prediction; None where nothing was measured."""
        if row.step_s is None or self.predict_s is None:
            return None
        return (row.steps * row.step_s + row.networks * self.predict_s) / 3600

    @property
    def hours_left(self) -> float | None:
        """Return the hours of all runs that are to be made, one after another; None where one was not measured."""
        hours = [(row.left, self.hours_of(row)) for row in self.strategies]
        if any(one is None for _, one in hours):
            return None
        return sum(left * one for left, one in hours if one is not None)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: the attributes, and what follows from them."""
        rows = [
            {**asdict(row), "updates": row.updates, "left": row.left, "hours_of_a_run": self.hours_of(row)}
            for row in self.strategies
        ]
        totals = {name: getattr(self, name) for name in ("runs", "done", "updates", "updates_left", "hours_left")}
        return {**asdict(self), "out": str(self.out), "tracks": list(self.tracks), "strategies": rows, **totals}


def forecast(
    options: RunOptions,
    build: Build,
    recipe_has_noise: HasNoise,
    *,
    find_root: FindRoot | None = None,
    seconds: float | None = None,
    reporter: Reporter | None = None,
) -> Forecast:
    """Return what :func:`make_runs` would do with these options; nothing is trained but what is timed, and not kept.

    A run counts as done where its result is of these labels, options and code; that its pictures are still the same is
    looked at by the run itself.

    Args:
        build: ``actiseg_noise.build``.
        recipe_has_noise: says of a recipe's name whether another seed draws other labels.
        seconds: train every strategy for so long, predict for so long, and say how long all takes; None measures
            nothing.
        reporter: gets a line per strategy that is timed.

    Raises:
        ActisegError: what :func:`make_runs` refuses.
    """
    plan, runner, chosen = prepare(options, find_root)
    shard = plan.options.part
    part = None if shard is None else plan_part(plan, shard, chosen, recipe_has_noise)
    cells = _list_cells(plan, chosen, build, recipe_has_noise, part)
    built = [track for track in cells.values() if track is not None]
    watched = _watched(plan)
    first, model = built[0], plan.base.model
    grid = list_runs(plan, [first])
    specs = {one.strategy: one for one in grid if one.seed == 0}
    finished = _count_finished(grid, built, runner, plan.options.out, part)
    runs = Counter(one.strategy for one in list_runs(plan, planned_tracks(plan, chosen, recipe_has_noise), part))
    data = open_training(plan.base, _labels(first), first.root)
    configs = {name: runner.config_of(specs[name]) for name in plan.strategies}
    rows = tuple(
        StrategyForecast(
            strategy=name,
            variant=config.variant,
            networks=STRATEGIES[name].card.networks,
            steps=_steps(config, data),
            runs=runs[name],
            done=finished[name].runs,
        )
        for name, config in configs.items()
    )
    epoch = steps_per_epoch(data, plan.base.train)
    found = Forecast(
        protocol=first.info.protocol,
        model=model,
        out=plan.options.out,
        tracks=tuple(cells),
        seeds=plan.seeds,
        clips=len(data),
        samples=sum(samples for samples, _ in data.extents),
        items=round(epoch * plan.base.train.clips_per_batch),
        epoch_steps=epoch,
        strategies=rows,
        references=sum(runs[name] for name in REFERENCES),
        references_done=sum(finished[name].runs for name in REFERENCES),
        manifests=len(cells) + 1 + len(watched),
        manifests_built=len(built) + 1 + sum((folder / INFO_NAME).is_file() for folder in watched),
        manifest_bytes=_manifest_bytes(built, len(cells)),
        run_bytes=_run_bytes(finished, rows, first.eval_manifest),
        weight_bytes=_weight_bytes(model, rows) if plan.options.keep_weights else 0,
        shard=plan.options.shard,
    )
    return found if seconds is None else _timed(found, configs, first, seconds, reporter or Reporter())


class _Finished(NamedTuple):
    """How many runs of a strategy are there, and the bytes of their folders."""

    runs: int = 0
    size: int = 0


def _labels(track: Track) -> Path:
    """Return the training labels of a track that is trained on."""
    if track.train_manifest is None:
        raise ValueError(f"track {track.info.name}: no training labels")
    return track.train_manifest


def _steps(config: RunConfig, data: ManifestDataset) -> int:
    """Return the steps of a run, those of networks that are trained before it among them."""
    steps = fit_to_data(config, data).train.steps
    return steps + updates_before(make_options(config), steps)


def _list_cells(
    plan: Plan, chosen: Sequence[str], build: Build, recipe_has_noise: HasNoise, part: Part | None
) -> dict[str, Track | None]:
    """Return ``<track>`` or ``<track> noise <seed>`` → the track with its labels, None where they are not built yet.

    At least one has them: where none is there, those of the first are built. Of a part, those that it trains on.
    """
    options = plan.options
    if plan.protocol is None:
        return {"own": own_track(options, with_pictures=False)}
    protocol, places = kept_apart(plan.protocol, options), options.out / MANIFESTS
    recipes, split, aside = protocol.tracks, protocol.train_split, part.aside if part else ""
    roots = options.root, protocol.scored_root(options.root, options.eval_root)
    evaluation = find_eval_manifest(protocol, places, build, roots[1], aside)
    wanted = wanted_draws(part, plan, chosen) if part else None
    draws: list[Draw] = [
        draw for draw in list_draws(protocol, chosen, recipe_has_noise) if wanted is None or draw in wanted
    ]
    folders = {draw: manifest_folder(protocol, places, split, recipes[draw[0]], draw[1]) for draw in draws}
    built = {draw for draw, folder in folders.items() if (folder / INFO_NAME).is_file()}
    if not built:
        name, seed = draws[0]
        manifest_finder(protocol, places, build, options.root, aside)(split, recipes[name], seed)
        built = {draws[0]}
    known: dict[str, Any] = {"protocol": protocol.id, "with_pictures": False}
    return {
        f"{name} noise {seed}" if seed else name: open_track(folder, evaluation, *roots, name=name, **known)
        if (name, seed) in built
        else None
        for (name, seed), folder in folders.items()
    }


def _watched(plan: Plan) -> list[Path]:
    """Return the folder of the clean labels that a protocol's training is watched on, there or not; empty for none."""
    protocol = plan.protocol
    if protocol is None or not protocol.validation_split:
        return []
    places, seed = plan.options.out / MANIFESTS, protocol.noise_seeds[0]
    return [manifest_folder(kept_apart(protocol, plan.options), places, protocol.validation_split, "clean", seed)]


def _count_finished(
    grid: Sequence[RunSpec], tracks: Sequence[Track], runner: TorchRunner, out: Path, part: Part | None
) -> dict[str, _Finished]:
    """Return strategy → what is there of its runs, or of those of a part."""
    found = {spec.strategy: _Finished() for spec in grid}
    for spec in _on_all_tracks(grid, tracks):
        if part is not None and spec.name not in part.runs:
            continue
        folder = spec.folder(out)
        old, _ = read_old_result(folder / RESULT_NAME)
        if old is None:
            continue
        info = replace(spec.track.info, train_images=old.track.train_images, eval_images=old.track.eval_images)
        same = replace(spec, track=replace(spec.track, info=info))
        if runner.identity(same).key() == old.run_key and not why_incomplete(folder, old):
            runs, size = found[spec.strategy]
            found[spec.strategy] = _Finished(runs + 1, size + _size_of(folder))
    return found


def _on_all_tracks(grid: Sequence[RunSpec], tracks: Sequence[Track]) -> Iterator[RunSpec]:
    """Yield the runs of one track on each of them; reference rows once."""
    yield from (spec for spec in grid if spec.strategy in REFERENCES)
    trained = [spec for spec in grid if spec.strategy not in REFERENCES]
    yield from (replace(spec, track=track) for track in tracks for spec in trained)


def _manifest_bytes(built: Sequence[Track], wanted: int) -> int:
    """Return about the bytes of all manifests: those of ``wanted`` draws, and the evaluation's."""
    sizes = [_size_of(_labels(track)) for track in built]
    return _size_of(built[0].eval_manifest) + sum(sizes) + (wanted - len(sizes)) * max(sizes)


def _run_bytes(finished: Mapping[str, _Finished], rows: Sequence[StrategyForecast], evaluation: Path) -> int:
    """Return about the bytes of all runs: from those that are there, else from the masks that are scored on."""
    networks = sum(row.runs * row.networks for row in rows)
    known = [(row.networks * row.done, finished[row.strategy].size) for row in rows if row.done]
    if known:
        return round(networks * sum(size for _, size in known) / sum(count for count, _ in known))
    return networks * sum(path.stat().st_size for path in read_manifest(evaluation).files_of(MASKS.name))


def _weight_bytes(model: str, rows: Sequence[StrategyForecast]) -> int:
    """Return the bytes of the stored weights of all networks."""
    one = sum(tensor.numel() * tensor.element_size() for tensor in MODELS[model]().state_dict().values())
    return one * sum(row.runs * row.networks for row in rows)


def _size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    paths = [folder / name for name in list_names(folder)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _timed(
    found: Forecast, configs: Mapping[str, RunConfig], track: Track, seconds: float, reporter: Reporter
) -> Forecast:
    """Return the forecast with what a step of every strategy takes, and a prediction of all clips."""
    rows = []
    for row in found.strategies:
        step_s = time_steps(configs[row.strategy], track, seconds)
        reporter.note(f"{row.strategy}-{row.variant}: {step_s:.3g} s a step")
        rows.append(replace(row, step_s=step_s))
    config = configs[found.strategies[0].strategy]
    predict_s = time_prediction(config, track, seconds)
    device = str(pick_device(config.device))
    return replace(found, strategies=tuple(rows), device=device, predict_s=predict_s)
