"""``verify``: stored results, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import AsJson, app

if TYPE_CHECKING:
    from actiseg_bench.grid.verification import Verification


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs are: the --out of 'run'.")],
    eval_manifest: Annotated[
        Path | None, typer.Option(help="The evaluation labels. [default: below DIR/manifests, by digest]")
    ] = None,
    json: AsJson = False,
) -> None:
    """Compute scores, failure modes, digests and keys again from what is stored, and name what differs."""
    from actiseg_bench.cli.progress import count_progress
    from actiseg_bench.grid.verification import verify_runs
    from actiseg_noise.terminal import print_json

    with count_progress("verifying runs") as on_run:
        verdict = verify_runs(folder, eval_manifest, on_run)
    if json:
        findings = [finding.to_json() for finding in verdict.findings]
        print_json({"runs": list(verdict.runs), "findings": findings})
    else:
        _print(verdict)
    if verdict.findings:
        raise typer.Exit(1)


def _print(verdict: Verification) -> None:
    """Print the checks that failed, or that all passed."""
    from actiseg_noise.terminal import out, print_table

    if not verdict.findings:
        out.print(
            f"{len(verdict.runs)} runs: all checks passed: predictions, scores, counts, failure modes, object-frames, "
            "keys and the manifests they name",
            soft_wrap=True,
        )
        return
    rows = [(f.where, f.what, f.stated, f.found) for f in verdict.findings]
    print_table("Checks that failed", ("where", "what", "stated", "found"), rows)
    bad = {finding.where for finding in verdict.findings} & set(verdict.runs)
    out.print(f"{len(bad)} of {len(verdict.runs)} runs failed a check.")
