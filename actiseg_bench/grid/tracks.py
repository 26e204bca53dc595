"""Protocols and tracks: which labels are trained on, which are scored on, and for how long.

A protocol is a TOML file; what it names never changes its meaning (a change is a new id). A track is one of its
columns: dataset × split × recipe, with the manifests that make it concrete.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_bench.results.result import OWN_PROTOCOL, TrackInfo, folder_name
from actiseg_bench.results.typed import is_line
from actiseg_noise.borders.drafts import place_folder
from actiseg_noise.borders.named_files import file_names, read_named
from actiseg_noise.errors import ActisegError, DataError, UnknownNameError, raise_if
from actiseg_noise.manifest.info import INFO_NAME

if TYPE_CHECKING:
    from actiseg_noise.manifest.read import Manifest

FOLDER = Path(__file__).parents[1] / "protocols"
ALL = "all"
REFERENCE_TRACK = "reference"


@dataclass(frozen=True)
class Protocol:
    """What is compared, on what, and how long each run trains.

    Attributes:
        id: name and version, in results and folders.
        dataset, train_split, eval_split: where training and evaluation labels come from.
        eval_dataset: whose ``eval_split`` is scored, where that is not ``dataset``: another layout, with a root of its
            own; empty where it is.
        validation_split: clean labels that training is watched on; empty for none. It chose what the protocol is.
        model, variant: what is trained, and in which variant of its strategies, unless ``--model`` and ``--variant``
            say otherwise.
        config: a named configuration that ``train`` starts from; empty for the defaults.
        tracks: track → recipe: a named one, or a TOML file relative to the protocol's.
        noise_seeds: of every recipe, each a draw of the labels of every track that has noise; a file with one of them
            may say ``noise_seed``. seeds: how many trainings per draw, seeds 0, 1, ….
        strategies: names, or ``all`` for every registered one.
        train: keys of the training configuration that differ from its defaults, those of ``config`` among them; equal
            for every strategy.
        options: strategy → hyper-parameters of its variant ``faithful`` that differ from its card's, where the card
            changed after the protocol was published.
        notes: what a reader of its tables has to know; printed below each leaderboard of a protocol of the package.
    """

    id: str
    dataset: str
    tracks: dict[str, str]
    title: str = ""
    train_split: str = "train"
    eval_split: str = "val"
    validation_split: str = ""
    eval_dataset: str = ""
    model: str = "tiny"
    variant: str = "faithful"
    config: str = ""
    noise_seeds: tuple[int, ...] = (0,)
    seeds: int = 1
    strategies: str | tuple[str, ...] = ALL
    train: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def scored_dataset(self) -> str:
        """Return whose labels are scored on."""
        return self.eval_dataset or self.dataset

    def scored_root(self, root: Path | None, eval_root: Path | None) -> Path | None:
        """Return the folder of the evaluation images, None for their dataset's usual place.

        Args:
            root, eval_root: what was given; one folder is enough where both are of one dataset.
        """
        return eval_root or (root if self.scored_dataset == self.dataset else None)


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


def protocol_names() -> list[str]:
    """Return the names of the protocols that travel with the package."""
    return file_names(FOLDER)


def load_protocol(name: str | Path) -> Protocol:
    """Return a named protocol, or that of a TOML file.

    Raises:
        UnknownNameError: neither a protocol of the package nor a ``.toml`` path; the message has the nearest name.
        ActisegError: a file that is no protocol; the message names the key.
    """
    data, path = read_named("protocol", name, FOLDER)
    return _protocol(data, path)


@lru_cache
def published_notes(protocol_id: str) -> tuple[str, ...]:
    """Return the notes of a protocol of the package, by the id that results have; nothing for others.

    Args:
        protocol_id: what options changed may follow after a ``+``.
    """
    found = published_name(protocol_id)
    return () if found is None else tuple(read_named("protocol", found, FOLDER)[0].get("notes", ()))


@lru_cache
def published_name(protocol_id: str) -> str | None:
    """Return what ``--protocol`` calls a protocol of the package, by the id that results have; None for others.

    Args:
        protocol_id: what options changed may follow after a ``+``.
    """
    wanted = protocol_id.partition("+")[0]
    return next((name for name in protocol_names() if read_named("protocol", name, FOLDER)[0]["id"] == wanted), None)


_TYPES = {
    **{"seeds": int, "noise_seed": int, "noise_seeds": list},
    **{"tracks": dict, "train": dict, "options": dict, "strategies": (str, list), "notes": list},
}


def _protocol(data: dict[str, Any], path: Path) -> Protocol:
    """Validate the keys of a protocol file."""
    known = [*(f.name for f in fields(Protocol)), "noise_seed"]
    for key, value in data.items():
        if key not in known:
            raise UnknownNameError(f"key in {path}:", key, known)
        kind = _TYPES.get(key, str)
        raise_if(isinstance(value, bool) or not isinstance(value, kind), f"{path}: {key} cannot be {value!r}")  # type: ignore[arg-type]
    for key in ("id", "dataset", "tracks"):
        raise_if(not data.get(key), f"{path}: the key {key!r} is missing or empty")
    raise_if(data.get("seeds", 1) < 1, f"{path}: seeds must be at least 1, got {data.get('seeds')}")
    raise_if({"noise_seed", "noise_seeds"} <= set(data), f"{path}: noise_seed and noise_seeds: give one of them")
    draws = tuple(data.get("noise_seeds", [data.get("noise_seed", 0)]))
    are_seeds = all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in draws)
    raise_if(
        not draws or not are_seeds or len(set(draws)) < len(draws),
        f"{path}: noise_seeds must be different seeds, got {draws}",
    )
    folder_name(data["id"], f"{path}: id")
    tracks = {name: _recipe(name, recipe, path) for name, recipe in data["tracks"].items()}
    for name, options in data.get("options", {}).items():
        raise_if(not isinstance(options, dict), f"{path}: [options.{name}] must be a table, got {options!r:.60}")
    notes = tuple(data.get("notes", ()))
    raise_if(not all(map(is_line, notes)), f"{path}: notes are a list of texts of one line each")
    strategies = data.get("strategies", ALL)
    raise_if(isinstance(strategies, str) and strategies != ALL, f"{path}: strategies are a list of names or {ALL!r}")
    named = strategies if isinstance(strategies, str) else tuple(strategies)
    train = _merged(_configured(data.get("config", ""), path), data.get("train", {}))
    checked = {"tracks": tracks, "strategies": named, "noise_seeds": draws, "train": train, "notes": notes}
    return Protocol(**{key: value for key, value in data.items() if key != "noise_seed"} | checked)


def _configured(name: str, path: Path) -> dict[str, Any]:
    """Return the keys of a named configuration, or of a file's, whose path is relative to where the protocol lies."""
    if not name:
        return {}
    from actiseg_bench.training.named_configs import load_config

    try:
        return load_config(path.parent / name if name.endswith(".toml") else name).train
    except ActisegError as error:
        raise ActisegError(f"{path}: config: {error}") from None


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of both, table by table; where both have one, that of ``own``."""
    return {**base, **{key: _with(base.get(key), value) for key, value in own.items()}}


def _with(old: Any, new: Any) -> Any:
    return _merged(old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else new


def _recipe(track: str, recipe: Any, path: Path) -> str:
    """Return a recipe's name, or its file's path, made relative to where the protocol lies."""
    folder_name(track, f"{path}: name of a track")
    raise_if(track == REFERENCE_TRACK, f"{path}: a track cannot be called {track!r}")
    raise_if(not isinstance(recipe, str), f"{path}: track {track!r} needs the name or file of a recipe, got {recipe!r}")
    return str(path.parent / recipe) if recipe.endswith(".toml") else str(recipe)


def choose(kind: str, wanted: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return ``wanted`` without repetitions, or all of ``known`` for nothing wanted.

    Raises:
        UnknownNameError: a name that is not known, with the nearest that is.
    """
    names = list(dict.fromkeys(wanted)) or list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)
    return names


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
    protocol: Protocol, out: Path, build: Build, root: Path | None = None, aside: str = ""
) -> Callable[[str, str, int], Path]:
    """Return what finds the manifest of (split, recipe, noise seed) under ``out``, built if it is not there yet.

    Args:
        build: ``actiseg_noise.build``; called with ``resume`` and ``force``, so that a manifest of this very request
            is kept and one of another request or tool version is replaced.
        aside: empty for the only process at work there. Of one of several, a name that no other has: what is missing
            is built in a hidden folder of this name and moved to its place, unless another's is there by then; what is
            there and is of another request is refused.
    """

    def find(split: str, recipe: str, seed: int) -> Path:
        folder = manifest_folder(protocol, out, split, recipe, seed)
        options = {"root": root, "split": split, "recipe": recipe, "seed": seed, "out": folder}
        if split == protocol.validation_split:
            options["allow_eval"] = True  # to choose on noisy labels is what this split is for, and no table shows it
        if not aside:
            return build(protocol.dataset, resume=True, force=True, **options)
        if not (folder / INFO_NAME).is_file():
            own = folder.with_name(f".{folder.name}.{aside}")
            place_folder(build(protocol.dataset, resume=True, force=True, **options | {"out": own}), folder)
        return build(protocol.dataset, resume=True, **options)

    return find


def find_eval_manifest(protocol: Protocol, out: Path, build: Build, eval_root: Path | None, aside: str = "") -> Path:
    """Return the clean labels that a protocol's runs are scored on, built where they are not there yet.

    ``aside``: see :func:`manifest_finder`.
    """
    scored = replace(protocol, dataset=protocol.scored_dataset)
    return manifest_finder(scored, out, build, eval_root, aside)(protocol.eval_split, "clean", protocol.noise_seeds[0])


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
