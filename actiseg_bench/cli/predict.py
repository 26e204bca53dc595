"""``predict``: the masks that a network gives, in files, and their scores."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, app
from actiseg_bench.cli.score import evaluation_json, print_evaluation


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint.safetensors of 'train' or 'run --keep-weights'.")],
    manifest: Annotated[Path, typer.Option(help="The clips to predict: a manifest folder.")],
    out: Annotated[Path, typer.Option(help="Where the masks go: <clip>/<frame>.png, and predictions.parquet.")],
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    network: Annotated[int, typer.Option(min=1, help="Which network of a checkpoint of several.")] = 1,
    model: Annotated[str | None, typer.Option(help="Refuse a checkpoint of another model.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. [default: as in training]")] = None,
    json: AsJson = False,
) -> None:
    """Predict a manifest's clips: palette PNGs that metric scripts read, and their scores on the clean masks."""
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.lock import locked
    from actiseg_bench.prediction_folder import predict_to
    from actiseg_bench.progress import count_progress
    from actiseg_noise import read_manifest
    from actiseg_noise.terminal import out as console
    from actiseg_noise.terminal import print_json

    check_usable(read_manifest(manifest), root)
    with nullcontext() if not checkpoint.is_file() else locked(out), count_progress("clips") as on_clip:
        options: dict[str, Any] = {"network": network, "model": model, "device": device, "threads": threads}
        found, told = predict_to(out, checkpoint, manifest, root, **options, on_clip=on_clip)
    if json:
        print_json(evaluation_json(found) | {name: told[name] for name in ("checkpoint", "manifest", "predictions")})
        return
    print_evaluation(found)
    console.print(f"masks: {out}", markup=False, soft_wrap=True)
