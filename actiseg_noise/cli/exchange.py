"""``import`` and ``export``: labels from and for other people's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app


@app.command("import")
def import_(
    clean: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Clean labels: mask folders, an ActionVOS tree, or a file that ytvis reads."),
    ] = None,
    noisy: Annotated[Path | None, typer.Option(metavar="PATH", help="Noisy labels: in the same form.")] = None,
    expressions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A published *_meta_expressions_promptaction.json.")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The *_objects_category.json of the same level.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="actionvos: --clean and --noisy are trees in ActionVOS's layout.")
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="The split that the labels are of.")] = "train",
    content: Annotated[
        str | None,
        typer.Option(metavar="full|text", help="full (with masks) or text. [default: full where there are masks]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the import is called. [default: the noisy folder's name]")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask folders: JSON, what their objects are called.")
    ] = None,
    objects: Annotated[
        str, typer.Option(metavar="ids|union", help="Mask folders: ids (as on disk) or union (one foreground).")
    ] = "ids",
    threshold: Annotated[
        int | None,
        typer.Option(
            metavar="LEVEL", min=1, max=255, help="Mask folders: one object, where a mask is at least so bright (128)."
        ),
    ] = None,
    void: Annotated[
        int | None, typer.Option(metavar="ID", help="Mask folders: the value of pixels without label.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Mask folders: <sequence>/<frame>.jpg. JSON: its images.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Mask folders, JSON: holds --clean and --images; paths begin here."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The manifest's folder. [default: manifests/DATASET/SPLIT/imported-NAME-s0]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing manifest.")] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out what one side lacks, and count it.")
    ] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N clips.")] = None,
    json: AsJson = False,
) -> None:
    """Make a manifest of other people's noisy labels and the clean ones they came from.

    Four forms: --expressions FILE --categories FILE [--clean TREE] for the published ActiSeg-NL prompts;
    --dataset actionvos --clean TREE --noisy TREE; --clean DIR --noisy DIR for folders <sequence>/<frame>.png;
    --clean FILE --noisy FILE for what ytvis reads: JSON in the form of COCO or YouTube-VIS, CVAT's XML, Label Studio.
    """
    from actiseg_noise.cli.build import print_built
    from actiseg_noise.entry import InterruptedCommandError
    from actiseg_noise.exchange.import_labels import import_labels
    from actiseg_noise.progress_bars import ClipProgress

    try:
        with ClipProgress() as progress:
            folder = import_labels(
                clean=clean,
                noisy=noisy,
                expressions=expressions,
                categories=categories,
                dataset=dataset,
                split=split,
                content=content,
                name=name,
                texts=texts,
                objects=objects,
                void=void,
                threshold=threshold,
                images=images,
                root=root,
                out=out,
                force=force,
                skip_missing=skip_missing,
                limit=limit,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise InterruptedCommandError(f"nothing is {'written' if out is None else f'at {out}'}.") from None
    print_built(folder, json)


@app.command("export")
def export_(
    manifest: ManifestFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    layout: Annotated[
        str, typer.Option("--format", metavar="NAME", help="actionvos, refvos, ytvis, sam3, coco, davis, sam2 or cvat.")
    ],
    labels: Annotated[str, typer.Option(metavar="noisy|clean", help="noisy or clean.")] = "noisy",
    masks: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="refvos: png (Ref-YouTube-VOS) or rle (MeViS); coco, cvat: rle or polygon; sam2: png or objects.",
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="none, copy, link, or resize: JPEGs of the labels' size. [default: none, or, where the images of "
            "--root have another size, resize]",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The dataset's folder: images, and actionvos's weight maps, are taken from it."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    json: AsJson = False,
) -> None:
    """Write a manifest's labels in a layout that other people's code reads."""
    from actiseg_noise.entry import InterruptedCommandError
    from actiseg_noise.exchange.export import export
    from actiseg_noise.progress_bars import ClipProgress
    from actiseg_noise.terminal import print_json, printed_results

    try:
        with ClipProgress() as progress:
            report = export(
                manifest,
                format=layout,
                out=out,
                labels=labels,
                masks=masks,
                images=images,
                root=root,
                force=force,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise InterruptedCommandError(f"nothing is at {out}.") from None
    with printed_results(out):
        if json:
            print_json({"path": str(out)} | report)
        else:
            _print_export(report, out)


def _print_export(report: dict[str, Any], out: Path) -> None:
    """Print what was written and what the layout could not say."""
    from actiseg_noise.terminal import print_table, print_text

    rows = [("manifest", report["manifest"]["name"])]
    rows += [(key, str(report[key])) for key in ("split", "labels", "images")]
    rows += [(name.replace("_", " "), f"{count:,}") for name, count in report["counts"].items() if count]
    for key, what in (
        ("renumbered", "clips with object ids renumbered"),
        ("renamed", "videos renamed"),
        ("renamed_frames", "videos with frames renamed"),
    ):
        if report.get(key):
            rows.append((what, f"{len(report[key]):,}, listed in export.json"))
    print_table(f"Export: {report['format']}", ("", ""), rows)
    if report["images"] == "none":
        print_text("without images; --images resize, copy or link adds them")
    print_text(f"written to {out}")


@app.command()
def clean(
    manifest: ManifestFolder,
    corrections: Annotated[
        Path, typer.Option(metavar="FILE", help="What 'actiseg-bench audit' wrote, with yes where you agree.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new manifest.")],
    min_score: Annotated[
        float | None,
        typer.Option(metavar="N", min=0, max=1, help="Apply corrections of at least this score without a yes, too."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a manifest there.")] = False,
    json: AsJson = False,
) -> None:
    """Apply accepted corrections; the new manifest keeps the old values in corrections.csv."""
    from dataclasses import asdict

    from actiseg_noise.entry import InterruptedCommandError
    from actiseg_noise.exchange.clean import clean as apply_corrections
    from actiseg_noise.progress_bars import ClipProgress
    from actiseg_noise.terminal import print_json, print_next, print_text, printed_results

    try:
        with ClipProgress() as progress:
            done = apply_corrections(manifest, corrections, out, min_score=min_score, force=force, progress=progress)
    except KeyboardInterrupt:
        raise InterruptedCommandError(f"nothing is at {out}.") from None
    with printed_results(out):
        if json:
            print_json(asdict(done) | {"path": str(done.path)})
            return
        print_text(
            f"{done.nouns:,} nouns, {done.masks:,} masks and {done.flags:,} flags corrected, "
            f"of {done.proposed:,} proposed corrections"
        )
        if done.kept:
            print_text(f"{done.kept:,} masks stayed as they were: the correction would leave nothing of them")
        print_text(f"written to {done.path}")
        print_next("", ("actiseg-noise", "diff", manifest, done.path), ("actiseg-noise", "verify", done.path))
