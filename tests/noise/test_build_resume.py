"""A build that was interrupted is continued, and a finished one is not built again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builds import RECIPE, Notes, Stopping, digest, listing
from deposits import save_mask
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.building.build import run_build
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.building.workspace import Workspace
from actiseg_noise.errors import ActisegError
from actiseg_noise.recipe import Recipe

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return write_toy(make_toy(), tmp_path / "data")


def test_an_interrupted_build_is_continued(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "whole")
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        actiseg_noise.build(Stopping(toy.root, toy.clips), recipe=RECIPE, out=out)
    assert listing(tmp_path) == [".m.partial", "data", "whole"]

    read: list[str] = []
    original = Toy.read_index_mask
    monkeypatch.setattr(Toy, "read_index_mask", lambda self, c, f: (read.append(c.clip_id), original(self, c, f))[1])
    actiseg_noise.build(toy, recipe=RECIPE, out=out, progress=(heard := Notes()))
    assert heard.notes == ["continuing an interrupted build: 4 chunks are finished"]
    assert min(read) == "clip008"
    assert digest(out) == digest(whole)
    assert listing(tmp_path) == ["data", "m", "whole"]


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, exact_rate=True)])
def test_what_changed_on_disk_since_the_interruption_is_built_again(toy: Toy, tmp_path: Path, recipe: Recipe) -> None:
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        actiseg_noise.build(Stopping(toy.root, toy.clips), recipe=recipe, out=out)
    frame = toy.clips[0].frames[0]
    save_mask(toy.root / str(frame.mask_path), np.zeros((24, 32), np.uint8))
    actiseg_noise.build(toy, recipe=recipe, out=out)
    assert digest(out) == digest(actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "whole"))


def test_an_annotation_that_changed_since_the_interruption_is_built_again(toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        actiseg_noise.build(Stopping(toy.root, toy.clips), recipe=RECIPE, out=out)
    corrected = Toy(toy.root, (replace(toy.clips[0], narration="another narration"), *toy.clips[1:]))
    actiseg_noise.build(corrected, recipe=RECIPE, out=out)
    assert digest(out) == digest(actiseg_noise.build(corrected, recipe=RECIPE, out=tmp_path / "whole"))


def test_another_recipe_starts_over(toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        actiseg_noise.build(Stopping(toy.root, toy.clips), recipe=RECIPE, out=out)
    actiseg_noise.build(toy, recipe="flip-20", out=out, progress=(heard := Notes()))
    assert heard.notes == [f"starting over: the unfinished work for {out} was another build's"]
    assert digest(out) == digest(actiseg_noise.build(toy, recipe="flip-20", out=tmp_path / "other"))


@pytest.mark.parametrize("options", [{}, {"clips": ["clip003", "clip001"]}, {"limit": 2}, {"exact_rate": True}])
def test_resume_returns_what_is_built_already(toy: Toy, tmp_path: Path, options: dict[str, Any]) -> None:
    out = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m", **options)
    stamp = (out / "manifest.json").stat().st_mtime_ns
    actiseg_noise.build(toy, recipe=RECIPE, out=out, resume=True, progress=(heard := Notes()), **options)
    assert heard.notes == [f"{out} is already built"]
    assert (out / "manifest.json").stat().st_mtime_ns == stamp
    with pytest.raises(ActisegError, match="the output exists"):
        actiseg_noise.build(toy, recipe=RECIPE, seed=9, out=out, resume=True)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_a_damaged_manifest_is_not_built_already(toy: Toy, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    out = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m")
    whole = digest(out)
    damage(out / "masks.parquet")
    with pytest.raises(ActisegError, match="the output exists"):
        actiseg_noise.build(toy, recipe=RECIPE, out=out, resume=True)
    actiseg_noise.build(toy, recipe=RECIPE, out=out, resume=True, force=True)
    assert digest(out) == whole
    assert actiseg_noise.read_manifest(out).table("masks").num_rows


def test_two_builds_of_one_output_do_not_mix(toy: Toy, tmp_path: Path) -> None:
    request = make_request(toy, BuildOptions(recipe=RECIPE, out=tmp_path / "m"))
    with (
        Workspace(tmp_path / "m", request.fingerprint),
        pytest.raises(
            ActisegError, match=r"m: another build \(process \d+\) is working here; wait for it or choose another --out"
        ),
    ):
        run_build(request)
    run_build(request)


def test_a_swap_that_was_cut_short_is_undone(toy: Toy, tmp_path: Path) -> None:
    out = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "m")
    (tmp_path / ".m.partial").mkdir()
    out.rename(tmp_path / ".m.partial/old")
    with pytest.raises(ActisegError, match="the output exists"):
        actiseg_noise.build(toy, recipe="flip-20", out=out)
    assert listing(tmp_path) == ["data", "m"]
