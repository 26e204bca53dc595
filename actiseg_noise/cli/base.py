"""The application that every command joins, and the arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Build noisy variants of video object segmentation datasets, look at them, verify them, pass them on.",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(is_asked: bool) -> None:
    """Print the version and end."""
    if is_asked:
        from actiseg_noise.version import tool_version

        typer.echo(f"actiseg-noise {tool_version()}")
        raise typer.Exit


@app.callback()
def take_options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Take what stands before a command."""


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ManifestFolder = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="A manifest folder, or its address: hf://…, s3://….")
]
