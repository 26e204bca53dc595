"""Plug-ins of other people: one that is broken, or takes a name that is taken, stops nobody."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actiseg_noise.errors import ActisegWarning
from actiseg_noise.registry import Registry

GROUP = "actiseg.things"
THINGS = "from actiseg_things import THINGS\n"

Install = Callable[[str, str], None]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[object]]:
    """Give the registry of a small package with one thing of its own, ``hammer``."""
    package = tmp_path / "actiseg_things"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from actiseg_noise.registry import Registry\n"
        f"THINGS = Registry('thing', 'actiseg_things', '{GROUP}', needs=('real',))\n"
    )
    (package / "own.py").write_text(THINGS + "THINGS.add('hammer', 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    importlib.invalidate_caches()
    found: Registry[object] = importlib.import_module("actiseg_things").THINGS
    yield found
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Return a function that installs a distribution with one plug-in, by its name and the module's code."""

    def write(name: str, code: str) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}\n")
        importlib.invalidate_caches()

    return write


def test_a_plug_in_adds_its_thing(registry: Registry[object], install: Install) -> None:
    install("good", THINGS + "THINGS.add('saw', 2)")
    assert list(registry) == ["hammer", "saw"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("x = (", "SyntaxError: "),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os, numpy\nos.environ['NO_SUCH_VARIABLE']", "KeyError: 'NO_SUCH_VARIABLE'"),
    ],
)
def test_a_broken_plug_in_is_named_and_left_out(
    registry: Registry[object], install: Install, code: str, reason: str
) -> None:
    install("broken-plug", code)
    install("good", THINGS + "THINGS.add('saw', 2)")
    with pytest.warns(ActisegWarning) as heard:
        assert list(registry) == ["hammer", "saw"]
    (text,) = [str(warning.message) for warning in heard]
    assert text.startswith(f"plug-in 'broken-plug' of broken-plug 1.2 cannot be used ({reason}")
    assert text.endswith("); it is left out")
    assert registry["saw"] == 2, "nothing is loaded or said twice"


def test_a_plug_in_cannot_take_a_name_of_ours(registry: Registry[object], install: Install) -> None:
    install("thief", THINGS + "THINGS.add('hammer', 2)")
    with pytest.warns(ActisegWarning, match="of thief 1.2 cannot be used .*two things are called 'hammer'"):
        assert registry["hammer"] == 1


def test_of_two_plug_ins_with_one_name_the_second_is_left_out(registry: Registry[object], install: Install) -> None:
    install("alpha", THINGS + "THINGS.add('saw', 2)")
    install("beta", THINGS + "THINGS.add('saw', 3)")
    with pytest.warns(ActisegWarning, match="of beta 1.2 cannot be used .*two things are called 'saw'"):
        assert registry["saw"] == 2


def test_a_plug_in_may_look_at_what_there_is(registry: Registry[object], install: Install) -> None:
    install("curious", THINGS + "THINGS.add('copy of ' + ' '.join(THINGS), 2)")
    assert list(registry) == ["copy of hammer", "hammer"]


def test_damaged_metadata_of_any_package_stops_nothing(
    registry: Registry[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr("actiseg_noise.registry.entry_points", fail)
    with pytest.warns(ActisegWarning, match="plug-ins cannot be looked for"):
        assert list(registry) == ["hammer"]


def test_a_plug_in_whose_thing_lacks_what_all_have_is_left_out_whole(
    registry: Registry[object], install: Install
) -> None:
    install("hollow", THINGS + "THINGS.add('saw', 2)\nTHINGS.add('drill', 'no number')")
    with pytest.warns(ActisegWarning, match="of hollow 1.2 cannot be used .*thing 'drill' has no real"):
        assert list(registry) == ["hammer"]
