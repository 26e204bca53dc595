"""``report``: finished runs on a page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actiseg_bench.cli.base import AsJson, app


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs are: the --out of 'run', or its address.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE", help="Where the report goes. [default: DIR/report]")
    ] = None,
    single_file: Annotated[bool, typer.Option("--single-file", help="One HTML file, with its pictures in it.")] = False,
    clips: Annotated[int, typer.Option(metavar="N", min=0, help="How many clips it shows.")] = 40,
    manifest: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The clean labels, where they are not in DIR/manifests.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of the scored dataset, for the frames.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Write a report that opens in a browser: rankings, the matrix, failures, and the clips behind every number."""
    from actiseg_bench.grid.addresses import local_runs
    from actiseg_bench.report.page.write import Sources, write_report
    from actiseg_bench.results.stored import read_results
    from actiseg_noise.borders.remote import find_address, shown
    from actiseg_noise.errors import raise_if
    from actiseg_noise.terminal import print_json, print_text

    raise_if(
        out is None and find_address(folder) is not None,
        f"{shown(folder)}: an address has no place for a report; say with --out where it goes",
    )
    folder = local_runs(folder)
    results = read_results(folder)
    place = out or folder / "report"
    made = write_report(results.runs, Sources(folder, manifest, root), place, clips=clips, single_file=single_file)
    if json:
        pages = [str(page) for page in made.pages]
        print_json({"pages": pages, "clips": made.clips, "bytes": made.bytes, "missing": list(made.missing)})
    else:
        for line in made.missing:
            print_text(f"missing: {line}")
        print_text(f"{made.clips} clips, {made.bytes / 1e6:.1f} MB; open in a browser:")
        for page in made.pages:
            print_text(page.resolve().as_uri())
    if results.failed:
        raise typer.Exit(1)
