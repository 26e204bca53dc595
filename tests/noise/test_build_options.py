"""One record of options from the command line, or from Python, to the build."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from deposits import write_vost

import actiseg_noise
from actiseg_noise.building.options import HELP, BuildOptions
from actiseg_noise.building.request import find_recipe
from actiseg_noise.cli import main
from actiseg_noise.cli.build import build as command
from actiseg_noise.errors import ActisegError

OF_PYTHON_ALONE = {"progress"}
OF_THE_COMMAND_LINE_ALONE = {"ctx", "dataset", "objects", "option", "dry_run", "json"}


@pytest.fixture
def vost(tmp_path: Path) -> Path:
    return write_vost(tmp_path / "vost")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["actiseg-noise", *map(str, arguments)])
    main()


def test_every_option_of_the_record_is_one_of_the_command_line_with_the_same_default_and_help() -> None:
    shown = inspect.signature(command).parameters
    fields = {field.name: field.default for field in dataclasses.fields(BuildOptions)} | {"workers": None}
    options = set(fields) - OF_PYTHON_ALONE - {"options"}
    assert set(shown) == options | OF_THE_COMMAND_LINE_ALONE
    for name in options:
        assert shown[name].default == fields[name], name
        annotation = eval(str(shown[name].annotation), vars(inspect.getmodule(command)))  # noqa: S307
        assert annotation.__metadata__[0].help.startswith(HELP[name]), name


def test_build_shows_the_options_of_the_record_as_its_keywords() -> None:
    parameters = inspect.signature(actiseg_noise.build).parameters
    assert list(parameters) == ["dataset", *(field.name for field in dataclasses.fields(BuildOptions))]
    assert parameters["flip"].kind is inspect.Parameter.KEYWORD_ONLY
    document = str(actiseg_noise.build.__doc__)
    assert all(f"\n    {name}: {text}" in document for name, text in HELP.items())
    with pytest.raises(TypeError, match="flop"):
        actiseg_noise.build("kitchen", flop=0.3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("keywords", "arguments"),
    [
        ({}, ()),
        ({"flip": 0.3}, ("--flip", 0.3)),
        ({"flip": 0.25, "noun": 1.0, "seed": 4}, ("--flip", 0.25, "--noun", 1, "--seed", 4)),
        (
            {"boundary": 3, "boundary_op": "erode", "boundary_rate": 0.5, "boundary_unit": "px", "temporal": "clip"},
            (
                *("--boundary", 3, "--boundary-op", "erode", "--boundary-rate", 0.5),
                *("--boundary-unit", "px", "--temporal", "clip"),
            ),
        ),
        ({"recipe": "text-40", "exact_rate": True}, ("--recipe", "text-40", "--exact-rate")),
    ],
)
def test_python_and_the_command_line_build_the_same(
    vost: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    keywords: dict[str, Any],
    arguments: tuple[object, ...],
) -> None:
    one = actiseg_noise.build("vost", root=vost, out=tmp_path / "python", **keywords)
    with pytest.raises(SystemExit, match="0"):
        run(monkeypatch, "build", "--dataset", "vost", "--root", vost, "--out", tmp_path / "shell", *arguments)
    infos = [actiseg_noise.read_manifest(path).info for path in (one, tmp_path / "shell")]
    assert infos[0].recipe == infos[1].recipe
    assert infos[0].digest == infos[1].digest


def test_a_recipe_and_a_rate_contradict_each_other() -> None:
    with pytest.raises(ActisegError, match=re.escape("--recipe text-40 and --flip, --noun contradict each other")):
        find_recipe(BuildOptions(recipe="text-40", flip=0.2, noun=0.5))
    with pytest.raises(ActisegError, match="need --boundary K, the kernel"):
        find_recipe(BuildOptions(boundary_op="erode"))
