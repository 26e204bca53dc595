"""VISOR's deposit: where its parts may lie, and what damaged ones are told."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from deposit_visor import Deposit, action_row, annotated, entity, rectangle, write_table, write_visor
from typer.testing import CliRunner

import actiseg_noise
from actiseg_noise.cli.commands import app
from actiseg_noise.datasets.visor import Visor
from actiseg_noise.datasets.visor.actions import read_actions
from actiseg_noise.errors import DataError

VIDEO = "P01_107"
JSON = f"GroundTruth-SparseAnnotations/annotations/train/{VIDEO}.json"
PLATE = entity("plate", rectangle(10, 10, 90, 90))


def one_video(root: Path, *entities: Any, rows: list[dict[str, str]] | None = None, **options: str) -> Visor:
    """Write one action over two frames of one video; the entities are in the first."""
    frames = [annotated(VIDEO, 10, *(entities or (PLATE,))), annotated(VIDEO, 20, PLATE)]
    shown = [action_row(VIDEO, 0, 1, 99)] if rows is None else rows
    return Visor(Deposit(train={VIDEO: frames}, train_rows=shown).write(root, **options))


def read(dataset: Visor, split: str = "train") -> list[Any]:
    return list(dataset.iter_clips(split, with_frames=False))


# --- places


@pytest.mark.parametrize(
    "place", [".", "epic-kitchens-100-annotations", "annotations", "../epic-kitchens-100-annotations"]
)
def test_the_tables_lie_in_the_root_or_near_it(place: str, tmp_path: Path) -> None:
    assert len(read(one_video(tmp_path / "visor", tables=place))) == 1


@pytest.mark.parametrize("name", ["EPIC_100_train.csv", "EPIC_100_validation.csv"])
def test_a_missing_table_says_what_to_put_where(name: str, tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"{name}: no such file, nor at any of .* put them into the root. Get it: down"):
        read(dataset)


def test_a_missing_frame_mapping_says_where_to_get_it(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / "frame_mapping.json").unlink()
    with pytest.raises(DataError, match=r"frame_mapping\.json: no such file\. Get it: download"):
        read(dataset)


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"annotations/val: no annotation files <video>\.json\. Get it: download"):
        read(one_video(tmp_path), "val")


def test_the_vocabulary_is_of_the_splits_on_disk(tmp_path: Path) -> None:
    assert [o.noun for o in one_video(tmp_path).iter_vocabulary(("train", "val"))] == ["plate"]
    with pytest.raises(DataError, match="annotations/train: no annotation files"):
        list(Visor(tmp_path / "nowhere").iter_vocabulary(("train", "val")))


def test_corrected_annotations_are_preferred(tmp_path: Path) -> None:
    one_video(tmp_path)
    corrected = one_video(tmp_path, entity("bag", rectangle(0, 0, 9, 9)), annotations="annotations_corrected")
    (clip,) = read(corrected)
    assert [o.noun for o in clip.objects] == ["bag", "plate"]
    assert clip.frames[0].mask_path == JSON.replace("annotations/train", "annotations_corrected/train")


def test_corrected_annotations_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    frames = [annotated("P02_01", n, PLATE) for n in (1, 2)]
    Deposit(train={"P02_01": frames}).write(tmp_path)
    dataset = one_video(tmp_path, annotations="annotations_corrected")
    with pytest.raises(
        DataError, match=r"annotations_corrected/train: 1 videos of 'annotations' are not there: P02_01\."
    ):
        read(dataset)


def test_files_in_folders_of_participants_are_found(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    nested = tmp_path / JSON.replace(VIDEO, f"P01/{VIDEO}")
    nested.parent.mkdir()
    (tmp_path / JSON).rename(nested)
    (clip,) = read(dataset)
    assert dataset.read_index_mask(clip, clip.frames[0]).any()


@pytest.mark.parametrize("other", ["train/old", "val"])
def test_two_files_of_one_video_are_refused(other: str, tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    copy = tmp_path / f"GroundTruth-SparseAnnotations/annotations/{other}/{VIDEO}.json"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes((tmp_path / JSON).read_bytes())
    with pytest.raises(
        DataError, match=f"video '{VIDEO}' has two annotation files, .*{VIDEO}.json; remove one"
    ) as caught:
        read(dataset)
    assert str(copy) in str(caught.value)


def test_hidden_files_are_no_annotations(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / JSON).with_name(f"._{VIDEO}.json").write_bytes(b"\0\5\x16")
    assert len(read(dataset)) == 1


# --- annotation files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"video_annotations": [', r"malformed JSON at line 1, column 24 \(the end of the file: it is truncated\)"),
        ('{"video_annotations": [}', r"malformed JSON at line 1, column 24: "),
        ("", r"malformed JSON at line 1, column 1 \(the end of the file: it is truncated\)"),
        ("[]", r"expected an object with a list 'video_annotations', found '\[\]'"),
        ('{"video_annotations": {}}', "expected an object with a list 'video_annotations'"),
        ('{"video_annotations": [7]}', "entry 0 of 'video_annotations', .*expected a JSON object, found 7"),
        ('{"video_annotations": [{"image": {}}]}', "entry 0 of 'video_annotations', key 'name': .* found no such key"),
        (
            '{"video_annotations": [{"image": {"name": "a.jpg"}}]}',
            "entry 0 .*: frame 'a.jpg' has no list 'annotations'",
        ),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_damaged_annotation_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / JSON).write_text(text)
    with pytest.raises(DataError, match=rf"{VIDEO}\.json.*{message}"):
        read(dataset)


def test_an_annotation_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / JSON).write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=rf"{VIDEO}\.json: not UTF-8 text"):
        read(dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segments": None}, "key 'segments': expected a list of polygons, found null"),
        ({"segments": [[1.0, 2.0]]}, r"key 'segments\.0': expected a list of \[x, y\], found \[1\.0, 2\.0\]"),
        ({"segments": [[[1, 2, 3]]]}, r"key 'segments\.0': expected a list of \[x, y\], found \[\[1, 2, 3\]\]"),
        ({"segments": [[[1, 2], [3]]]}, r"key 'segments\.0': expected a list of \[x, y\]"),
        ({"segments": [[], [["1", "2"]]]}, r"key 'segments\.1': expected a list of \[x, y\]"),
        ({"segments": [[[1, None]]]}, r"key 'segments\.0': expected a list of \[x, y\]"),
        ({"segments": [[[True, False]]]}, r"key 'segments\.0': expected a list of \[x, y\]"),
        ({"segments": ["plate"]}, r"key 'segments\.0': expected a list of \[x, y\], found plate"),
        ({"segments": [{}]}, r"key 'segments\.0': expected a list of \[x, y\], found \{\}"),
        (
            {"segments": [[[1, float("nan")]]]},
            r"key 'segments\.0': expected coordinates within ±32767 pixels, found nan",
        ),
        (
            {"segments": [[[1, 2], [float("inf"), 3]]]},
            "key 'segments.0': expected coordinates within ±32767 pixels, found inf",
        ),
        ({"segments": [[[-32_768, 2]]]}, "key 'segments.0': expected coordinates within ±32767 pixels, found -32768"),
        ({"class_id": "2"}, "key 'class_id': expected an integer in 0 … 2147483647, found \"2\""),
        ({"class_id": -1}, "key 'class_id': expected an integer"),
        ({"id": 7}, "key 'id': expected a string"),
        ({"in_contact_object": ["left hand"]}, "key 'in_contact_object': expected a string"),
    ],
)
def test_a_malformed_entity_names_file_frame_and_object(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    dataset = one_video(tmp_path, PLATE | changes)
    place = rf"{VIDEO}\.json, frame 'P01_107_frame_0000000010\.jpg', object 'plate'"
    with pytest.raises(DataError, match=f"{place}, {message}"):
        read(dataset)


def test_an_entity_without_a_name_and_a_glove_on_a_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="frame 'P01_107_frame_0000000010.jpg', an object, key 'name': expected a string"
    ):
        read(one_video(tmp_path, PLATE | {"name": ""}))
    glove = entity("left glove", rectangle(0, 0, 9, 9), on_which_hand=2)
    with pytest.raises(
        DataError, match="object 'left glove', key 'on_which_hand': expected a string, a list of strings"
    ):
        read(one_video(tmp_path, glove))


def test_frames_that_are_in_no_action_are_not_looked_at(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, PLATE) for n in (10, 20)] + [annotated(VIDEO, 900, PLATE | {"segments": "?"})]
    rows = [action_row(VIDEO, 0, 1, 99)]
    assert len(read(Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path)))) == 1


def test_a_frame_annotated_twice_may_only_repeat_itself(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, PLATE) for n in (10, 20, 10)]
    rows = [action_row(VIDEO, 0, 1, 99)]
    assert len(read(Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path)))[0].frames) == 2
    frames[2] = annotated(VIDEO, 10)
    dataset = Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path))
    with pytest.raises(DataError, match=r"entry 2 .*: frame 'P01_107_frame_0000000010\.jpg' is annotated twice, diff"):
        read(dataset)


def test_more_objects_than_a_mask_has_ids_are_refused(tmp_path: Path) -> None:
    many = [PLATE | {"name": f"plate {number}"} for number in range(254)]
    assert len(read(one_video(tmp_path, *many))[0].objects) == 255  # with the plate of the second frame
    with pytest.raises(
        DataError, match=rf"{VIDEO}\.json: 256 objects in the action of .*train\.csv, row 2; .* room for"
    ):
        read(one_video(tmp_path, *many, PLATE | {"name": "plate 254"}))


# --- frame_mapping.json


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ([], "expected a JSON object|expected '{'|expected an object"),
        ({VIDEO: ["a.jpg"]}, "video 'P01_107': expected an object {image of VISOR: frame of EPIC-KITCHENS}, found"),
        ({VIDEO: {"a.jpg": 7}}, "video 'P01_107': expected names of JPEG files, found 'a.jpg': 7"),
        ({VIDEO: {"a.jpg": "frame_0000000001"}}, "expected names of JPEG files"),
        ({VIDEO: {"a.jpg": "../b.jpg"}}, "'../b.jpg' cannot be the name of a file"),
    ],
)
def test_a_malformed_frame_mapping_is_named(mapping: Any, message: str, tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / "frame_mapping.json").write_text(json.dumps(mapping))
    with pytest.raises(DataError, match=rf"frame_mapping\.json.*({message})"):
        read(dataset)


def test_an_annotation_file_of_another_video_is_refused(tmp_path: Path) -> None:
    frames = [annotated("P01_01", n, PLATE) for n in (10, 20)]
    dataset = Visor(Deposit(train={VIDEO: frames}, train_rows=[action_row(VIDEO, 0, 1, 99)]).write(tmp_path))
    with pytest.raises(
        DataError, match=rf"{VIDEO}\.json: none of the 2 images that frame_mapping\.json has for '{VIDEO}'"
    ):
        read(dataset)


def test_two_images_on_one_epic_frame_are_the_later_one(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    names = {f"{VIDEO}_frame_{n:010d}.jpg": f"frame_{ek:010d}.jpg" for n, ek in ((15, 12), (10, 12), (20, 22))}
    (tmp_path / "frame_mapping.json").write_text(json.dumps({VIDEO: names}))
    (clip,) = read(dataset)
    assert [str(f.mask_key)[-8:] for f in clip.frames] == ["0010.jpg", "0020.jpg"]


# --- tables of actions


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("all_noun_classes", "[2", r"expected a list of whole numbers, as in \[2, 18\], found '\[2'"),
        ("all_noun_classes", "2, 3", "expected a list of whole numbers"),
        ("all_noun_classes", "['2']", "expected a list of whole numbers"),
        ("all_noun_classes", "[True]", "expected a list of whole numbers"),
        ("all_noun_classes", "[__import__('os').getpid()]", "expected a list of whole numbers"),
        ("all_noun_classes", "[" * 5000, "expected a list of whole numbers"),
        ("all_nouns", "plate", r"expected a list of words, as in \['plate', 'bin'\], found 'plate'"),
        ("all_nouns", "[2]", "expected a list of words"),
        ("start_frame", "-1", "expected a whole number of at most nine digits, found '-1'"),
        ("stop_frame", "", "expected a whole number of at most nine digits, found ''"),
        ("verb_class", "4.0", "expected a whole number"),
        ("noun_class", "1" * 10, "expected a whole number"),
        ("narration", " ", "expected a text, found ' '"),
        ("verb", "", "expected a text"),
        ("noun", "", "expected a text"),
        ("narration_id", "P01_108_3", "expected 'P01_107_<number>', found 'P01_108_3'"),
        ("narration_id", "P01_107_x", "expected 'P01_107_<number>'"),
    ],
)
def test_a_malformed_cell_names_file_row_and_column(column: str, cell: str, message: str, tmp_path: Path) -> None:
    rows = [action_row(VIDEO, 0, 1, 99), action_row(VIDEO, 1, 1, 99) | {column: cell}]
    with pytest.raises(DataError, match=rf"EPIC_100_train\.csv, row 3, column '{column}': {message}"):
        read(one_video(tmp_path, rows=rows))


def test_a_noun_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.csv, row 2: '00000001_P01_107_take_\.\./x' cannot be the name"):
        read(one_video(tmp_path, rows=[action_row(VIDEO, 0, 1, 99, noun="../x")]))


def test_one_narration_in_both_tables_is_refused(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    write_table(tmp_path / "EPIC_100_validation.csv", [action_row(VIDEO, 0, 1, 50)])
    with pytest.raises(
        DataError, match=r"validation\.csv, row 2: 'P01_107_0' is also at .*train\.csv, row 2; keep one"
    ):
        read(dataset)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n",
            "a pointer of git-lfs",
        ),
        (b"", "has no column 'narration_id'"),
        (b"\xff\xfe", "not a CSV table in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_named(data: bytes, message: str, tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    (tmp_path / "EPIC_100_train.csv").write_bytes(data)
    with pytest.raises(DataError, match=rf"EPIC_100_train\.csv: .*{message}"):
        read(dataset)


def test_a_table_that_is_cut_off_is_named(tmp_path: Path) -> None:
    dataset = one_video(tmp_path)
    path = tmp_path / "EPIC_100_train.csv"
    path.write_bytes(path.read_bytes() + b"P01_11_0,P01,P01_11,00:")
    with pytest.raises(
        DataError, match=r"EPIC_100_train\.csv, row 3: expected 15 cells, found 4; is the file cut off\?"
    ):
        read(dataset)


def test_rows_of_other_videos_are_not_read_closely(tmp_path: Path) -> None:
    rows = [action_row("P09_09", 0, 1, 99, all_nouns="?"), action_row(VIDEO, 3, 5, 6), action_row(VIDEO, 20, 1, 2)]
    write_table(tmp_path / "t.csv", rows)
    found = read_actions([tmp_path / "t.csv"], {VIDEO})
    assert {video: [action.narration_number for action in actions] for video, actions in found.items()} == {
        VIDEO: [3, 20]
    }


def test_tables_without_any_action_of_the_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="no action of EPIC_100_train.csv and EPIC_100_validation.csv has two annotated"
    ):
        read(one_video(tmp_path, rows=[action_row("P77_01", 0, 1, 99)]))


# --- as a user meets it


def test_it_pickles_small_after_use(tmp_path: Path) -> None:
    dataset = Visor(write_visor(tmp_path), size="native")
    clip = read(dataset)[0]
    dataset.read_index_mask(clip, clip.frames[0])
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    assert len(pickle.dumps(dataset)) < 1_000
    assert copy.size == "native"
    assert read(copy)[0] == clip


def test_a_build_of_text_and_one_of_native_masks(tmp_path: Path) -> None:
    root = write_visor(tmp_path / "visor")
    command = ["build", "--dataset", "visor", "--root", str(root), "--flip", "0.3", "--no-gate"]
    text = CliRunner().invoke(app, [*command, "--content", "text", "--out", str(tmp_path / "text")])
    native = CliRunner().invoke(
        app, [*command, "--option", "size=native", "--workers", "1", "--out", str(tmp_path / "n")]
    )
    refused = CliRunner().invoke(app, [*command, "--option", "size=4k", "--out", str(tmp_path / "no")])
    assert (text.exit_code, native.exit_code) == (0, 0), text.output + native.output
    manifest = actiseg_noise.read_manifest(tmp_path / "n")
    assert set(zip(*(manifest.table("frames")[key].to_pylist() for key in ("height", "width")), strict=True)) == {
        (1080, 1920)
    }
    assert "--option size=4k: expected one of 854x480, native" in str(refused.exception)
