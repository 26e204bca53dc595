"""Import of the published pair of JSON files, with and without the clean tree."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from deposits import actionvos_entry, write_actionvos
from import_sources import LEVEL, published_categories, published_expressions, write_level

from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_trees import NoisyTree, TreePairs
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.manifest.read import Manifest, read_manifest

CELERY, BOARD = LEVEL


def import_level(folder: Path) -> Manifest:
    """Import the pair of files in a folder."""
    files = PublishedFiles(*write_level(folder))
    return read_manifest(write_import(PromptPairs(files, "train"), folder / "m"))


def test_the_published_files_become_rows_of_text(tmp_path: Path) -> None:
    manifest = import_level(tmp_path)
    names = ["sample_id", "is_positive", "category_id", "noun", "noisy_category_id", "noisy_noun", "text_noise"]
    rows = [tuple(row.values()) for row in manifest.table("samples", names).to_pylist()]
    assert rows == [
        (f"{CELERY}/1", True, 223, "celery", 89, "food processor cover", "imported"),
        (f"{CELERY}/2", False, 21, "container", 21, "food container", "imported"),
        (f"{CELERY}/3", True, 300, "left hand", 300, "left hand", "none"),
        (f"{BOARD}/1", True, 3, "cupboard", 3, "closet", "imported"),
        (f"{BOARD}/2", True, 300, "left hand", 186, "toaster", "imported"),
    ]


def test_expressions_narrations_and_names_come_from_the_files(tmp_path: Path) -> None:
    manifest = import_level(tmp_path)
    assert manifest.table("samples", ["expression", "noisy_expression"]).to_pylist()[0] == {
        "expression": "celery used in the action of take celery",
        "noisy_expression": "food processor cover used in the action of take celery",
    }
    clip = manifest.table("clips").to_pylist()[1]
    assert (clip["video_id"], clip["verb"], clip["noun"]) == ("P01_01", "take", "board:cutting")
    assert clip["narration"] == "take cutting board and"
    frames = manifest.table("frames").to_pylist()
    assert frames[0]["image_path"] == f"JPEGImages_Sparse/train/{CELERY}/frame_0000000954.jpg"
    assert (frames[0]["height"], frames[0]["is_annotated"]) == (None, True)


def test_only_a_noun_of_another_category_is_harmful(tmp_path: Path) -> None:
    rows = import_level(tmp_path).table("samples", ["is_harmful"])
    assert rows["is_harmful"].to_pylist() == [True, False, False, False, True]


def test_an_import_verifies_and_says_what_it_was_made_from(tmp_path: Path) -> None:
    manifest = import_level(tmp_path / "Noise 20" / "ImageSets")
    assert verify(manifest) == []
    info = manifest.info
    assert (info.content, info.recipe.noises, info.noises) == ("text", (), ())
    assert info.name == "actionvos/train/imported-noise-20-s0"
    assert info.imported["form"] == "published prompts"
    assert sorted(info.imported["files"]) == [
        "train_meta_expressions_promptaction.json",
        "train_objects_category.json",
    ]
    assert str(tmp_path) not in (manifest.path / "manifest.json").read_text("utf-8")


def test_the_vocabulary_is_the_nouns_seen_in_clean_and_noisy_text(tmp_path: Path) -> None:
    assert import_level(tmp_path).vocabulary.nouns == {
        3: ("closet", "cupboard"),
        21: ("container", "food container"),
        89: ("food processor cover",),
        186: ("toaster",),
        223: ("celery",),
        300: ("left hand",),
    }


def test_the_same_files_give_the_same_digest(tmp_path: Path) -> None:
    assert import_level(tmp_path / "one").digest == import_level(tmp_path / "two").digest


def write_changed(folder: Path, change: Any) -> PublishedFiles:
    """Write the pair after ``change(expressions, categories)`` edited it."""
    paths = write_level(folder)
    expressions, categories = published_expressions(LEVEL), published_categories(LEVEL)
    change(expressions["videos"], categories["videos"])
    for path, data in zip(paths, (expressions, categories), strict=True):
        path.write_text(json.dumps(data), "utf-8")
    return PublishedFiles(*paths)


def other_class(expressions: Any, categories: Any) -> None:
    categories[CELERY]["objects"]["2"]["class_id"] = 5


def other_noun(expressions: Any, categories: Any) -> None:
    categories[BOARD]["objects"]["1"]["category"] = "drawer"


def other_sign(expressions: Any, categories: Any) -> None:
    expressions[BOARD]["expressions"]["1"]["positive"] = 0


def lost_object(expressions: Any, categories: Any) -> None:
    del categories[CELERY]["objects"]["3"]


def lost_folder(expressions: Any, categories: Any) -> None:
    del categories[BOARD]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_class, f"1 disagreements .*: {CELERY}, object 2: class_id 21 and 5. Both must be of one noise level"),
        (other_noun, f"{BOARD}, object 1: exp 'closet used in .*' does not begin with category 'drawer'"),
        (other_sign, f"{BOARD}, object 2: positive 0 and 1"),
        (lost_object, f"{CELERY}, object 3: not in train_objects_category.json"),
        (lost_folder, f"{BOARD}: not in train_objects_category.json"),
    ],
)
def test_files_that_disagree_are_refused_with_folder_and_object(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_import(PromptPairs(write_changed(tmp_path, change), "train"), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_objects_are_matched_by_their_id_not_by_their_place(tmp_path: Path) -> None:
    def reorder(expressions: Any, categories: Any) -> None:
        rows = expressions[CELERY]["expressions"]
        expressions[CELERY]["expressions"] = {"0": rows["2"], "1": rows["0"], "7": rows["1"]}

    files = write_changed(tmp_path / "moved", reorder)
    moved = read_manifest(write_import(PromptPairs(files, "train"), tmp_path / "moved/m"))
    assert moved.digest == import_level(tmp_path / "plain").digest


def without_originals(expressions: Any, categories: Any) -> None:
    for folder, (_, rows) in LEVEL.items():
        for obj_id, *_ in rows:
            for key in ("exp_org", "class_id_org"):
                del expressions[folder]["expressions"][str(obj_id - 1)][key]
            for key in ("category_org", "class_id_org"):
                del categories[folder]["objects"][str(obj_id)][key]


def test_files_without_originals_need_the_clean_tree(tmp_path: Path) -> None:
    files = write_changed(tmp_path, without_originals)
    with pytest.raises(DataError, match="5 objects without class_id_org.*pass the clean ActionVOS tree with --clean"):
        write_import(PromptPairs(files, "train"), tmp_path / "m")


@pytest.mark.parametrize(
    ("folder", "message"),
    [("../escape", "cannot be the name of a file"), ("a/b", "cannot be the name of a file")],
)
def test_a_folder_name_that_leads_elsewhere_is_refused(tmp_path: Path, folder: str, message: str) -> None:
    level = {folder: LEVEL[CELERY]}
    with pytest.raises(DataError, match=message):
        write_import(PromptPairs(PublishedFiles(*write_level(tmp_path, level)), "train"), tmp_path / "m")


def test_a_truncated_file_is_named_with_its_place(tmp_path: Path) -> None:
    expressions, categories = write_level(tmp_path)
    expressions.write_text(expressions.read_text()[:200], "utf-8")
    with pytest.raises(DataError, match=r"train_meta_expressions_promptaction.json: malformed JSON at line 1, column"):
        PublishedFiles(expressions, categories)


def test_a_wrong_type_is_named_with_file_entry_and_key(tmp_path: Path) -> None:
    def spoil(expressions: Any, categories: Any) -> None:
        for rows in (expressions[CELERY]["expressions"]["0"], categories[CELERY]["objects"]["1"]):
            rows["class_id"] = "89"

    with pytest.raises(DataError, match=r"entry \d, key 'expressions.0.class_id': expected an integer"):
        write_import(PromptPairs(write_changed(tmp_path, spoil), "train"), tmp_path / "m")


ENTRY = actionvos_entry(4)
FOLDER = "00000004_P01_107_put-into_bag:cereal"
NOISY_ENTRY = {
    FOLDER: (
        str(ENTRY["narration"]),
        [
            (1, 18, 300, 0, "bin/garbage can/recycling bin", "left hand"),
            (2, 113, 113, 1, "crème fraîche", "crème fraîche"),
            (3, 300, 300, 1, "left hand", "left hand"),
        ],
    )
}


def beside_tree(tmp_path: Path, level: Any = None, **options: bool) -> TreePairs:
    """Return the published files beside the clean tree they were made from."""
    root = write_actionvos(tmp_path / "tree", {"train": [ENTRY]})
    files = PublishedFiles(*write_level(tmp_path / "noisy", NOISY_ENTRY if level is None else level))
    return TreePairs(root, NoisyTree(files, None), "train", **options)


def test_beside_the_clean_tree_the_masks_come_too(tmp_path: Path) -> None:
    manifest = read_manifest(write_import(beside_tree(tmp_path), tmp_path / "m"))
    assert verify(manifest) == []
    assert manifest.info.counts == {"clips": 1, "frames": 2, "samples": 3, "masks": 6}
    assert manifest.info.imported["files"].keys() == {p.name for p in (tmp_path / "noisy").iterdir()}
    assert set(manifest.table("masks")["mask_noise"].to_pylist()) == {"none"}
    samples = manifest.table("samples").to_pylist()
    assert [(row["noisy_noun"], row["text_noise"]) for row in samples] == [
        ("left hand", "imported"),
        ("crème fraîche", "none"),
        ("left hand", "none"),
    ]
    assert manifest.table("clips")["address"].to_pylist() == ["P01_107/1352-1392/put-into/bag:cereal"]


def test_clean_words_that_contradict_the_tree_are_refused(tmp_path: Path) -> None:
    level = copy.deepcopy(NOISY_ENTRY)
    level[FOLDER][1][0] = (1, 17, 300, 0, "bin", "left hand")
    with pytest.raises(DataError, match=r"object 1: 'bin/garbage can.*\(class 18\) in the clean files, 'bin used"):
        write_import(beside_tree(tmp_path, level), tmp_path / "m")


def test_a_clip_on_one_side_is_listed_or_skipped_and_counted(tmp_path: Path) -> None:
    level = NOISY_ENTRY | {CELERY: LEVEL[CELERY]}
    with pytest.raises(DataError, match=f"1 clips of split 'train' are on one side only: {CELERY}: not in the clean"):
        write_import(beside_tree(tmp_path, level), tmp_path / "m")
    manifest = read_manifest(write_import(beside_tree(tmp_path, level, skip_missing=True), tmp_path / "m"))
    assert manifest.info.skipped == (CELERY,)
    assert manifest.info.counts["clips"] == 1


def test_an_existing_manifest_is_replaced_only_by_force(tmp_path: Path) -> None:
    files = PublishedFiles(*write_level(tmp_path))
    write_import(PromptPairs(files, "train"), tmp_path / "m", name="one")
    with pytest.raises(ActisegError, match="the output exists"):
        write_import(PromptPairs(files, "train"), tmp_path / "m", name="two")
    write_import(PromptPairs(files, "train"), tmp_path / "m", name="two", force=True)
    assert read_manifest(tmp_path / "m").info.recipe.recipe_id == "imported-two"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["m"]
