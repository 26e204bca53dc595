"""``verify``: whether a manifest is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app

if TYPE_CHECKING:
    from actiseg_noise.manifest.explain import Finding
    from actiseg_noise.manifest.read import Manifest


@app.command()
def verify(
    manifest: ManifestFolder,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder: rebuild and compare with it.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Rebuild from the dataset's usual folder and compare.")] = False,
    json: AsJson = False,
) -> None:
    """Check a manifest's schema, counts, digests and draws; with the dataset, build it again. Exit 1 if not.

    The first row that does not hold is shown, clean beside noisy, and with the dataset stored above built again.
    """
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.manifest.verify import verify_manifest
    from actiseg_noise.terminal import ClipProgress

    opened = read_manifest(manifest)
    findings = verify_manifest(opened)
    checked = ["schema", "counts", "order", "digests", "run lengths"]
    unchecked: list[str] = []
    if not findings:
        findings, unchecked = _recount(opened)
        checked.append("draws")
    if root is not None or rebuild:
        from actiseg_noise.pipeline.rebuild import compare_with_dataset

        with ClipProgress() as progress:
            findings += compare_with_dataset(opened, root=root, progress=progress)
        checked.append("the dataset")
        unchecked = ["noisy labels"] if opened.info.imported else []
    if json:
        _print_json(findings, checked, unchecked, opened.digest)
    else:
        _print_findings(findings)
        _print_summary(findings, checked, unchecked, opened.digest)
    if findings:
        raise typer.Exit(1)


def _recount(manifest: Manifest) -> tuple[list[Finding], list[str]]:
    """Return what the tables say against the statements of ``manifest.json``, and what they cannot say."""
    from actiseg_noise.pipeline.recount import recount

    counted = recount(manifest)
    return counted.findings, counted.unchecked


def _print_json(findings: list[Finding], checked: list[str], unchecked: list[str], digest: str) -> None:
    """Print everything as JSON."""
    from dataclasses import asdict

    from actiseg_noise.terminal import print_json

    rows = list(map(asdict, findings))
    print_json({"holds": not rows, "checked": checked, "not checked": unchecked, "digest": digest, "findings": rows})


def _print_findings(findings: list[Finding]) -> None:
    """Print what does not hold: the first rows laid out, then how many more, then what to do."""
    from actiseg_noise.terminal import out, print_table

    for finding in findings:
        text = f"{finding.where}: expected {finding.expected}, found {finding.found}."
        out.print(text, markup=False, soft_wrap=True)
        if finding.comparison is not None:
            out.print()
            print_table("", finding.comparison.header, finding.comparison.lines)
        if finding.more:
            out.print(_count_others(finding), markup=False, soft_wrap=True)
    for advice in dict.fromkeys(finding.advice for finding in findings):
        out.print(f"What to do: {advice}.", markup=False, soft_wrap=True)


def _count_others(finding: Finding) -> str:
    """Return how many more rows have the trouble, and a few of them."""
    rows = "1 more row is" if finding.more == 1 else f"{finding.more:,} more rows are"
    names = [name.partition(", row ")[2] for name in finding.others]
    names += ["…"] if finding.more > len(names) > 0 else []
    return f"{rows} not what was expected{': ' if names else ''}{'; '.join(names)}"


def _print_summary(findings: list[Finding], checked: list[str], unchecked: list[str], digest: str) -> None:
    """Print what was checked, what was not, and the outcome."""
    from actiseg_noise.terminal import out

    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    summary = count if findings else "all holds"
    out.print(f"{summary}: {', '.join(checked)}; digest {digest}", markup=False, soft_wrap=True)
    if unchecked and not findings:
        out.print(f"only --root can check: {', '.join(unchecked)}", markup=False, soft_wrap=True)
