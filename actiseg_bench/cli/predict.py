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
    open_network,
    print_threshold,
)
from actiseg_bench.cli.score import evaluation_json, print_evaluation


@app.command()
def predict(
    manifest: Annotated[Path, typer.Option(help="The clips to predict: a manifest folder.")],
    out: Annotated[Path, typer.Option(help="Where the masks go: <clip>/<frame>.png, and predictions.parquet.")],
    checkpoint: ACheckpoint = None,
    model: AModel = None,
    weights: Weights = None,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    network: ANumber = 1,
    positive_threshold: AThreshold = None,
    device: ADevice = "auto",
    threads: Threads = None,
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Predict a manifest's clips: palette PNGs that metric scripts read, and their scores on the clean masks."""
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.scoring.prediction_folder import predict_to
    from actiseg_noise import read_manifest
    from actiseg_noise.borders.locks import locked
    from actiseg_noise.terminal import out as console
    from actiseg_noise.terminal import print_json, printed_results

    check_usable(read_manifest(manifest), root)
    trained = open_network(checkpoint, model, weights, network)
    options: dict[str, Any] = {"positive_threshold": positive_threshold, "device": device, "threads": threads}
    with locked(out), count_progress("clips") as on_clip:
        found, told = predict_to(out, trained, manifest, root, **options, on_clip=on_clip)
    with printed_results(out):
        if json:
            names = (*trained.identity, "manifest", "positive_threshold", "predictions")
            print_json(evaluation_json(found) | {name: told[name] for name in names})
            return
        print_evaluation(found)
        print_threshold(told["positive_threshold"])
        console.print(f"masks: {out}", markup=False, soft_wrap=True)
