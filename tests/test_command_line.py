"""Both commands speak alike: help, versions, words that nobody understands."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import actiseg_bench.cli
import actiseg_noise.cli

BOTH = [actiseg_noise.cli, actiseg_bench.cli]
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command line and return exit code, output and errors."""

    def run(cli: ModuleType, *words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", [cli.__name__.partition("_")[2].split(".")[0], *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), *capfd.readouterr()

    return run


@pytest.mark.parametrize("cli", BOTH)
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_given_for_both_words(say: Say, cli: ModuleType, word: str) -> None:
    code, printed, told = say(cli, word)
    assert (code, told) == (0, "")
    assert "--install-completion" in printed


@pytest.mark.parametrize("cli", BOTH)
def test_a_word_that_is_no_option_is_an_error_of_one_line(say: Say, cli: ModuleType) -> None:
    code, printed, told = say(cli, "verify", "--bogus")
    assert (code, printed) == (2, "")
    assert told.startswith("error: no such option: --bogus")
    assert told.rstrip().endswith("verify --help'")
    assert told.count("\n") == 1


@pytest.mark.parametrize("cli", BOTH)
def test_a_command_that_is_not_there_proposes_one(say: Say, cli: ModuleType) -> None:
    code, _, told = say(cli, "verif")
    assert code == 2
    assert told.startswith("error: no such command 'verif'. Did you mean 'verify'? See '")


def test_a_value_of_another_type_names_its_option(say: Say) -> None:
    code, _, told = say(actiseg_noise.cli, "build", "--dataset", "kitchen", "--workers", "x")
    assert code == 2
    assert told.startswith("error: invalid value for '--workers'")


def test_names_are_proposed_whatever_their_case(say: Say) -> None:
    code, _, told = say(actiseg_noise.cli, "build", "--dataset", "KITCHEN", "--dry-run")
    assert code == 2
    assert "Did you mean 'kitchen'?" in told


def test_a_recipe_is_printed_as_its_file(say: Say) -> None:
    code, printed, _ = say(actiseg_noise.cli, "recipes", "show", "flip-35")
    assert code == 0
    assert 'id = "flip-35"' in printed
    assert "rate = 0.35" in printed


def test_a_noise_says_its_options(say: Say) -> None:
    code, printed, _ = say(actiseg_noise.cli, "noises", "show", "dilate-v1")
    assert code == 0
    assert "option kernel" in printed
    code, _, told = say(actiseg_noise.cli, "noises", "show", "Dilate-v1")
    assert code == 2
    assert "Did you mean 'dilate-v1'?" in told


def test_a_percentage_is_a_rate(say: Say) -> None:
    words = ("--flip", "30%", "--dry-run", "--content", "text", "--limit", 2)
    code, printed, told = say(actiseg_noise.cli, "build", "--dataset", "kitchen", *words)
    assert code == 0, told
    assert "flip-30" in printed


def test_doctor_says_what_is_there_and_what_is_not(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTISEG_ROBERTA", raising=False)
    code, printed, told = say(actiseg_bench.cli, "doctor", "--json")
    assert (code, told) == (0, "")
    found = {one["what"]: one for one in json.loads(printed)}
    assert found["torch"]["state"] == "ok"
    assert found["dataset kitchen"]["state"] == "ok"
    assert found["ReferFormer's tokenizer"]["state"] == "not there"


def test_doctor_ends_with_1_where_something_is_wrong(say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Usage(NamedTuple):
        free: int = 10

    def full(_: Any) -> Usage:
        return Usage()

    monkeypatch.setenv("ACTISEG_ROBERTA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(shutil, "disk_usage", full)
    code, printed, _ = say(actiseg_bench.cli, "doctor")
    assert code == 1
    assert "free some" in printed
    assert "no such folder" in printed


BUILD = ("build", "--dataset", "kitchen", "--flip", "30%", "--limit", 2, "--force")


@pytest.mark.parametrize("before", [True, False])
def test_quiet_leaves_the_result_and_says_nothing_else(say: Say, tmp_path: Path, before: bool) -> None:
    words = (*BUILD, "--out", tmp_path / "m")
    _, usual, told = say(actiseg_noise.cli, *words)
    assert "next: " in told
    code, printed, told = say(actiseg_noise.cli, *(("-q", *words) if before else (*words, "--quiet")))
    assert (code, printed, told) == (0, usual, "")


def test_quiet_leaves_warnings_and_errors(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("ACTISEG_DATA", raising=False)
    monkeypatch.setattr("actiseg_noise.borders.roots.Path.home", _no_home)
    code, _, told = say(actiseg_noise.cli, "-q", "datasets")
    assert code == 0
    assert told.startswith("warning: no home folder is known")
    code, _, told = say(actiseg_noise.cli, "--log-level", "error", "datasets")
    assert (code, told) == (0, "")
    code, _, told = say(actiseg_noise.cli, "-q", "--log-level", "error", "inspect", tmp_path / "nowhere")
    assert code == 2
    assert told.startswith("error: ")


def _no_home() -> Path:
    raise RuntimeError


def test_what_is_logged_goes_to_standard_error_and_never_into_json(say: Say, tmp_path: Path) -> None:
    words = (*BUILD, "--out", tmp_path / "m", "--workers", 1, "--json")
    code, printed, told = say(actiseg_noise.cli, *words, "--log-level", "debug")
    assert code == 0
    assert json.loads(printed)["path"] == str(tmp_path / "m")
    assert re.search(r"^\d\d:\d\d:\d\d info borders.roots: dataset kitchen: ", told, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d debug building.chunk: chunk \S+: 2 clips$", told, re.MULTILINE)
    _, _, told = say(actiseg_noise.cli, "inspect", tmp_path / "m", "--log-level", "debug")
    assert f"debug manifest.parquet: opening {tmp_path / 'm' / 'clips.parquet'}" in told
    _, _, told = say(actiseg_noise.cli, *words, "--log-level", "INFO")
    assert " info " in told
    assert " debug " not in told
    _, _, told = say(actiseg_noise.cli, *words)
    assert " info " not in told
    assert logging.getLogger("actiseg_noise").handlers == []


def test_worker_processes_log_as_their_parent_does(say: Say, tmp_path: Path) -> None:
    words = ("build", "--dataset", "kitchen", "--flip", "30%", "--out", tmp_path / "m", "--workers", 2)
    code, _, told = say(actiseg_noise.cli, *words, "--log-level", "debug", "-q")
    assert code == 0
    assert "2 worker processes" in told
    assert told.count("debug building.chunk: chunk ") > 4


def test_an_unknown_level_is_an_error_that_proposes_one(say: Say) -> None:
    code, printed, told = say(actiseg_bench.cli, "doctor", "--log-level", "deb")
    assert (code, printed) == (2, "")
    assert "Did you mean 'debug'?" in told
