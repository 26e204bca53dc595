"""What a trained network predicts of the training clips that its diagnosis probes, stored beside its run.

This is no part of what makes a run's scores, so it stands beside ``execution`` and is not imported there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.device import pick_device
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.prediction.predict import iter_predictions_of
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME
from actiseg_bench.results.predictions import write_predictions
from actiseg_bench.training.diagnosis import probed_places
from actiseg_bench.training.features import keep_features
from actiseg_noise.manifest.read import read_manifest

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Track
    from actiseg_bench.training.config import RunConfig


def store_training_predictions(network: VosModel, config: RunConfig, track: Track, folder: Path) -> str:
    """Predict the probed training clips from the texts they are trained on, and store the masks in ``folder``.

    Returns:
        The digest of the rows.

    Raises:
        ValueError: the track of reference rows. ActisegError: see :func:`write_predictions`.
    """
    if track.train_manifest is None:
        raise ValueError(f"track {track.info.name}: no training labels")
    manifest = read_manifest(track.train_manifest)
    names = ManifestDataset(manifest, track.root).clip_ids
    card = MODELS[config.model].card
    clips = ManifestDataset(
        manifest,
        track.root,
        size=card.input_size,
        mask_stride=card.mask_stride,
        clips=[names[place] for place in probed_places(len(names))],
    )
    keep_features(clips, network)
    predicted = iter_predictions_of(network, clips, pick_device(config.device))
    return write_predictions(folder / TRAINING_PREDICTIONS_NAME, (row for clip in predicted for row in clip.rows()))
