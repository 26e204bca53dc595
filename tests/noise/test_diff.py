"""``diff``: two manifests merged row by row."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import Toy

import actiseg_noise
from actiseg_noise.check.diff import diff
from actiseg_noise.cli import main
from actiseg_noise.manifest.schema import MASKS, SAMPLES
from actiseg_noise.recipe import NoiseSpec, Recipe

FLIP = Recipe("flip", (NoiseSpec("category_flip-v1", 0.4),))
DILATE = Recipe("dilate", (NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}),))


@pytest.fixture(scope="module")
def clean(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return actiseg_noise.build(toy, recipe="clean", out=tmp_path_factory.mktemp("m") / "clean")


def build(toy: Toy, tmp_path: Path, recipe: Recipe, **options: object) -> Path:
    return actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "other", **options)  # type: ignore[arg-type]


def test_a_manifest_equals_itself_and_a_rebuilt_one(clean: Path, toy: Toy, tmp_path: Path) -> None:
    found = diff(clean, build(toy, tmp_path, Recipe("clean")))
    assert found.is_equal
    assert found.statements == {}
    assert found.changed(MASKS, "noisy_digest")[0] == 0


def test_another_name_of_equal_labels_is_stated_and_equal(clean: Path, toy: Toy, tmp_path: Path) -> None:
    found = diff(clean, build(toy, tmp_path, replace(FLIP, noises=(NoiseSpec("category_flip-v1", 0.0),))))
    assert found.is_equal
    assert found.statements["recipe"] == ("clean", "flip")


def test_differing_prompts_are_counted_per_column_and_shown_side_by_side(clean: Path, toy: Toy, tmp_path: Path) -> None:
    other = build(toy, tmp_path, FLIP)
    rows = pq.read_table(other / "samples.parquet").to_pylist()
    flipped = [row for row in rows if row["text_noise"] != "none"]
    found = diff(clean, other, top=1)
    samples = found.tables["samples"]
    assert found.changed(SAMPLES, "noisy_expression") == (len(flipped), len(rows))
    assert (samples.differing, samples.columns["text_noise"]) == (len(flipped), len(flipped))
    assert "noun" not in samples.columns
    first = flipped[0]
    (shown,) = samples.first
    assert shown.key == {"clip_id": first["clip_id"], "object_id": first["object_id"]}
    assert shown.cells["noisy_noun"] == (first["noun"], first["noisy_noun"])
    assert shown.cells["text_noise"] == ("none", "category_flip-v1")


def test_the_mean_iou_is_that_of_the_masks_that_differ(clean: Path, toy: Toy, tmp_path: Path) -> None:
    other = build(toy, tmp_path, DILATE)
    ious = [r["iou"] for r in pq.read_table(other / "masks.parquet").to_pylist() if r["noisy_rle"]]
    found = diff(clean, other)
    assert found.changed(MASKS, "noisy_digest")[0] == found.masks.compared == len(ious)
    assert found.masks.mean_iou == pytest.approx(np.mean(ious))


def test_rows_of_one_side_are_counted(clean: Path, toy: Toy, tmp_path: Path) -> None:
    some = build(toy, tmp_path, Recipe("clean"), clips=["clip003", "clip004", "clip011"])
    found = diff(some, clean)
    counts = {name: (table.only_in_a, table.only_in_b, table.common) for name, table in found.tables.items()}
    assert counts["clips"] == (0, 9, 3)
    assert counts["frames"] == (0, 18, 6)
    assert diff(clean, some).tables["clips"].only_in_a == 9
    assert found.statements["selection"] == ("clips ['clip003', 'clip004', 'clip011']", "all clips")


def test_paths_are_no_labels(clean: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in clean.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    table = pq.read_table(clean / "frames.parquet")
    rows = [row | {"image_path": "elsewhere.jpg"} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), other / "frames.parquet")
    assert diff(clean, other).is_equal


def test_masks_that_were_withheld_are_compared_by_digest(clean: Path, toy: Toy, tmp_path: Path) -> None:
    other = build(toy, tmp_path, DILATE)
    table = pq.read_table(other / "masks.parquet")
    rows = [row | {"clean_rle": None, "noisy_rle": None} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), other / "masks.parquet")
    found = diff(clean, other)
    assert found.changed(MASKS, "noisy_digest")[0] > 0
    assert found.masks.mean_iou is None


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["actiseg-noise", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_the_command_exits_with_0_1_and_2(
    clean: Path,
    toy: Toy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = build(toy, tmp_path, replace(FLIP, noises=FLIP.noises + DILATE.noises))
    assert run(monkeypatch, "diff", clean, clean) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["equal: every row has the same labels"]
    assert run(monkeypatch, "diff", clean, other, "--top", 2) == 1
    shown = capsys.readouterr().out
    for text in (
        "A toy/train/clean-s0, B toy/train/flip-s0: one dataset and split",
        "Rows",
        "First of",
        "mean IoU of the masks that differ",
    ):
        assert text in shown
    assert run(monkeypatch, "diff", clean, other, "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["equal"], data["same split"]) == (False, True)
    assert data["prompts"]["changed"] == data["tables"]["samples"]["columns"]["noisy_expression"]
    assert run(monkeypatch, "diff", clean, tmp_path / "nowhere") == 2
    assert "nowhere: no such folder" in capsys.readouterr().err
