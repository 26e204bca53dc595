"""A trained network to predict with: one of a training's checkpoint, or a model with weights from a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.weights import find_weights, load_weights
from actiseg_bench.results.result import CHECKPOINT_NAME
from actiseg_bench.training.checkpoint import CheckpointError, load_networks
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import ActisegError, raise_if


@dataclass(frozen=True)
class TrainedNetwork:
    """A network and where it comes from.

    Attributes:
        network: in evaluation mode.
        identity: digest of the file, and which network of it. about: what else the file says.
        has_scores: whether its positive scores mean anything: published weights may come without a positive head.
        threads: CPU threads that it was trained with, None when unknown.
    """

    network: VosModel
    identity: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    has_scores: bool = True
    threads: int | None = None

    def threshold(self, wanted: float | None = None) -> float | None:
        """Return the positive threshold to predict with, the card's by default; None for a network without scores.

        Raises:
            ActisegError: one is asked for, and there are no scores.
        """
        if self.has_scores:
            return self.network.card.positive_threshold if wanted is None else wanted
        raise_if(wanted is not None, "--positive-threshold: the weights have no positive head, so there is no score")
        return None


def open_network(
    checkpoint: str | Path | None = None, model: str | None = None, weights: str | Path | None = None, number: int = 1
) -> TrainedNetwork:
    """Return a network of a training's checkpoint, or a model with weights from a file.

    Raises:
        ActisegError: none is named, or two are; see :func:`load_trained` and :func:`load_published`.
    """
    raise_if(
        (checkpoint is None) == (weights is None),
        "say which network: --checkpoint FILE of a training, or --model NAME --weights FILE",
    )
    if checkpoint is not None:
        return load_trained(Path(checkpoint), number, model)
    raise_if(model is None, "--weights needs --model NAME: which model they are of; see 'list models'")
    raise_if(number != 1, "--network goes with --checkpoint: weights are of one network")
    return load_published(str(model), str(weights))


def load_trained(checkpoint: Path, number: int = 1, model: str | None = None) -> TrainedNetwork:
    """Return a network of a training's checkpoint: a file, or the folder of a training that has one.

    Args:
        number: which one of several, from 1. model: the model that is expected; None takes the file's.

    Raises:
        CheckpointError: no checkpoint, one of another model, or one without that network.
    """
    if checkpoint.is_dir():
        checkpoint = checkpoint / CHECKPOINT_NAME
    networks, config, trained_on = load_networks(checkpoint, model)
    raise_if(
        not 1 <= number <= len(networks),
        f"{checkpoint}: has {len(networks)} network{'s' if len(networks) > 1 else ''}, not a number {number}",
        CheckpointError,
    )
    return TrainedNetwork(
        network=networks[number - 1],
        identity={"checkpoint": digest_file(checkpoint), "network": number},
        about={"trained_on": trained_on, "config": config.to_dict()},
        threads=config.threads,
    )


def load_published(model: str, weights: str) -> TrainedNetwork:
    """Return a model with weights from a file, or its bundled ones.

    Raises:
        ActisegError: no such model or file; weights of another model; weights that lack more than a positive head.
    """
    if weights == "none":
        raise ActisegError("--weights none: a network without weights predicts nothing; pass --weights FILE")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MODELS[model]()
    path = find_weights(network, weights)
    lacking = set(load_weights(network, path))
    untrained = sorted(lacking - {network.card.positive_head})
    if untrained:
        raise ActisegError(
            f"{path}: these weights lack {', '.join(untrained)}, which a network of model {model!r} cannot predict "
            "without; they are start weights: train with them first"
        )
    identity = {"weights": digest_file(path), "model": model}
    return TrainedNetwork(network.eval(), identity, has_scores=not lacking)
