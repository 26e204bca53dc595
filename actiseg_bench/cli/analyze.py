"""``analyze``: what finished runs show beyond their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_bench.cli.base import AsJson, app

if TYPE_CHECKING:
    from actiseg_bench.report.analysis import Analysis


@app.command()
def analyze(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs are: the --out of 'run'.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where tables and charts go. [default: DIR/analysis]")
    ] = None,
    figures: Annotated[
        str, typer.Option(metavar="FORMATS", help="Of the charts: png, pdf, svg, or several, as in png,pdf.")
    ] = "png",
    json: AsJson = False,
) -> None:
    """Failure modes, noise sensitivity, trade-off, selection and memorisation, as tables and charts."""
    from actiseg_bench.report.analysis import analyze_runs
    from actiseg_bench.results.stored import read_results
    from actiseg_noise.borders.writing import figure_formats
    from actiseg_noise.terminal import print_json, print_next, printed_results

    formats = figure_formats(figures)
    place = out or folder / "analysis"
    results = read_results(folder)
    analyses = analyze_runs(results.runs, place, formats)
    with printed_results(place):
        if json:
            print_json([_to_json(analysis) for analysis in analyses])
        else:
            for analysis in analyses:
                _print(analysis)
            print_next(f"tables and charts are in {place}", ("actiseg-bench", "report", folder))
    if results.failed:
        raise typer.Exit(1)


def _to_json(analysis: Analysis) -> dict[str, object]:
    """Return plain JSON: tables by name, what is missing, the files."""
    study = analysis.study
    return {
        "model": study.model,
        "dataset": study.dataset,
        "protocol": study.protocol,
        "tables": {sheet.name: sheet.to_json() for sheet in analysis.sheets},
        "missing": list(analysis.gaps),
        "files": [str(path) for path in analysis.files],
    }


def _print(analysis: Analysis) -> None:
    """Print the tables, what is missing, and the files."""
    from actiseg_noise.terminal import out, print_table, print_text

    out.print(analysis.study.title, style="bold", soft_wrap=True)
    out.print()
    for sheet in analysis.sheets:
        print_table(sheet.title, sheet.header(), sheet.rows())
        if sheet.note:
            print_text(sheet.note)
            out.print()
    for gap in analysis.gaps:
        print_text(f"missing: {gap}")
    for path in analysis.files:
        print_text(str(path))
