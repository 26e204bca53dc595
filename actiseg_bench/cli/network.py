"""Which network a command predicts with, and on what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.prediction.networks import TrainedNetwork

ACheckpoint = Annotated[
    Path | None, typer.Option("--checkpoint", help="A checkpoint.safetensors of 'train' or 'run --keep-weights'.")
]
AModel = Annotated[
    str | None, typer.Option("--model", help="The model of --weights; a --checkpoint of another one is refused.")
]
Weights = Annotated[
    str | None, typer.Option("--weights", help="Instead: what 'convert-checkpoint' made of a published one.")
]
ANumber = Annotated[int, typer.Option("--network", min=1, help="Which network of a checkpoint of several.")]
AThreshold = Annotated[
    float | None,
    typer.Option("--positive-threshold", min=0, max=1, help="A lower score empties a mask. [default: the model's]"),
]
ADevice = Annotated[str, typer.Option("--device", help="cpu, cuda, or auto.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads. [default: as in training]")]


def open_network(checkpoint: Path | None, model: str | None, weights: str | None, number: int) -> TrainedNetwork:
    """Return the network that the options name.

    Raises:
        ActisegError: none is named, or two are; see :mod:`actiseg_bench.prediction.networks`.
    """
    raise_if(
        (checkpoint is None) == (weights is None),
        "say which network: --checkpoint FILE of a training, or --model NAME --weights FILE",
    )
    from actiseg_bench.prediction.networks import load_published, load_trained

    if checkpoint is not None:
        return load_trained(checkpoint, number, model)
    raise_if(model is None, "--weights needs --model NAME: which model they are of; see 'list models'")
    raise_if(number != 1, "--network goes with --checkpoint: weights are of one network")
    return load_published(str(model), str(weights))


def print_threshold(threshold: float | None) -> None:
    """Print what emptied masks."""
    from actiseg_noise.terminal import out

    none = "The weights have no positive head: no mask was emptied, no object has a positive score."
    out.print(none if threshold is None else f"positive threshold: {threshold:g}", soft_wrap=True)
