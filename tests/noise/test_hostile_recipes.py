"""Recipes of strangers: an option that no noise can have is an error, and says what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from toys import Toy

import actiseg_noise
from actiseg_noise.errors import ActisegError
from actiseg_noise.recipe import load_recipe

ODD_NUMBER = "expected an odd number of pixels as the kernel, 3 or more, got "
OPTION = r"r\.toml, noise 1: kernel: expected a text, a finite number, true, false, or lists of them; found "


def dilation(tmp_path: Path, lines: str) -> Path:
    """Write a recipe of one dilation with options."""
    path = tmp_path / "r.toml"
    path.write_text(f'id = "a"\n[[noise]]\nnoise = "dilate-v1"\nrate = 1\n{lines}\n')
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("kernel = 1e308", rf"^{ODD_NUMBER}1e\+308; at most 10,000$"),
        ("kernel = inf", f"{OPTION}inf$"),
        ("kernel = nan", f"{OPTION}nan$"),
        ("kernel = []", rf"^{ODD_NUMBER}\[\]; at most 10,000$"),
        ("kernel = 'x'", f"^{ODD_NUMBER}'x'; at most 10,000$"),
        ("kernel = 1979-05-27", rf"{OPTION}datetime\.date\(1979, 5, 27\)$"),
        (f"kernel = {'9' * 400}", f"{OPTION}9+$"),
        (f"kernel = {'[' * 80 + ']' * 80}", r"r\.toml: lists and objects lie in each other more than 50 deep$"),
        ("kernel = 3\nunit = 5", "^expected 480p or px as the boundary's unit, got 5$"),
    ],
)
def test_an_option_that_no_noise_can_have_is_an_error(tmp_path: Path, toy: Toy, lines: str, message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        actiseg_noise.build(toy, recipe=load_recipe(dilation(tmp_path, lines)), out=tmp_path / "m")


def test_an_option_that_a_noise_has_builds(tmp_path: Path, toy: Toy) -> None:
    recipe = load_recipe(dilation(tmp_path, "kernel = 3\nunit = 'px'"))
    assert actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m").is_dir()


@pytest.mark.parametrize("line", ["tolerance = 1e308", "tolerance = 1e9"])
def test_a_length_beyond_all_pictures_is_refused(tmp_path: Path, toy: Toy, line: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f'id = "a"\n[[noise]]\nnoise = "simplify-v1"\nrate = 1\n{line}\n')
    with pytest.raises(ActisegError, match="a positive number, got .*; expected 0.001 to 10,000"):
        actiseg_noise.build(toy, recipe=load_recipe(path), out=tmp_path / "m")


def test_an_option_out_of_range_says_of_which_noise_it_is(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    head = 'id = "r"\ntitle = "r"\n[[noise]]\nnoise = "flag_flip-v1"\nrate = 0.1\n'
    file.write_text(head + '[[noise]]\nnoise = "lag-v1"\nrate = 0.1\ndelay = 0\n')
    with pytest.raises(ActisegError, match=r"noise 2 \(lag-v1\): the option delay must be a whole number from 1"):
        actiseg_noise.build("kitchen", recipe=file, limit=1, out=tmp_path / "m")
