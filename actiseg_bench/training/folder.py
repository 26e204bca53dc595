"""One training in a folder: it can be interrupted and continued, and ``train.json`` reports what it was.

training.safetensors     on the way: everything that the next step depends on; gone at the end
checkpoint.safetensors   the trained networks, with configuration and manifest digest
train.json               configuration, losses, what the labels did to it, and what made it
curve.csv                loss, learning rate, items per second and GPU memory of every step; see --log
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actiseg_bench.data.pictures import pictures_digest
from actiseg_bench.device import pick_device
from actiseg_bench.models.base import MODELS
from actiseg_bench.results.provenance import find_provenance
from actiseg_bench.results.result import CHECKPOINT_NAME
from actiseg_bench.results.score_code import score_code_digest
from actiseg_bench.strategies.base import STRATEGIES
from actiseg_bench.training.checkpoint import (
    TRAINING_NAME,
    CheckpointError,
    check_identity,
    run_identity,
    save_networks,
)
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.curves import make_curves
from actiseg_bench.training.devices import is_first_process
from actiseg_bench.training.options import CSV_LOG
from actiseg_bench.training.progress import Progress
from actiseg_bench.training.train import TrainOutcome, train_run
from actiseg_noise import read_manifest
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import remove_file, write_json
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.info import check_no_manifest

TRAIN_NAME = "train.json"


def is_trained(folder: Path) -> bool:
    """Say whether a training has ended here, whichever it was."""
    return all((folder / name).is_file() for name in (TRAIN_NAME, CHECKPOINT_NAME))


def train_to(
    folder: Path,
    config: RunConfig,
    manifest: Path,
    root: Path | None = None,
    *,
    save_every: int | None = None,
    on_progress: Progress | None = None,
    logs: Sequence[str] = (CSV_LOG,),
    workers: int | None = None,
) -> dict[str, Any]:
    """Train into ``folder``, from its checkpoint when it has one, and return the report that ``train.json`` holds.

    A training that is finished is returned as it is; one whose checkpoint was removed is made again.

    Args:
        logs: where learning curves go, some of :data:`actiseg_bench.training.options.LOGS`.
        workers: processes that load batches, no part of what decides the training; None: as many as are of use.

    Raises:
        PreemptedError: the process was asked to stop, and its checkpoint is written.
        CheckpointError: the folder holds another training; the message says what differs.
        ActisegError: see :func:`train_run`; the folder is a manifest's; clips that cannot share a step; a file that
            cannot be written.
    """
    check_no_manifest(folder)
    opened = read_manifest(manifest)
    identity = run_identity(config, opened.digest, pictures_digest(opened, root))
    finished = _read_finished(folder / TRAIN_NAME, identity)
    if finished is not None and is_trained(folder):
        return finished
    _check_lengths(config, opened.table("frames", ["clip_id", "is_annotated"]).to_pylist())
    with make_curves(logs if is_first_process() else (), folder, config.to_dict()) as curve:
        outcome = train_run(
            config,
            manifest,
            root,
            on_progress=on_progress,
            folder=folder,
            save_every=save_every,
            diagnose=True,
            curve=curve,
            workers=workers,
        )
    report = _make_report(identity, outcome, config)
    if is_first_process():
        save_networks(folder / CHECKPOINT_NAME, outcome.networks, config, opened.digest)
        write_json(folder / TRAIN_NAME, report)
        remove_file(folder / TRAINING_NAME)
    return report


def _read_finished(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the report of a finished training; None when there is none."""
    if not path.is_file():
        return None
    try:
        report = read_json_object(path, CheckpointError)
        stored = {name: report[name] for name in identity if name in report or name != "images"}
    except KeyError as error:
        raise CheckpointError(f"{path}: not what a training wrote (no key {error}); use another --out") from None
    check_identity(path, stored, identity)
    return report


def _check_lengths(config: RunConfig, frames: list[dict[str, Any]]) -> None:
    """Refuse clips of several lengths in one step when all their frames are shown."""
    counts: dict[str, int] = {}
    for row in frames:
        counts[row["clip_id"]] = counts.get(row["clip_id"], 0) + bool(row["is_annotated"])
    lengths = sorted(set(counts.values()) - {0})
    if config.train.frames_per_clip is None and config.train.clips_per_batch > 1 and len(lengths) > 1:
        raise ActisegError(
            f"clips have {lengths[0]} to {lengths[-1]} frames, and clips of one step must show equally many: "
            "pass --frames N, or --clips 1"
        )


def _make_report(identity: dict[str, Any], outcome: TrainOutcome, config: RunConfig) -> dict[str, Any]:
    """Return what is kept of a training beside its networks."""
    code = score_code_digest([train_run.__module__], [MODELS[config.model], STRATEGIES[config.strategy]])
    weights = outcome.weights.partition(":")
    made = find_provenance(
        score_code=code,
        device=str(pick_device(config.device)),
        threads=config.threads,
        start_weights=weights[0] if weights[2] else None,
        start_weights_digest=weights[2] or None,
    )
    return identity | {
        "networks": len(outcome.networks),
        "steps": outcome.steps,
        "train_s": round(outcome.train_s, 2),
        "oracle": outcome.oracle or None,
        "losses": outcome.losses,
        "fits": outcome.fits,
        "selection": outcome.selection,
        "provenance": asdict(made),
    }
