"""``inspect``, ``preview`` and ``view``: what a manifest holds, in tables, charts, pictures and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app
from actiseg_noise.errors import raise_if


@app.command()
def inspect(
    manifest: ManifestFolder,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="How many confusions to list.")] = 15,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw the charts as files in this folder.")] = None,
    figures: Annotated[
        str, typer.Option(metavar="FORMATS", help="With --plot: png, pdf, svg, or several, as in png,pdf.")
    ] = "png",
    json: AsJson = False,
) -> None:
    """Show what a manifest holds: realised rates, shares observed in the rows, nouns confused with what, IoUs.

    With --plot also charts: rates, iou, displacement and confusion, those of which there is anything.
    """
    from actiseg_noise.borders.writing import figure_formats
    from actiseg_noise.terminal import print_json, print_table, print_text, print_warning
    from actiseg_noise.view.inspection import inspect as read

    inspection = read(manifest, plot=plot, figures=figure_formats(figures))
    if inspection.miscounted is not None:
        print_warning(f"{manifest}: {inspection.miscounted}. What follows is of the rows that are there.")
    charts = [str(path) for path in inspection.charts]
    if json:
        print_json(inspection.to_json(top) | ({} if plot is None else {"charts": charts}))
        return
    for section in inspection.sections(top):
        print_table(section.title, section.header, section.rows)
    if plot is not None:
        print_text(f"charts: {', '.join(charts) or 'none, as no label is noisy'}")


@app.command()
def preview(
    manifest: ManifestFolder,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="The dataset's folder, for the frames.")] = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The file to write: .png, or a movie, .gif, .webp or .mp4.")
    ] = (Path("preview.png")),
    clips: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this clip; may be repeated.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="At most N clips. [default: 12; in a movie 1]")
    ] = None,
    noise_only: Annotated[bool, typer.Option("--noise-only", help="Leave out clips whose labels are clean.")] = False,
    fps: Annotated[float, typer.Option(metavar="N", min=1, max=30, help="Frames a second of a movie.")] = 6,
    json: AsJson = False,
) -> None:
    """Draw a contact sheet: a frame per row, its clean and noisy masks, both prompts of its positive objects.

    Or a movie, clean beside noisy labels, frame by frame: --out clip.gif, .webp or .mp4. Clips whose labels changed
    come first. Without the dataset's folder the masks lie on a plain canvas.
    """
    from actiseg_noise.borders.videos import MOVIE_SUFFIXES
    from actiseg_noise.terminal import counted
    from actiseg_noise.view.preview_sheet import preview as draw

    if out.suffix.lower() in MOVIE_SUFFIXES:
        _preview_movie(manifest, out, json, root=root, clips=clips, limit=limit, noise_only=noise_only, fps=fps)
        return
    raise_if(out.suffix.lower() != ".png", f"--out {out}: expected .png, .gif, .webp or .mp4")
    sheet = draw(manifest, out=out, root=root, clips=clips, limit=limit or 12, noise_only=noise_only)
    frames = f"{sheet.with_image} of {sheet.rows} frames found"
    counts = {"clips": sheet.rows, "frames": sheet.rows, "with_image": sheet.with_image}
    _print_drawn(out, counts, sheet.root, f"{counted(sheet.rows, 'clip')}, {frames}", json)


def _preview_movie(
    manifest: Path, out: Path, as_json: bool, *, clips: list[str] | None, limit: int | None, **options: Any
) -> None:
    """Write a movie and say what it shows."""
    from actiseg_noise.view.preview_movie import preview_movie

    most = limit or (len(clips) if clips else 1)
    movie = preview_movie(manifest, out, clips=clips, limit=most, **options)
    passed = f"; {movie.left_out} more passed over" if movie.left_out else ""
    said = f"{', '.join(movie.clips)}: {movie.frames} frames{passed}, images of {movie.with_image} found"
    counts = {"clips": len(movie.clips), "frames": movie.frames, "with_image": movie.with_image}
    _print_drawn(out, counts, movie.root, said, as_json)


def _print_drawn(out: Path, counts: dict[str, int], root: Path | None, said: str, as_json: bool) -> None:
    """Print what was drawn, and where its images are from."""
    from actiseg_noise.terminal import print_json, print_text

    if as_json:
        print_json({"path": str(out), **counts, "root": root and str(root)})
        return
    print_text(f"{out}: {said}{_images_of(root)}")


def _images_of(root: Path | None) -> str:
    """Return where images are from, or how to have them."""
    return "; --root DIR shows the images below the masks" if root is None else f" in {root}"


@app.command()
def view(
    manifest: ManifestFolder,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="The dataset's folder, for the frames.")] = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The HTML file to write, or a folder for view.html.")
    ] = Path("view.html"),
    clips: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this clip; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N clips.")] = 40,
    noise_only: Annotated[bool, typer.Option("--noise-only", help="Leave out clips whose labels are clean.")] = False,
    json: AsJson = False,
) -> None:
    """Write a page for a browser: clips frame by frame, clean labels against given ones. One file, no network.

    Clips whose labels changed come first. Without the dataset's folder the masks lie on a plain canvas.
    """
    from actiseg_noise.terminal import counted, print_json, print_text
    from actiseg_noise.view.page import view_manifest

    page = view_manifest(manifest, out, root=root, clips=clips, limit=limit, noise_only=noise_only)
    if json:
        counts = {"clips": page.clips, "with_pictures": page.with_pictures, "bytes": page.bytes}
        print_json({"path": str(page.path), "root": page.root and str(page.root), **counts})
        return
    said = f"{counted(page.clips, 'clip')}, {page.with_pictures} of them with frames{_images_of(page.root)}"
    print_text(f"{page.path}: {said}; {page.bytes / 1e6:.1f} MB")
    print_text(f"open it in a browser: {page.path.resolve().as_uri()}")
