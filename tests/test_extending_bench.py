"""The pages on adding a strategy and a model: their examples, installed as outside packages, work as the pages say."""

from __future__ import annotations

import csv
import io
import shlex
import sys

import pytest
from test_extending import ROOT, Page, install

from actiseg_bench.models.base import MODELS
from actiseg_bench.strategies.base import STRATEGIES


@pytest.fixture(scope="module")
def strategy_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return install("add_a_strategy.md", tmp_path_factory.mktemp("strategy"))


@pytest.fixture(scope="module")
def model_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return install("add_a_model.md", tmp_path_factory.mktemp("model"))


def rows(page: Page) -> list[dict[str, str]]:
    """The leaderboard of the page's runs."""
    return list(csv.DictReader(io.StringIO(page.run("actiseg-bench", "leaderboard", "out/runs", "--format", "csv"))))


def test_the_strategy_of_the_page_is_listed_and_trains(strategy_page: Page) -> None:
    printed = strategy_page.run("bash", "-euo", "pipefail", "-c", strategy_page.commands)
    assert "2·scale·|p - y| + 5·dice + 2·CE(positive)" in printed
    found = rows(strategy_page)
    assert [row["strategy"] for row in found] == ["silent", "start", "baseline", "mae"]
    assert len({row["p_miou"] for row in found}) == 4
    assert "mae" not in STRATEGIES, "this process knows nothing of the package"


def test_the_model_of_the_page_is_listed_and_trains(model_page: Page) -> None:
    printed = model_page.run("bash", "-euo", "pipefail", "-c", model_page.commands)
    assert "a bag of words over a small convolutional network" in printed
    found = rows(model_page)
    assert [(row["model"], row["strategy"]) for row in found] == [
        ("plain", name) for name in ("silent", "start", "baseline", "gce")
    ]
    assert "plain" not in MODELS, "this process knows nothing of the package"


@pytest.mark.parametrize("page", ["strategy_page", "model_page"])
def test_the_conformance_suite_judges_the_outside_package(page: str, request: pytest.FixtureRequest) -> None:
    example: Page = request.getfixturevalue(page)
    options = ["-p", "no:cacheprovider", "-rA", *shlex.split(example.conformance)]
    printed = example.run(sys.executable, "-m", "pytest", *options, cwd=ROOT)
    assert printed.count("PASSED") >= 7
    assert "SKIPPED" not in printed
