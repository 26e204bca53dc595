"""The examples in docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
from deposits import save_mask

import actiseg_noise
from actiseg_noise.recipe import NoiseSpec, Recipe

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("actiseg_noise", "actiseg_bench")
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)
RECIPE = Recipe("text-and-masks", (NoiseSpec("noun_substitution-v1", 1.0), NoiseSpec("dilate-v1", 1.0, {"kernel": 15})))


@pytest.fixture(scope="module")
def names(kitchen_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What examples may name: manifests of kitchen's first three evaluation clips, and two folders of masks."""
    place = tmp_path_factory.mktemp("examples")
    options = {"root": kitchen_root, "split": "val", "limit": 3, "allow_eval": True, "gate": False}
    folders = {
        "folder": actiseg_noise.build("kitchen", recipe=RECIPE, out=place / "noisy", **options),  # type: ignore[arg-type]
        "clean_folder": actiseg_noise.build("kitchen", recipe="clean", out=place / "clean", **options),  # type: ignore[arg-type]
    }
    for side, width in (("clean_masks", 4), ("noisy_masks", 6)):
        mask = np.zeros((24, 32), np.uint8)
        mask[2:8, 2 : 2 + width] = 1
        for name in ("a/00000", "a/00001", "b/00000", "b/00001"):
            save_mask(place / side / f"{name}.png", mask)
        folders[side] = place / side
    return dict(folders)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(
    name: str,
    names: dict[str, object],
    kitchen_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTISEG_KITCHEN_ROOT", str(kitchen_root))
    tried = doctest.testmod(importlib.import_module(name), extraglobs=names)
    assert tried.attempted > 0
    assert tried.failed == 0, capsys.readouterr().out
