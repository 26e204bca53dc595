"""How a run is made for real: train with torch, predict the evaluation clips, store and score the predictions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_bench.grid.run import OnProgress, Outcome, RunSpec
from actiseg_bench.results.predictions import PredictedMask, iter_predictions, write_predictions
from actiseg_bench.results.provenance import Provenance, find_provenance, score_code_digest
from actiseg_bench.results.result import (
    CHECKPOINT_NAME,
    PREDICTIONS_NAME,
    REFERENCES,
    SILENT,
    START,
    RunIdentity,
    network_file,
    over_networks,
)
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import write_object_frames
from actiseg_bench.scoring.truth import Tables
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import ActisegError
from actiseg_noise.masks import empty_rle

if TYPE_CHECKING:
    from actiseg_bench.models.base import VosModel
    from actiseg_bench.training.config import RunConfig
    from actiseg_bench.training.train import TrainOutcome


class TorchRunner:
    """Makes runs from one base configuration.

    Args:
        config: everything but model, strategy, variant and seed, which the run's spec says.
        keep_weights: store the scored networks beside the result.
    """

    def __init__(self, config: RunConfig, *, keep_weights: bool = False) -> None:
        self._base = config
        self._keep_weights = keep_weights

    def check(self, model: str) -> None:
        """Raise ActisegError where no run of ``model`` can be made here: its device, its start weights."""
        from actiseg_bench.training.train import make_networks, pick_device

        make_networks(replace(self._base, model=model), 1, pick_device(self._base.device))

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
            score_code=_score_code(spec.model, spec.strategy),
        )

    def provenance(self, spec: RunSpec) -> Provenance:
        """Return what makes the run, on this machine, now."""
        code = _score_code(spec.model, spec.strategy)
        if spec.strategy == SILENT:
            return find_provenance(score_code=code)
        import torch

        from actiseg_bench.training.train import pick_device

        torch.set_num_threads(self._base.threads)
        name, digest = self._weights(spec)
        device = str(pick_device(self._base.device))
        return find_provenance(score_code=code, device=device, start_weights=name, start_weights_digest=digest)

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        """Train, predict into ``folder``, score; several networks are scored one by one."""
        trained = None if spec.strategy in REFERENCES else self._train(spec, folder, on_progress)
        started = time.perf_counter()
        scored = list(self._score(spec, folder, trained))
        eval_s = time.perf_counter() - started
        evaluations, digests = [one for one, _ in scored], "+".join(digest for _, digest in scored)
        failures = over_networks([one.failures for one in evaluations])
        if trained is None:
            return Outcome(evaluations[0], digests, eval_s=eval_s, failures=failures)
        return Outcome(
            evaluation=evaluations[0],
            predictions=digests,
            losses=tuple(trained.losses),
            steps=trained.steps,
            train_s=trained.train_s,
            eval_s=eval_s,
            oracle=trained.oracle or None,
            others=tuple(evaluations[1:]),
            failures=failures,
            fits=tuple(trained.fits),
            selection=tuple(trained.selection),
        )

    def _train(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> TrainOutcome:
        """Train, and store the networks when asked for."""
        from actiseg_bench.training.train import train_run

        if spec.track.train_manifest is None:
            raise ActisegError(f"{spec.name}: the track has no training labels")
        config = self._config(spec)
        trained = train_run(config, spec.track.train_manifest, spec.track.root, on_progress=on_progress, diagnose=True)
        if self._keep_weights:
            from actiseg_bench.training.checkpoint import save_networks

            save_networks(folder / CHECKPOINT_NAME, trained.networks, config, str(spec.track.info.train_manifest))
        return trained

    def _score(self, spec: RunSpec, folder: Path, trained: TrainOutcome | None) -> Iterator[tuple[Evaluation, str]]:
        """Store the predictions of every network and their object-frames; yield their scores and their digest."""
        from actiseg_noise import read_manifest

        manifest = read_manifest(spec.track.eval_manifest)
        for number, rows in enumerate(self._predict(spec, trained), start=1):
            path = folder / network_file(PREDICTIONS_NAME, number)
            digest = write_predictions(path, rows)
            found = measure(manifest, iter_predictions(path))
            write_object_frames(folder / network_file(OBJECT_FRAMES_NAME, number), found.clips, found.frames)
            yield found.evaluation, digest

    def _predict(self, spec: RunSpec, trained: TrainOutcome | None) -> Iterator[Iterator[PredictedMask]]:
        """Yield, per network or for nobody, the rows of the evaluation manifest filled."""
        if spec.strategy == SILENT:
            from actiseg_noise import read_manifest

            yield iter_silent(read_manifest(spec.track.eval_manifest))
            return
        from actiseg_bench.data.manifest_dataset import ManifestDataset
        from actiseg_bench.models.base import MODELS
        from actiseg_bench.prediction.predict import iter_predictions_of
        from actiseg_bench.training.train import make_networks, pick_device

        config = self._config(spec)
        device = pick_device(config.device)
        networks = trained.networks if trained else make_networks(config, 1, device)[0]
        card = MODELS[spec.model].card
        track = spec.track
        data = ManifestDataset(
            track.eval_manifest, track.root, size=card.input_size, mask_stride=card.mask_stride, labels="clean"
        )
        for network in networks:
            yield (row for clip in iter_predictions_of(network, data, device) for row in clip.rows())

    def _config(self, spec: RunSpec) -> RunConfig:
        """Return the configuration of one run."""
        config = replace(self._base, model=spec.model, seed=spec.seed)
        if spec.strategy in REFERENCES:
            return config
        return replace(config, strategy=spec.strategy, variant=spec.variant)

    def _configured(self, spec: RunSpec) -> dict[str, Any]:
        """Return the part of the configuration that the run depends on."""
        if spec.strategy == SILENT:
            return {}
        config = self._config(spec).to_dict()
        kept = ("model", "start_weights", "seed", "device", "threads")
        return {name: config[name] for name in kept} if spec.strategy == START else config

    def _weights(self, spec: RunSpec) -> tuple[str | None, str | None]:
        """Return name and digest of the start weights, without loading them."""
        if spec.strategy == SILENT or self._base.start_weights == "none":
            return None, None
        from actiseg_bench.models.weights import find_weights, weights_name

        path = find_weights(_model(spec.model), self._base.start_weights)  # type: ignore[arg-type]
        return weights_name(path), _file_digest(path)


def iter_silent(manifest: Tables) -> Iterator[PredictedMask]:
    """Yield the rows of a manifest with nothing predicted."""
    frames = manifest.table("frames", ["clip_id", "frame_idx", "height", "width"]).to_pylist()
    empty = {(row["clip_id"], row["frame_idx"]): (row["height"], row["width"]) for row in frames}
    for batch in manifest.table("masks", ["clip_id", "frame_idx", "object_id"]).to_batches():
        for row in batch.to_pylist():
            mask = empty_rle(*empty[row["clip_id"], row["frame_idx"]])
            yield PredictedMask(row["clip_id"], row["frame_idx"], row["object_id"], mask)


def _model(name: str) -> type[VosModel]:
    from actiseg_bench.models.base import MODELS

    return MODELS[name]


@lru_cache
def _score_code(model: str, strategy: str) -> str:
    """Return the digest of the code that can move the scores of a model under a strategy."""
    if strategy == SILENT:
        return score_code_digest()
    from actiseg_bench.strategies.base import STRATEGIES

    things: list[type] = [_model(model)]
    return score_code_digest(things if strategy == START else [*things, STRATEGIES[strategy]])


_file_digest = lru_cache(digest_file)
