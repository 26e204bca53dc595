"""Hold what ``manifest.json`` says of its recipe and its dataset against the recipes and datasets that are known here.

No digest of a manifest covers a title, a licence or the name of a recipe; what is published under a name is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from actiseg_noise.check.findings import Finding, Unchecked
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.fields import shorten
from actiseg_noise.manifest.info import INFO_NAME, ManifestInfo
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.recipe import load_recipe, recipe_names, split_id
from actiseg_noise.records import DatasetCard

_ADVICE = "the manifest does not say what was published under this name; fetch it again, or build it again"
_GROW = ("splits", "eval_splits")
_CARD = ("source", "title", "licence", "citation", "splits", "eval_splits", "void_id", "is_embedded")


def verify_recipe(manifest: Manifest) -> Iterator[Finding | Unchecked]:
    """Yield where a recipe is not the one that this version publishes under its id."""
    stated = manifest.info.recipe
    name, changes = split_id(stated.recipe_id)
    if manifest.info.imported:
        yield Unchecked("recipe", "as imported labels have none", whole=True)
    elif name not in recipe_names():
        yield Unchecked("recipe", f"as no recipe {stated.recipe_id!r} is published with this version", whole=True)
    else:
        published = replace(load_recipe(name).altered(**changes), seed=stated.seed)
        yield from _differences(published.to_json(), stated.to_json(), name)


def _differences(expected: dict[str, Any], found: dict[str, Any], name: str) -> Iterator[Finding]:
    """Yield where a recipe is not the one published as ``name``; a title may be left out."""
    for key, value in expected.items():
        if found[key] != value and not (key == "title" and not found[key]):
            where = f"{INFO_NAME}, recipe {key}"
            yield Finding(where, f"{shorten(value)}, as the recipe {name} has it", shorten(found[key]), _ADVICE)


def verify_card(manifest: Manifest) -> Iterator[Finding | Unchecked]:
    """Yield where the dataset's card is not that of the dataset of this name and version."""
    info = manifest.info
    name, version = info.dataset["name"], info.dataset["version"]
    card = DATASETS[name].card if name in DATASETS else None
    if card is None:
        yield Unchecked("dataset card", f"as {name!r} is no dataset that this version knows", whole=True)
    elif card.version != version:
        yield Unchecked(
            "dataset card", f"as {name} {version} is not {card.version}, which this version reads", whole=True
        )
    else:
        yield from compare_card(info, card)


def compare_card(info: ManifestInfo, card: DatasetCard) -> Iterator[Finding]:
    """Yield the fields of a manifest's dataset that are not those of a card: titles, licence, citation, splits."""
    expected: dict[str, Any] = {key: _listed(value) for key, value in asdict(card).items()}
    plain = {"is_embedded": False, "void_id": None}
    for key in _CARD:
        found = info.dataset.get(key, plain.get(key))
        if key in _GROW and found and found == expected[key][: len(found)]:
            continue  # of a version before the last splits
        if found != expected[key]:
            where = f"{INFO_NAME}, dataset {key}"
            yield Finding(where, f"{shorten(expected[key])}, as the dataset {card.name} says", shorten(found), _ADVICE)


def _listed(value: Any) -> Any:
    """Return a tuple as a list, as JSON has it."""
    return list(value) if isinstance(value, tuple) else value
