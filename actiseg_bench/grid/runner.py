"""How a run is made for real: with torch, from one base configuration."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from actiseg_bench.device import pick_device
from actiseg_bench.grid import execution
from actiseg_bench.grid.remembered import store_training_predictions
from actiseg_bench.grid.run import OnProgress, Outcome, RunSpec, unfinished
from actiseg_bench.models.base import MODELS
from actiseg_bench.models.weights import find_weights, weights_name
from actiseg_bench.results.provenance import Provenance, find_provenance
from actiseg_bench.results.result import CHECKPOINT_NAME, REFERENCES, SILENT, START, TUNING, RunIdentity
from actiseg_bench.results.score_code import score_code_digest
from actiseg_bench.strategies.base import FAITHFUL, STRATEGIES
from actiseg_bench.training.checkpoint import save_networks
from actiseg_bench.training.options import for_strategy
from actiseg_bench.training.process import process_state
from actiseg_bench.training.schedule import make_optimizer
from actiseg_bench.training.train import make_networks
from actiseg_noise.borders.writing import digest_file

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig
    from actiseg_bench.training.train import TrainOutcome

_file_digest = lru_cache(digest_file)


class TorchRunner:
    """Makes runs from one base configuration.

    Args:
        config: everything but model, strategy, variant and seed, which the run's spec says.
        keep_weights: store the scored networks beside the result.
        save_every: steps between the checkpoints that a run is continued from; None: only when it is asked to stop.
        options: strategy → hyper-parameters of ``faithful`` that a protocol has; those of ``config`` go before them,
            and those of a run's own before these.
        workers: processes that load batches, which decide no score; None: as many as are of use.

    Attributes:
        roots: the modules that make the scores of a run.
    """

    roots: ClassVar[tuple[str, ...]] = (execution.__name__,)

    def __init__(
        self,
        config: RunConfig,
        *,
        keep_weights: bool = False,
        save_every: int | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        workers: int | None = None,
    ) -> None:
        self._base = config
        self._workers = workers
        self._keep_weights, self._save_every = keep_weights, save_every
        self._options = options or {}

    def check(self, model: str, device: str | None = None) -> None:
        """Raise ActisegError where no run of ``model`` can be made here: its device, its start weights, its rates.

        Args:
            device: instead of the runs', where those are made elsewhere.
        """
        (network,), _ = make_networks(replace(self._base, model=model), 1, pick_device(device or self._base.device))
        make_optimizer(network, self._base.train)

    def identity(self, spec: RunSpec) -> RunIdentity:
        """Return what decides the run's scores; how long others train does not touch the reference rows."""
        return RunIdentity(
            model=spec.model,
            strategy=spec.strategy,
            variant=spec.variant,
            seed=spec.seed,
            config=self._configured(spec),
            train_manifest=spec.track.info.train_manifest,
            eval_manifest=spec.track.info.eval_manifest,
            start_weights=self._weights(spec)[1],
            score_code=self.score_code(spec),
            train_images=spec.track.info.train_images,
            eval_images=spec.track.info.eval_images,
        )

    def score_code(self, spec: RunSpec) -> str:
        """Return the digest of the code that can move the run's scores."""
        return _score_code(self.roots, spec.model, spec.strategy)

    def provenance(self, spec: RunSpec) -> Provenance:
        """Return what makes the run, on this machine, now."""
        code = self.score_code(spec)
        if spec.strategy == SILENT:
            return find_provenance(score_code=code)
        name, digest = self._weights(spec)
        device, threads = str(pick_device(self._base.device)), self._base.threads
        return find_provenance(
            score_code=code, device=device, threads=threads, start_weights=name, start_weights_digest=digest
        )

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        """Train, predict into ``folder``, score; several networks are scored one by one.

        The process is left as it was found: see :func:`process_state`.
        """
        config = self.config_of(spec)
        with process_state(config.threads):
            if spec.strategy in REFERENCES:
                return self.score(spec, config, folder, None)
            kept = unfinished(folder, self.identity(spec).key())
            trained = execution.train(config, spec.track, on_progress, kept, self._save_every, self._workers)
            if self._keep_weights:
                labels = str(spec.track.info.train_manifest)
                save_networks(folder / CHECKPOINT_NAME, trained.networks, config, labels)
            scored = self.score(spec, config, folder, trained)
            remembered = self.store_training(spec, config, folder, trained)
        return replace(
            scored,
            training_predictions=remembered,
            losses=tuple(trained.losses),
            steps=trained.steps,
            train_s=trained.train_s,
            oracle=trained.oracle or None,
            fits=tuple(trained.fits),
            selection=tuple(trained.selection),
        )

    def score(self, spec: RunSpec, config: RunConfig, folder: Path, trained: TrainOutcome | None) -> Outcome:
        """Predict and score, of a trained run or of a reference row."""
        started = time.perf_counter()
        if trained is not None:
            scores = execution.score_networks(trained.networks, config, spec.track, folder)
        elif spec.strategy == START:
            scores = execution.score_start(config, spec.track, folder)
        else:
            scores = execution.score_silence(spec.track, folder)
        first, *others = scores.evaluations
        eval_s = time.perf_counter() - started
        return Outcome(first, scores.predictions, eval_s=eval_s, others=tuple(others), failures=scores.failures)

    def store_training(self, spec: RunSpec, config: RunConfig, folder: Path, trained: TrainOutcome) -> str | None:
        """Store what the first network predicts of the probed training clips; return the rows' digest, None of none."""
        return store_training_predictions(trained.networks[0], config, spec.track, folder)

    def config_of(self, spec: RunSpec) -> RunConfig:
        """Return the configuration of one run."""
        config = replace(self._base, model=spec.model, seed=spec.seed)
        if spec.strategy in REFERENCES:
            return config
        variant = spec.variant if spec.own is None else FAITHFUL
        protocols = self._options.get(spec.strategy, {}) if variant == FAITHFUL else {}
        options = {**protocols, **config.strategy_options}
        if spec.own is not None:
            options |= spec.own.options
            config = replace(config, train=replace(config.train, learning_rate=spec.own.learning_rate))
        return replace(for_strategy(config, spec.strategy), variant=variant, strategy_options=options)

    def _configured(self, spec: RunSpec) -> dict[str, Any]:
        """Return the part of the configuration that the run depends on."""
        if spec.strategy == SILENT:
            return {}
        config = self.config_of(spec).to_dict()
        if spec.own is not None:
            config |= {"variant": spec.variant, TUNING: dict(spec.own.about)}
        kept = ("model", "start_weights", "seed", "device", "threads")
        return {name: config[name] for name in kept} if spec.strategy == START else config

    def _weights(self, spec: RunSpec) -> tuple[str | None, str | None]:
        """Return name and digest of the start weights, without loading them."""
        if spec.strategy == SILENT or self._base.start_weights == "none":
            return None, None
        path = find_weights(MODELS[spec.model], self._base.start_weights)  # type: ignore[arg-type]
        return weights_name(path), _file_digest(path)


@lru_cache
def _score_code(roots: tuple[str, ...], model: str, strategy: str) -> str:
    """Return the digest of the code that can move the scores of a model under a strategy."""
    things: list[type] = [] if strategy == SILENT else [MODELS[model]]
    if strategy not in REFERENCES:
        things.append(STRATEGIES[strategy])
    return score_code_digest(roots, things)
