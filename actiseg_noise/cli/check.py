"""``verify``: whether a manifest is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app

if TYPE_CHECKING:
    from actiseg_noise.manifest.verify import Finding


@app.command()
def verify(
    manifest: ManifestFolder,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder: rebuild and compare with it.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Rebuild from the dataset's usual folder and compare.")] = False,
    json: AsJson = False,
) -> None:
    """Check a manifest's schema, counts and digests; with the dataset, build it again and compare. Exit 1 if not."""
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.manifest.verify import verify_manifest
    from actiseg_noise.terminal import ClipProgress

    opened = read_manifest(manifest)
    findings = verify_manifest(opened)
    checked = ["schema", "counts", "order", "digests", "run lengths"]
    if root is not None or rebuild:
        from actiseg_noise.pipeline.rebuild import compare_with_dataset

        with ClipProgress() as progress:
            findings += compare_with_dataset(opened, root=root, progress=progress)
        checked.append("the dataset")
    _print_findings(findings, checked, opened.digest, json)
    if findings:
        raise typer.Exit(1)


def _print_findings(findings: list[Finding], checked: list[str], digest: str, as_json: bool) -> None:
    """Print what does not hold, or that all does."""
    from dataclasses import asdict

    from actiseg_noise.terminal import out, print_json

    if as_json:
        print_json(
            {"holds": not findings, "checked": checked, "digest": digest, "findings": list(map(asdict, findings))}
        )
        return
    for finding in findings:
        text = f"{finding.where}: expected {finding.expected}, found {finding.found}. {finding.advice}"
        out.print(text, markup=False, soft_wrap=True)
    summary = f"{len(findings)} findings" if findings else "all holds"
    out.print(f"{summary}: {', '.join(checked)}; digest {digest}", markup=False, soft_wrap=True)
