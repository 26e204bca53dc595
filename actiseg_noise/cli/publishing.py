"""``publish``: a folder ready to upload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actiseg_noise.application import number_reader
from actiseg_noise.cli.base import AsJson, app

if TYPE_CHECKING:
    from actiseg_noise.publishing.publication import Publication


@app.command()
def publish(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST", help="Manifest folders of one dataset, or addresses.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make, or an address: hf://…, s3://….")],
    labels: Annotated[
        str, typer.Option(metavar="NAME", help="full, or recipe-only: without masks, which receivers rebuild.")
    ] = "full",
    repo_id: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="Its name on the hub.")] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The folder on the web that its files will be in, for Croissant.")
    ] = None,
    tool_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where this tool is installed from. [default: what its metadata say]"),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="N|all", help="Add the frames of N clips, or of all, with their masks drawn over them."),
    ] = None,
    images_allowed: Annotated[
        bool, typer.Option("--images-allowed", help="I may pass on images whose licence does not say so.")
    ] = False,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The dataset's folder, for pictures. [default: the usual one]")
    ] = None,
    shard_mb: Annotated[
        float,
        typer.Option(
            metavar="N", parser=number_reader("--shard-mb"), help="Begin a table's next file after N megabytes."
        ),
    ] = 256,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier publication.")] = False,
    json: AsJson = False,
) -> None:
    """Make a folder ready to upload as a Hugging Face dataset repository: card, licence, shards, checksums.

    Every manifest is verified first; one that fails is not published (exit 1). Images are added on request, and shown
    on the page's picture, where the dataset's licence allows it.
    """
    from actiseg_noise.cli.checking import print_findings
    from actiseg_noise.progress_bars import ClipProgress
    from actiseg_noise.publishing.publication import UnverifiedError
    from actiseg_noise.publishing.publication import publish as run
    from actiseg_noise.terminal import print_error, print_json, printed_results

    try:
        with ClipProgress() as progress:
            made = run(
                manifests,
                out,
                labels=labels,
                repo_id=repo_id,
                url=url,
                tool_url=tool_url,
                images=images,
                images_allowed=images_allowed,
                root=root,
                shard_mb=shard_mb,
                force=force,
                progress=progress,
            )
    except UnverifiedError as error:
        if json:
            findings = [finding.to_json() for finding in error.findings]
            print_json({"path": None, "manifests": [], "cautions": [], "findings": findings})
        else:
            print_findings(error.findings)
        print_error(str(error))
        raise typer.Exit(1) from None
    with printed_results(made.path):
        _print_publication(made, json)


def _print_publication(made: Publication, as_json: bool) -> None:
    """Print what was written, and what to think of before it is passed on."""
    from actiseg_noise.borders.remote import shown
    from actiseg_noise.terminal import err, print_json, print_next, print_table, print_text

    if as_json:
        manifests = [{"folder": item.folder, "digest": item.info.digest} for item in made.manifests]
        print_json({"path": shown(made.path), "manifests": manifests, "cautions": made.cautions, "findings": []})
        return
    rows = [(item.folder, item.info.content, item.info.digest) for item in made.manifests]
    print_table(f"Published at {shown(made.path)}", ("manifest", "content", "digest"), rows)
    for caution in made.cautions:
        err.print(f"caution: {caution}", soft_wrap=True)
    print_text("README.md says how it is read, checked and built again")
    if isinstance(made.path, Path) and made.path.is_dir():
        upload = ("hf", "upload", "OWNER/NAME", made.path, ".", "--repo-type", "dataset")
        print_next(f"in {made.path}", ("actiseg-noise", "verify", made.path / made.manifests[0].folder), upload)
    if made.places.tool_url is None:
        print_text("it cannot say where this tool's source is, as its metadata name no address; --tool-url URL does")
