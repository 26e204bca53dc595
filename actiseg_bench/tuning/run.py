"""From what ``tune`` is asked to do to a table with both rows, defaults and tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from actiseg_bench.grid.plan import MANIFESTS, Plan, kept_apart, list_shared_clips, make_all, make_plan
from actiseg_bench.grid.protocols import Protocol, choose
from actiseg_bench.grid.run import GridOutcome, Reporter, RunSpec, make_grid
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.grid.tracks import Build, Track, manifest_finder, protocol_tracks, validation_track
from actiseg_bench.results.result import TRIALS_FOLDER
from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES
from actiseg_bench.strategies.ranges import Range
from actiseg_bench.tuning.choice import Choice, Trial, choose_trial, write_choice
from actiseg_bench.tuning.given import read_given
from actiseg_bench.tuning.options import TuneOptions
from actiseg_bench.tuning.space import draw_options, search_space
from actiseg_bench.tuning.trials import TrialRunner, trial_spec, tuned_spec
from actiseg_noise.borders.locks import locked
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.info import check_no_manifest


@dataclass
class TuneOutcome:
    """What came of tuning.

    Attributes:
        choices: one per track and strategy, in order. trials: every trial. runs: the rows of defaults and the tuned
            ones; empty where only trials were asked for.
    """

    choices: list[Choice]
    trials: GridOutcome
    runs: GridOutcome = field(default_factory=GridOutcome)

    @property
    def failed(self) -> list[tuple[str, str]]:
        """Return (name, message) of what failed; a failed trial counts as lost."""
        return [*self.trials.failed, *self.runs.failed]


def make_tuning(options: TuneOptions, build: Build, reporter: Reporter | None = None) -> TuneOutcome:
    """Make all trials, choose, and train what was chosen beside the defaults; into ``options.out``, locked meanwhile.

    Args:
        build: ``actiseg_noise.build``. reporter: is entered as a context manager when all manifests are there.

    Raises:
        ActisegError: what cannot be tuned, before anything is built or trained; ``out`` is in use or cannot be written.
    """
    reporter = reporter or Reporter()
    check_no_manifest(options.out)
    plan = make_plan(options.as_run())
    protocol = check_protocol(plan)
    names = choose("track", options.track, list(protocol.tracks))
    spaces = {name: search_space(name, plan.options.strategy_options) for name in plan.strategies}
    runner = TorchRunner(plan.base, keep_weights=options.keep_weights, options=plan.own, workers=options.workers)
    trier = TrialRunner(plan.base, options=plan.own, workers=options.workers)
    check_draws(plan, spaces, options)
    runner.check(plan.base.model)
    with locked(options.out):
        tracks, validations = open_tracks(protocol, names, options, build)
        tried = list_trials(plan, spaces, validations, options)
        with reporter:
            for text in list_shared_clips([*tracks, *validations]):
                reporter.warn(text)
            trials = make_all(tried, trier, options.out / TRIALS_FOLDER, reporter, options.jobs, options.device)
            choices = make_choices(tried, trials, options)
            for choice in choices:
                write_choice(choice, options.out)
            if options.trials_only:
                return TuneOutcome(choices, trials)
            grid = make_grid(tracks, plan.strategies, FAITHFUL, plan.seeds, plan.base.model)
            grid += list_tuned(choices, tracks, plan.seeds)
            made = make_all(grid, runner, options.out, reporter, options.jobs, options.device)
            return TuneOutcome(choices, trials, made)


def check_protocol(plan: Plan) -> Protocol:
    """Return the protocol, or refuse one that leaves nothing to choose on; under its own id where options differ.

    Raises:
        ActisegError: no validation split; one that is trained or scored on.
    """
    protocol = plan.protocol
    if protocol is None:
        raise ValueError("tuning is of a protocol")
    split = protocol.validation_split
    raise_if(
        not split,
        f"protocol {protocol.id} has no validation_split, so that there is nothing to choose on but what is scored. "
        "Tune on one that has: --protocol full, or a TOML file with validation_split",
    )
    used = {"train_split": protocol.train_split, "eval_split": protocol.eval_split}
    for name, other in used.items():
        raise_if(
            split == other,
            f"protocol {protocol.id}: validation_split and {name} are both {split!r}: what chooses may not be "
            "what is trained or scored on",
        )
    return kept_apart(protocol, plan.options)


def check_draws(plan: Plan, spaces: Mapping[str, Mapping[str, Range]], options: TuneOptions) -> None:
    """Refuse, before anything trains, trials whose options do not go together.

    Raises:
        ActisegError: the message names strategy, trial and option.
    """
    for name, space in spaces.items():
        for trial in range(options.trials):
            drawn = draw_options(space, options.seed, name, trial)
            given = {**plan.own.get(name, {}), **plan.options.strategy_options, **drawn}
            try:
                STRATEGIES[name].card.make_options(FAITHFUL, given)
            except ActisegError as error:
                raise ActisegError(f"trial {trial} draws what cannot be: {error}") from None


def open_tracks(
    protocol: Protocol, names: Sequence[str], options: TuneOptions, build: Build
) -> tuple[list[Track], list[Track]]:
    """Return the tracks of the table, and of each, once, the track of its trials: the first draw of its noise."""
    manifests = options.out / MANIFESTS
    tracks = protocol_tracks(protocol, names, manifests, build, root=options.root, eval_root=options.eval_root)
    find = manifest_finder(protocol, manifests, build, options.root)
    firsts = {track.info.name: track for track in reversed(tracks)}
    validations = []
    for name in names:
        labels = find(protocol.validation_split, protocol.tracks[name], protocol.noise_seeds[0])
        validations.append(validation_track(firsts[name], labels))
    return tracks, validations


def list_trials(
    plan: Plan, spaces: Mapping[str, Mapping[str, Range]], validations: Sequence[Track], options: TuneOptions
) -> list[RunSpec]:
    """Return every trial, track by track and strategy by strategy: as many for each."""
    base = plan.base
    rate = base.train.learning_rate
    return [
        trial_spec(track, base.model, name, space, trial, seed=options.seed, rate=rate)
        for track in validations
        for name, space in spaces.items()
        for trial in range(options.trials)
    ]


def make_choices(tried: Sequence[RunSpec], made: GridOutcome, options: TuneOptions) -> list[Choice]:
    """Return what was chosen of the trials of every track and strategy."""
    results = {(one.track.name, one.strategy, one.variant): one for one in made.results}
    errors = dict(made.failed)

    def finished(spec: RunSpec) -> Trial:
        result = results.get((spec.track.info.name, spec.strategy, spec.variant))
        if result is None:
            return Trial(spec, error=errors.get(spec.name, "not made"))
        given = read_given(spec.folder(options.out / TRIALS_FOLDER), result.run_key)
        return Trial(spec, result.run_key, given, result.scores)

    groups = [tried[i : i + options.trials] for i in range(0, len(tried), options.trials)]
    return [choose_trial([finished(spec) for spec in group], options.by, options.seed) for group in groups]


def list_tuned(choices: Sequence[Choice], tracks: Sequence[Track], seeds: int) -> list[RunSpec]:
    """Return the tuned runs: on every draw of a track's noise, with as many seeds as the defaults."""
    return [
        tuned_spec(track, choice.spec.model, choice.spec.strategy, seed, choice.chosen.spec.own, choice.about())
        for seed in range(seeds)
        for track in tracks
        for choice in choices
        if choice.spec.track.info.name == track.info.name and choice.chosen is not None and choice.chosen.spec.own
    ]
