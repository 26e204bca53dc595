"""``verify``: stored results, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import AsJson, app

if TYPE_CHECKING:
    from actiseg_bench.check.verify import Verification


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs are: the --out of 'run', or its address.")],
    eval_manifest: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The evaluation labels. [default: below DIR/manifests, by digest]"),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the pictures, to check their digests. [default: not checked]"),
    ] = None,
    eval_root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The same of evaluation labels of another dataset. [default: not checked]"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Compute scores, failure modes, digests and keys again from what is stored, and name what differs.

    What could not be checked is named, too. An edit of any statement is found by the digest that a result carries;
    whoever makes that digest anew as well is found where predictions, labels or pictures contradict it.
    """
    from actiseg_bench.check.verify import verify_runs
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.grid.addresses import local_runs
    from actiseg_noise.terminal import print_json

    with count_progress("verifying runs") as on_run:
        verdict = verify_runs(local_runs(folder), eval_manifest, on_run, root=root, eval_root=eval_root)
    if json:
        findings = [finding.to_json() for finding in verdict.findings]
        unchecked = [{"what": what, "why": why, "runs": list(runs)} for (what, why), runs in verdict.unchecked.items()]
        checked = list(verdict.checked)
        print_json({"runs": list(verdict.runs), "findings": findings, "checked": checked, "unchecked": unchecked})
    else:
        _print(verdict)
    if verdict.findings:
        raise typer.Exit(1)


def _print(verdict: Verification) -> None:
    """Print the checks that failed, what was checked, and what could not be."""
    from actiseg_noise.terminal import print_table, print_text

    rows = [(f.where, f.what, f.stated, f.found) for f in verdict.findings]
    if rows:
        print_table("Checks that failed", ("where", "what", "stated", "found"), rows)
    for line in verdict.summary():
        print_text(line)
