"""Referring video object segmentation: expressions as clips, palette masks, categories, malformed expressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import FRAMES, refvos_mask, video, write_json, write_mevis_split, write_palette_split, write_refvos

import actiseg_noise
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.datasets.referring import make_template
from actiseg_noise.datasets.refvos import RefVos
from actiseg_noise.errors import DataError
from actiseg_noise.recipe import ad_hoc_recipe
from actiseg_noise.records import Clip

CATEGORIES = {"1": "person", "2": "giant_panda"}


def read(dataset: RefVos, split: str = "train", *, with_frames: bool = True) -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=with_frames))


def palette(root: Path, expressions: dict[str, Any], split: str = "train") -> RefVos:
    """Write one video with these expressions in Ref-YouTube-VOS's form."""
    return RefVos(write_palette_split(root, split, {"v": video(expressions)}, CATEGORIES))


def rows_of(path: Path, table: str) -> list[dict[str, Any]]:
    return [row for batch in actiseg_noise.read_manifest(path).iter_batches(table) for row in batch.to_pylist()]


def mask_of(dataset: RefVos, clip: Clip, place: int) -> np.ndarray:
    return dataset.read_index_mask(clip, clip.frames[place])


# --- clips


def test_an_expression_is_a_clip_of_one_object(tmp_path: Path) -> None:
    dataset = palette(tmp_path, {"0": {"exp": "the person on the left", "obj_id": "1"}})
    (clip,) = read(dataset)
    assert (clip.clip_id, clip.address, clip.video_id, clip.mask_address) == ("v:0", "v/0", "v", "v")
    assert (clip.narration, clip.verb, clip.noun) == ("the person on the left", "refer", "person")
    (item,) = clip.objects
    assert (item.object_id, item.category, item.noun, item.is_positive) == (1, "person", "person", True)
    assert item.template == "the {noun} on the left"


def test_clips_ascend_over_videos_and_expressions_and_remember_their_place(tmp_path: Path) -> None:
    clips = read(RefVos(write_refvos(tmp_path)))
    assert [c.clip_id for c in clips][:4] == ["b 1:0", "b 1:1", "b 1:10", "b 1:2"]
    assert [c.source_order for c in clips][:4] == [0, 1, 10, 2]
    assert (clips[-1].clip_id, clips[-1].source_order) == ("b:0", 11)


@pytest.mark.parametrize(
    ("text", "noun", "template"),
    [
        ("a person left of a person", "person", "a {noun} left of a person"),
        ("Person on a bike", "person", "{noun} on a bike"),
        ("two persons and a personal bag", "person", "two persons and a personal bag"),
        ("the giant panda", "giant panda", "the {noun}"),
        ("a t-shirt (red)", "t-shirt (red)", "a {noun}"),
        ("the object moves", None, "the object moves"),
    ],
)
def test_the_noun_is_replaced_where_it_first_stands_as_whole_words(text: str, noun: str | None, template: str) -> None:
    assert make_template(text, noun, "here") == template


def test_a_text_with_the_mark_of_a_noun_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"entry 0, expression '0': the text 'a \{noun\}' has '\{noun\}', which stands"):
        read(palette(tmp_path, {"0": {"exp": "a {noun}", "obj_id": "1"}}))


def test_text_noise_flips_the_noun_and_leaves_other_sentences_alone(tmp_path: Path) -> None:
    expressions = {
        "0": {"exp": "the person who runs", "obj_id": "1"},
        "1": {"exp": "the one who runs", "obj_id": "1"},
        "2": {"exp": "a giant panda", "obj_id": "2"},
    }
    dataset = palette(tmp_path / "data", expressions)
    path = actiseg_noise.build(dataset, recipe=ad_hoc_recipe(flip=1.0), out=tmp_path / "m")
    rows = rows_of(path, "samples")
    assert [(row["expression"], row["noisy_expression"]) for row in rows] == [
        ("the person who runs", "the giant panda who runs"),
        ("the one who runs", "the one who runs"),
        ("a giant panda", "a person"),
    ]


# --- palette masks


def test_frames_are_those_of_the_file_with_and_without_jpg(tmp_path: Path) -> None:
    expressions = {"0": {"exp": "it", "obj_id": "1"}}
    write_palette_split(tmp_path, "train", {"v": video(expressions, [f"{f}.jpg" for f in FRAMES])})
    (clip,) = read(RefVos(tmp_path))
    assert [f.frame_id for f in clip.frames] == ["00010", "00015", "00020"]
    assert clip.frames[0].image_path == "train/JPEGImages/v/00010.jpg"
    assert clip.frames[0].mask_path == "train/Annotations/v/00010.png"


def test_a_mask_holds_the_object_of_the_clip_alone_and_void(tmp_path: Path) -> None:
    dataset = palette(tmp_path, {"0": {"exp": "a", "obj_id": "1"}, "1": {"exp": "b", "obj_id": 2}})
    first, second = read(dataset)
    assert [o.object_id for o in (*first.objects, *second.objects)] == [1, 2]
    whole = refvos_mask(1)
    assert np.array_equal(mask_of(dataset, first, 1), np.where(whole == 2, 0, whole))
    assert np.array_equal(mask_of(dataset, second, 1), np.where(whole == 1, 0, whole))
    assert set(np.unique(mask_of(dataset, second, 0)).tolist()) == {0, 255}  # it appears in the second frame


def test_only_first_appearances_have_masks_in_valid(tmp_path: Path) -> None:
    videos = {"v": video({"0": {"exp": "it", "obj_id": "1"}})}
    write_palette_split(tmp_path, "valid", videos, first_appearances=True)
    (clip,) = read(RefVos(tmp_path), "valid")
    assert [(f.is_annotated, f.mask_path is None) for f in clip.frames] == [(True, False), (True, False), (False, True)]


def test_all_expressions_of_an_object_get_the_same_noisy_masks(tmp_path: Path) -> None:
    expressions = {str(n): {"exp": f"number {n}", "obj_id": "1"} for n in range(3)} | {"3": {"exp": "o", "obj_id": "2"}}
    recipe = ad_hoc_recipe(boundary=3, boundary_rate=0.5, boundary_unit="px")
    path = actiseg_noise.build(palette(tmp_path / "data", expressions), recipe=recipe, seed=1, out=tmp_path / "m")
    rows = rows_of(path, "masks")
    noisy = {n: [row["noisy_rle"] for row in rows if row["clip_id"] == f"v:{n}"] for n in range(4)}
    assert noisy[0] == noisy[1] == noisy[2]
    assert len({code is None for code in noisy[0]}) == 2  # some frames were noised, others not


# --- categories


def test_a_category_is_known_by_its_noun_alone(tmp_path: Path) -> None:
    dataset = RefVos(write_refvos(tmp_path))
    found = [(o.noun, o.category_id) for o in dataset.iter_vocabulary(("train",))]
    assert sorted(noun for noun, _ in found) == ["giant panda", "person"]
    assert {c.noun for c in read(dataset)} == {"giant panda", "person"}
    valid = {c.noun: c.objects[0].category_id for c in read(dataset, "valid")}
    assert valid == dict(found)


def test_a_file_of_categories_may_lie_elsewhere(tmp_path: Path) -> None:
    write_palette_split(tmp_path / "data", "train", {"v": video({"0": {"exp": "a cat", "obj_id": "1"}})})
    write_json(tmp_path / "meta.json", {"videos": {"v": {"objects": {"1": {"category": "cat"}}}}})
    (clip,) = read(RefVos(tmp_path / "data", meta=str(tmp_path / "meta.json")))
    assert (clip.noun, clip.objects[0].template) == ("cat", "a {noun}")
    with pytest.raises(DataError, match=r"nowhere\.json: the file is missing"):
        read(RefVos(tmp_path / "data", meta="nowhere.json"))


def test_without_categories_every_object_is_an_object_and_no_text_is_noised(tmp_path: Path) -> None:
    dataset = RefVos(write_palette_split(tmp_path, "train", {"v": video({"0": {"exp": "the object", "obj_id": "1"}})}))
    (clip,) = read(dataset)
    assert [(o.category_id, o.noun, o.template) for o in clip.objects] == [(0, "object", "the object")]
    assert [(o.category_id, o.noun) for o in dataset.iter_vocabulary(("train",))] == [(0, "object")]


def test_an_expression_that_says_no_object_adds_nothing_to_the_vocabulary(tmp_path: Path) -> None:
    palette(tmp_path, {"0": {"exp": "a person", "obj_id": "1"}})
    write_json(
        tmp_path / "meta_expressions/valid/meta_expressions.json", {"videos": {"w": video({"0": {"exp": "it"}})}}
    )
    dataset = RefVos(tmp_path)
    assert [o.noun for o in dataset.iter_vocabulary(("train", "valid"))] == ["person"]
    assert [c.noun for c in read(dataset, "valid", with_frames=False)] == ["object"]


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"videos": {}}, r"meta\.json: has no object '1' in video 'v', to which .*expressions\.json: entry 0, expr"),
        ({"videos": {"v": {"objects": {"2": {}}}}}, r"meta\.json: has no object '1' in video 'v'"),
        ({"videos": {"v": {}}}, r"meta\.json: entry 0, key 'v\.objects': expected an object .* found no such key"),
        ({"videos": {"v": {"objects": {"1": {}}}}}, r"key 'v\.objects\.1\.category': expected a string"),
        ({"videos": {"v": {"objects": {"1": {"category": "_"}}}}}, r"key 'v\.objects\.1\.category': expected a word"),
        ({"videos": {"v": [1]}}, r"meta\.json: entry 0, key 'v': expected a JSON object, found \[1\]"),
    ],
)
def test_a_malformed_file_of_categories_is_told_where(tmp_path: Path, meta: object, message: str) -> None:
    dataset = palette(tmp_path, {"0": {"exp": "it", "obj_id": "1"}})
    write_json(tmp_path / "train/meta.json", meta)
    with pytest.raises(DataError, match=message):
        read(dataset)


# --- expressions without objects or masks


def test_expressions_that_say_no_object_are_text_alone(tmp_path: Path) -> None:
    expressions = {"0": {"exp": "it"}, "1": {"exp": "the cat"}}
    write_palette_split(tmp_path, "valid", {"v": video(expressions)})
    dataset = RefVos(tmp_path)
    clips = read(dataset, "valid", with_frames=False)
    assert [(c.narration, c.objects[0].object_id, c.frames) for c in clips] == [("it", 1, ()), ("the cat", 1, ())]
    message = (
        r"2 of 2 expressions of .*valid.* have no masks in .* \(2 of them do not say which object: .*: v:0, v:1\. Use"
    )
    with pytest.raises(DataError, match=message):
        read(dataset, "valid")


def test_expressions_without_masks_are_refused_or_counted(tmp_path: Path) -> None:
    dataset = palette(tmp_path, {"0": {"exp": "it", "obj_id": "1"}, "1": {"exp": "which?"}})
    with pytest.raises(DataError, match=r"1 of 2 expressions of .*: v:1\. Pass --skip-missing to go on"):
        read(dataset)
    dataset = RefVos(tmp_path, skip_missing=True)
    for _ in range(2):
        assert [c.clip_id for c in read(dataset)] == ["v:0"]
    assert dataset.skipped == ["v:1"]


# --- malformed expressions


def entry(**changes: object) -> dict[str, Any]:
    return video({"0": {"exp": "it", "obj_id": "1"}}) | changes


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ({"../v": entry()}, r"expressions\.json: entry 0: '\.\./v' cannot be the name of a file or folder"),
        ({"a:b": entry()}, r"entry 0: 'a:b' cannot be part of a clip id, <video>:<expression>; rename it"),
        ({"v": entry(frames=["../1"])}, r"entry 0, key 'frames': '\.\./1' cannot be the name of a file or folder"),
        ({"v": entry(frames=["1", "1.jpg"])}, r"key 'frames': expected frames in ascending order, .* '1' after '1'"),
        ({"v": entry(frames=["2", "10", "9"])}, r"key 'frames': expected frames in ascending order, .* '9' after '10'"),
        ({"v": entry(frames="1")}, r"entry 0, key 'v\.frames': expected a list of different strings, found \"1\""),
        ({"v": entry(expressions=[])}, r"entry 0, key 'v\.expressions': expected an object that leads from expression"),
        ({"v": {"frames": []}}, r"key 'v\.expressions': expected .* found no such key"),
        ({"v": []}, r"entry 0, key 'v': expected a JSON object, found \[\]"),
        ({"v": entry(), "w": video({"a/b": {"exp": "x"}})}, r"entry 1, expression 'a/b': 'a/b' cannot be the name"),
        ({"v": video({"0": "it"})}, r"key 'v\.expressions\.0': expected a JSON object, found \"it\""),
        ({"v": video({"0": {"exp": ""}})}, r"key 'v\.expressions\.0\.exp': expected a string, not empty"),
        (
            {"v": video({"0": {"exp": "it", "obj_id": "one"}})},
            r"key 'v\.expressions\.0\.obj_id': expected an object id",
        ),
        ({"v": video({"0": {"exp": "it", "obj_id": 0}})}, r"0\.obj_id': expected an object id, 1 … 254"),
        ({"v": video({"0": {"exp": "it", "obj_id": [[3]]}})}, r"0\.obj_id': expected an object id"),
        ({"v": video({"0": {"exp": "it", "obj_id": True}})}, r"0\.obj_id': expected an object id"),
        ({"v": video({"0": {"exp": "it", "anno_id": ["a"]}})}, r"0\.anno_id': expected a list of annotation ids"),
        ({"v": video({"0": {"exp": "it", "anno_id": [-1]}})}, r"0\.anno_id': expected a list of annotation ids"),
    ],
)
def test_a_malformed_entry_names_file_entry_and_key(tmp_path: Path, videos: dict[str, Any], message: str) -> None:
    write_json(tmp_path / "train/meta_expressions.json", {"videos": videos})
    with pytest.raises(DataError, match=message):
        read(RefVos(tmp_path), with_frames=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"videos": {"v": {"frames": [', r"malformed JSON at line 1, column \d+ \(entry 0\): "),
        ('{"videos": []}', r"malformed JSON at line 1, column 12 .*: expected an object"),
        ('{"vids": {}}', "expected a JSON object with the key 'videos', found none"),
        ('{"videos": {"v": {}, "v": {}}}', r"the key 'v' stands twice \(entries 0 and 1\); keep one"),
        (
            '{"videos": {"v": {"expressions": {"0": {}, "0": {}}}}}',
            r"entry 0 \('v'\): the key '0' stands twice inside it",
        ),
    ],
)
def test_a_malformed_file_is_told_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "train/meta_expressions.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(DataError, match=rf"meta_expressions\.json: {message}"):
        read(RefVos(tmp_path), with_frames=False)


def test_a_split_that_is_there_twice_or_not_at_all_is_refused(tmp_path: Path) -> None:
    dataset = palette(tmp_path, {"0": {"exp": "it", "obj_id": "1"}})
    with pytest.raises(
        DataError, match=r"meta_expressions/test/.*: no such file, nor .*/test/.* \(splits found: train\)"
    ):
        read(dataset, "test")
    write_mevis_split(tmp_path, "train", {})
    with pytest.raises(DataError, match=r"are both there; a split has one of them, remove the other"):
        read(dataset)


# --- entries of a large object


def test_entries_are_found_by_key_whatever_lies_around_them(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    entries = {"é": "naïve 🧅", "b": [1, {"c": None}], "": -7.5}
    path.write_text(json.dumps({"before": [{}], "inside": entries, "after": {"é": 0}}, ensure_ascii=False, indent=1))
    found = JsonObject(path, inside="inside")
    assert {key: found.read(key) for key in found} == entries
    assert (len(found), found.number("b"), "c" in found) == (3, 1, False)
    assert list(JsonObject(path)) == ["before", "inside", "after"]
