"""``pretrain``: the bundled start weights, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actiseg_bench.cli.base import AsJson, app, build_manifest


@app.command()
def pretrain(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the weights: model.safetensors, config.json, README.md.")
    ],
    model: Annotated[str, typer.Option(metavar="NAME", help="The model; see 'list models'.")] = "tiny",
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Updates. [default: as the bundled ones]")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of initialisation, order and augmentation.")] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda, cuda:N, or auto.")] = "cpu",
    threads: Annotated[
        int, typer.Option(metavar="N", min=1, help="CPU threads of torch; equal threads, equal weights.")
    ] = 2,
    manifests: Annotated[Path, typer.Option(metavar="DIR", help="Where the pretraining manifest goes.")] = Path(
        "out/manifests"
    ),
    json: AsJson = False,
) -> None:
    """Make a model's start weights on the pretrain split of 'kitchen', as the bundled ones were made."""
    from actiseg_bench.cli.progress import step_progress
    from actiseg_bench.models.base import MODELS
    from actiseg_bench.training.pretrain import pretraining_config, write_bundle
    from actiseg_noise.terminal import print_json, print_text, printed_results

    _ = MODELS[model]

    folder = manifests / "kitchen" / "pretrain" / "clean-s0"
    manifest = build_manifest("kitchen", split="pretrain", recipe="clean", out=folder, resume=True, force=True)
    config = pretraining_config(model, steps=steps, seed=seed, device=device, threads=threads)
    with step_progress(f"pretraining {model}") as on_progress:
        path = write_bundle(out, manifest, config, on_progress)
    with printed_results(path):
        if json:
            print_json({"path": str(path), "steps": config.train.steps})
        else:
            print_text(f"start weights: {path}")
