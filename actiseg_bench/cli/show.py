"""``leaderboard`` and ``list``: the tables of finished runs, and what there is to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actiseg_bench.cli.base import AsJson, app, wide_console
from actiseg_noise.errors import UnknownNameError


@app.command()
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs are: the --out of 'run', or its address.")],
    form: Annotated[str, typer.Option("--format", metavar="NAME", help="table, md, csv, latex, or html.")] = "table",
    metrics: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="The columns, as in p_miou,giou,time; the summary's, too. [default: all]"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Print the leaderboard of all finished runs under a folder.

    Results that cannot be read are named and left out; the exit code is 1 then.
    """
    from actiseg_bench.grid.addresses import local_runs
    from actiseg_bench.report.cells import read_metrics
    from actiseg_bench.report.leaderboard import leaderboard as make_leaderboard
    from actiseg_bench.report.render import FORMATS, print_leaderboards, to_json
    from actiseg_bench.results.stored import read_results
    from actiseg_noise.terminal import print_json, print_text

    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    columns = read_metrics(metrics)
    results = read_results(local_runs(folder))
    boards = make_leaderboard(results)
    if json:
        print_json(to_json(boards))
    elif form == "table":
        print_leaderboards(boards, wide_console(), columns)
    else:
        print_text(boards.render(form, columns))
    if results.failed:
        raise typer.Exit(1)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="strategies, models, tracks, or protocols.")],
    protocol: Annotated[str, typer.Option(metavar="NAME|FILE", help="The protocol whose tracks are listed.")] = "quick",
    json: AsJson = False,
) -> None:
    """List what there is."""
    from actiseg_bench.cli.listing import list_things
    from actiseg_noise.borders.processes import loading
    from actiseg_noise.terminal import print_json, print_table

    with loading():
        rows = list_things(kind, protocol)
    if json:
        print_json(rows)
    else:
        print_table(kind.capitalize(), tuple(rows[0]) if rows else (), [tuple(map(str, r.values())) for r in rows])
