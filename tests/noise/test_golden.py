"""Golden digests: a build of the toy has, for ever, the labels it had.

A digest that changes means that published manifests cannot be made again: give what changed a new version instead.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toys import make_pictured_toy, make_toy

import actiseg_noise
from actiseg_noise.noises.base import NOISES
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe, recipe_names

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = json.loads((FOLDER / "manifests.json").read_text())
NOISES_GOLDEN = json.loads((FOLDER / "mask_noises.json").read_text())
SCALE = 10  # 240 rows: the published kernels are three different ones there


def test_every_recipe_has_a_golden_digest() -> None:
    assert set(GOLDEN) == set(recipe_names())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_digest_is_golden(name: str, tmp_path: Path) -> None:
    path = actiseg_noise.build(make_toy(clips=8, scale=SCALE), recipe=load_recipe(name), out=tmp_path / "m")
    assert actiseg_noise.read_manifest(path).digest == GOLDEN[name]


def test_every_mask_noise_has_a_golden_digest() -> None:
    assert set(NOISES_GOLDEN) == {name for name in NOISES if NOISES[name].kind == "mask"}


@pytest.mark.parametrize("name", sorted(NOISES_GOLDEN))
def test_the_digest_of_a_mask_noise_with_its_defaults_is_golden(name: str, tmp_path: Path) -> None:
    """Per clip, over six frames, so that what a noise draws in time is in it too."""
    recipe = Recipe("golden", (NoiseSpec(name, 1.0),), temporal="clip")
    toy = make_pictured_toy(tmp_path, clips=3, frames=6, scale=SCALE)
    path = actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m")
    assert actiseg_noise.read_manifest(path).digest == NOISES_GOLDEN[name]
