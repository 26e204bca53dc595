"""The score that chooses: a trial's networks on validation labels as given, with the same noise as those of training.

A user without clean labels has no other. The networks read the noisy texts and are scored on the noisy masks and flags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.grid.execution import predict_clips
from actiseg_bench.metrics.actionvos import METRICS
from actiseg_bench.results.networks import over_networks
from actiseg_bench.scoring.measure import measure
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import write_json
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.read import read_manifest

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Track
    from actiseg_bench.models.base import VosModel
    from actiseg_bench.training.config import RunConfig

GIVEN_NAME = "given.json"
Scores = Mapping[str, float | None]


def score_given(networks: Sequence[VosModel], config: RunConfig, track: Track) -> Scores:
    """Return metric → mean over the networks on the given (noisy) labels of a track's evaluation manifest."""
    manifest = read_manifest(track.eval_manifest)
    predicted = predict_clips(networks, config, track, labels="noisy")
    found = [measure(manifest, rows, labels="noisy", failures=False).evaluation.scores_dict() for rows in predicted]
    return over_networks(found)


def write_given(folder: Path, run_key: str, scores: Scores) -> None:
    """Write a trial's scores on given labels beside its result."""
    write_json(folder / GIVEN_NAME, {"run_key": run_key, "scores": dict(scores)}, allow_nan=False)


def read_given(folder: Path, run_key: str) -> Scores:
    """Return what :func:`write_given` wrote.

    Raises:
        ActisegError: the file is missing, damaged, or of another trial.
    """
    path = folder / GIVEN_NAME
    data = read_json_object(path, ActisegError)
    again = f"Remove the folder {folder}: the same command makes the trial again"
    raise_if(data.get("run_key") != run_key, f"{path}: the scores of another trial. {again}")
    scores = data.get("scores")
    is_whole = isinstance(scores, dict) and all(_is_score(scores.get(name)) for name in METRICS)
    raise_if(not is_whole, f"{path}: expected the six scores, each in [0, 1] or null. {again}")
    return dict(scores)  # type: ignore[arg-type]


def _is_score(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1)
