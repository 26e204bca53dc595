"""Protocols and tracks: which labels are trained on, which are scored on, and for how long.

A protocol is a TOML file; what it names never changes its meaning (a change is a new id). A track is one of its
columns: dataset × split × recipe, with the manifests that make it concrete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_bench.results.result import OWN_PROTOCOL, TrackInfo, folder_name
from actiseg_noise.borders.named_files import file_names, read_named
from actiseg_noise.errors import UnknownNameError, raise_if

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
        validation_split: clean labels that training is watched on; empty for none. It chose what the protocol is.
        model: what is trained, unless ``--model`` says otherwise.
        tracks: track → recipe: a named one, or a TOML file relative to the protocol's.
        noise_seeds: of every recipe, each a draw of the labels of every track that has noise; a file with one of them
            may say ``noise_seed``. seeds: how many trainings per draw, seeds 0, 1, ….
        strategies: names, or ``all`` for every registered one.
        train: keys of the training configuration that differ from its defaults; equal for every strategy.
        options: strategy → hyper-parameters of its variant ``faithful`` that differ from its card's, where the card
            changed after the protocol was published.
    """

    id: str
    dataset: str
    tracks: dict[str, str]
    title: str = ""
    train_split: str = "train"
    eval_split: str = "val"
    validation_split: str = ""
    model: str = "tiny"
    noise_seeds: tuple[int, ...] = (0,)
    seeds: int = 1
    strategies: str | tuple[str, ...] = ALL
    train: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    """One track with its manifests on disk.

    Attributes:
        info: what results say about it.
        train_manifest: None for the reference rows. eval_manifest: scored on its clean labels.
        root: folder of the images; None is the dataset's usual place.
        validation: clean labels that training is watched on, None for none.
    """

    info: TrackInfo
    train_manifest: Path | None
    eval_manifest: Path
    root: Path | None = None
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


_TYPES = {
    **{"seeds": int, "noise_seed": int, "noise_seeds": list},
    **{"tracks": dict, "train": dict, "options": dict, "strategies": (str, list)},
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
    strategies = data.get("strategies", ALL)
    raise_if(isinstance(strategies, str) and strategies != ALL, f"{path}: strategies are a list of names or {ALL!r}")
    named = strategies if isinstance(strategies, str) else tuple(strategies)
    checked = {"tracks": tracks, "strategies": named, "noise_seeds": draws}
    return Protocol(**{key: value for key, value in data.items() if key != "noise_seed"} | checked)


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


def manifest_finder(
    protocol: Protocol, out: Path, build: Build, root: Path | None = None
) -> Callable[[str, str, int], Path]:
    """Return what finds the manifest of (split, recipe, noise seed) under ``out``, built if it is not there yet.

    Args:
        build: ``actiseg_noise.build``; called with ``resume`` and ``force``, so that a manifest of this very request
            is kept and one of another request or tool version is replaced.
    """

    def find(split: str, recipe: str, seed: int) -> Path:
        parts = {"dataset": protocol.dataset, "split": split, "recipe": f"{Path(recipe).stem}-s{seed}"}
        folder = out.joinpath(*(folder_name(name, f"protocol {protocol.id}: {what}") for what, name in parts.items()))
        options = {"root": root, "split": split, "recipe": recipe, "seed": seed, "out": folder}
        if split == protocol.validation_split:
            options["allow_eval"] = True  # to choose on noisy labels is what this split is for, and no table shows it
        return build(protocol.dataset, resume=True, force=True, **options)

    return find


def protocol_tracks(
    protocol: Protocol, names: Sequence[str], out: Path, build: Build, *, root: Path | None = None
) -> list[Track]:
    """Return the tracks called ``names``, building under ``out`` the manifests that are not there yet.

    A track comes once per seed of the noise; one whose recipe has no noise, once.

    Args:
        build: see :func:`manifest_finder`.
    """
    find, first = manifest_finder(protocol, out, build, root), protocol.noise_seeds[0]
    eval_manifest = find(protocol.eval_split, "clean", first)
    watched = find(protocol.validation_split, "clean", first) if protocol.validation_split else None

    def draws(name: str) -> Iterator[Track]:
        for seed in protocol.noise_seeds:
            labels = find(protocol.train_split, protocol.tracks[name], seed)
            track = open_track(labels, eval_manifest, root, name, protocol.id)
            yield replace(track, validation=watched)
            if not has_noise(labels):
                return

    return [track for name in names for track in draws(name)]


def validation_track(track: Track, labels: Path) -> Track:
    """Return a track that is scored on a validation manifest, whose given labels have the noise of its training ones.

    Raises:
        ManifestError: no manifest with masks. DataError: a picture is missing.
    """
    from actiseg_bench.data.pictures import pictures_digest
    from actiseg_noise import read_manifest

    opened = read_manifest(labels)
    info = replace(track.info, eval_manifest=opened.digest, eval_images=pictures_digest(opened, track.root))
    return replace(track, info=info, eval_manifest=labels, validation=None)


def has_noise(manifest: Path) -> bool:
    """Return whether the recipe of a manifest has noises, so that another seed would draw other labels."""
    from actiseg_noise import read_manifest

    return bool(read_manifest(manifest).info.recipe.noises)


def open_track(
    train: Path, evaluation: Path, root: Path | None = None, name: str | None = None, protocol: str = OWN_PROTOCOL
) -> Track:
    """Return the track of two manifests on disk; without a name it gets the recipe's and the start of the digest.

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
        train_images=pictures_digest(labels, root),
        eval_images=pictures_digest(truth, root),
    )
    return Track(info, train, evaluation, root)


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
    return Track(info, None, track.eval_manifest, track.root)


def shared_clips(train: Manifest, evaluation: Manifest) -> list[str]:
    """Return the ids of the evaluation clips that are training clips too, by their address in the source."""
    seen = set(train.table("clips", ["address"])["address"].to_pylist())
    rows = evaluation.table("clips", ["address", "clip_id"]).to_pylist()
    same_source = train.info.dataset.get("source") == evaluation.info.dataset.get("source")
    return [row["clip_id"] for row in rows if same_source and row["address"] in seen]
