"""``predict``: the masks that a network gives, in files, and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app
from actiseg_bench.cli.network import (
    ACheckpoint,
    ADevice,
    AModel,
    ANumber,
    AThreshold,
    Threads,
    Weights,
    print_threshold,
)
from actiseg_bench.cli.score import print_evaluation


@app.command()
def predict(
    manifest: Annotated[Path, typer.Option(metavar="DIR", help="The clips to predict: a manifest folder.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the masks go: <clip_id>/<frame_id>.png, and predictions.parquet.")
    ],
    checkpoint: ACheckpoint = None,
    model: AModel = None,
    weights: Weights = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="The dataset's folder.")] = None,
    network: ANumber = 1,
    positive_threshold: AThreshold = None,
    device: ADevice = "auto",
    threads: Threads = None,
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Predict a manifest's clips: palette PNGs, and their scores on the clean masks.

    'evaluate --pred OUT --manifest M' gives the same scores from the PNGs.
    """
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.scoring.prediction_folder import predict as predict_masks
    from actiseg_noise.terminal import print_json, print_text, printed_results

    named: dict[str, Any] = {"checkpoint": checkpoint, "model": model, "weights": weights, "network": network}
    options: dict[str, Any] = {"positive_threshold": positive_threshold, "device": device, "threads": threads}
    with count_progress("clips") as on_clip:
        result = predict_masks(manifest, out, root=root, **named, **options, on_clip=on_clip)
    with printed_results(out):
        if json:
            print_json(result.to_json())
            return
        print_evaluation(result.evaluation)
        print_threshold(result.positive_threshold)
        print_text(f"masks: {out}")
