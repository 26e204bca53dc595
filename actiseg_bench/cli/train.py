"""``train``: one training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actiseg_bench.cli.base import AsJson, TextEncoder, app
from actiseg_bench.cli.options import with_flags_of
from actiseg_bench.training.options import TrainOptions


@app.command()
@with_flags_of(TrainOptions)
def train(options: TrainOptions, text_encoder: TextEncoder = None, json: AsJson = False) -> None:
    """Train once on a manifest and keep the networks. The same command continues an interrupted training."""
    from actiseg_noise.terminal import InterruptedCommandError

    try:
        report = _train(options)
    except KeyboardInterrupt:
        raise InterruptedCommandError(
            f"the same command continues from the last checkpoint in {options.out}, if there is one."
        ) from None
    if report is not None:
        from actiseg_noise.terminal import printed_results

        with printed_results(options.out):
            _print_training(report, options.out, json)


def _train(options: TrainOptions) -> dict[str, Any] | None:
    """Train, one process at a time; None in the helpers of a process that trains on several devices."""
    from actiseg_bench.cli.progress import step_progress
    from actiseg_bench.data.manifest_dataset import check_usable
    from actiseg_bench.device import pick_device
    from actiseg_bench.training.folder import is_first_process, train_to
    from actiseg_bench.training.train import make_networks
    from actiseg_noise import read_manifest
    from actiseg_noise.borders.locks import locked

    config, out, labels = options.run_config(), options.out, (options.manifest, options.root)
    check_usable(read_manifest(options.manifest), options.root)
    make_networks(config, 1, pick_device(config.device))
    if not is_first_process():
        train_to(out, config, *labels, save_every=options.save_every)
        return None
    with locked(out), step_progress(f"{config.strategy} on {options.manifest.name}") as on_progress:
        return train_to(out, config, *labels, save_every=options.save_every, on_progress=on_progress)


def _print_training(report: dict[str, Any], out: Path, as_json: bool) -> None:
    """Print what a training gave."""
    from actiseg_bench.results.result import CHECKPOINT_NAME
    from actiseg_noise.terminal import out as console
    from actiseg_noise.terminal import print_json, print_text

    if as_json:
        print_json(report)
        return
    updates = f"{report['steps']:,} steps in {report['train_s']:.0f} s"
    networks = f"{report['networks']} network{'s' if report['networks'] > 1 else ''}"
    loss = f"mean loss of the last epoch {report['losses'][-1]:.3f}"
    console.print(f"{updates}, {loss}; {networks}")
    print_text(f"checkpoint: {out / CHECKPOINT_NAME}")
