"""Recipes that are named by their numbers: ``text-35`` needs no file."""

from __future__ import annotations

import pytest

from actiseg_noise.borders.named_files import read_named
from actiseg_noise.errors import ActisegError, UnknownNameError
from actiseg_noise.recipe import FOLDER, Recipe, load_recipe, recipe_names
from actiseg_noise.recipe_families import FAMILIES, recipe_of_family

NAMED = [name for name in recipe_names() if recipe_of_family(name) is not None and name != "text-0"]


def test_every_family_has_a_published_recipe() -> None:
    assert all(any(family.match(name) is not None for name in NAMED) for family in FAMILIES)


@pytest.mark.parametrize("name", NAMED)
def test_a_name_describes_what_its_file_says(name: str) -> None:
    made = recipe_of_family(name)
    assert made is not None
    assert Recipe.from_json(made) == Recipe.from_json(read_named("recipe", name, FOLDER)[0])


def test_other_numbers_need_no_file() -> None:
    recipe = load_recipe("mixed-35-11")
    assert recipe.recipe_id == "mixed-35-11"
    assert [(spec.noise_id, spec.rate, spec.options) for spec in recipe.noises] == [
        ("category_flip-v1", 0.35, {}),
        ("noun_substitution-v1", 1.0, {}),
        ("dilate-v1", 1.0, {"kernel": 11, "unit": "480p"}),
    ]
    assert load_recipe("flip-12.5").noises[0].rate == 0.125


def test_a_rate_over_a_hundred_is_refused() -> None:
    with pytest.raises(ActisegError, match="expected a rate between 0 and 1, got 1.5"):
        load_recipe("flip-150")


@pytest.mark.parametrize("name", ["flip-", "flip-x", "flip-30x", "mixed-30", "mask-1.5", "text-30-5"])
def test_a_name_of_no_family_is_unknown_and_the_forms_are_said(name: str) -> None:
    with pytest.raises(UnknownNameError, match="Or any flip-R, text-R, mask-K"):
        load_recipe(name)


def test_without_flips_a_text_recipe_substitutes_alone() -> None:
    made = recipe_of_family("text-0")
    assert made is not None
    assert Recipe.from_json(made).noises == load_recipe("text-0").noises
