"""``run``: the grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from actiseg_bench.cli.base import AsJson, TextEncoder, app, build_manifest, wide_console
from actiseg_bench.cli.options import with_flags_of
from actiseg_bench.grid.options import RunOptions

if TYPE_CHECKING:
    from actiseg_bench.grid.run import GridOutcome


@app.command()
@with_flags_of(RunOptions)
def run(options: RunOptions, text_encoder: TextEncoder = None, json: AsJson = False) -> None:
    """Train and score strategies on tracks, then print the leaderboard. The same command continues after a stop."""
    from actiseg_noise.terminal import InterruptedCommandError, printed_results

    try:
        from actiseg_bench.cli.progress import GridProgress
        from actiseg_bench.grid.plan import make_runs
        from actiseg_noise import dataset_root

        outcome = make_runs(options, build_manifest, GridProgress(), find_root=dataset_root)
    except KeyboardInterrupt:
        raise InterruptedCommandError(
            f"finished runs are kept in {options.out}, and the same command continues from there."
        ) from None
    with printed_results(options.out):
        _print_grid(outcome, options.out, json)
    if outcome.failed:
        raise typer.Exit(1)


def _print_grid(outcome: GridOutcome, out: Path, as_json: bool) -> None:
    """Print the leaderboard of a grid, and what failed."""
    from actiseg_bench.report.leaderboard import leaderboard
    from actiseg_bench.report.render import print_leaderboards, to_json
    from actiseg_bench.results.stored import Results, find_run
    from actiseg_noise.terminal import print_error, print_json

    boards = leaderboard(Results([find_run(result, out) for result in outcome.results]))
    if as_json:
        failed = [{"run": name, "error": message} for name, message in outcome.failed]
        results = [result.to_json() for result in outcome.results]
        print_json({"kept": outcome.kept, "failed": failed, "leaderboards": to_json(boards), "results": results})
    else:
        print_leaderboards(boards, wide_console())
    for name, message in outcome.failed:
        print_error(f"{name} failed: {message}")
