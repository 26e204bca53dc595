"""Recipes: TOML files ⇄ dataclasses, published ones unchanged, bad ones refused with a reason."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.recipe import NoiseSpec, Recipe, ad_hoc_recipe, load_recipe, recipe_names, split_id

GOLDEN = Path(__file__).parents[1] / "golden" / "recipes.json"


def write(folder: Path, text: str) -> Path:
    """Write a recipe file."""
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_published_recipes_are_what_they_were() -> None:
    """A recipe's id means one thing for ever: publish a change under a new id."""
    golden = json.loads(GOLDEN.read_text())
    assert set(golden) <= set(recipe_names())
    assert {name: load_recipe(name).to_json() for name in golden} == golden


@pytest.mark.parametrize("name", recipe_names())
def test_a_named_recipe_has_its_files_name_and_a_title(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.recipe_id == name
    assert recipe.title


@pytest.mark.parametrize("name", recipe_names())
def test_the_json_form_gives_the_recipe_back(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_file_may_say_everything(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        id = "mine-1"
        title = "Mine"
        seed = 7
        exact_rate = true
        temporal = "clip"
        sequential = true

        [[noise]]
        noise = "dilate-v1"
        rate = 1
        kernel = 5
        unit = "px"
        """,
    )
    noise = NoiseSpec("dilate-v1", 1.0, {"kernel": 5, "unit": "px"})
    assert load_recipe(path) == Recipe("mine-1", (noise,), 7, True, "clip", True, "Mine")
    assert load_recipe(str(path)) == load_recipe(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id = "a"\nnoises = []', r"unknown key in .*mine\.toml: 'noises'\. Did you mean 'noise'\?"),
        ('title = "a"', r"mine\.toml: the key 'id' is missing"),
        ('id = "A b"', r"recipe 'A b': an id is made of"),
        ('id = "a"\nseed = "0"', r"seed: expected a whole number, found \"0\""),
        ('id = "a"\nseed = true', r"seed: expected a whole number, found true"),
        ('id = "a"\ntemporal = "clips"', r"unknown temporal mode 'clips'\. Did you mean 'clip'\?"),
        ('id = "a"\nnoise = "dilate-v1"', r"write each noise as a \[\[noise\]\] table"),
        ('id = "a"\n[[noise]]\nrate = 1', r"mine\.toml, noise 1: the key 'noise' is missing"),
        ('id = "a"\n[[noise]]\nnoise = "dilate-v1"', r"noise 1: the key 'rate' is missing"),
        (
            'id = "a"\n[[noise]]\nnoise = 3\nrate = 1',
            r"noise 1: noise: expected a text of at most 150 characters, found 3",
        ),
        ('id = "a"\n[[noise]]\nnoise = "dilate"\nrate = 1', r"unknown noise 'dilate'\. Did you mean 'dilate-v1'\?"),
        (
            'id = "a"\n[[noise]]\nnoise = "dilate-v1"\nrate = 1\nkernal = 3',
            r"noise 1: 'kernal'\. Did you mean 'kernel'",
        ),
        ('id = "a"\n[[noise]]\nnoise = "category_flip-v1"\nrate = 1\nkernel = 3', r"unknown key in .*'kernel'"),
        ('id = "a"\n[[noise]]\nnoise = "dilate-v1"\nrate = 1.5', r"expected a rate between 0 and 1, got 1\.5"),
        ('id = "a"\n[[noise]]\nnoise = "dilate-v1"\nrate = nan', r"expected a rate between 0 and 1, got nan"),
        ('id = "a"\n[[noise]]\nnoise = "dilate-v1"\nrate = true', r"expected a rate between 0 and 1, got True"),
        ("id = ", r"mine\.toml: not a readable TOML file"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        load_recipe(write(tmp_path, text))


def test_an_unknown_name_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown recipe 'txet-40'\. Did you mean 'text-40'\?"):
        load_recipe("txet-40")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ActisegError, match=r"nowhere\.toml: no such recipe file\. Named: .*clean"):
        load_recipe("nowhere.toml")


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan, math.inf, True, "0.3", None])
def test_a_rate_outside_zero_to_one_is_refused(rate: object) -> None:
    with pytest.raises(ActisegError, match=r"category_flip-v1: expected a rate between 0 and 1"):
        NoiseSpec("category_flip-v1", rate)  # type: ignore[arg-type]


def test_ad_hoc_recipes_have_readable_ids() -> None:
    assert ad_hoc_recipe(flip=0.3).recipe_id == "flip-30"
    assert ad_hoc_recipe(flip=0.125).recipe_id == "flip-12.5"
    assert ad_hoc_recipe(flip=0.3, noun=1.0, boundary=15).recipe_id == "flip-30+noun-100+dilate-15"
    assert ad_hoc_recipe(boundary=3, boundary_rate=0.5, boundary_unit="px").recipe_id == "dilate-3px-rate-50"
    assert ad_hoc_recipe() == Recipe("clean")


def test_an_ad_hoc_recipe_is_the_named_one_but_for_its_name() -> None:
    mixed = ad_hoc_recipe(flip=0.4, noun=1.0, boundary=15)
    assert mixed.noises == load_recipe("mixed-40-15").noises


def test_an_unknown_boundary_operation_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown boundary operation 'dilat'\. Did you mean 'dilate'\?"):
        ad_hoc_recipe(boundary=3, boundary_op="dilat")


def test_an_altered_recipe_has_another_id() -> None:
    recipe = load_recipe("mask-15")
    assert recipe.altered() == recipe
    assert recipe.altered(temporal="frame") == recipe
    assert recipe.altered(temporal="clip") == replace(recipe, temporal="clip", recipe_id="mask-15+per-clip")
    assert recipe.altered(exact_rate=True).recipe_id == "mask-15+exact"


@pytest.mark.parametrize("changes", [{}, {"temporal": "clip"}, {"exact_rate": True, "temporal": "clip"}])
@pytest.mark.parametrize("more", [{}, {"allow_erase": True}])
def test_the_id_of_an_altered_recipe_says_what_was_altered(changes: dict[str, Any], more: dict[str, Any]) -> None:
    for name in recipe_names():
        altered = load_recipe(name).altered(**changes, **more)
        before, found = split_id(altered.recipe_id)
        assert before == name
        assert load_recipe(name).altered(**found) == altered
