"""Real noisy labels of other people, imported: OSVOS's masks against human ones, and the released noisy prompts."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from import_sources import write_level
from PIL import Image

from actiseg_noise.check.verify import verify
from actiseg_noise.exchange.import_folders import FolderPairs, Folders
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.view.inspection import inspect

HANDS = (300, 301)


def test_predicted_masks_against_human_ones(real_davis: Path, tmp_path: Path) -> None:
    davis = real_davis
    folders = Folders(davis / "Annotations_human/480p", davis / "Annotations/480p", davis / "JPEGImages/480p", davis)
    pairs = FolderPairs(folders, "osvos", objects="union", split="val")
    manifest = read_manifest(write_import(pairs, tmp_path / "m"))
    assert verify(manifest) == []
    assert manifest.info.counts == {"clips": 4, "frames": 81, "samples": 4, "masks": 81}
    rows = manifest.table("masks").to_pylist()
    for row in rows[::9]:
        assert row["iou"] == slow_iou(davis, row["clip_id"], row["frame_id"])
    assert manifest.info.severity["median_iou"] == pytest.approx(0.710, abs=5e-4)
    for frame in manifest.table("frames").to_pylist():
        assert (davis / frame["image_path"]).is_file()


def slow_iou(davis: Path, sequence: str, stem: str) -> float:
    """Return the IoU of two foregrounds, read straight from the files."""
    clean, noisy = (
        np.asarray(Image.open(davis / folder / "480p" / sequence / f"{stem}.png")) > 0
        for folder in ("Annotations_human", "Annotations")
    )
    return float((clean & noisy).sum() / (clean | noisy).sum())


def import_level(released_prompts: Path, percent: int, folder: Path) -> Manifest:
    """Rebuild a level's pair of JSON files from its CSV and import it.

    The CSV has no verbs, narrations and frames: those are made up, alike for all folders.
    """
    level: dict[str, tuple[str, list[Any]]] = {}
    with (released_prompts / f"noise{percent}_first_sequences.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            rows = level.setdefault(f"{int(row['seq_id']):08d}_P01_01_take_thing", ("take things and", []))[1]
            numbers = (int(row[key]) for key in ("obj_id", "class_id_org", "class_id", "positive"))
            rows.append((*numbers, row["category_org"], row["category"]))
    files = PublishedFiles(*write_level(folder, level))
    return read_manifest(write_import(PromptPairs(files, "train"), folder / "m"))


# NOISE_SPLITS.md, its table: level → share of (those that count, all)
TABLE = {
    20: {"flipped": (22, 131), "hands": (8, 41), "others": (14, 90), "renamed": (70, 109), "several": (70, 70)},
    40: {"flipped": (97, 227), "hands": (22, 68), "others": (75, 159), "renamed": (77, 130), "several": (77, 77)},
    60: {"flipped": (244, 403), "hands": (69, 119), "others": (175, 284), "renamed": (97, 159), "several": (97, 97)},
}
SINGLE = {20: (0, 39), 40: (0, 53), 60: (0, 62)}
SIGNS = {20: (0.162, 0.188), 40: (0.387, 0.531), 60: (0.599, 0.623)}


@pytest.mark.parametrize("percent", [20, 40, 60])
def test_the_released_prompts_have_the_rates_that_were_counted_in_them(
    released_prompts: Path, percent: int, tmp_path: Path
) -> None:
    manifest = import_level(released_prompts, percent, tmp_path)
    assert verify(manifest) == []
    rows = manifest.table("samples").to_pylist()
    nouns = manifest.vocabulary.nouns

    def share(of: Callable[[Any], bool], among: Callable[[Any], bool]) -> tuple[int, int]:
        chosen = [row for row in rows if among(row)]
        return sum(map(of, chosen)), len(chosen)

    def is_flipped(row: Any) -> bool:
        return bool(row["noisy_category_id"] != row["category_id"])

    def is_renamed(row: Any) -> bool:
        return bool(row["noisy_noun"] != row["noun"])

    assert {
        "flipped": share(is_flipped, lambda row: True),
        "hands": share(is_flipped, lambda row: row["category_id"] in HANDS),
        "others": share(is_flipped, lambda row: row["category_id"] not in HANDS),
        "renamed": share(is_renamed, lambda row: not is_flipped(row)),
        "several": share(is_renamed, lambda row: not is_flipped(row) and len(nouns[row["category_id"]]) > 1),
    } == TABLE[percent]
    assert SINGLE[percent] == share(is_renamed, lambda row: not is_flipped(row) and len(nouns[row["category_id"]]) == 1)
    for is_positive, expected in zip((True, False), SIGNS[percent], strict=True):
        of, among = share(is_flipped, lambda row, sign=is_positive: row["is_positive"] == sign)  # type: ignore[misc]
        assert of / among == pytest.approx(expected, abs=6e-4)
    assert {row["text_noise"] for row in rows if is_flipped(row) or is_renamed(row)} == {"imported"}


def test_inspect_shows_the_released_rates(released_prompts: Path, tmp_path: Path) -> None:
    observed = inspect(import_level(released_prompts, 60, tmp_path)).to_json(5)["observed"]["prompts"]
    assert [(found["count"], found["total"]) for found in observed.values()] == [
        (244, 403),
        (69, 119),
        (175, 284),
        (178, 297),
        (66, 106),
        (97, 159),
        (97, 97),
        (0, 62),
        (341, 403),
    ]
