"""Imports point one way, as the design draws them. The test walks every module's source, imports in functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for name in ("actiseg_noise", "actiseg_bench") for path in (ROOT / name).rglob("*.py"))

# A layer may import the layers before it and itself; layers in one tuple do not see each other.
NOISE_LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "progress", "logs", "json_schema", "markdown", "plot_style", "plain", "version"),
    ("fields", "registry", "key", "recipe_families", "codes"),
    ("records", "masks"),
    ("runs",),
    ("vocabulary",),
    ("borders",),
    ("datasets", "noises", "executors"),
    ("recipe",),
    ("manifest",),
    ("building", "web"),
    ("check",),
    ("exchange", "view"),
    ("publishing",),
    ("terminal",),
    ("progress_bars", "entry"),
    ("application",),
    ("cli",),
    ("__main__",),
)
# What the bench may see of the noise package; the command line may also build a manifest that is missing.
SEEN_BY_BENCH = (
    *("", "read_manifest", "errors", "fields", "registry", "key", "masks", "runs", "records", "progress", "logs"),
    *("markdown", "plot_style", "plain", "version"),
    *("borders", "manifest", "check", "web", "executors"),
)
SEEN_BY_ITS_CLI = (
    *SEEN_BY_BENCH,
    "terminal",
    "progress_bars",
    "entry",
    "application",
    "json_schema",
    "building",
    "datasets",
    "recipe",
)
TERMINAL = ("cli", "terminal", "progress_bars", "entry", "application", "render")
BENCH_SIBLINGS = ("data", "models", "strategies", "metrics")
# A room may import the rooms before it and itself; what lies outside of rooms is shared by all.
BENCH_ROOMS = (
    *BENCH_SIBLINGS,
    "results",
    "training",
    "prediction",
    "scoring",
    "auditing",
    "grid",
    "tuning",
    "check",
    "report",
    "cli",
)


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name: str) -> int:
    """Return the position of a first-level module of the noise package."""
    return next(i for i, layer in enumerate(NOISE_LAYERS) if name in layer)


def within(package: str) -> list[Path]:
    """Return the modules of a package, but for its ``__init__``."""
    return [path for path in MODULES if path.parts[len(ROOT.parts)] == package and path.parent != ROOT / package] + [
        path for path in MODULES if path.parent == ROOT / package and path.stem != "__init__"
    ]


def part(path: Path) -> str:
    """Return the first-level module or folder that a file belongs to."""
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


@pytest.mark.parametrize("path", within("actiseg_noise"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_noise_package_imports_one_way(path: Path) -> None:
    here = part(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in ("torch", "actiseg_bench", "safetensors"), f"{path}: {name}"
        if top != "actiseg_noise":
            continue
        there = rest.split(".")[0]
        if there == here:
            continue
        assert layer_of(there) < layer_of(here), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("path", within("actiseg_bench"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_bench_sees_manifests_and_no_noise(path: Path) -> None:
    here = part(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        there = rest.split(".")[0]
        if top == "actiseg_noise":
            assert there in (SEEN_BY_ITS_CLI if here == "cli" else SEEN_BY_BENCH), (
                f"{path.relative_to(ROOT)} imports {name}"
            )
        if top == "actiseg_bench" and here in BENCH_SIBLINGS and there in BENCH_SIBLINGS:
            assert here == there, f"{path.relative_to(ROOT)} imports its sibling {name}"
        if top == "actiseg_bench" and here in BENCH_ROOMS and there in BENCH_ROOMS:
            assert BENCH_ROOMS.index(there) <= BENCH_ROOMS.index(here), f"{path.relative_to(ROOT)} imports {name}"
        if top == "actiseg_bench" and here not in (*BENCH_ROOMS, "__main__"):
            assert there not in BENCH_ROOMS, f"{path.relative_to(ROOT)}, which all rooms share, imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_terminals_stay_at_the_command_line(path: Path) -> None:
    if not {path.stem, part(path)} & set(TERMINAL):
        assert not {name.split(".")[0] for name in imports(path)} & {"rich", "typer"}, path
