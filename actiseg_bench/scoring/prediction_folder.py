"""What a network predicts for a manifest: scores, and a folder that metric scripts and people can read.

<clip_id>/<frame_id>.png   index mask of the clip's objects, merged, in the DAVIS colours
predictions.parquet        the same masks as run lengths, with positive scores
predict.json               network and manifest, the scores, and folders that are not called as their clips

A folder or file has the name of its clip or frame as far as every system takes it: ``vid:0`` is ``vid%3A0``, see
:mod:`actiseg_bench.prediction.names`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actiseg_bench.data.image_root import check_usable
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.device import pick_device
from actiseg_bench.prediction.names import mask_names
from actiseg_bench.prediction.networks import TrainedNetwork, open_network
from actiseg_bench.prediction.predict import ClipPrediction, iter_predictions_of
from actiseg_bench.results.networks import PREDICTIONS_NAME
from actiseg_bench.results.predictions import PredictedMask, iter_predictions, write_predictions
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.measure import measure
from actiseg_bench.training.process import process_state
from actiseg_noise import read_manifest
from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.borders.locks import LOCK_NAME, locked
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import write_json
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.read import Manifest

PREDICT_NAME = "predict.json"
OnClip = Callable[[int, int], None]


@dataclass(frozen=True)
class PredictedFolder:
    """Masks on disk and their scores.

    Attributes:
        path: the folder. evaluation: scores on the manifest's clean masks.
        report: what ``predict.json`` says: digests of network and manifest, threshold, scores.
    """

    path: Path
    evaluation: Evaluation
    report: dict[str, Any]

    @property
    def positive_threshold(self) -> float | None:
        """Return the positive score below which a mask was emptied; None for a network without positive scores."""
        threshold: float | None = self.report["positive_threshold"]
        return threshold

    def to_json(self) -> dict[str, Any]:
        """Return the scores and what was predicted with, as JSON values."""
        names = ("checkpoint", "network", "weights", "model", "manifest", "positive_threshold", "predictions")
        return self.evaluation.to_json() | {name: self.report[name] for name in names if name in self.report}


def predict(
    manifest: str | Path,
    out: str | Path,
    *,
    checkpoint: str | Path | None = None,
    model: str | None = None,
    weights: str | Path | None = None,
    network: int = 1,
    root: str | Path | None = None,
    positive_threshold: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    on_clip: OnClip | None = None,
) -> PredictedFolder:
    """Predict every clip of a manifest from its clean text, write the masks, and score them on the clean masks.

    :func:`actiseg_bench.evaluate` gives the folder the same scores, to the bit.

    Args:
        out: where the masks go; what the same network predicted for the same manifest may be there.
        checkpoint: a ``checkpoint.safetensors`` of a training; ``network`` says which network of several, from 1.
        model, weights: instead: a model, and what ``convert-checkpoint`` made of a published checkpoint.
        root: the dataset's folder; by default its usual place.
        positive_threshold: a positive score below it empties an object's mask; None: as the model's card says.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: CPU threads of torch; None: as many as the training had.
        on_clip: called after every clip with (clips done, clips in all).

    Raises:
        ActisegError: no such network; a manifest without masks; missing images; a folder with other things in it, or
            in use; a file that cannot be written; a threshold for a network without scores.
    """
    folder, opened = Path(out), read_manifest(manifest)
    check_usable(opened, root)
    trained = open_network(checkpoint, model, weights, network)
    with locked(folder):
        return _predict(folder, trained, opened, root, positive_threshold, device, threads, on_clip)


def _predict(
    folder: Path,
    trained: TrainedNetwork,
    manifest: Manifest,
    root: str | Path | None,
    positive_threshold: float | None,
    device: str,
    threads: int | None,
    on_clip: OnClip | None,
) -> PredictedFolder:
    """Predict into a folder that this process has to itself."""
    data = _open(trained, manifest, root)
    threshold, names = trained.threshold(positive_threshold), mask_names(data.clip_ids)
    report = trained.identity | {"manifest": data.manifest.digest, "positive_threshold": threshold}
    with process_state(threads or trained.threads):
        clips = _iter_clips(trained, data, threshold, device, on_clip)
        _claim(folder, report)
        rows = _rows(_write_clips(folder, clips, data, names))
        report |= trained.about
        report["folders"] = {clip: name for clip, name in names.items() if name != clip}
        report["predictions"] = write_predictions(folder / PREDICTIONS_NAME, rows)
    rows = iter_predictions(folder / PREDICTIONS_NAME)
    evaluation = measure(manifest, rows, failures=False, objects=True).evaluation
    report |= {name: value for name, value in evaluation.to_json().items() if name != "objects"}
    write_json(folder / PREDICT_NAME, report)
    return PredictedFolder(folder, evaluation, report)


def evaluate_network(
    trained: TrainedNetwork,
    manifest: Path,
    root: Path | None = None,
    *,
    positive_threshold: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    on_clip: OnClip | None = None,
    keep_flagged: bool = False,
    void: str = "ignore",
) -> Evaluation:
    """Return the scores that :func:`predict` gives, keeping no mask; ``keep_flagged`` and ``void`` are the metric's.

    Raises:
        ActisegError: a manifest without masks; missing images; a threshold for a network without scores.
    """
    data = _open(trained, read_manifest(manifest), root)
    threshold = trained.threshold(positive_threshold)
    with process_state(threads or trained.threads):
        rows = _rows(_iter_clips(trained, data, threshold, device, on_clip))
        options: dict[str, Any] = {"keep_flagged": keep_flagged, "void": void, "failures": False, "objects": True}
        return measure(data.manifest, rows, **options).evaluation


def _open(trained: TrainedNetwork, manifest: Manifest, root: str | Path | None) -> ManifestDataset:
    """Return the manifest's clips with clean text, at the size that the network sees."""
    card = trained.network.card
    return ManifestDataset(
        manifest, root, size=card.input_size, mask_stride=card.mask_stride, labels="clean", cache=False
    )


def _iter_clips(
    trained: TrainedNetwork, data: ManifestDataset, threshold: float | None, device: str, on_clip: OnClip | None
) -> Iterator[ClipPrediction]:
    """Return an iterator of all clips, after refusing a device that is not there."""
    on = pick_device(device)
    network = trained.network.to(on)
    clips = iter_predictions_of(network, data, on, threshold=threshold, is_scored=trained.has_scores)
    return _counted(clips, len(data), on_clip)


def _counted(clips: Iterator[ClipPrediction], total: int, on_clip: OnClip | None) -> Iterator[ClipPrediction]:
    """Yield the clips, reporting how many are done; the pieces of one clip count once."""
    seen: set[str] = set()
    for clip in clips:
        yield clip
        if on_clip is not None and clip.clip_id not in seen:
            seen.add(clip.clip_id)
            on_clip(len(seen), total)


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """Take an empty folder, or one with predictions of the same network for the same manifest.

    Raises:
        ActisegError: the folder holds something else.
    """
    path = folder / PREDICT_NAME
    if any(not name.startswith(LOCK_NAME) for name in list_names(folder)):
        try:
            earlier = read_json_object(path)
            stored = {name: earlier[name] for name in identity}
        except (ActisegError, KeyError):
            raise ActisegError(f"{folder}: exists and holds other things than predictions; use another --out") from None
        differ = [name for name in identity if stored[name] != identity[name]]
        raise_if(
            bool(differ), f"{folder}: holds predictions of another {' and another '.join(differ)}; use another --out"
        )
    write_json(path, identity)


def _write_clips(
    folder: Path, clips: Iterator[ClipPrediction], data: ManifestDataset, names: dict[str, str]
) -> Iterator[ClipPrediction]:
    """Write every clip's masks and yield it."""
    for clip in clips:
        frames = {frame.frame_idx: frame.frame_id for frame in data.shown_frames(clip.clip_id)}
        stems = mask_names(frames.values())
        raise_if(len(stems) < len(frames), f"clip {clip.clip_id}: two of its frames have one frame_id")
        raise_if("" in (names[clip.clip_id], *stems), f"clip {clip.clip_id!r}: a clip or frame without a name")
        for frame_idx, mask in zip(clip.frame_idx, clip.masks, strict=True):
            write_index_mask(folder / names[clip.clip_id] / f"{stems[frames[frame_idx]]}.png", mask)
        yield clip


def _rows(clips: Iterator[ClipPrediction]) -> Iterator[PredictedMask]:
    """Yield the rows of predicted clips."""
    return (row for clip in clips for row in clip.rows())
