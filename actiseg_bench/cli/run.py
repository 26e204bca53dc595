"""``run``: the grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import (
    AsJson,
    TextEncoder,
    app,
    build_manifest,
    continued_later,
    recipe_has_noise,
    say_compiling,
    wide_console,
)
from actiseg_bench.cli.forecast import print_forecast
from actiseg_bench.cli.options import with_flags_of
from actiseg_bench.grid.options import RunOptions
from actiseg_noise.application import number_reader
from actiseg_noise.errors import raise_if

if TYPE_CHECKING:
    from actiseg_bench.grid.run import GridOutcome


@app.command()
@with_flags_of(RunOptions)
def run(
    options: RunOptions,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Train nothing: print how many runs, updates and bytes it would be. Builds one training manifest and "
            "the evaluation's, where they are not there yet.",
        ),
    ] = False,
    time: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            parser=number_reader("--time"),
            help="With --dry-run: train every strategy for so long, and say how many hours all takes.",
        ),
    ] = None,
    text_encoder: TextEncoder = None,
    json: AsJson = False,
) -> None:
    """Train and score strategies on tracks, then print the leaderboard. The same command continues after a stop.

    With --shard I/N, one part of the runs is made, beside others at work in the same --out; the command without it
    makes what is missing and prints the leaderboard of all.
    """
    from actiseg_noise.borders.processes import loading
    from actiseg_noise.terminal import printed_results

    raise_if(time is not None and not dry_run, "--time goes with --dry-run: a run says what it takes by itself")
    raise_if(time is not None and time <= 0, f"--time: expected a number of seconds above 0, got {time}")
    if dry_run:
        print_forecast(options, time, as_json=json)
        return
    with continued_later(f"finished runs are kept in {options.out}, and the same command continues from there."):
        with loading():
            import actiseg_noise
            from actiseg_bench.cli.progress import GridProgress
            from actiseg_bench.grid.plan import make_runs

        say_compiling(options)
        known = {"find_root": actiseg_noise.dataset_root, "recipe_has_noise": recipe_has_noise}
        outcome = make_runs(options, build_manifest, GridProgress(), **known)  # type: ignore[arg-type]
    with printed_results(options.out):
        if options.shard is None:
            _print_grid(outcome, options.out, json)
        else:
            _print_part(outcome, options.shard, json)
    if outcome.failed:
        raise typer.Exit(1)


def _print_part(outcome: GridOutcome, shard: str, as_json: bool) -> None:
    """Print what a part of a grid made: no table, which other parts' runs belong in, too."""
    from actiseg_noise.terminal import print_error, print_json, print_text

    made = len(outcome.results) - outcome.kept
    if as_json:
        failed = [{"run": name, "error": message} for name, message in outcome.failed]
        results = [result.to_json() for result in outcome.results]
        print_json({"shard": shard, "kept": outcome.kept, "failed": failed, "results": results})
    else:
        print_text(
            f"part {shard}: {made} runs made, {outcome.kept} were there, {len(outcome.failed)} failed. When all parts "
            "have ended, the same command without --shard makes what is missing and prints the leaderboard."
        )
    for name, message in outcome.failed:
        print_error(f"{name} failed: {message}")


def _print_grid(outcome: GridOutcome, out: Path, as_json: bool) -> None:
    """Print the leaderboard of a grid, and what failed."""
    from actiseg_bench.report.leaderboard import leaderboard
    from actiseg_bench.report.render import print_leaderboards, to_json
    from actiseg_bench.results.stored import Results, find_run
    from actiseg_noise.terminal import print_error, print_json, print_next

    boards = leaderboard(Results([find_run(result, out) for result in outcome.results]))
    if as_json:
        failed = [{"run": name, "error": message} for name, message in outcome.failed]
        results = [result.to_json() for result in outcome.results]
        print_json({"kept": outcome.kept, "failed": failed, "leaderboards": to_json(boards), "results": results})
    else:
        print_leaderboards(boards, wide_console())
        print_next(
            f"runs are in {out}", *(("actiseg-bench", word, out) for word in ("leaderboard", "report", "analyze"))
        )
    for name, message in outcome.failed:
        print_error(f"{name} failed: {message}")
