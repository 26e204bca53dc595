"""The application that every command joins, and what several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Train models under robust-learning strategies on noisy labels, score them, print tables.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def build_manifest(dataset: str, **options: Any) -> Path:
    """Build a manifest, or find it built, with a progress bar of its own."""
    import actiseg_noise
    from actiseg_noise.terminal import ClipProgress

    with ClipProgress() as progress:
        return actiseg_noise.build(dataset, progress=progress, **options)


def wide_console() -> Console:
    """Return standard output; in a file or a pipe it is 120 columns wide."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)
