"""``tools/try_versions.py``: which Pythons and which lowest versions it tries. Its runs take minutes and a network."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("try_versions", ROOT / "tools" / "try_versions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks for its annotations
    spec.loader.exec_module(module)
    return module


def project(*dependencies: str) -> dict[str, object]:
    return {
        "name": "mine",
        "dependencies": list(dependencies),
        "optional-dependencies": {"a": ["two>=2.0.1", "mine[b]"], "b": ["one>=1.5"]},
    }


def test_the_lowest_versions_are_the_lower_bounds_of_all_extras(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "PROJECT", project("one>=1.5", "three-4>=3"))
    assert tool.lowest_versions() == ["one==1.5", "three-4==3", "two==2.0.1"]


@pytest.mark.parametrize("dependency", ["one", "one<2", "one>=1,<2"])
def test_a_dependency_without_a_plain_lower_bound_is_refused(
    tool: ModuleType, dependency: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "PROJECT", project(dependency))
    with pytest.raises(SystemExit, match=r"has no lower bound; write NAME>=VERSION"):
        tool.lowest_versions()


def test_our_own_dependencies_all_have_one_and_the_supported_pythons_are_the_classifiers(tool: ModuleType) -> None:
    assert any(pin.startswith("numpy==") for pin in tool.lowest_versions())
    assert tool.SUPPORTED == ["3.11", "3.12", "3.13"]


def test_a_python_is_found_by_its_version_and_one_that_is_not_there_is_not(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "iter_candidates", lambda version: iter([sys.executable]))
    assert tool.find_python(".".join(map(str, sys.version_info[:2]))) == sys.executable
    assert tool.find_python("3.99") is None


def test_a_row_that_failed_is_in_the_table_and_in_the_exit_code(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fake(python: str, version: str, versions: str, scope: str, log: Path) -> object:
        return tool.Row(version, versions, f"{scope}, {log.name}", versions == "newest")

    monkeypatch.setattr(tool, "find_python", lambda version: None if version == "3.13" else "python")
    monkeypatch.setattr(tool, "try_one", fake)
    assert tool.main(["--noise", "--logs", str(tmp_path)]) == 1
    assert [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["3.11", "newest", "noise, 3.11-newest-noise.log"],
        ["3.11", "lowest", "noise, 3.11-lowest-noise.log"],
        ["3.12", "newest", "noise, 3.12-newest-noise.log"],
        ["3.13", "newest", "no such Python here"],
    ]
    assert tool.main(["--noise", "--only", "newest", "--logs", str(tmp_path)]) == 0
