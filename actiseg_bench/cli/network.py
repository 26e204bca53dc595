"""Which network a command predicts with, and on what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ACheckpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="FILE", help="A checkpoint.safetensors of 'train' or 'run --keep-weights'."),
]
AModel = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="The model of --weights; a --checkpoint of another one is refused."),
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", metavar="NAME|FILE", help="Instead: what 'convert-checkpoint' made of a published one."),
]
ANumber = Annotated[
    int, typer.Option("--network", metavar="N", min=1, help="Which network of a checkpoint of several.")
]
AThreshold = Annotated[
    float | None,
    typer.Option(
        "--positive-threshold", metavar="N", min=0, max=1, help="A lower score empties a mask. [default: the model's]"
    ),
]
ADevice = Annotated[str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:N, or auto.")]
Threads = Annotated[
    int | None, typer.Option("--threads", metavar="N", min=1, help="CPU threads. [default: as in training]")
]


def print_threshold(threshold: float | None) -> None:
    """Print what emptied masks."""
    from actiseg_noise.terminal import print_text

    none = "The weights have no positive head: no mask was emptied, no object has a positive score."
    print_text(none if threshold is None else f"positive threshold: {threshold:g}")
