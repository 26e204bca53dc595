"""What is declared is imported, what is imported is declared, and the noise tool works without any extra."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NAME = PROJECT["name"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SHIPPED = ("actiseg_noise", "actiseg_bench")
COMMANDS = {
    "build",
    "codespell",
    "mypy",
    "pre-commit",
    "pytest-cov",
    "pytest-xdist",
    "ruff",
    "setuptools",
}  # not imported
WEBSITE = [ROOT / "docs" / "conf.py", ROOT / "docs" / "reading.md", ROOT / "tests" / "test_site.py"]
STUBS = {"types-pyyaml"}
FOR_SPHINX = {"furo", "ipykernel"}  # named by docs/conf.py and the notebooks, not imported


def normal(name: str) -> str:
    """Return a distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str | None = None) -> set[str]:
    """Return the distributions that the base, or an extra by itself, declares; other extras of ours left out."""
    lines = PROJECT["dependencies"] if extra is None else EXTRAS[extra]
    return {normal(re.split(r"[\[><=!~; ]", line)[0]) for line in lines} - {NAME}


def resolved(extra: str) -> set[str]:
    """Return what installing an extra brings: its own, the base's, and of the extras that it names."""
    found = declared(extra) | declared()
    for line in EXTRAS[extra]:
        if line.startswith(f"{NAME}["):
            for other in line.removeprefix(f"{NAME}[").removesuffix("]").split(","):
                found |= resolved(other)
    return found


def iter_imports(code: str, *, in_strings: bool) -> Iterator[str]:
    """Yield the top-level names that code imports, in functions too; on request also in code that it holds as text."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).split(".")[0]
        elif in_strings and isinstance(node, ast.Constant) and "import" in str(node.value):
            with suppress(SyntaxError):
                yield from iter_imports(str(node.value), in_strings=False)


@cache
def imported(*folders: str, in_strings: bool = False) -> dict[str, str]:
    """Return distribution → a file that imports it; we ourselves are left out."""
    providers = packages_distributions()
    found = {}
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        for name in iter_imports(path.read_text("utf-8"), in_strings=in_strings):
            found |= dict.fromkeys(map(normal, providers.get(name, ())), str(path.relative_to(ROOT)))
    return {name: path for name, path in found.items() if name != NAME}


@pytest.mark.parametrize("extra", [None, *sorted(set(EXTRAS) - {"dev", "docs"})], ids=str)
def test_everything_declared_is_imported_by_shipped_code(extra: str | None) -> None:
    unused = declared(extra) - set(imported(*SHIPPED))
    assert not unused, (
        f"{sorted(unused)} of {extra or 'the base'}: used by nothing that ships; the dev extra has the rest"
    )


def test_everything_for_developers_is_imported_by_tests_or_tools_or_is_a_command() -> None:
    used = imported("tests", "tools", "benchmarks", in_strings=True)
    assert declared("dev") - set(used) == COMMANDS | STUBS


def test_everything_for_the_website_is_used_by_it_or_by_its_tests() -> None:
    text = "\n".join(path.read_text("utf-8") for path in WEBSITE)
    unused = {name for name in declared("docs") - FOR_SPHINX if not re.search(rf"\b{name.replace('-', '_')}\b", text)}
    assert not unused
    assert all(name in text for name in FOR_SPHINX)


# What a user brings: ``to_pandas()`` is for those who have pandas, and says so to the others.
BROUGHT_BY_USERS = {"pandas"}


def test_the_noise_tool_imports_the_base_and_its_own_extras_alone() -> None:
    known = (
        declared()
        | declared("plots")
        | declared("wordnet")
        | declared("remote")
        | declared("cluster")
        | BROUGHT_BY_USERS
    )
    undeclared = {name: path for name, path in imported("actiseg_noise").items() if name not in known}
    assert not undeclared


def test_the_benchmark_imports_what_its_extras_bring() -> None:
    brought = resolved("bench") | resolved("referformer") | resolved("log") | BROUGHT_BY_USERS
    undeclared = {name: path for name, path in imported("actiseg_bench").items() if name not in brought}
    assert not undeclared


WITHOUT = """
import sys

class Without:  # a finder as it would be, were the libraries not installed
    def __init__(self, finder, libraries):
        self.finder, self.libraries = finder, libraries

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *more):
        return None if name.split(".")[0] in self.libraries else self.finder.find_spec(name, *more)
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_build_inspect_preview_and_verify_work_without_any_extra(tmp_path: Path) -> None:
    extras = [
        *("matplotlib", "torch", "scipy", "safetensors", "lightning_fabric", "transformers", "nltk", "fsspec"),
        *("pandas", "skimage", "shapely", "duckdb", "datasets", "mlcroissant", "fontTools"),
    ]
    commands = [
        ["build", "--dataset", "kitchen", "--recipe", "mixed-40-15", "--limit", "1", "--out", "m"],
        *(["inspect", "m"], ["preview", "m", "--out", "m.png"], ["verify", "m"]),
        ["inspect", "m", "--plot", "charts"],
    ]
    code = WITHOUT + (
        f"sys.meta_path[:] = [Without(finder, {extras!r}) for finder in sys.meta_path]\n"
        "from actiseg_noise.cli import main\n"
        f"for words in {commands!r}:\n"
        "    sys.argv = ['actiseg-noise', *words]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as stop:\n"
        "        print('exit', stop.code or 0)\n"
    )
    done = run(code, tmp_path)
    assert re.findall(r"^exit (\d)$", done.stdout, re.MULTILINE) == ["0", "0", "0", "0", "2"], done.stdout + done.stderr
    assert 'inspect --plot needs Matplotlib, which is not installed: pip install "actiseg-nl[plots]"' in " ".join(
        done.stderr.split()
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "charts").exists()
    assert (tmp_path / "m.png").stat().st_size > 10_000
