"""What makes the scores of a run: train, predict the evaluation clips, store the predictions, score and measure them.

This module and what it imports are the code of a result (``results/score_code.py``). What cannot move a score, such as
the order of runs and where they lie, stands elsewhere and is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.device import pick_device
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.prediction.predict import iter_predictions_of
from actiseg_bench.results.networks import PREDICTIONS_NAME, file_of, over_networks
from actiseg_bench.results.predictions import PredictedMask, iter_predictions, write_predictions
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_bench.scoring.object_frames import write_object_frames
from actiseg_bench.training.features import keep_features
from actiseg_bench.training.train import TrainOutcome, make_networks, train_run
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.masks import empty_rle

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Track
    from actiseg_bench.training.config import RunConfig


@dataclass(frozen=True)
class NetworkScores:
    """What the networks of a run predicted and how well.

    Attributes:
        evaluations: of every network. failures: failure mode → mean over them, None where one has none.
        predictions: digests of their stored predictions, joined by "+".
    """

    evaluations: tuple[Evaluation, ...]
    failures: dict[str, float | None]
    predictions: str


def train(
    config: RunConfig,
    track: Track,
    on_progress: Callable[[int, int, float], None],
    folder: Path | None = None,
    save_every: int | None = None,
    workers: int | None = None,
) -> TrainOutcome:
    """Train on a track's labels, measuring on the way what wrong ones do to the networks.

    Args:
        folder, save_every: where the training is kept and continued, and how often; see :func:`train_run`.

    Raises:
        ValueError: the track of reference rows. ActisegError: see :func:`train_run`.
    """
    if track.train_manifest is None:
        raise ValueError(f"track {track.info.name}: no training labels")
    return train_run(
        config,
        track.train_manifest,
        track.root,
        on_progress=on_progress,
        folder=folder,
        save_every=save_every,
        diagnose=True,
        watch=track.validation,
        workers=workers,
    )


def score_networks(networks: Sequence[VosModel], config: RunConfig, track: Track, folder: Path) -> NetworkScores:
    """Predict a track's evaluation clips with every network, store the predictions in ``folder``, score them."""
    predicted = predict_clips(networks, config, track, ungated=True)
    return _score(predicted, track.eval_manifest, folder, ungated=True)


def predict_clips(
    networks: Sequence[VosModel], config: RunConfig, track: Track, labels: str = "clean", *, ungated: bool = False
) -> Iterator[Iterator[PredictedMask]]:
    """Yield what every network predicts of a track's evaluation clips, row by row.

    Args:
        labels: whose texts it reads. ungated: with the ungated masks.
    """
    card = MODELS[config.model].card
    sizes = {"size": card.input_size, "mask_stride": card.mask_stride}
    clips = ManifestDataset(track.eval_manifest, track.eval_root, labels=labels, **sizes)  # type: ignore[arg-type]
    keep_features(clips, networks[0])
    device = pick_device(config.device)
    yield from (_rows(network, clips, device, ungated) for network in networks)


def score_start(config: RunConfig, track: Track, folder: Path) -> NetworkScores:
    """Score a model's start weights, untrained."""
    networks, _ = make_networks(config, 1, pick_device(config.device))
    return score_networks(networks, config, track, folder)


def score_silence(track: Track, folder: Path) -> NetworkScores:
    """Score what predicts no object anywhere."""
    return _score([iter_silent(read_manifest(track.eval_manifest))], track.eval_manifest, folder)


def iter_silent(manifest: Manifest) -> Iterator[PredictedMask]:
    """Yield the rows of a manifest with nothing predicted."""
    for clip in manifest.iter_clips():
        for frame in clip.frames:
            if frame.size is not None:
                nothing = empty_rle(*frame.size)
                yield from (PredictedMask(clip.clip_id, frame.frame_idx, number, nothing) for number in frame.masks)


def _rows(network: VosModel, clips: ManifestDataset, device: torch.device, ungated: bool) -> Iterator[PredictedMask]:
    """Yield what a network predicts of the clips, row by row."""
    for clip in iter_predictions_of(network, clips, device, ungated=ungated):
        yield from clip.rows()


def _score(
    predicted: Iterable[Iterable[PredictedMask]], labels: Path, folder: Path, *, ungated: bool = False
) -> NetworkScores:
    """Store the predictions of every network, and a table of their object-frames; score both."""
    manifest = read_manifest(labels)
    evaluations, digests = [], []
    for number, rows in enumerate(predicted, start=1):
        path = folder / file_of(PREDICTIONS_NAME, number)
        digests.append(write_predictions(path, rows, ungated=ungated))
        found = measure(manifest, iter_predictions(path))
        write_object_frames(folder / file_of(OBJECT_FRAMES_NAME, number), found.clips, found.frames, found.videos)
        evaluations.append(found.evaluation)
    failures = over_networks([one.failures for one in evaluations])
    return NetworkScores(tuple(evaluations), failures, "+".join(digests))
