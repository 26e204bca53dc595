"""``inspect``: what a manifest holds."""

from __future__ import annotations

from typing import Annotated

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app


@app.command()
def inspect(
    manifest: ManifestFolder,
    top: Annotated[int, typer.Option(min=1, help="How many confusions to list.")] = 15,
    json: AsJson = False,
) -> None:
    """Show what a manifest holds: realised rates, nouns confused with what, IoU histograms."""
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.report import inspect_manifest
    from actiseg_noise.terminal import print_json, print_table

    inspection = inspect_manifest(read_manifest(manifest))
    if json:
        print_json(inspection.to_json(top))
        return
    for section in inspection.sections(top):
        print_table(section.title, section.header, section.rows)
