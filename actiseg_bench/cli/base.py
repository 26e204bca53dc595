"""The application that every command joins, and what several commands have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.application import make_application

if TYPE_CHECKING:
    from rich.console import Console

    from actiseg_bench.training.options import TrainingOptions

FORMS = "actiseg_bench.cli.json_forms"
app = make_application(
    "actiseg-bench",
    "Train models under robust-learning strategies on noisy labels, score them, print tables.",
    FORMS,
)


def _name_text_encoder(source: str | None) -> None:
    """Set the variable that ReferFormer's tokenizer is looked up by, for this process and those it starts."""
    if source is not None:
        import os

        from actiseg_bench.models.referformer.text import VARIABLE

        os.environ[VARIABLE] = source


TextEncoder = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|ID",
        callback=_name_text_encoder,
        help="ReferFormer's tokenizer: a folder, or a hub id. [default: $ACTISEG_ROBERTA, or RoBERTa-base's]",
    ),
]


def recipe_has_noise(recipe: str) -> bool:
    """Return whether another seed of a recipe draws other labels."""
    import actiseg_noise

    return bool(actiseg_noise.load_recipe(recipe).noises)


def say_compiling(options: TrainingOptions) -> None:
    """Say that a training which is compiled shows nothing at first; not if quiet."""
    from actiseg_noise.terminal import print_next

    if options.compile:
        print_next("--compile: torch compiles for every size of a batch, before its first step; this can take minutes")


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@contextmanager
def continued_later(kept: str) -> Iterator[None]:
    """Answer Ctrl-C, and a system that wants its machine back, in one line that says what is ``kept``.

    Exit codes: 130, and of a preempted command 75.
    """
    from actiseg_noise.borders.preemption import EXIT_CODE, PreemptedError, preemptible
    from actiseg_noise.entry import InterruptedCommandError

    try:
        with preemptible():
            yield
    except PreemptedError as stop:
        raise InterruptedCommandError(kept, code=EXIT_CODE, how=f"stopped by {stop}") from None
    except KeyboardInterrupt:
        raise InterruptedCommandError(kept) from None


def build_manifest(dataset: str, **options: Any) -> Path:
    """Build a manifest, or find it built, with a progress bar of its own; nothing is drawn into a ``root``."""
    import actiseg_noise
    from actiseg_noise.borders.roots import check_drawn
    from actiseg_noise.datasets.base import DATASETS
    from actiseg_noise.progress_bars import ClipProgress

    check_drawn(DATASETS[dataset].card, options.get("root"), options["split"])
    with ClipProgress() as progress:
        return actiseg_noise.build(dataset, progress=progress, **options)


def wide_console() -> Console:
    """Return standard output; in a file or a pipe it is 120 columns wide."""
    from actiseg_noise.terminal import make_console

    return make_console(log_width=120)
