"""``collect``: runs of several places in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import AsJson, app, continued_later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actiseg_bench.grid.collect import Collected


@app.command()
def collect(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|FILE…", help="Folders of runs or their addresses (s3://…), and submissions."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="The folder of all; runs that are there stay and count as well. Or an address where none are.",
        ),
    ],
    link: Annotated[bool, typer.Option("--link", help="Link the large files instead of copying them.")] = False,
    json: AsJson = False,
) -> None:
    """Bring finished runs of several folders and submissions into one, for one leaderboard. The same command continues.

    Nothing is written where runs contradict each other: protocols, labels or results that differ under one name.
    """
    with continued_later(f"what is collected is kept in {out}, and the same command continues from there."):
        from dataclasses import asdict

        from actiseg_bench.cli.progress import count_progress
        from actiseg_bench.grid.addresses import collect_to, local_runs
        from actiseg_bench.grid.collect import collect_runs
        from actiseg_noise.borders.remote import find_address
        from actiseg_noise.errors import raise_if
        from actiseg_noise.terminal import print_json, print_next, print_text

        address = find_address(out)
        raise_if(link and address is not None, f"--link: nothing at {address} can be a link; leave it out")
        folders = [local_runs(source) for source in sources]
        with count_progress("collecting runs") as on_run:
            if address is None:
                found = collect_runs(folders, out, links=link, on_run=on_run)
            else:
                found = collect_to(folders, address, on_run=on_run)
    place = str(address or out)
    if json:
        print_json({"out": place, **asdict(found)})
        return
    for line in _lines(found, place):
        print_text(line)
    print_next("", *(("actiseg-bench", command, place) for command in ("verify", "leaderboard")))


def _lines(found: Collected, out: str) -> Iterator[str]:
    """Yield what was collected, and what a reader of its tables has to know."""
    from actiseg_noise.terminal import counted

    runs, manifests = counted(found.runs, "run"), counted(found.manifests, "manifest")
    yield f"{out}: {runs}, {found.added:,} of them new; {manifests} came along."
    if found.equal:
        yield f"There already, or given twice, and counted once: {found.equal:,}."
    if found.submitted:
        yield f"From submissions, their predictions not at hand: {found.submitted:,}."
    if found.without_labels:
        names = ", ".join(digest[:12] for digest in found.without_labels)
        yield f"The labels {names} are in no folder: verify cannot look at them."
