"""``verify`` and ``diff``: whether a manifest is what it says, and where two differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app

if TYPE_CHECKING:
    from actiseg_noise.check.diff import Diff
    from actiseg_noise.check.findings import Finding


@app.command()
def verify(
    manifest: ManifestFolder,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The dataset's folder: rebuild and compare with it.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild from the dataset's usual folder and compare.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Number of processes. [default: one per core where there is work for them]"
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check a manifest's schema, counts, digests and draws; with the dataset, build it again and compare.

    The first wrong row is shown, clean beside noisy, and with the dataset as stored above as built again. Exit 1 when
    anything is wrong.
    """
    from actiseg_noise.check.pieces import usual_workers
    from actiseg_noise.check.verify import verify as check
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.progress_bars import ClipProgress
    from actiseg_noise.terminal import print_json, print_text

    opened = read_manifest(manifest)
    processes = usual_workers(opened) if workers is None else workers
    with ClipProgress() as progress:
        findings = check(opened, root, rebuild=rebuild, progress=progress, workers=processes)
    if json:
        print_json(findings.to_json())
    else:
        print_findings(findings)
        print_text(findings.summary())
    if findings:
        raise typer.Exit(1)


def print_findings(findings: list[Finding]) -> None:
    """Print findings: the first rows laid out, then how many more, then what to do."""
    from actiseg_noise.terminal import out, print_table, print_text

    for finding in findings:
        print_text(f"{finding}.")
        if finding.comparison is not None:
            out.print()
            print_table("", finding.comparison.header, finding.comparison.lines)
        if finding.more:
            print_text(_count_others(finding))
    for advice in dict.fromkeys(finding.advice for finding in findings):
        print_text(f"What to do: {advice}.")


def _count_others(finding: Finding) -> str:
    """Return how many more rows have the trouble, and a few of them."""
    rows = "1 more row is" if finding.more == 1 else f"{finding.more:,} more rows are"
    names = [name.partition(", row ")[2] for name in finding.others]
    names += ["…"] if finding.more > len(names) > 0 else []
    return f"{rows} not what was expected{': ' if names else ''}{'; '.join(names)}"


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A manifest folder, or its address.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    top: Annotated[int, typer.Option(metavar="N", min=0, help="How many differing rows to show per table.")] = 5,
    json: AsJson = False,
) -> None:
    """Compare the labels of two manifests: rows, columns, prompts, masks. Exit 0 when equal, 1 when not."""
    from actiseg_noise.check.diff import diff as compare
    from actiseg_noise.terminal import print_json

    found = compare(a, b, top=top)
    if json:
        print_json(found.to_json())
    else:
        _print_diff(found)
    if not found.is_equal:
        raise typer.Exit(1)


def _print_diff(found: Diff) -> None:
    """Print what differs: statements, counts, columns, the first rows, shares."""
    from actiseg_noise.terminal import print_table, print_text

    names = f"A {found.names[0]}, B {found.names[1]}"
    same = "one dataset and split" if found.is_same_split else "not one split of one dataset"
    print_text(f"{names}: {same}")
    if found.statements:
        rows = [(name, str(one), str(other)) for name, (one, other) in found.statements.items()]
        print_table("Stated differently", ("what", "A", "B"), rows)
    if found.is_equal:
        print_text("equal: every row has the same labels")
        return
    header = ("table", "common rows", "differ", "only in A", "only in B")
    counts = {n: (t.common, t.differing, t.only_in_a, t.only_in_b) for n, t in found.tables.items()}
    print_table("Rows", header, [(name, *(f"{n:,}" for n in row)) for name, row in counts.items()])
    columns = [(n, c, f"{k:,} of {t.common:,}") for n, t in found.tables.items() for c, k in t.columns.most_common()]
    if columns:
        print_table("Columns that differ", ("table", "column", "rows"), columns)
    for name, table in found.tables.items():
        lines = [line for row in table.first for line in _row_lines(row.key, row.cells)]
        if lines:
            print_table(f"First of {table.differing:,} differing {name}", ("row", "column", "A", "B"), lines)
    _print_shares(found)


def _row_lines(key: dict[str, Any], cells: dict[str, tuple[Any, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield one line per differing cell; the key stands at the first."""
    where = ", ".join(str(value) for value in key.values())
    for column, values in cells.items():
        yield where, column, *(str(v)[:12] + "…" if column.endswith("_digest") and v else str(v) for v in values)
        where = ""


def _print_shares(found: Diff) -> None:
    """Print how many prompts, flags and masks are others, and how far the masks lie apart."""
    from actiseg_noise.manifest.schema import MASKS, SAMPLES
    from actiseg_noise.terminal import print_table

    rows = []
    columns = [("prompts", SAMPLES, "noisy_expression"), ("masks", MASKS, "noisy_digest")]
    columns += [("flags", SAMPLES, "noisy_is_positive")] if found.changed(SAMPLES, "noisy_is_positive")[0] else []
    for name, table, column in columns:
        changed, common = found.changed(table, column)
        rows.append((name, f"{changed:,} of {common:,}", f"{changed / common:.1%}" if common else "–"))
    mean = found.masks.mean_iou
    if mean is not None:
        rows.append(("mean IoU of the masks that differ", f"{mean:.4f}", f"{found.masks.compared:,} compared"))
    print_table("Changed", ("", "", ""), rows)
