"""What a network predicts for a manifest: scores, and a folder that metric scripts and people can read.

<clip_id>/<frame_id>.png   index mask of the clip's objects, merged, in the DAVIS colours
predictions.parquet        the same masks as run lengths, with positive scores
predict.json               network and manifest, and the scores
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.prediction.networks import TrainedNetwork
from actiseg_bench.prediction.predict import ClipPrediction, iter_predictions_of
from actiseg_bench.results.predictions import PredictedMask, iter_predictions, write_predictions
from actiseg_bench.results.result import PREDICTIONS_NAME
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.measure import measure
from actiseg_bench.training.train import pick_device
from actiseg_noise.borders.locks import LOCK_NAME
from actiseg_noise.borders.palette import write_index_mask
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError, raise_if

PREDICT_NAME = "predict.json"
OnClip = Callable[[int, int], None]

_NO_FILE_NAME = re.compile(r"[/\\\0]")


def predict_to(
    folder: Path,
    trained: TrainedNetwork,
    manifest: Path,
    root: Path | None = None,
    *,
    positive_threshold: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    on_clip: OnClip | None = None,
) -> tuple[Evaluation, dict[str, Any]]:
    """Predict every clip from its clean text, write ``folder``, and return the scores on the clean masks.

    Args:
        positive_threshold: a positive score below it empties an object's mask; None: as the model's card says.
        threads: CPU threads of torch; None: as many as the training had.
        on_clip: called after every clip with (clips done, clips in all).

    Returns:
        The scores, and what ``predict.json`` says.

    Raises:
        ActisegError: a manifest without masks; missing images; a folder with other things in it; a file that cannot
            be written; a threshold for a network without scores.
    """
    data = _open(trained, manifest, root)
    threshold = trained.threshold(positive_threshold)
    told = trained.identity | {"manifest": data.manifest.digest, "positive_threshold": threshold}
    clips = _iter_clips(trained, data, threshold, device, threads, on_clip)
    _claim(folder, told)
    rows = _rows(_write_clips(folder, clips, data))
    told |= trained.about
    told["predictions"] = write_predictions(folder / PREDICTIONS_NAME, rows)
    found = measure(data.manifest, iter_predictions(folder / PREDICTIONS_NAME)).evaluation
    told |= {"scores": found.scores_dict(), "counts": found.counts_dict(), "void": found.void}
    _write_json(folder / PREDICT_NAME, told)
    return found, told


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
    """Return the scores that :func:`predict_to` gives, keeping no mask; ``keep_flagged`` and ``void`` are the metric's.

    Raises:
        ActisegError: a manifest without masks; missing images; a threshold for a network without scores.
    """
    data = _open(trained, manifest, root)
    threshold = trained.threshold(positive_threshold)
    rows = _rows(_iter_clips(trained, data, threshold, device, threads, on_clip))
    return measure(data.manifest, rows, keep_flagged=keep_flagged, void=void).evaluation


def _open(trained: TrainedNetwork, manifest: Path, root: Path | None) -> ManifestDataset:
    """Return the manifest's clips with clean text, at the size that the network sees."""
    card = trained.network.card
    return ManifestDataset(
        manifest, root, size=card.input_size, mask_stride=card.mask_stride, labels="clean", cache=False
    )


def _iter_clips(
    trained: TrainedNetwork,
    data: ManifestDataset,
    threshold: float | None,
    device: str,
    threads: int | None,
    on_clip: OnClip | None,
) -> Iterator[ClipPrediction]:
    """Return an iterator of all clips, after refusing a device that is not there."""
    on = pick_device(device)
    network = trained.network.to(on)
    if threads or trained.threads:
        torch.set_num_threads(threads or trained.threads or 1)
    clips = iter_predictions_of(network, data, on, threshold=threshold, is_scored=trained.has_scores)
    return _counted(clips, len(data), on_clip)


def _counted(clips: Iterator[ClipPrediction], total: int, on_clip: OnClip | None) -> Iterator[ClipPrediction]:
    """Yield the clips, telling how many are done; the pieces of one clip count once."""
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
    present = folder.is_dir() and any(item.name != LOCK_NAME for item in folder.iterdir())
    if present:
        try:
            told = json.loads(path.read_text("utf-8"))
            found = {name: told[name] for name in identity}
        except (OSError, ValueError, KeyError, TypeError):
            raise ActisegError(f"{folder}: exists and holds other things than predictions; use another --out") from None
        differ = [name for name in identity if found[name] != identity[name]]
        raise_if(
            bool(differ), f"{folder}: holds predictions of another {' and another '.join(differ)}; use another --out"
        )
    _write_json(path, identity)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with whole_file(path) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _write_clips(folder: Path, clips: Iterator[ClipPrediction], data: ManifestDataset) -> Iterator[ClipPrediction]:
    """Write every clip's masks and yield it."""
    taken: dict[str, str] = {}
    for clip in clips:
        name = _NO_FILE_NAME.sub("-", clip.clip_id)
        other = taken.setdefault(name, clip.clip_id)
        raise_if(name in ("", ".", ".."), f"clip {clip.clip_id!r}: no folder can have that name")
        raise_if(other != clip.clip_id, f"clips {other!r} and {clip.clip_id!r} have one folder name, {name!r}")
        stems = {row["frame_idx"]: str(row["frame_id"]) for row in data.frame_rows(clip.clip_id)}
        for frame_idx, mask in zip(clip.frame_idx, clip.masks, strict=True):
            write_index_mask(folder / name / f"{_NO_FILE_NAME.sub('-', stems[frame_idx])}.png", mask)
        yield clip


def _rows(clips: Iterator[ClipPrediction]) -> Iterator[PredictedMask]:
    """Yield the rows of predicted clips."""
    return (row for clip in clips for row in clip.rows())
