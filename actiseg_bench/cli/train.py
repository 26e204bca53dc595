"""``train``: one training."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from actiseg_bench.cli.base import AsJson, TextEncoder, app, continued_later, say_compiling
from actiseg_bench.cli.options import with_flags_of
from actiseg_bench.training.options import TrainOptions


@app.command()
@with_flags_of(TrainOptions)
def train(options: TrainOptions, text_encoder: TextEncoder = None, json: AsJson = False) -> None:
    """Train once on a manifest and keep the networks. The same command continues an interrupted training."""
    with continued_later(f"the same command continues from the last checkpoint in {options.out}, if there is one."):
        report = _train(options)
    if report is not None:
        from actiseg_bench.results.result import CHECKPOINT_NAME
        from actiseg_noise.terminal import print_next, printed_results

        with printed_results(options.out):
            _print_training(report, options.out, json)
            if not json:
                words = ("predict", "--checkpoint", options.out / CHECKPOINT_NAME, "--manifest", "M", "--out", "DIR")
                print_next("", ("actiseg-bench", *words))


def _train(options: TrainOptions) -> dict[str, Any] | None:
    """Train, one process at a time; None in the helpers of a process that trains on several devices."""
    from actiseg_noise import read_manifest
    from actiseg_noise.borders.locks import locked
    from actiseg_noise.borders.preemption import PreemptedError
    from actiseg_noise.borders.processes import loading
    from actiseg_noise.borders.remote import shown
    from actiseg_noise.terminal import print_next

    with loading():
        from actiseg_bench.cli.progress import step_progress
        from actiseg_bench.data.image_root import check_usable
        from actiseg_bench.training.checkpoint import TRAINING_NAME
        from actiseg_bench.training.config import WINDOW
        from actiseg_bench.training.devices import helping, is_first_process, pick_devices
        from actiseg_bench.training.folder import is_trained, train_to
        from actiseg_bench.training.train import make_networks

    config, out, labels = options.run_config(), options.out, (options.manifest, options.root)
    check_usable(read_manifest(options.manifest), options.root)
    if not is_first_process():
        with helping(), suppress(PreemptedError):  # the first process says it, when its checkpoint is written
            train_to(out, config, *labels, save_every=options.save_every, workers=options.workers)
        return None
    make_networks(replace(config, compile=False), 1, pick_devices(config)[0])
    say_compiling(options)
    items = config.train.clips_per_batch
    unit = "windows" if config.train.item == WINDOW else "clips"
    kept: dict[str, Any] = {"save_every": options.save_every, "workers": options.workers}
    with (
        locked(out),
        step_progress(f"{config.strategy} on {Path(shown(options.manifest)).name}", items, unit) as on_progress,
    ):
        was_trained = is_trained(out)
        if not was_trained and (out / TRAINING_NAME).is_file():
            print_next(f"continuing from {out / TRAINING_NAME}")
        report = train_to(out, config, *labels, on_progress=on_progress, logs=options.logs, **kept)
    if was_trained:  # another training in this folder is an error
        print_next(f"{out} is already trained")
    return report


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
