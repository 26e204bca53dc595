"""VSCOS: what its list says, which frames and masks a clip has, and what damaged deposits are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from deposit_vscos import MODES, save_binary_mask, vscos_entry, vscos_mask, write_vscos
from PIL import Image

import actiseg_noise
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.vscos import Vscos, read_foreground, readable_noun
from actiseg_noise.errors import DataError
from actiseg_noise.records import Clip


def only_clip(dataset: Vscos, split: str = "train", *, with_frames: bool = True) -> Clip:
    (clip,) = dataset.iter_clips(split, with_frames=with_frames)
    return clip


def write_yaml(root: Path, text: str, split: str = "train") -> Vscos:
    """Write a split's file with this text alone."""
    folder = root / f"EPIC_{split}_split"
    folder.mkdir(parents=True)
    (folder / f"EPIC100_state_positive_{split}.yaml").write_text(text, encoding="utf-8")
    return Vscos(root)


def read_text(dataset: Vscos, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=False))


# --- what the list says


@pytest.mark.parametrize(
    ("noun", "text"),
    [("bag:cereal", "cereal bag"), ("glass:orange:juice", "orange juice glass"), ("fridge", "fridge")],
)
def test_a_noun_is_written_as_one_says_it(noun: str, text: str) -> None:
    assert readable_noun(noun) == text


def test_a_clip_is_the_action_of_its_narration_id(tmp_path: Path) -> None:
    clip = only_clip(Vscos(write_vscos(tmp_path, {"train": {"P01_11_24": vscos_entry()}})), with_frames=False)
    assert (clip.clip_id, clip.address, clip.video_id) == ("P01_11_24", "P01_11_24", "P01_11")
    assert (clip.narration, clip.verb, clip.verb_class) == ("pour cereals and", "pour-out", 9)
    assert (clip.noun, clip.noun_class, clip.start_frame, clip.stop_frame) == ("cereal bag", 19, 1262, 1500)
    (item,) = clip.objects
    assert (item.object_id, item.category_id, item.noun, item.is_positive) == (1, 19, "cereal bag", True)


def test_clips_ascend_and_remember_their_place_in_the_file(tmp_path: Path) -> None:
    clips = read_text(Vscos(write_vscos(tmp_path)))
    assert [(c.clip_id, c.source_order) for c in clips] == [
        ("P01_11_24", 1),
        ("P01_11_3", 2),
        ("P01_11_30", 3),
        ("P02_101_9", 0),
    ]


def test_the_vocabulary_is_each_noun_of_each_class_once(tmp_path: Path) -> None:
    dataset = Vscos(write_vscos(tmp_path))
    assert [(o.category_id, o.noun) for o in dataset.iter_vocabulary(("train",))] == [
        (16, "onion"),
        (19, "bag"),
        (19, "cereal bag"),
        (25, "orange juice glass"),
    ]
    assert (33, "egg") in [(o.category_id, o.noun) for o in dataset.iter_vocabulary(dataset.card.splits)]


# --- frames and masks


def test_frames_are_the_images_and_few_of_them_have_masks(tmp_path: Path) -> None:
    clip = only_clip(Vscos(write_vscos(tmp_path, {"train": {"P01_11_24": vscos_entry()}})))
    assert [(f.frame_id, f.is_annotated) for f in clip.frames] == [
        ("frame_0000001262", True),
        ("frame_0000001264", False),
        ("frame_0000001266", True),
        ("frame_0000001268", False),
        ("frame_0000001270", False),
    ]
    folder = "EPIC_train_split/P01/{}/P01_11/P01_11_24/frame_0000001262"
    assert clip.frames[0].image_path == folder.format("rgb_frames") + ".jpg"
    assert clip.frames[0].mask_path == folder.format("anno_masks") + ".png"


@pytest.mark.parametrize("mode", MODES)
def test_whatever_is_not_zero_is_the_object(tmp_path: Path, mode: str) -> None:
    save_binary_mask(tmp_path / "mask.png", mode, vscos_mask())
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == mode
    mask = read_foreground(tmp_path / "mask.png")
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, vscos_mask())


def test_a_transparent_or_opaque_background_is_background(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[0, 255], [9, 255]], [[0, 0], [9, 0]]], np.uint8), "LA").save(tmp_path / "mask.png")
    assert read_foreground(tmp_path / "mask.png").tolist() == [[0, 1], [0, 1]]


def test_a_portrait_video_keeps_its_shape(tmp_path: Path) -> None:
    foreground = np.zeros((853, 480), bool)
    foreground[800:, 470:] = True
    save_binary_mask(tmp_path / "mask.png", "L", foreground)
    assert np.array_equal(read_foreground(tmp_path / "mask.png"), foreground)


def test_a_frame_without_mask_cannot_be_read(tmp_path: Path) -> None:
    dataset = Vscos(write_vscos(tmp_path, {"train": {"P01_11_24": vscos_entry()}}))
    clip = only_clip(dataset)
    with pytest.raises(DataError, match="P01_11_24 frame frame_0000001264: the frame has no mask"):
        dataset.read_index_mask(clip, clip.frames[1])


def test_a_truncated_mask_is_refused(tmp_path: Path) -> None:
    save_binary_mask(tmp_path / "mask.png", "L", vscos_mask())
    data = (tmp_path / "mask.png").read_bytes()
    (tmp_path / "mask.png").write_bytes(data[:-30])
    with pytest.raises(DataError, match=r"mask\.png: not a readable PNG .* truncated"):
        read_foreground(tmp_path / "mask.png")


def test_actions_without_masks_are_refused_or_counted(tmp_path: Path) -> None:
    entries = {f"P01_11_{n}": vscos_entry() for n in (1, 2, 3)}
    root = write_vscos(tmp_path, {"train": entries}, without_masks=["P01_11_2"])
    with pytest.raises(DataError, match=r"1 of 3 actions of .*train\.yaml have no masks in .*: P01_11_2\. Pass --skip"):
        list(Vscos(root).iter_clips("train", with_frames=True))
    dataset = Vscos(root, skip_missing=True)
    for _ in range(2):
        assert [c.clip_id for c in dataset.iter_clips("train", with_frames=True)] == ["P01_11_1", "P01_11_3"]
    assert dataset.skipped == ["P01_11_2"]


def test_a_noisy_split_is_built_and_verified(tmp_path: Path) -> None:
    root = write_vscos(tmp_path / "VSCOS")
    dataset = Vscos(root)
    path = actiseg_noise.build(dataset, recipe="flip-60", out=tmp_path / "m")
    manifest = actiseg_noise.read_manifest(path)
    assert compare_with_dataset(manifest, dataset=dataset) == []
    assert manifest.info.counts["samples"] == 4
    assert manifest.info.counts["masks"] == 8


# --- malformed lists


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noun": None}, r"train\.yaml: entry 0, key 'P01_1_1\.noun': expected a string, .* found null"),
        ({"verb": True}, r"key 'P01_1_1\.verb': expected a string, .* found true"),
        ({"noun_class": "19"}, r"key 'P01_1_1\.noun_class': expected an integer in 0 … \d+, found \"19\""),
        ({"noun_class": -1}, r"key 'P01_1_1\.noun_class': expected an integer in 0 … \d+, found -1"),
        ({"start_frame": 1.5}, r"key 'P01_1_1\.start_frame': expected an integer"),
        ({"participant_id": "../.."}, r"entry 0, key 'participant_id': '\.\./\.\.' cannot be the name of a file"),
        ({"video_id": "a/b"}, r"entry 0, key 'video_id': 'a/b' cannot be the name of a file or folder"),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_text(write_yaml(tmp_path, yaml.safe_dump({"P01_1_1": vscos_entry(**changes)})))


def test_a_value_that_json_has_not_is_shown_all_the_same(tmp_path: Path) -> None:
    text = yaml.safe_dump({"P01_1_1": vscos_entry()}).replace("pour cereals and", "2020-01-31")
    with pytest.raises(DataError, match=r"narration'.* expected a string, .* found datetime\.date\(2020, 1, 31\)"):
        read_text(write_yaml(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a mapping from narration_id to an action, found 'None'"),
        ("- a\n- b\n", "expected a mapping from narration_id to an action"),
        ("P01_1_1: {noun: egg\n", r"train\.yaml: malformed YAML \(.*line 2"),
        ("P01_1_1: [1]\nP01_1_1: [2]\n", r"malformed YAML \(the key 'P01_1_1' stands twice .*line 2, column 1"),
        ("P01_1_1: {noun: egg, noun: ham}\n", "the key 'noun' stands twice"),
        ("P01_1_1: !!python/object/apply:os.getcwd []\n", "malformed YAML .*could not determine a constructor"),
        ("P01_1_1: 7\n", r"entry 0, key 'P01_1_1': expected a JSON object, found 7"),
        ("11: {noun: egg}\n", "entry 0: expected a narration_id like 'P01_11_24' as the key, found 11"),
        ("../x: {noun: egg}\n", r"entry 0: '\.\./x' cannot be the name of a file or folder"),
    ],
)
def test_a_malformed_file_is_told_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_text(write_yaml(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    dataset = write_yaml(tmp_path, "")
    (tmp_path / "EPIC_train_split/EPIC100_state_positive_train.yaml").write_bytes(b"P01: {narration: \xff\xfe}")
    with pytest.raises(DataError, match=r"train\.yaml: malformed YAML"):
        read_text(dataset)


def test_a_missing_file_names_the_splits_that_are_there(tmp_path: Path) -> None:
    root = write_vscos(tmp_path, {"val": {"P01_11_24": vscos_entry()}})
    with pytest.raises(DataError, match=r"positive_train\.yaml: no such file \(splits found: val\)\. Get it: get the"):
        read_text(Vscos(root))


def test_a_list_that_changed_is_read_again(tmp_path: Path) -> None:
    for narration_id in ("P01_11_1", "P01_11_22"):
        root = write_vscos(tmp_path, {"train": {narration_id: vscos_entry()}})
        assert [c.clip_id for c in read_text(Vscos(root))] == [narration_id]
