"""``import``: other people's noisy labels, beside the clean ones they came from, become a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from actiseg_noise.building.request import BUILT_CONTENTS
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if
from actiseg_noise.exchange.import_coco import CocoPairs, FilePair
from actiseg_noise.exchange.import_folders import FolderPairs, Folders
from actiseg_noise.exchange.import_pairs import Pairs, telling_name
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_texts import read_texts
from actiseg_noise.exchange.import_trees import NoisyTree, TreePairs, find_noisy_tree
from actiseg_noise.exchange.import_write import default_out, slug, write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.progress import Progress

_Path = str | Path | None


def import_labels(
    *,
    clean: _Path = None,
    noisy: _Path = None,
    expressions: _Path = None,
    categories: _Path = None,
    dataset: str | None = None,
    split: str = "train",
    content: str | None = None,
    name: str | None = None,
    texts: _Path = None,
    objects: str = "ids",
    void: int | None = None,
    threshold: int | None = None,
    images: _Path = None,
    root: _Path = None,
    out: _Path = None,
    force: bool = False,
    skip_missing: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make a manifest of noisy labels and the clean ones they came from; return its folder.

    Four forms: ``clean`` and ``noisy``, two folders ``<sequence>/<frame>.png``, or two JSON files in the form of COCO
    or YouTube-VIS; with ``dataset="actionvos"`` two trees in ActionVOS's layout; or ``expressions`` and ``categories``,
    the published ActiSeg-NL files, beside the tree ``clean`` or without masks.

    >>> import actiseg_noise
    >>> path = actiseg_noise.import_labels(clean=clean_masks, noisy=noisy_masks, name="mine", out="imported")
    >>> actiseg_noise.read_manifest(path).info.counts["masks"]
    4

    Args:
        expressions: a published ``*_meta_expressions_promptaction.json``.
        categories: the ``*_objects_category.json`` of the same level.
        split: the split that the labels are of. content: ``full`` or ``text``; None: full where there are masks.
        name: what the import is called; None: after the noisy files.
        texts: mask folders: JSON, what their objects are called. images: ``<sequence>/<frame>.jpg``; of JSON files
            where the names of their images begin.
        objects: mask folders: ``ids`` as on disk, or ``union``, one foreground. void: the value of unlabelled pixels.
        threshold: mask folders: both sides show one object, where they are at least so bright, 1 … 255.
        root: mask folders, JSON files: holds ``clean`` and ``images``; the manifest's paths begin here.
        out: None: ``manifests/DATASET/SPLIT/imported-NAME-s0``. force: replace a manifest there.
        skip_missing: leave out what one side lacks, and count it. limit: only the first clips.

    Raises:
        ActisegError: options that do not go together, or bad input; nothing half-written is left at ``out``.
    """
    if content is not None and content not in BUILT_CONTENTS:
        raise UnknownNameError("content", content, BUILT_CONTENTS)
    folder_options = {
        "--texts": texts,
        "--objects": None if objects == "ids" else objects,
        "--void": void,
        "--images": images,
        "--root": root,
        "--threshold": threshold,
    }
    is_json = _are_files(clean, noisy)
    for option, place in {"--clean": clean, "--noisy": noisy, "--images": images, "--root": root}.items():
        is_file = is_json and option in ("--clean", "--noisy")
        raise_if(place is not None and not is_file and not Path(place).is_dir(), f"{option} {place}: no such folder")
    if (expressions is None) != (categories is None):
        raise ActisegError("--expressions and --categories are the two files of one noise level: give both")
    if expressions is not None and categories is not None:
        _refuse({"--noisy": noisy, **folder_options}, "--expressions and --categories")
        files = PublishedFiles(Path(expressions), Path(categories))
        pairs = _published(files, _path(clean), split, content, skip_missing)
    elif clean is None or noisy is None:
        raise ActisegError("give --clean DIR and --noisy DIR, or --expressions FILE and --categories FILE")
    elif is_json:
        _refuse({**folder_options, "--images": None, "--root": None}, "two JSON files")
        raise_if(dataset not in (None, "ytvis"), f"--dataset {dataset}: two JSON files are read in the form of ytvis")
        pairs = CocoPairs(
            FilePair(Path(clean), Path(noisy), _path(images), _path(root)),
            _label(name, Path(noisy).with_suffix("")),
            split=split,
            with_masks=content != "text",
            skip_missing=skip_missing,
        )
    elif dataset is not None:
        _refuse(folder_options, f"--dataset {dataset}")
        _check_trees(dataset)
        tree = find_noisy_tree(Path(noisy), split)
        pairs = TreePairs(Path(clean), tree, split, with_masks=content != "text", skip_missing=skip_missing)
    else:
        if content == "text":
            raise ActisegError("--content text: two folders of masks have nothing but masks")
        pairs = FolderPairs(
            Folders(Path(clean), Path(noisy), _path(images), _path(root)),
            _label(name, Path(noisy)),
            texts=None if texts is None else read_texts(Path(texts)),
            split=split,
            objects=objects,
            void_id=void,
            threshold=threshold,
            skip_missing=skip_missing,
        )
    folder = default_out(pairs, name, limit) if out is None else Path(out)
    return write_import(pairs, folder, name=name, limit=limit, force=force, progress=progress)


def _path(value: _Path) -> Path | None:
    """Return a path, None for none."""
    return None if value is None else Path(value)


def _are_files(clean: _Path, noisy: _Path) -> bool:
    """Return whether both sides are files; one file beside a folder is refused."""
    sides = [None if place is None else Path(place) for place in (clean, noisy)]
    files = [place is not None and place.is_file() for place in sides]
    if any(files) and None not in sides and not all(files):
        raise ActisegError(
            f"--clean {clean} --noisy {noisy}: expected two folders of masks, or two files in the form of COCO, "
            "YouTube-VIS, CVAT or Label Studio; found one of each, or one that is not there"
        )
    return all(files)


def _refuse(options: Mapping[str, object], beside: str) -> None:
    """Refuse options that another form of import has."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise ActisegError(
            f"{', '.join(given)}: not with {beside}; see 'actiseg-noise import --help' for the four forms"
        )


def _published(files: PublishedFiles, clean: Path | None, split: str, content: str | None, skip_missing: bool) -> Pairs:
    """Return the published prompts, beside a clean tree when there is one."""
    if clean is not None:
        tree = NoisyTree(files, None)
        return TreePairs(clean, tree, split, with_masks=content != "text", skip_missing=skip_missing)
    if content == "full":
        raise ActisegError("--content full: the published files have no masks; pass the ActionVOS tree with --clean")
    return PromptPairs(files, split, skip_missing=skip_missing)


def _check_trees(dataset: str) -> None:
    """Refuse trees of another layout than ActionVOS's."""
    if dataset != "actionvos":
        raise ActisegError(
            f"--dataset {dataset}: two trees are read in ActionVOS's layout alone (--dataset actionvos). For masks of "
            "another dataset leave --dataset out and point --clean and --noisy to folders <sequence>/<frame>.png."
        )


def _label(name: str | None, noisy: Path) -> str:
    """Return what the dataset of two folders of masks is called; a registered dataset's name is refused."""
    label = slug(name or telling_name(noisy)).replace("-", "_")
    if label in DATASETS:
        raise ActisegError(f"--name {label}: a registered dataset has this name; pass another --name")
    return label
