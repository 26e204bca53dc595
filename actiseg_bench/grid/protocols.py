"""Protocols: what is compared, on which labels, and for how long; TOML files of one's own, or of the package.

What a protocol names never changes its meaning: a change is a new id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from actiseg_bench.results.result import folder_name
from actiseg_bench.results.typed import is_line
from actiseg_noise.borders.named_files import file_names, read_named
from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if

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
