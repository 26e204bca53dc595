"""A manifest whose tables are several files trains, and is scored on, as the one in whole tables is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import actiseg_noise
from actiseg_bench import ManifestDataset
from actiseg_noise.manifest import write


def test_items_of_a_manifest_in_several_files_are_those_of_whole_tables(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROWS_PER_GROUP", "MASKS_PER_GROUP", "ROWS_PER_FILE"):
        monkeypatch.setattr(write, name, 50)
    options = {"root": kitchen_root, "split": "val", "limit": 8, "allow_eval": True, "gate": False}
    made = actiseg_noise.build("kitchen", recipe="mixed-40-15", out=tmp_path / "m", **options)  # type: ignore[arg-type]
    assert len(actiseg_noise.read_manifest(made).files_of("masks")) > 2
    whole, parts = (ManifestDataset(folder, kitchen_root) for folder in (noisy_val, made))
    assert len(parts) == len(whole)
    for index in (0, len(whole) // 2, len(whole) - 1):
        one, other = vars(parts[index]), vars(whole[index])
        for name, value in one.items():
            same = torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
            assert same, name
