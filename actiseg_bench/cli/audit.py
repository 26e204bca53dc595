"""``audit``: which labels are likely wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.auditing.options import AuditOptions
from actiseg_bench.cli.base import AsJson, TextEncoder, app, continued_later
from actiseg_bench.cli.options import with_flags_of

if TYPE_CHECKING:
    from actiseg_bench.auditing.run import Audit

SHOWN = 15


@app.command()
@with_flags_of(AuditOptions)
def audit(options: AuditOptions, text_encoder: TextEncoder = None, json: AsJson = False) -> None:
    """Rank a manifest's labels by how likely they are wrong: noun, mask or flag, and what they should be.

    'actiseg-noise clean' applies the corrections that you accept in corrections.csv.
    """
    from actiseg_noise.borders.locks import locked
    from actiseg_noise.borders.processes import loading
    from actiseg_noise.borders.remote import shown
    from actiseg_noise.terminal import printed_results

    with loading():
        from actiseg_bench.auditing.run import run_audit
        from actiseg_bench.cli.progress import step_progress
    with (
        continued_later(f"the same command keeps the finished folds in {options.out}."),
        locked(options.out),
        step_progress(f"audit of {Path(shown(options.manifest)).name}") as on_progress,
    ):
        done = run_audit(options, on_progress)
    with printed_results(options.out):
        _print(done, options.manifest, json)


def _print(done: Audit, manifest: object, as_json: bool) -> None:
    """Print the worst labels."""
    from actiseg_bench.auditing.sheet import describe
    from actiseg_noise.terminal import print_json, print_next, print_table, print_text

    worst = done.samples[:SHOWN]
    if as_json:
        print_json(done.about | {"worst": [one._asdict() for one in worst]})
        return
    rows = [(f"{one.score:.3f}", one.suspect, describe(one), one.sample_id) for one in worst]
    print_table(f"Most suspected of {len(done.samples):,} samples", ("score", "suspect", "what", "sample"), rows)
    print_text(f"all labels, corrections to accept, contact sheet: {done.path}")
    words = ("clean", manifest, "--corrections", done.corrections, "--out", "DIR")
    print_next("", ("actiseg-noise", *words))
