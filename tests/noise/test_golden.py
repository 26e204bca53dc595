"""Golden digests: a build of the toy has, for ever, the labels it had.

A digest that changes means that published manifests cannot be made again: give what changed a new version instead.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toys import make_toy

import actiseg_noise
from actiseg_noise.recipe import load_recipe, recipe_names

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "manifests.json").read_text())
UNPUBLISHED = {"human-easy", "human-medium", "human-hard"}  # until more noises of masks are in them
SCALE = 10  # 240 rows: the published kernels are three different ones there


def test_every_recipe_has_a_golden_digest() -> None:
    assert set(GOLDEN) == set(recipe_names()) - UNPUBLISHED


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_digest_is_golden(name: str, tmp_path: Path) -> None:
    path = actiseg_noise.build(make_toy(clips=8, scale=SCALE), recipe=load_recipe(name), out=tmp_path / "m")
    assert actiseg_noise.read_manifest(path).digest == GOLDEN[name]
