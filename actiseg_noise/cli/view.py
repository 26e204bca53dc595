"""``inspect`` and ``preview``: what a manifest holds, in tables, charts and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app

if TYPE_CHECKING:
    from actiseg_noise.manifest.read import Manifest


@app.command()
def inspect(
    manifest: ManifestFolder,
    top: Annotated[int, typer.Option(min=1, help="How many confusions to list.")] = 15,
    plot: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw the charts as PNG files in this folder.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show what a manifest holds: realised rates, shares observed in the rows, nouns confused with what, IoUs.

    With --plot also charts: rates.png, iou.png, displacement.png, confusion.png.
    """
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.terminal import out, print_json, print_table
    from actiseg_noise.view.inspection import inspect_manifest

    opened = read_manifest(manifest)
    inspection = inspect_manifest(opened)
    charts = [] if plot is None else _plot(opened, plot)
    if json:
        print_json(inspection.to_json(top) | ({} if plot is None else {"charts": charts}))
        return
    for section in inspection.sections(top):
        print_table(section.title, section.header, section.rows)
    if plot is not None:
        out.print(f"drawn: {', '.join(charts) or 'nothing, for nothing is noisy'}", markup=False, soft_wrap=True)


def _plot(manifest: Manifest, folder: Path) -> list[str]:
    """Draw the charts and return their files."""
    from actiseg_noise.view.charts import plot_manifest

    return [str(path) for path in plot_manifest(manifest, folder)]


@app.command()
def preview(
    manifest: ManifestFolder,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder, for the frames.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The PNG file to write.")] = Path("preview.png"),
    clips: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this clip; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N rows.")] = 12,
    noise_only: Annotated[bool, typer.Option("--noise-only", help="Leave out clips whose labels are clean.")] = False,
) -> None:
    """Draw a contact sheet: a frame per row, its clean and noisy masks, both prompts of its positive objects.

    Clips whose labels changed come first. Without the dataset's folder the masks lie on a plain canvas.
    """
    from actiseg_noise.borders.writing import write_png
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.terminal import out as terminal
    from actiseg_noise.view.preview_sheet import draw_preview

    opened = read_manifest(manifest)
    folder = _find_frames(opened, root)
    sheet = draw_preview(opened, root=folder, clips=clips, limit=limit, noise_only=noise_only)
    write_png(out, sheet.image)
    frames = f"{sheet.with_image} of {sheet.rows} frames found"
    where = f"in {folder}" if folder else "; --root DIR shows the images below the masks"
    terminal.print(f"{out}: {sheet.rows} clips, {frames} {where}".replace(" ;", ";"), markup=False, soft_wrap=True)


def _find_frames(manifest: Manifest, root: Path | None) -> Path | None:
    """Return the dataset's folder: the one given, the usual one, or None; an embedded dataset is drawn when absent."""
    from actiseg_noise.borders.roots import find_root
    from actiseg_noise.datasets.base import DATASETS
    from actiseg_noise.errors import ActisegError, DataError

    if root is not None and not root.is_dir():
        raise ActisegError(f"--root {root}: no such folder; leave it out to see the masks on a plain canvas")
    name = manifest.info.dataset["name"]
    if root is not None or name not in DATASETS:
        return root
    card = DATASETS[name].card
    try:
        folder = find_root(card)
    except DataError:
        return None
    if card.is_embedded:
        next(DATASETS[name](folder).iter_clips(manifest.info.split, with_frames=True), None)
    return folder
