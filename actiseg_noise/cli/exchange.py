"""``import`` and ``export``: labels from and for other people's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actiseg_noise.cli.base import AsJson, ManifestFolder, app
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from actiseg_noise.exchange.import_pairs import Pairs
    from actiseg_noise.manifest.read import Manifest


@app.command("import")
def import_(
    clean: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Clean labels: mask folders, or an ActionVOS tree.")
    ] = None,
    noisy: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Noisy labels: mask folders, or a noisy copy of the tree.")
    ] = None,
    expressions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A published *_meta_expressions_promptaction.json.")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The *_objects_category.json of the same level.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="actionvos: --clean and --noisy are trees in ActionVOS's layout.")
    ] = None,
    split: Annotated[str, typer.Option(help="The split that the labels are of.")] = "train",
    content: Annotated[
        str | None, typer.Option(help="full (with masks) or text. [default: full where there are masks]")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the import is called. [default: the noisy folder's name]")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask folders: JSON, what their objects are called.")
    ] = None,
    objects: Annotated[str, typer.Option(help="Mask folders: ids (as on disk) or union (one foreground).")] = "ids",
    void: Annotated[
        int | None, typer.Option(metavar="ID", help="Mask folders: the value of pixels without label.")
    ] = None,
    images: Annotated[Path | None, typer.Option(metavar="DIR", help="Mask folders: <sequence>/<frame>.jpg.")] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Mask folders: holds --clean and --images; paths begin here.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="[default: manifests/DATASET/SPLIT/imported-NAME-s0]")] = None,
    force: Annotated[bool, typer.Option(help="Replace an existing manifest.")] = False,
    skip_missing: Annotated[bool, typer.Option(help="Leave out what one side lacks, and count it.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N clips.")] = None,
    json: AsJson = False,
) -> None:
    """Make a manifest of other people's noisy labels and the clean ones they came from.

    Three forms: --expressions FILE --categories FILE [--clean TREE] for the published ActiSeg-NL prompts;
    --dataset actionvos --clean TREE --noisy TREE; --clean DIR --noisy DIR for folders <sequence>/<frame>.png.
    """
    from actiseg_noise.exchange.import_write import default_out

    _check_content(content)
    folder_options = {
        "--texts": texts,
        "--objects": None if objects == "ids" else objects,
        "--void": void,
        "--images": images,
        "--root": root,
    }
    if (expressions is None) != (categories is None):
        raise ActisegError("--expressions and --categories are the two files of one noise level: give both")
    if expressions is not None and categories is not None:
        _refuse({"--noisy": noisy, **folder_options}, "--expressions and --categories")
        pairs = _published(expressions, categories, clean, split, content, skip_missing)
    elif clean is None or noisy is None:
        raise ActisegError("give --clean DIR and --noisy DIR, or --expressions FILE and --categories FILE")
    elif dataset is not None:
        _refuse(folder_options, f"--dataset {dataset}")
        pairs = _trees(dataset, clean, noisy, split, content, skip_missing)
    else:
        pairs = _folders(clean, noisy, name, split, content, skip_missing, texts, objects, void, images, root)
    folder = out or default_out(pairs, name, limit)
    _run_import(pairs, folder, {"name": name, "limit": limit, "force": force}, json)


def _refuse(options: dict[str, Any], beside: str) -> None:
    """Refuse options that another form of import has."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise ActisegError(
            f"{', '.join(given)}: not with {beside}; see 'actiseg-noise import --help' for the three forms"
        )


def _check_content(content: str | None) -> None:
    """Refuse a word that is no content of an import."""
    from actiseg_noise.building.request import BUILT_CONTENTS
    from actiseg_noise.errors import UnknownNameError

    if content is not None and content not in BUILT_CONTENTS:
        raise UnknownNameError("content", content, BUILT_CONTENTS)


def _published(
    expressions: Path, categories: Path, clean: Path | None, split: str, content: str | None, skip_missing: bool
) -> Pairs:
    """Return the published prompts, beside a clean tree when there is one."""
    from actiseg_noise.exchange.import_prompts import PromptPairs
    from actiseg_noise.exchange.import_trees import NoisyTree, TreePairs
    from actiseg_noise.exchange.published_prompts import PublishedFiles

    files = PublishedFiles(expressions, categories)
    if clean is not None:
        tree = NoisyTree(files, None)
        return TreePairs(clean, tree, split, with_masks=content != "text", skip_missing=skip_missing)
    if content == "full":
        raise ActisegError("--content full: the published files have no masks; pass the ActionVOS tree with --clean")
    return PromptPairs(files, split, skip_missing=skip_missing)


def _trees(dataset: str, clean: Path, noisy: Path, split: str, content: str | None, skip_missing: bool) -> Pairs:
    """Return two trees in ActionVOS's layout."""
    from actiseg_noise.exchange.import_trees import TreePairs, find_noisy_tree

    if dataset != "actionvos":
        raise ActisegError(
            f"--dataset {dataset}: two trees are read in ActionVOS's layout alone (--dataset actionvos). For masks of "
            "another dataset leave --dataset out and point --clean and --noisy to folders <sequence>/<frame>.png."
        )
    tree = find_noisy_tree(noisy, split)
    return TreePairs(clean, tree, split, with_masks=content != "text", skip_missing=skip_missing)


def _folders(
    clean: Path, noisy: Path, name: str | None, split: str, content: str | None, skip_missing: bool, *more: Any
) -> Pairs:
    """Return two folders of masks."""
    from actiseg_noise.datasets.base import DATASETS
    from actiseg_noise.exchange.import_folders import FolderPairs, Folders
    from actiseg_noise.exchange.import_pairs import telling_name
    from actiseg_noise.exchange.import_texts import read_texts
    from actiseg_noise.exchange.import_write import slug

    texts, objects, void, images, root = more
    if content == "text":
        raise ActisegError("--content text: two folders of masks have nothing but masks")
    label = slug(name or telling_name(noisy)).replace("-", "_")
    if label in DATASETS:
        raise ActisegError(f"--name {label}: a registered dataset has this name; pass another --name")
    return FolderPairs(
        Folders(clean, noisy, images, root),
        label,
        texts=None if texts is None else read_texts(texts),
        split=split,
        objects=objects,
        void_id=void,
        skip_missing=skip_missing,
    )


def _run_import(pairs: Pairs, folder: Path, options: dict[str, Any], as_json: bool) -> None:
    """Import with a progress bar and print what was made."""
    from actiseg_noise.cli.build import print_built
    from actiseg_noise.exchange.import_write import write_import
    from actiseg_noise.terminal import ClipProgress, print_error

    try:
        with ClipProgress() as progress:
            write_import(pairs, folder, progress=progress, **options)
    except KeyboardInterrupt:
        print_error(f"interrupted; nothing is at {folder}.")
        raise typer.Exit(130) from None
    print_built(folder, as_json)


@app.command("export")
def export_(
    manifest: ManifestFolder,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    layout: Annotated[str, typer.Option("--format", metavar="NAME", help="actionvos or refvos.")],
    labels: Annotated[str, typer.Option(help="noisy or clean.")] = "noisy",
    masks: Annotated[str, typer.Option(help="refvos: png (Ref-YouTube-VOS) or rle (MeViS).")] = "png",
    images: Annotated[str, typer.Option(help="none, copy or link.")] = "none",
    root: Annotated[
        Path | None, typer.Option(help="The dataset's folder: images, and actionvos's weight maps, are taken from it.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace an earlier export.")] = False,
    json: AsJson = False,
) -> None:
    """Write a manifest's labels in a layout that other people's code reads."""
    from actiseg_noise.errors import UnknownNameError
    from actiseg_noise.exchange.export_actionvos import export_actionvos
    from actiseg_noise.exchange.export_clips import LABELS
    from actiseg_noise.exchange.export_folder import IMAGES
    from actiseg_noise.exchange.export_refvos import MASKS, export_refvos
    from actiseg_noise.manifest.read import read_manifest
    from actiseg_noise.terminal import ClipProgress, print_error, print_json

    words = (("format", layout, ("actionvos", "refvos")), ("labels", labels, LABELS), ("masks", masks, MASKS))
    for kind, word, known in (*words, ("images", images, IMAGES)):
        if word not in known:
            raise UnknownNameError(f"--{kind}", word, known)
    opened = read_manifest(manifest)
    options: dict[str, Any] = {"labels": labels, "images": images, "force": force}
    options["root"] = _image_root(opened, root) if images != "none" or root is not None else None
    if layout == "actionvos" and masks != "png":
        raise ActisegError("--masks rle: only with --format refvos")
    try:
        with ClipProgress() as progress:
            if layout == "actionvos":
                report = export_actionvos(opened, out, progress=progress, **options)
            else:
                report = export_refvos(opened, out, masks=masks, progress=progress, **options)
    except KeyboardInterrupt:
        print_error(f"interrupted; nothing is at {out}.")
        raise typer.Exit(130) from None
    if json:
        print_json({"path": str(out)} | report)
    else:
        _print_export(report, out)


def _image_root(manifest: Manifest, root: Path | None) -> Path:
    """Return the folder that a manifest's paths begin from."""
    from actiseg_noise.borders.roots import find_root
    from actiseg_noise.records import DatasetCard

    return find_root(DatasetCard.from_json(manifest.info.dataset), root)


def _print_export(report: dict[str, Any], out: Path) -> None:
    """Print what was written and what the layout could not say."""
    from actiseg_noise.terminal import out as console
    from actiseg_noise.terminal import print_table

    rows = [("manifest", report["manifest"]["name"])]
    rows += [(key, str(report[key])) for key in ("split", "labels", "images")]
    rows += [(name.replace("_", " "), f"{count:,}") for name, count in report["counts"].items() if count]
    for key, what in (("renumbered", "clips with object ids renumbered"), ("renamed", "videos renamed")):
        if report.get(key):
            rows.append((what, f"{len(report[key]):,}, listed in export.json"))
    print_table(f"Export: {report['format']}", ("", ""), rows)
    if report["images"] == "none":
        console.print("without images; --images copy or link adds them", markup=False, soft_wrap=True)
    console.print(f"written to {out}", markup=False, soft_wrap=True)
