"""ActionVOS's layout: what an entry becomes, and what malformed files are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from deposits import (
    actionvos_entry,
    actionvos_folder,
    actionvos_mask,
    actionvos_object,
    save_frame,
    save_mask,
    write_actionvos,
)

from actiseg_noise.borders.json_list import JsonList, iter_json_list
from actiseg_noise.datasets.actionvos import ActionVos
from actiseg_noise.errors import DataError
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord

FOLDER = "00000004_P01_107_put-into_bag:cereal"


def write_split(root: Path, *entries: object, split: str = "val_human") -> ActionVos:
    """Write a split's file without any mask."""
    (root / "ImageSets").mkdir(exist_ok=True)
    (root / f"ImageSets/{split}.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return ActionVos(root)


def read_text(dataset: ActionVos, split: str = "val_human") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=False))


def test_an_entry_becomes_a_clip(tmp_path: Path) -> None:
    place = f"val/{FOLDER}/frame_0000000954"
    save_frame(tmp_path / f"JPEGImages_Sparse/{place}.jpg")
    (clip,) = read_text(write_split(tmp_path, actionvos_entry(4, redundant=True, other=False)))
    assert clip.frames[1].image_path is None
    assert clip == Clip(
        clip_id=FOLDER,
        address="P01_107/1352-1392/put-into/bag:cereal",
        video_id="P01_107",
        narration="take the crème fraîche and",
        verb="put-into",
        noun="bag:cereal",
        objects=(
            ObjectRecord(1, 18, "bin/garbage can/recycling bin", "bin/garbage can/recycling bin", False, False, False),
            ObjectRecord(2, 113, "crème fraîche", "crème fraîche", True, False, True),
            ObjectRecord(3, 300, "left hand", "left hand", True, True, True),
        ),
        frames=(
            FrameRecord(
                "frame_0000000954", f"JPEGImages_Sparse/{place}.jpg", f"Annotations_Sparse/{place}.png", True, None
            ),
            clip.frames[1],
        ),
        source_order=0,
        verb_class=5,
        noun_class=19,
        start_frame=1352,
        stop_frame=1392,
        redundant=True,
    )


def test_train_has_folders_of_its_own_and_weights(tmp_path: Path) -> None:
    (clip,) = read_text(write_split(tmp_path, actionvos_entry(), split="train"), "train")
    frame = clip.frames[0]
    assert frame.mask_path == f"Annotations_Sparse/train/{FOLDER}/frame_0000000954.png"
    assert frame.weight_path == f"Weights_Sparse/train/{FOLDER}/frame_0000000954.png"


def test_the_address_does_not_know_the_position_in_one_preparation(tmp_path: Path) -> None:
    """seq_id counts the actions that one preparation kept; the same action elsewhere has another."""
    (clip,) = read_text(write_split(tmp_path, actionvos_entry(5, start=1352, end=1392)))
    assert clip.address == "P01_107/1352-1392/put-into/bag:cereal"


def test_the_same_action_narrated_twice_has_two_addresses(tmp_path: Path) -> None:
    twice = [actionvos_entry(n, start=1352, end=1392) for n in (5, 4, 6)]
    clips = read_text(write_split(tmp_path, *twice, actionvos_entry(7)))
    assert [(c.source_order, c.address) for c in clips] == [
        (1, "P01_107/1352-1392/put-into/bag:cereal/2"),
        (0, "P01_107/1352-1392/put-into/bag:cereal"),
        (2, "P01_107/1352-1392/put-into/bag:cereal/3"),
        (3, "P01_107/1652-1692/put-into/bag:cereal"),
    ]


def test_what_the_file_does_not_say_is_none(tmp_path: Path) -> None:
    unsaid = {"1": {"name": "foil", "class_id": 61, "positive": True}}
    entry = actionvos_entry(object_classes=unsaid)
    del entry["verb_class"], entry["noun_class"]
    (clip,) = read_text(write_split(tmp_path, entry))
    assert clip.objects == (ObjectRecord(1, 61, "foil", "foil", True, None, None),)
    assert (clip.verb_class, clip.noun_class) == (None, None)
    assert (clip.redundant, clip.missing, clip.other) == (False, False, False)


def test_a_clip_without_objects_is_a_clip(tmp_path: Path) -> None:
    (clip,) = read_text(write_split(tmp_path, actionvos_entry(object_classes={})))
    assert clip.objects == ()


def test_an_empty_list_has_no_clips(tmp_path: Path) -> None:
    assert read_text(write_split(tmp_path)) == []


def test_clips_come_in_code_point_order(tmp_path: Path) -> None:
    entries = [actionvos_entry(n) for n in (12, 4, 100, 9)]
    clips = read_text(write_split(tmp_path, *entries))
    assert [(int(c.clip_id[:8]), c.source_order) for c in clips] == [(4, 1), (9, 3), (12, 0), (100, 2)]


def test_frames_with_and_without_extension_are_sorted_by_number(tmp_path: Path) -> None:
    frames = ["frame_0000000992", "frame_0000000954.jpg", "frame_10000000001.jpg"]
    (clip,) = read_text(write_split(tmp_path, actionvos_entry(sparse_frames=frames)))
    assert [f.frame_id for f in clip.frames] == ["frame_0000000954", "frame_0000000992", "frame_10000000001"]


def test_the_object_order_is_the_id_not_the_place_in_the_file(tmp_path: Path) -> None:
    objects = {str(n): actionvos_object(f"cup {n}", 13, positive=1) for n in (10, 2, 1, 9, 3, 4, 5, 6, 7, 8)}
    (clip,) = read_text(write_split(tmp_path, actionvos_entry(object_classes=objects)))
    assert [(o.object_id, o.noun) for o in clip.objects] == [(n, f"cup {n}") for n in range(1, 11)]


def test_masks_are_read_with_the_ids_of_the_entry(tmp_path: Path) -> None:
    dataset = ActionVos(write_actionvos(tmp_path, {"val": [actionvos_entry()]}))
    (clip,) = dataset.iter_clips("val", with_frames=True)
    assert np.array_equal(dataset.read_index_mask(clip, clip.frames[0]), actionvos_mask([1, 2, 3]))


def test_an_id_that_is_none_of_the_objects_is_refused(tmp_path: Path) -> None:
    dataset = ActionVos(write_actionvos(tmp_path, {"val": [actionvos_entry()]}))
    save_mask(
        tmp_path / f"Annotations_Sparse/val/{FOLDER}/frame_0000000992.png", np.array([[0, 3], [4, 255]], np.uint8)
    )
    (clip,) = dataset.iter_clips("val", with_frames=True)
    message = r"frame_0000000992\.png: clip '00000004_.*', frame 'frame_0000000992' has ids \[4, 255\].*objects 1 … 3"
    with pytest.raises(DataError, match=message):
        dataset.read_index_mask(clip, clip.frames[1])


def test_a_missing_mask_is_named(tmp_path: Path) -> None:
    dataset = ActionVos(write_actionvos(tmp_path, {"val": [actionvos_entry()]}))
    (tmp_path / f"Annotations_Sparse/val/{FOLDER}/frame_0000000992.png").unlink()
    (clip,) = dataset.iter_clips("val", with_frames=True)
    with pytest.raises(DataError, match=r"frame_0000000992\.png: the mask file is missing"):
        dataset.read_index_mask(clip, clip.frames[1])


# --- missing files


def test_text_content_needs_the_json_alone(tmp_path: Path) -> None:
    assert len(read_text(write_split(tmp_path, actionvos_entry()))) == 1


def test_clips_without_a_folder_of_masks_are_named(tmp_path: Path) -> None:
    entries = [actionvos_entry(n) for n in range(12)]
    write_actionvos(tmp_path, {"val_human": entries[:1]})
    dataset = write_split(tmp_path, *entries)
    message = r"11 of 12 clips of .*val_human\.json have no folder in .*/val: 00000001_.*00000010_\S+, …\. Pass --skip"
    with pytest.raises(DataError, match=message):
        list(dataset.iter_clips("val_human", with_frames=True))


def test_skip_missing_leaves_them_out_and_counts_each_once(tmp_path: Path) -> None:
    entries = [actionvos_entry(n) for n in (3, 1, 2)]
    write_actionvos(tmp_path, {"val_human": entries[:1]})
    write_split(tmp_path, *entries)
    dataset = ActionVos(tmp_path, skip_missing=True)
    for _ in range(2):
        assert [c.clip_id[:8] for c in dataset.iter_clips("val_human", with_frames=True)] == ["00000003"]
    assert dataset.skipped == [actionvos_folder(entries[1]), actionvos_folder(entries[2])]


def test_skipping_everything_is_an_error(tmp_path: Path) -> None:
    write_split(tmp_path, actionvos_entry())
    with pytest.raises(DataError, match=r"1 of 1 clips .* Use --content text, which needs no masks"):
        list(ActionVos(tmp_path, skip_missing=True).iter_clips("val_human", with_frames=True))


def test_a_missing_split_names_those_that_are_there(tmp_path: Path) -> None:
    dataset = write_split(tmp_path, actionvos_entry())
    with pytest.raises(DataError, match=r"train\.json: no such file \(splits found: val_human\)\. Get it: get VISOR"):
        read_text(dataset, "train")


# --- malformed entries


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seq_id": "4"}, r"key 'seq_id': expected an integer in 0 … \d+, found \"4\""),
        ({"seq_id": -1}, "key 'seq_id': expected an integer in 0 … "),
        ({"seq_id": True}, "key 'seq_id': expected an integer"),
        ({"video": None}, "key 'video': expected a string, not empty, .* found null"),
        ({"narration": ""}, "key 'narration': expected a string, not empty"),
        ({"narration": "take \ud800"}, "key 'narration': expected a string, .* without lone surrogates"),
        ({"start": 1.5}, "key 'start': expected an integer"),
        ({"verb_class": "put"}, "key 'verb_class': expected an integer"),
        ({"noun_class": 2**31}, "key 'noun_class': expected an integer"),
        ({"redundant": "no"}, "key 'redundant': expected 0, 1, true or false, found \"no\""),
        ({"sparse_frames": "frame_1.jpg"}, "key 'sparse_frames': expected a list of different strings"),
        ({"sparse_frames": [1]}, "key 'sparse_frames': expected a list of different strings"),
        ({"sparse_frames": ["f.jpg", "f.jpg"]}, "key 'sparse_frames': expected a list of different strings"),
        ({"sparse_frames": ["f.jpg", "f"]}, "key 'sparse_frames': the frame 'f' is listed twice"),
        ({"sparse_frames": ["../../f.jpg"]}, "key 'sparse_frames': '../../f' cannot be the name of a file"),
        ({"sparse_frames": [".jpg"]}, "key 'sparse_frames': '' cannot be the name of a file"),
        ({"noun": "bin/garbage can"}, "'00000004_P01_107_put-into_bin/garbage can' cannot be the name of a file"),
        ({"video": "../../etc"}, "'00000004_../../etc_.*' cannot be the name of a file"),
        ({"verb": "a\\b"}, "cannot be the name of a file"),
        ({"object_classes": []}, "key 'object_classes': expected an object that leads from ids to objects"),
        ({"object_classes": {"0": {}}}, 'key \'object_classes\': expected the keys "1" … "1" without a gap'),
        ({"object_classes": {"1": [], "2": {}}}, r"key 'object_classes\.1': expected a JSON object, found \[\]"),
    ],
)
def test_a_malformed_entry_names_file_entry_and_key(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    dataset = write_split(tmp_path)
    text = json.dumps([actionvos_entry(3), actionvos_entry(4) | changes])
    (tmp_path / "ImageSets/val_human.json").write_text(text)
    with pytest.raises(DataError, match=rf"val_human\.json: entry 1\b.*{message}"):
        read_text(dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 7}, "key 'object_classes.2.name': expected a string"),
        ({"name": ""}, "key 'object_classes.2.name': expected a string, not empty"),
        ({"class_id": -1}, "key 'object_classes.2.class_id': expected an integer in 0 … "),
        ({"class_id": 2**31}, "key 'object_classes.2.class_id': expected an integer in 0 … "),
        ({"class_id": None}, "key 'object_classes.2.class_id': .* found null"),
        ({"positive": 2}, "key 'object_classes.2.positive': expected 0, 1, true or false, found 2"),
        ({"positive": None}, "key 'object_classes.2.positive': expected 0, 1, true or false"),
        ({"handbox": 1.0}, "key 'object_classes.2.handbox': expected 0, 1, true or false, found 1.0"),
        ({"narration": "yes"}, "key 'object_classes.2.narration': expected 0, 1, true or false"),
    ],
)
def test_a_malformed_object_names_file_entry_and_key(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    cup = actionvos_object("cup", 13, positive=1)
    dataset = write_split(tmp_path, actionvos_entry(object_classes={"1": cup, "2": cup | changes}))
    with pytest.raises(DataError, match=rf"val_human\.json: entry 0, {message}"):
        read_text(dataset)


@pytest.mark.parametrize("key", ["seq_id", "video", "start", "end", "narration", "verb", "noun", "sparse_frames"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    entry = actionvos_entry()
    del entry[key]
    with pytest.raises(DataError, match=rf"val_human\.json: entry 0, key '{key}': expected .*, found no such key"):
        read_text(write_split(tmp_path, entry))


def test_a_gap_in_the_object_ids_is_refused(tmp_path: Path) -> None:
    cup = actionvos_object("cup", 13, positive=1)
    dataset = write_split(tmp_path, actionvos_entry(object_classes={"1": cup, "3": cup}))
    with pytest.raises(DataError, match='key \'object_classes\': expected the keys "1" … "2" without a gap'):
        read_text(dataset)


def test_more_objects_than_a_palette_has_are_refused(tmp_path: Path) -> None:
    objects = {str(n): actionvos_object("cup", 13, positive=1) for n in range(1, 257)}
    with pytest.raises(DataError, match="at most 255 of them"):
        read_text(write_split(tmp_path, actionvos_entry(object_classes=objects)))


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    dataset = write_split(tmp_path, actionvos_entry(1), actionvos_entry(4), actionvos_entry(4, start=1))
    with pytest.raises(DataError, match=r"val_human\.json: entries 1 and 2 are both '00000004_.*'; keep one of them"):
        read_text(dataset)


def test_an_entry_that_is_no_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"entry 1\b.*: expected a JSON object, found \[1, 2\]"):
        read_text(write_split(tmp_path, actionvos_entry(), [1, 2]))


# --- malformed JSON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1, column 1 \(entry 0\): expected a list of entries, found the end of the file"),
        ('{"videos": {}}', r"line 1, column 1 \(entry 0\): expected a list of entries, found '{\"videos\": {}}'"),
        ('[\n {"a": 1},\n {"a": }\n]', r"line 3, column 8 \(entry 1\): Expecting value"),
        ('[{"a": 1}', r"line 1, column 10 \(entry 0\): expected ',' or '\]', found the end of the file"),
        ('[{"é": 1} {"a": 1}]', r"line 1, column 11 \(entry 0\): expected ',' or '\]', found '{\"a\": 1}\]'"),
        ('[{"a": 1},]', r"line 1, column 11 \(entry 1\): Expecting value"),
        ('[{"a": 1}, {"b', r"\(entry 1\): Unterminated string"),
        ("[1]\n[2]", r"line 2, column 1 .*: expected the end of the file"),
        ("[" * 100_000, "nested too deeply"),
        (f"[{'9' * 5000}]", r"line 1, column 2 \(entry 0\): a number of too many digits, found '9+'"),
    ],
)
@pytest.mark.parametrize("chunk_chars", [1, 5, 1 << 20])
def test_malformed_json_names_line_column_and_entry(tmp_path: Path, text: str, message: str, chunk_chars: int) -> None:
    path = tmp_path / "val.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"val\.json: malformed JSON at .*{message}"):
        list(iter_json_list(path, chunk_chars))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "val.json").write_bytes(b'[{"a": "\xff"}]')
    with pytest.raises(DataError, match=r"val\.json: not UTF-8 text"):
        list(iter_json_list(tmp_path / "val.json"))


@pytest.mark.parametrize("chunk_chars", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("indent", [None, 2])
def test_entries_and_their_places_do_not_depend_on_the_chunk(tmp_path: Path, chunk_chars: int, indent: int) -> None:
    path = tmp_path / "val.json"
    entries = [{"é": "naïve 🧅"}, 12345, [], {"a": [1.5e3, None]}, "x", -7]
    path.write_text("\ufeff \r\n" + json.dumps(entries, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    found = list(iter_json_list(path, chunk_chars))
    assert [entry for _, _, entry in found] == entries
    data = path.read_bytes()
    assert [json.loads(data[start:stop]) for start, stop, _ in found] == entries


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
def test_entries_are_the_same_kept_and_decoded_again(tmp_path: Path, whole_bytes: int) -> None:
    path = tmp_path / "val.json"
    entries = [{"é": "naïve 🧅"}, {"a": [1.5e3, None]}, {"b": -7}]
    path.write_text(json.dumps(entries, ensure_ascii=False, indent=1), encoding="utf-8")
    found = JsonList(path, whole_bytes)
    for _ in range(2):
        assert list(found) == entries
        assert list(found.pick([2, 0, 2])) == [entries[2], entries[0], entries[2]]


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
def test_a_malformed_list_is_told_where_kept_or_not(tmp_path: Path, whole_bytes: int) -> None:
    path = tmp_path / "val.json"
    path.write_text('[{"a": 1},\n {"a": }]')
    found = iter(JsonList(path, whole_bytes))
    assert next(found) == {"a": 1}
    with pytest.raises(DataError, match=r"line 2, column 8 \(entry 1\): Expecting value"):
        next(found)


def test_a_list_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    for entries in ([1], [1, 2]):
        path.write_text(json.dumps(entries))
        assert list(JsonList(path)) == entries


# --- vocabulary


def test_the_vocabulary_is_each_noun_of_each_class_once(tmp_path: Path) -> None:
    objects = {
        "1": actionvos_object("mug", 13, positive=1),
        "2": actionvos_object("cup", 13, positive=0),
        "3": actionvos_object("knife", 4, positive=0),
    }
    write_split(tmp_path, actionvos_entry(1, object_classes=objects), actionvos_entry(2, object_classes=objects))
    dataset = write_split(tmp_path, actionvos_entry(3, object_classes={"1": objects["1"]}), split="val")
    found = [(o.category_id, o.noun) for o in dataset.iter_vocabulary(dataset.card.splits)]
    assert found == [(4, "knife"), (13, "cup"), (13, "mug")]
    assert len(list(dataset.iter_vocabulary(("val",)))) == 1


def test_a_vocabulary_of_no_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.json: no such file \(no split file is there\)"):
        list(ActionVos(tmp_path).iter_vocabulary(("train", "val")))
