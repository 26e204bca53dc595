"""Tracks: the columns of a protocol, dataset × split × recipe, with the manifests that make them concrete."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.grid.protocols import REFERENCE_TRACK, Protocol
from actiseg_bench.results.result import OWN_PROTOCOL, TrackInfo, folder_name
from actiseg_noise.borders.drafts import place_folder
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.info import INFO_NAME

if TYPE_CHECKING:
    from actiseg_noise.manifest.read import Manifest


@dataclass(frozen=True)
class Track:
    """One track with its manifests on disk.

    Attributes:
        info: what results say about it.
        train_manifest: None for the reference rows. eval_manifest: scored on its clean labels.
        root, eval_root: folders of the training and the evaluation images; None is the dataset's usual place.
        validation: clean labels that training is watched on, None for none; its images are in ``root``.
    """

    info: TrackInfo
    train_manifest: Path | None
    eval_manifest: Path
    root: Path | None = None
    eval_root: Path | None = None
    validation: Path | None = None


Build = Callable[..., Path]
FindRoot = Callable[..., Path]
HasNoise = Callable[[str], bool]
Draw = tuple[str, int]
"""A track's name and a noise seed."""


def list_draws(protocol: Protocol, names: Sequence[str], recipe_has_noise: HasNoise) -> list[Draw]:
    """Return every draw of the labels of the tracks ``names``, in order; nothing is built for it.

    Args:
        recipe_has_noise: says of a recipe's name whether another seed draws other labels.
    """
    seeds = protocol.noise_seeds
    noisy = {name: recipe_has_noise(protocol.tracks[name]) for name in names}
    return [(name, seed) for name in names for seed in (seeds if noisy[name] else seeds[:1])]


def planned_track(protocol: Protocol, draw: Draw) -> Track:
    """Return a track as far as it is known before its labels are built: enough to name its runs."""
    name, seed = draw
    info = TrackInfo(name, protocol.id, protocol.dataset, "", "", Path(protocol.tracks[name]).stem, seed, {})
    return Track(info, Path(), Path())


def check_roots(protocol: Protocol, root: Path | None, eval_root: Path | None, find_root: FindRoot) -> None:
    """Refuse, before anything is built, a protocol whose images are not to be had.

    Args:
        find_root: ``actiseg_noise.dataset_root``.

    Raises:
        DataError: the message says which of both folders it is, how to get it and how to point to it.
    """
    scored, split = protocol.scored_dataset, protocol.eval_split
    is_other = scored != protocol.dataset
    what = f"protocol {protocol.id} trains on dataset {protocol.dataset!r}, split {protocol.train_split!r}"
    _check_root(what, find_root, protocol.dataset, root, "--root")
    if is_other or eval_root is not None:
        what = f"protocol {protocol.id} is scored on dataset {scored!r}, split {split!r}"
        _check_root(what, find_root, scored, protocol.scored_root(root, eval_root), "--eval-root")


def _check_root(what: str, find_root: FindRoot, dataset: str, root: Path | None, flag: str) -> None:
    try:
        find_root(dataset, root, flag=flag)
    except DataError as error:
        raise DataError(f"{what}: {error}") from None


def manifest_folder(protocol: Protocol, out: Path, split: str, recipe: str, seed: int) -> Path:
    """Return where the manifest of (split, recipe, noise seed) lies under ``out``."""
    parts = {"dataset": protocol.dataset, "split": split, "recipe": f"{Path(recipe).stem}-s{seed}"}
    return out.joinpath(*(folder_name(name, f"protocol {protocol.id}: {what}") for what, name in parts.items()))


def manifest_finder(
    protocol: Protocol, out: Path, build: Build, root: Path | None = None, aside: str = "", flag: str = "--root"
) -> Callable[[str, str, int], Path]:
    """Return what finds the manifest of (split, recipe, noise seed) under ``out``, built if it is not there yet.

    Args:
        build: ``actiseg_noise.build``; called with ``resume`` and ``force``, so that a manifest of this very request
            is kept and one of another request or tool version is replaced.
        aside: empty for the only process at work there. Of one of several, a name that no other has: what is missing
            is built in a hidden folder of this name and moved to its place, unless another's is there by then; what is
            there and is of another request is refused.
        flag: what points to the dataset's folder, for messages.
    """

    def find(split: str, recipe: str, seed: int) -> Path:
        folder = manifest_folder(protocol, out, split, recipe, seed)
        options = {"root": root, "split": split, "recipe": recipe, "seed": seed, "out": folder}
        if split == protocol.validation_split:
            options["allow_eval"] = True  # to choose on noisy labels is what this split is for, and no table shows it
        try:
            if not aside:
                return build(protocol.dataset, resume=True, force=True, **options)
            if not (folder / INFO_NAME).is_file():
                own = folder.with_name(f".{folder.name}.{aside}")
                place_folder(build(protocol.dataset, resume=True, force=True, **options | {"out": own}), folder)
            return build(protocol.dataset, resume=True, **options)
        except DataError as error:
            what = f"protocol {protocol.id} reads dataset {protocol.dataset!r}, split {split!r}"
            raise DataError(f"{what}, {flag} {root or 'where it usually lies'}: {error}") from None

    return find


def find_eval_manifest(protocol: Protocol, out: Path, build: Build, eval_root: Path | None, aside: str = "") -> Path:
    """Return the clean labels that a protocol's runs are scored on, built where they are not there yet.

    ``aside``: see :func:`manifest_finder`.
    """
    scored = replace(protocol, dataset=protocol.scored_dataset)
    flag = "--root" if scored.dataset == protocol.dataset else "--eval-root"
    find = manifest_finder(scored, out, build, eval_root, aside, flag)
    return find(protocol.eval_split, "clean", protocol.noise_seeds[0])


def protocol_tracks(
    protocol: Protocol,
    names: Sequence[str],
    out: Path,
    build: Build,
    *,
    root: Path | None = None,
    eval_root: Path | None = None,
    draws: Collection[Draw] | None = None,
    aside: str = "",
) -> list[Track]:
    """Return the tracks called ``names``, building under ``out`` the manifests that are not there yet.

    A track comes once per seed of the noise; one whose recipe has no noise, once.

    Args:
        build, aside: see :func:`manifest_finder`. root, eval_root: see :meth:`Protocol.scored_root`.
        draws: only these, None for all.
    """
    find, first = manifest_finder(protocol, out, build, root, aside), protocol.noise_seeds[0]
    eval_root = protocol.scored_root(root, eval_root)
    eval_manifest = find_eval_manifest(protocol, out, build, eval_root, aside)
    is_watched = bool(protocol.validation_split) and (draws is None or bool(draws))
    watched = find(protocol.validation_split, "clean", first) if is_watched else None

    def tracks_of(name: str) -> Iterator[Track]:
        for seed in protocol.noise_seeds:
            if draws is not None and (name, seed) not in draws:
                continue
            labels = find(protocol.train_split, protocol.tracks[name], seed)
            track = open_track(labels, eval_manifest, root, eval_root, name=name, protocol=protocol.id)
            yield replace(track, validation=watched)
            if not has_noise(labels):
                return

    return [track for name in names for track in tracks_of(name)]


def validation_track(track: Track, labels: Path) -> Track:
    """Return a track that is scored on a validation manifest, whose given labels have the noise of its training ones.

    Raises:
        ManifestError: no manifest with masks. DataError: a picture is missing.
    """
    from actiseg_bench.data.pictures import pictures_digest
    from actiseg_noise import read_manifest

    opened = read_manifest(labels)
    info = replace(track.info, eval_manifest=opened.digest, eval_images=pictures_digest(opened, track.root))
    return replace(track, info=info, eval_manifest=labels, eval_root=track.root, validation=None)


def has_noise(manifest: Path) -> bool:
    """Return whether the recipe of a manifest has noises, so that another seed would draw other labels."""
    from actiseg_noise import read_manifest

    return bool(read_manifest(manifest).info.recipe.noises)


def open_track(
    train: Path,
    evaluation: Path,
    root: Path | None = None,
    eval_root: Path | None = None,
    *,
    name: str | None = None,
    protocol: str = OWN_PROTOCOL,
    with_pictures: bool = True,
) -> Track:
    """Return the track of two manifests on disk; without a name it gets the recipe's and the start of the digest.

    Args:
        root, eval_root: folders of the images that each of them names; None is the dataset's usual place.
        with_pictures: False leaves the pictures, and what results say about them, alone.

    Raises:
        ManifestError: no manifest with masks. DataError: a picture is missing.
    """
    from actiseg_bench.data.pictures import pictures_digest
    from actiseg_noise import read_manifest

    labels, truth = read_manifest(train), read_manifest(evaluation)
    recipe = labels.info.recipe
    info = TrackInfo(
        name=name or f"{recipe.recipe_id}-{labels.digest[:6]}",
        protocol=protocol,
        dataset=labels.info.dataset["name"],
        train_manifest=labels.digest,
        eval_manifest=truth.digest,
        recipe=recipe.recipe_id,
        noise_seed=recipe.seed,
        severity=dict(labels.info.severity),
        train_images=pictures_digest(labels, root) if with_pictures else None,
        eval_images=pictures_digest(truth, eval_root) if with_pictures else None,
    )
    return Track(info, train, evaluation, root, eval_root)


def reference_track(track: Track) -> Track:
    """Return the pseudo-track of the reference rows that are scored on the labels ``track`` is scored on."""
    info = TrackInfo(
        name=REFERENCE_TRACK,
        protocol=track.info.protocol,
        dataset=track.info.dataset,
        train_manifest=None,
        eval_manifest=track.info.eval_manifest,
        recipe=None,
        noise_seed=None,
        severity={},
        eval_images=track.info.eval_images,
    )
    return Track(info, None, track.eval_manifest, track.root, track.eval_root)


def shared_clips(train: Manifest, evaluation: Manifest) -> list[str]:
    """Return the ids of the evaluation clips that are training clips too, by their address in the source."""
    seen = set(train.table("clips", ["address"])["address"].to_pylist())
    rows = evaluation.table("clips", ["address", "clip_id"]).to_pylist()
    same_source = train.info.dataset.get("source") == evaluation.info.dataset.get("source")
    return [row["clip_id"] for row in rows if same_source and row["address"] in seen]
