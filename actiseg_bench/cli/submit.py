"""``submit``: one row of runs as one small file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actiseg_bench.cli.base import AsJson, app


@app.command()
def submit(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run's folder, or that of a strategy on a track with all its seeds.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The submission, JSON.")],
    json: AsJson = False,
) -> None:
    """Write one run, or all seeds of one strategy on one track, as a small file that 'collect' takes.

    It holds results, configuration, provenance and the tables of object-frames; predictions by their digest alone.
    """
    from actiseg_bench.grid.submission import write_submission
    from actiseg_bench.grid.submittable import list_submittable
    from actiseg_noise.terminal import print_json, print_text

    runs = list_submittable(folder)
    size = write_submission(out, runs)
    if json:
        print_json({"out": str(out), "runs": len(runs), "bytes": size})
    else:
        count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        print_text(f"{out}: {count}, {size:,} bytes. Others take it with: actiseg-bench collect {out.name} --out DIR")
