"""``train``: one training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app
from actiseg_bench.cli.options import Configuration, check_things, make_config, read_changes

if TYPE_CHECKING:
    from actiseg_bench.training.config import RunConfig


@app.command()
def train(
    manifest: Annotated[Path, typer.Option(help="The labels: a manifest folder.")],
    out: Annotated[Path, typer.Option(help="Where the training goes; the same command goes on after a stop.")],
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    strategy: Annotated[str, typer.Option(help="How to learn; see 'list strategies'.")] = "baseline",
    variant: Annotated[str, typer.Option(help="faithful (the method's paper) or released.")] = "faithful",
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A hyper-parameter of the strategy; repeatable.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model; see 'list models'.")] = "tiny",
    weights: Annotated[str, typer.Option(help="Start weights: bundled, none, or a safetensors file.")] = "bundled",
    config: Configuration = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Updates. [default: 90, or the configuration's]")] = None,
    clips: Annotated[int | None, typer.Option(min=1, help="Clips of one update. [default: 8, or as said]")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames of a clip. [default: all, or as said]")] = None,
    dice: Annotated[float | None, typer.Option(min=0, help="Weight of the dice term. [default: 5]")] = None,
    seed: Annotated[int, typer.Option(help="Of order, augmentation and fresh parameters.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; equal threads, equal results.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed, 16-mixed, …")] = "32-true",
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 50,
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Train once on a manifest and keep the networks. The same command goes on after a stop."""
    from dataclasses import replace

    from actiseg_bench.training.named_configs import load_config

    named = load_config(config) if config else None
    check_things([strategy], None, variant, model)
    changes = read_changes([strategy], option or [], dice, steps)
    machine = {"device": device, "threads": threads, "devices": devices, "precision": precision}
    base: RunConfig = make_config(None, named, {"start_weights": weights, "seed": seed, **machine}, changes)
    given: dict[str, Any] = {"clips_per_batch": clips, "frames_per_clip": frames}
    batches = replace(base.train, **{name: value for name, value in given.items() if value is not None})
    whole = replace(base, model=model, strategy=strategy, variant=variant, train=batches)
    told = _train(out, whole, manifest, root, save_every)
    if told is not None:
        from actiseg_noise.terminal import printed_results

        with printed_results(out):
            _print_training(told, out, json)


def _train(out: Path, config: RunConfig, manifest: Path, root: Path | None, save_every: int) -> dict[str, Any] | None:
    """Train into ``out``, one process at a time; None in the helpers of a process that trains on several devices."""
    from actiseg_bench.cli.progress import step_progress
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.training.folder import is_first_process, train_to
    from actiseg_bench.training.train import make_networks, pick_device
    from actiseg_noise import read_manifest
    from actiseg_noise.borders.locks import locked
    from actiseg_noise.terminal import print_error

    check_usable(read_manifest(manifest), root)
    make_networks(config, 1, pick_device(config.device))
    if not is_first_process():
        train_to(out, config, manifest, root, save_every=save_every)
        return None
    try:
        with locked(out), step_progress(f"{config.strategy} on {manifest.name}") as on_progress:
            return train_to(out, config, manifest, root, save_every=save_every, on_progress=on_progress)
    except KeyboardInterrupt:
        print_error(f"interrupted; the same command continues from the last checkpoint in {out}, if there is one.")
        raise typer.Exit(130) from None


def _print_training(told: dict[str, Any], out: Path, as_json: bool) -> None:
    """Print what a training gave."""
    from actiseg_bench.results.result import CHECKPOINT_NAME
    from actiseg_noise.terminal import out as console
    from actiseg_noise.terminal import print_json

    if as_json:
        print_json(told)
        return
    text = f"{told['steps']:,} steps in {told['train_s']:.0f} s, mean loss of the last epoch {told['losses'][-1]:.3f}"
    console.print(f"{text}; {told['networks']} network{'s' if told['networks'] > 1 else ''}", markup=False)
    console.print(f"checkpoint: {out / CHECKPOINT_NAME}", markup=False, soft_wrap=True)
