"""Pages teach by code that runs: blocks of pages that no other test runs are run here, as a reader would type them."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from deposits import write_vost
from PIL import Image

from tools.pages import first_pictures

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OTHER_TESTS = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]


def pages_without_a_test_of_their_own() -> list[str]:
    """Return the names of pages that have code and that no other test takes blocks out of."""
    with_code = sorted(path.name for path in DOCS.glob("*.md") if BLOCK.search(path.read_text("utf-8")))
    return [name for name in with_code if not any(run_by(name, text) for text in OTHER_TESTS)]


def run_by(page: str, test: str) -> bool:
    """Say whether a test names a page, as ``docs/x.md`` or by itself, and takes blocks of code out of it."""
    takes_blocks = re.search(r"```|^from test_extending import .*\bPage\b", test, re.MULTILINE)
    return takes_blocks is not None and (f"docs/{page}" in test or f'"{page}"' in test)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = tmp_path_factory.mktemp("data")
    write_vost(data / "vost", {"train": [f"{n}_cut_{('onion', 'leek')[n % 2]}" for n in range(1, 201)]})
    own = {"ACTISEG_DATA": str(data), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return {**os.environ, **own}


@pytest.mark.parametrize("page", pages_without_a_test_of_their_own())
def test_the_code_of_a_page_runs(page: str, environment: dict[str, str], tmp_path: Path) -> None:
    text = (DOCS / page).read_text("utf-8")
    if "import duckdb" in text and find_spec("duckdb") is None:
        pytest.skip("the page shows DuckDB, which the dev extra brings")
    for kind, code in BLOCK.findall(text):
        command = ["bash", "-euo", "pipefail", "-c", code] if kind == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), code
        assert "False" not in done.stdout.splitlines()[-1] or page != "determinism.md", done.stdout


def test_the_pages_that_are_run_here_are_those_that_were_meant() -> None:
    found = set(pages_without_a_test_of_their_own())
    assert {"quickstart.md", "own_dataset.md", "reading.md", "benchmark.md", "determinism.md", "exports.md"} <= found
    elsewhere = {"cluster.md", "evaluation.md", "publishing.md", "kitchen.md", "referformer.md", "add_a_noise.md"}
    assert not found & elsewhere


def test_the_first_screen_is_short_and_has_its_picture() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) < 120
    assert any("(docs/images/first.png)" in line for line in lines[:8])
    assert {"    make demo", "    make test"} <= set(lines)
    assert (DOCS / "images" / "first.png").stat().st_size < 200_000


def test_the_table_of_the_picture_is_that_of_the_analysis() -> None:
    with (DOCS / "analysis" / "full-v2-flip-40.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["strategy"]: row for row in csv.DictReader(file)}
    page = (DOCS / "analysis.md").read_text("utf-8")
    for name, p_miou, giou in first_pictures.table_rows():
        assert float(p_miou.split()[0]) == pytest.approx(float(rows[name]["p_miou"]), abs=0.05)
        assert name == "silent" or re.search(rf"^\| {name}.*{re.escape(p_miou)}.*{re.escape(giou)}", page, re.MULTILINE)


def test_the_picture_can_be_drawn_again() -> None:
    stored = np.asarray(Image.open(DOCS / "images" / "first.png").convert("RGB"), float)
    drawn = first_pictures.pixels_of(first_pictures.draw()).astype(float)
    assert stored.shape == drawn.shape
    assert np.abs(stored - drawn).mean() < 6  # stored in few colours; letters differ between versions of Matplotlib
