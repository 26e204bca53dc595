"""The pages on adding a noise and a dataset: their examples, installed as outside packages, work as the pages say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import actiseg_noise
from actiseg_noise.noises.base import NOISES

ROOT = Path(__file__).resolve().parents[1]
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
OFFLINE = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target"]


@dataclass(frozen=True)
class Page:
    """One page's example: its folder, with the package installed beside it, and the commands to type."""

    folder: Path
    commands: str
    conformance: str
    environment: dict[str, str]

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a command and return what it printed."""
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def install(name: str, folder: Path, **variables: str) -> Page:
    """Write the files of a page and install them as the page says, without a network, into a folder of their own."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    for path, content in FILE.findall(text):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    (command,) = INSTALL.findall(text)
    assert command == "pip install .\n"
    site = folder / "site"
    subprocess.run(
        [sys.executable, "-m", *shlex.split(command), *OFFLINE, str(site)], cwd=folder, check=True, capture_output=True
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": f"{site}:{ROOT}", "COLUMNS": "200", **variables}
    (commands,) = COMMANDS.findall(text)
    (conformance,) = re.findall(r"^    (?:\w+=\w+ )?pytest (tests/conformance.*)$", text, re.MULTILINE)
    return Page(folder, commands, conformance, environment)


@pytest.fixture(scope="module")
def noise_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return install("add_a_noise.md", tmp_path_factory.mktemp("noise"))


@pytest.fixture(scope="module")
def dataset_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("dataset")
    page = install("add_a_dataset.md", folder, ACTISEG_SHEET_ROOT=str(folder / "shelf"))
    page.run("python", "draw.py")
    return page


def test_the_noise_of_the_page_is_listed_and_builds(noise_page: Page) -> None:
    printed = noise_page.run("bash", "-euo", "pipefail", "-c", noise_page.commands)
    assert "box-v1" in printed
    manifest = actiseg_noise.read_manifest(noise_page.folder / "out" / "boxes")
    rows = [row for row in manifest.table("masks").to_pylist() if row["mask_noise"] == "box-v1"]
    assert rows
    assert {row["parameters"] for row in rows} == {'{"margin_px": 4}'}  # 8 at 480 rows
    assert {row["mask_noise"] for row in manifest.table("masks").to_pylist()} == {"none", "box-v1"}
    assert "box-v1" not in NOISES, "this process reads the manifest without the package that made it"


def test_the_dataset_of_the_page_is_listed_built_and_verified(dataset_page: Page) -> None:
    printed = dataset_page.run("bash", "-euo", "pipefail", "-c", dataset_page.commands)
    assert "A shelf of cups" in printed
    assert re.search(r"all checks passed: .*the dataset", printed)
    manifest = actiseg_noise.read_manifest(dataset_page.folder / "out" / "sheet")
    assert [row["expression"] for row in manifest.table("samples").to_pylist()] == [
        "jug used in the action of pour milk",
        "mug used in the action of pour milk",
        "cup used in the action of stir the tea",
        "spoon used in the action of stir the tea",
    ]
    noised = {row["sample_id"] for row in manifest.table("masks").to_pylist() if row["mask_noise"] == "dilate-v1"}
    assert noised == {"pour_01/1", "stir_01/1", "stir_01/2"}


@pytest.mark.parametrize("page", ["noise_page", "dataset_page"])
def test_the_conformance_suite_judges_the_outside_package(page: str, request: pytest.FixtureRequest) -> None:
    example: Page = request.getfixturevalue(page)
    options = ["-p", "no:cacheprovider", "-rA", *shlex.split(example.conformance)]
    printed = example.run(sys.executable, "-m", "pytest", *options, cwd=ROOT)
    assert printed.count("PASSED") >= 10
    assert "SKIPPED" not in printed
