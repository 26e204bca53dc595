"""The application that every command joins, and the arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actiseg_noise.application import make_application

FORMS = "actiseg_noise.cli.json_forms"
app = make_application(
    "actiseg-noise",
    "Build noisy variants of video object segmentation datasets, look at them, verify them, pass them on.",
    FORMS,
)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ManifestFolder = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="A manifest folder, or its address: hf://…, s3://….")
]
