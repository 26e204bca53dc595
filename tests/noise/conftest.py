"""A small dataset and its manifest, built once a module with the module's own ``RECIPE``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from publish_fakes import Made, make_publication
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.building import chunk


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return write_toy(make_toy(seed=1), tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return actiseg_noise.build(toy, recipe=request.module.RECIPE, out=tmp_path_factory.mktemp("built") / "m")


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy that a test may edit or damage."""
    return Path(shutil.copytree(built, tmp_path / "m"))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make several chunks of a few clips."""
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 5)
    monkeypatch.setattr(chunk, "SAMPLES_PER_CHUNK", 15)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two manifests of the toy and their publication, which no test changes."""
    return make_publication(tmp_path_factory.mktemp("made"))
