"""``docs/publishing.md``: its code runs, in order, as it is typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.publishing.columns import published_table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "publishing.md").read_text("utf-8")
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_code_of_the_page_runs_in_a_checkout(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "manifests").symlink_to(ROOT / "manifests")
    own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    own |= {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    for kind, code in BLOCK.findall(PAGE):
        command = ["bash", "-euo", "pipefail", "-c", code] if kind == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), code
    assert "all checks passed" in done.stdout


def test_the_page_names_every_column_that_a_publication_adds() -> None:
    for table in TABLES:
        own = {column.name for column in table.columns}
        added = [column.name for column in published_table(table).columns if column.name not in own]
        assert all(f"`{name}`" in PAGE for name in added)
