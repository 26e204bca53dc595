"""What a checkpoint predicts for a manifest, in a folder that metric scripts and people can read.

<clip_id>/<frame_id>.png   index mask of the clip's objects, merged, in the DAVIS colours
predictions.parquet        the same masks as run lengths, with positive scores
predict.json               checkpoint, manifest and network, and the scores
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from actiseg_bench.checkpoint import CheckpointError, load_networks
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.evaluate import Evaluation, evaluate_predictions
from actiseg_bench.files import whole_file
from actiseg_bench.lock import LOCK_NAME
from actiseg_bench.palette import write_index_mask
from actiseg_bench.predict import ClipPrediction, iter_predictions_of
from actiseg_bench.predictions import Prediction, frame_predictions, write_predictions
from actiseg_bench.results import PREDICTIONS_NAME
from actiseg_bench.train import pick_device
from actiseg_noise.errors import ActisegError, raise_if

PREDICT_NAME = "predict.json"
OnClip = Callable[[int, int], None]

_NO_FILE_NAME = re.compile(r"[/\\\0]")


def predict_to(
    folder: Path,
    checkpoint: Path,
    manifest: Path,
    root: Path | None = None,
    *,
    network: int = 1,
    model: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    on_clip: OnClip | None = None,
) -> tuple[Evaluation, dict[str, Any]]:
    """Predict every clip from its clean text, write ``folder``, and return the scores on the clean masks.

    Args:
        network: which one of a checkpoint of several, from 1. model: the model that is expected; None takes the file's.
        threads: CPU threads of torch; None: as many as the training had.
        on_clip: called after every clip with (clips done, clips in all).

    Returns:
        The scores, and what ``predict.json`` says.

    Raises:
        CheckpointError: no checkpoint, one of another model, or one without that network.
        ActisegError: a manifest without masks; missing images; a folder with other things in it; a file that cannot
            be written.
    """
    networks, config, trained_on = load_networks(checkpoint, model)
    raise_if(
        not 1 <= network <= len(networks),
        f"{checkpoint}: has {len(networks)} network{'s' if len(networks) > 1 else ''}, not a number {network}",
        CheckpointError,
    )
    on = pick_device(device)
    chosen = networks[network - 1].to(on)
    torch.set_num_threads(threads or config.threads)
    card = chosen.card
    data = ManifestDataset(
        manifest, root, size=card.input_size, mask_stride=card.mask_stride, labels="clean", cache=False
    )
    digest = blake2b(checkpoint.read_bytes(), digest_size=16).hexdigest()
    told: dict[str, Any] = {"checkpoint": digest, "manifest": data.manifest.digest, "network": network}
    _claim(folder, told)
    rows = _write_clips(folder, iter_predictions_of(chosen, data, on), data, on_clip)
    told |= {"trained_on": trained_on, "config": config.to_dict()}
    told["predictions"] = write_predictions(folder / PREDICTIONS_NAME, rows)
    found = evaluate_predictions(manifest, folder / PREDICTIONS_NAME)
    told |= {"scores": found.scores_dict(), "counts": found.counts_dict(), "void": found.void}
    _write_json(folder / PREDICT_NAME, told)
    return found, told


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


def _write_clips(
    folder: Path, clips: Iterator[ClipPrediction], data: ManifestDataset, on_clip: OnClip | None
) -> Iterator[Prediction]:
    """Write every clip's masks and yield its rows."""
    taken: dict[str, str] = {}
    for done, clip in enumerate(clips, start=1):
        name = _NO_FILE_NAME.sub("-", clip.clip_id)
        other = taken.setdefault(name, clip.clip_id)
        raise_if(name in ("", ".", ".."), f"clip {clip.clip_id!r}: no folder can have that name")
        raise_if(other != clip.clip_id, f"clips {other!r} and {clip.clip_id!r} have one folder name, {name!r}")
        stems = {row["frame_idx"]: str(row["frame_id"]) for row in data.frame_rows(clip.clip_id)}
        scores = dict(zip(clip.object_ids, clip.positive_scores, strict=True))
        for frame_idx, mask in zip(clip.frame_idx, clip.masks, strict=True):
            write_index_mask(folder / name / f"{_NO_FILE_NAME.sub('-', stems[frame_idx])}.png", mask)
            yield from frame_predictions(clip.clip_id, frame_idx, mask, scores)
        if on_clip is not None:
            on_clip(done, len(data))
