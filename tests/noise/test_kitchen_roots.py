"""Where ``kitchen`` is drawn: into a folder that a build was given, else into the usual one; never by a check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import actiseg_noise
from actiseg_noise import DataError
from actiseg_noise.borders.roots import find_root
from actiseg_noise.datasets.kitchen import Kitchen


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache of one's own, and no other place that the environment names."""
    for name in ("ACTISEG_DATA", "ACTISEG_KITCHEN_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "actiseg" / "kitchen-1"


def build(root: Path, tmp_path: Path) -> None:
    actiseg_noise.build("kitchen", root=root, split="val", limit=1, workers=1, out=tmp_path / "m")


def verify(manifest: Path, root: Path, _: Path) -> None:
    actiseg_noise.verify(manifest, root)


def export(manifest: Path, root: Path, tmp_path: Path) -> None:
    actiseg_noise.export(manifest, format="refvos", out=tmp_path / "out", root=root, images="copy")


READERS = pytest.mark.parametrize("read", [verify, export])
Reader = Callable[[Path, Path, Path], None]


def test_a_root_that_is_not_there_is_refused_with_the_usual_place(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"--root .*typo: no such folder\. Leave --root out for 'kitchen'") as caught:
        build(tmp_path / "typo", tmp_path)
    assert f"it is drawn at {cache} on first use, or make the folder." in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_of_the_environment_need_not_be_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(tmp_path / "new"))
    assert find_root(Kitchen.card) == tmp_path / "new"


@READERS
def test_what_only_reads_refuses_a_root_that_is_not_there(noisy_val: Path, tmp_path: Path, read: Reader) -> None:
    with pytest.raises(DataError, match="--root .*typo: no such folder"):
        read(noisy_val, tmp_path / "typo", tmp_path)
    assert list(tmp_path.iterdir()) == []


@READERS
def test_what_only_reads_draws_nothing_into_a_root(noisy_val: Path, tmp_path: Path, read: Reader) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"split 'val' of 'kitchen' is not drawn there, and only 'actiseg-noise build'"):
        read(noisy_val, tmp_path / "empty", tmp_path)
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_preview_shows_masks_alone_where_nothing_is_drawn(noisy_val: Path, tmp_path: Path) -> None:
    assert actiseg_noise.preview(noisy_val, root=tmp_path, limit=1).with_image == 0
    assert list(tmp_path.iterdir()) == []


def test_a_text_manifest_is_verified_without_frames(tmp_path: Path) -> None:
    folder = actiseg_noise.build("kitchen", root=tmp_path, content="text", limit=1, gate=False, out=tmp_path / "m")
    (tmp_path / "empty").mkdir()
    assert actiseg_noise.verify(folder, tmp_path / "empty") == []
