"""Import of an ActionVOS tree beside a noisy copy of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposits import actionvos_entry, actionvos_folder, save_mask, write_actionvos
from import_sources import write_level

from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.import_trees import TreePairs, find_noisy_tree
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.manifest.read import Manifest, read_manifest

FOLDER = actionvos_folder(actionvos_entry(4))
FIRST, SECOND = "frame_0000000954", "frame_0000000992"

Trees = tuple[Path, Path]


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Two equal trees of one clip: objects 1 (negative), 2, 3 in the first frame; 1, 2 in the second."""
    entry = {"train": [actionvos_entry(4)]}
    return write_actionvos(tmp_path / "clean", entry), write_actionvos(tmp_path / "noisy", entry)


def import_trees(trees: Trees, **options: bool) -> Manifest:
    """Import the second tree as the noisy copy of the first."""
    pairs = TreePairs(trees[0], find_noisy_tree(trees[1], "train"), "train", **options)
    return read_manifest(write_import(pairs, trees[0].parent / "m"))


def mask_path(tree: Path, frame: str = FIRST) -> Path:
    return tree / "Annotations_Sparse/train" / FOLDER / f"{frame}.png"


def edit_list(tree: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the one entry of a tree's list."""
    path = tree / "ImageSets/train.json"
    (entry,) = json.loads(path.read_text("utf-8"))
    edit(entry)
    path.write_text(json.dumps([entry]), "utf-8")


def test_equal_trees_have_no_noise(trees: Trees) -> None:
    manifest = import_trees(trees)
    assert set(manifest.table("samples")["text_noise"].to_pylist()) == {"none"}
    assert set(manifest.table("masks")["mask_noise"].to_pylist()) == {"none"}
    assert verify(manifest) == []


def test_noisy_masks_are_compared_and_backups_are_not_read(trees: Trees) -> None:
    noisy = np.zeros((12, 16), np.uint8)
    noisy[1:5, 1:4] = 1  # as it was: 12 pixels
    noisy[1:5, 5:9] = 2  # one column more: 16 instead of 12 pixels; object 3 is gone
    shutil.copy(mask_path(trees[1]), mask_path(trees[1], f"{FIRST}_org"))
    save_mask(mask_path(trees[1]), noisy)
    manifest = import_trees(trees)
    names = ["frame_id", "object_id", "clean_area", "noisy_area", "mask_noise", "parameters", "iou"]
    assert [tuple(row.values()) for row in manifest.table("masks", names).to_pylist()] == [
        (FIRST, 1, 12, 12, "none", None, 1.0),
        (FIRST, 2, 12, 16, "imported", None, 0.75),
        (FIRST, 3, 12, 0, "imported", None, 0.0),
        (SECOND, 1, 12, 12, "none", None, 1.0),
        (SECOND, 2, 12, 12, "none", None, 1.0),
        (SECOND, 3, 0, 0, "none", None, 1.0),
    ]
    assert verify(manifest) == []
    assert manifest.info.severity["median_iou"] == 0.375
    assert manifest.info.imported["noisy_masks"]["files"] == 2


def test_masks_that_the_published_script_wrote_need_no_tree_around_them(trees: Trees) -> None:
    """Its output folder is <save root>/<split>/<FOLDER>/<frame>.png."""
    save_root = trees[1].parent / "Annotations_Sparse_noise"
    shutil.move(trees[1] / "Annotations_Sparse", save_root)
    mask = np.zeros((12, 16), np.uint8)
    save_mask(save_root / "train" / FOLDER / f"{FIRST}.png", mask)
    manifest = import_trees((trees[0], save_root))
    assert manifest.table("masks")["noisy_area"].to_pylist() == [0, 0, 0, 12, 12, 0]
    assert set(manifest.table("samples")["text_noise"].to_pylist()) == {"none"}


def test_names_and_classes_of_the_list_are_noisy_text(trees: Trees) -> None:
    edit_list(trees[1], lambda entry: entry["object_classes"]["2"].update(name="left hand", class_id=300))
    shutil.rmtree(trees[1] / "Annotations_Sparse")
    manifest = import_trees(trees)
    row = manifest.table("samples").to_pylist()[1]
    assert (row["noun"], row["noisy_noun"], row["noisy_category_id"]) == ("crème fraîche", "left hand", 300)
    assert row["noisy_expression"] == "left hand used in the action of take the crème fraîche and"
    assert (row["text_noise"], row["is_harmful"]) == ("imported", True)
    assert manifest.info.counts["masks"] == 6
    assert list(manifest.info.imported["files"]) == ["train.json"]
    assert verify(manifest) == []


def test_the_published_pair_in_a_tree_goes_before_its_list(trees: Trees) -> None:
    """A copied tree keeps the clean list; what its trainers read is the pair."""
    rows = [
        (1, 18, 18, 0, "bin/garbage can/recycling bin", "bin"),
        (2, 113, 300, 1, "crème fraîche", "left hand"),
        (3, 300, 300, 1, "left hand", "left hand"),
    ]
    write_level(trees[1] / "ImageSets", {FOLDER: ("take the crème fraîche and", rows)})
    samples = import_trees(trees).table("samples").to_pylist()
    assert [row["noisy_noun"] for row in samples] == ["bin", "left hand", "left hand"]
    assert [row["is_harmful"] for row in samples] == [False, True, False]


def test_the_clean_labels_of_an_import_can_be_held_against_the_dataset(trees: Trees) -> None:
    save_mask(mask_path(trees[1]), np.zeros((12, 16), np.uint8))
    manifest = import_trees(trees)
    assert compare_with_dataset(manifest, root=trees[0]) == []
    save_mask(mask_path(trees[0]), np.zeros((12, 16), np.uint8))
    assert compare_with_dataset(manifest, root=trees[0]) != []


def test_text_content_reads_no_mask(trees: Trees) -> None:
    shutil.rmtree(trees[0] / "Annotations_Sparse")
    edit_list(trees[1], lambda entry: entry["object_classes"]["1"].update(name="bin"))
    manifest = import_trees(trees, with_masks=False)
    assert manifest.info.content == "text"
    assert manifest.info.counts == {"clips": 1, "frames": 2, "samples": 3, "masks": 0}


def test_a_missing_mask_is_listed_or_its_frame_left_out_and_counted(trees: Trees) -> None:
    mask_path(trees[1], SECOND).unlink()
    with pytest.raises(DataError, match=rf"1 frames have no pair of masks: {FOLDER}, {SECOND}: no noisy mask. Pass"):
        import_trees(trees)
    manifest = import_trees(trees, skip_missing=True)
    assert manifest.table("frames")["frame_id"].to_pylist() == [FIRST]
    assert manifest.info.imported["skipped_frames"] == 1


def test_a_mask_of_another_size_is_listed_with_both_sizes(trees: Trees) -> None:
    save_mask(mask_path(trees[1]), np.zeros((6, 8), np.uint8))
    with pytest.raises(DataError, match="clean 16×12, noisy 8×6 pixels"):
        import_trees(trees)
    assert not (trees[0].parent / "m").exists()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda entry: entry["object_classes"].pop("3"), r"objects: \[1, 2, 3\] in the clean files, \[1, 2\] in the"),
        (lambda entry: entry["object_classes"]["1"].update(positive=1), "object 1: positive 0 and 1"),
    ],
)
def test_objects_that_do_not_fit_are_refused(trees: Trees, edit: Callable[[Any], None], message: str) -> None:
    edit_list(trees[1], edit)
    with pytest.raises(DataError, match=f"1 objects do not fit: {FOLDER}, {message}"):
        import_trees(trees)


def test_a_noisy_mask_with_an_id_of_no_object_is_refused(trees: Trees) -> None:
    save_mask(mask_path(trees[1]), np.full((12, 16), 9, np.uint8))
    with pytest.raises(DataError, match=r"holds ids \[9\], but the clip's objects are \[1, 2, 3\]"):
        import_trees(trees)


def test_a_folder_with_nothing_noisy_is_refused(trees: Trees) -> None:
    with pytest.raises(DataError, match=r"expected noisy prompts \(ImageSets/train.json.*found none of them"):
        find_noisy_tree(trees[0].parent, "train")
