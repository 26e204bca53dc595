"""The application that every command joins, and the arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Build noisy variants of video object segmentation datasets, look at them, verify them, pass them on.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ManifestFolder = Annotated[Path, typer.Argument(metavar="MANIFEST", help="A manifest folder.")]
