"""``davis`` on folders of other shapes than DAVIS's: what is found by itself, what an option says, what is refused."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from deposit_davis import save_grey, write_davis
from deposits import save_frame, save_mask
from folder_toys import ids_of, mask, masks_of, paths_of, read, write, write_images

from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.datasets.davis import Davis
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError, MissingTextError

# --- objects that appear later


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """Two videos as YouTube-VOS has them: object 2 appears in the second mask of ``a``."""
    write(tmp_path / "Annotations/a", mask(1), mask(1, 2))
    write(tmp_path / "Annotations/b", mask(1), mask(1))
    return tmp_path


def test_objects_that_appear_later_are_objects_and_that_is_said_once(late: Path) -> None:
    write(late / "Annotations/c", mask(0), mask(7))
    dataset = Davis(late)
    with pytest.warns(ActisegWarning, match=r"'a' has ids \[2\] .*--option ids=first;.*--objects merged") as said:
        clips = read(dataset)
    assert len(said) == 1
    assert [ids_of(clip) for clip in clips] == [[1, 2], [1], [7]]
    assert np.array_equal(masks_of(dataset, clips[0])[1], mask(1, 2))


def test_who_asks_for_all_ids_or_for_the_first_ones_is_told_nothing_more(late: Path) -> None:
    assert [ids_of(clip) for clip in read(Davis(late, ids="all"))] == [[1, 2], [1]]
    dataset = Davis(late, ids="first")
    clip, _ = read(dataset)
    with pytest.raises(DataError, match=r"00005\.png: .* has ids \[2\], but .* no id above 1\. .*ids=all.*merged"):
        masks_of(dataset, clip)


def test_lists_of_davis_mean_the_ids_of_the_first_mask(tmp_path: Path) -> None:
    root = write_davis(tmp_path, {"train": ["bear"]})
    save_mask(root / "Annotations/480p/bear/00005.png", np.full((12, 16), 3, np.uint8))
    assert ids_of(read(Davis(root))[0]) == [1, 2]
    assert ids_of(read(Davis(root, ids="all"))[0]) == [1, 2, 3]


def test_categories_of_meta_json_are_the_texts(late: Path) -> None:
    objects = {"1": {"category": "dog", "frames": ["00000"]}, "2": {"category": "a red ball"}}
    (late / "meta.json").write_text(json.dumps({"videos": {"a": {"objects": objects}, "z": {"objects": {}}}}))
    dataset = Davis(late, ids="all")
    first, second = read(dataset)
    assert [item.noun for item in first.objects] == ["dog", "a red ball"]
    assert [item.noun for item in second.objects] == ["b"]
    assert [item.noun for item in dataset.iter_vocabulary(("train",))] == ["a red ball", "b", "dog"]


def test_an_object_that_meta_json_does_not_list_is_named(late: Path) -> None:
    (late / "meta.json").write_text('{"videos": {"a": {"objects": {"1": {"category": "dog"}}}}}')
    message = r"meta\.json: sequence 'a' has an object '2' in its masks, the file lists only '1'; --option texts"
    with pytest.raises(MissingTextError, match=message):
        read(Davis(late, ids="all"))
    dataset = Davis(late, ids="all", skip_missing=True)
    assert [clip.clip_id for clip in read(dataset)] == ["b"]
    assert dataset.skipped == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"videos": {"a"', r"meta\.json: malformed JSON"),
        ('{"videos": {"a": []}}', r"meta\.json, 'a': expected an object with 'objects', found '\[\]'"),
        ('{"videos": {"a": {"objects": {"1": "dog"}}}}', r"meta\.json, 'a', object '1': expected an object with 'cat"),
        ('{"videos": {"a": {"objects": {"1": {"category": 3}}}}}', r"object '1': expected a text"),
    ],
)
def test_a_malformed_meta_json_is_told_where(late: Path, text: str, message: str) -> None:
    (late / "meta.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read(Davis(late, ids="all"))


def test_a_meta_json_of_another_form_is_somebody_elses(late: Path) -> None:
    (late / "meta.json").write_text('{"licence": "none"}')
    assert [clip.objects[0].noun for clip in read(Davis(late, ids="all"))] == ["a", "b"]


# --- lists


def lists(root: Path, *names: str) -> None:
    for name in names:
        path = root / "ImageSets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("b\na\n")


def test_lists_of_any_year_are_read_when_there_is_one(late: Path) -> None:
    lists(late, "2022/train.txt")
    assert [clip.clip_id for clip in read(Davis(late, ids="all"))] == ["a", "b"]
    assert [clip.source_order for clip in read(Davis(late, ids="all", year="2022"))] == [1, 0]


def test_several_years_are_refused_with_their_names(late: Path) -> None:
    lists(late, "2021/train.txt", "2022/train.txt")
    with pytest.raises(DataError, match=r"lists found: 2021/train\.txt, .*--option year=2021 or --option year=2022"):
        read(Davis(late))
    assert len(read(Davis(late, ids="all", year="2022"))) == 2
    with pytest.raises(ActisegError, match="--option year=2023: expected one of 2016, 2017, 2021, 2022"):
        Davis(late, year="2023")


def test_lists_may_lie_in_imagesets_itself_or_anywhere(late: Path) -> None:
    lists(late, "train.txt")
    assert [clip.source_order for clip in read(Davis(late, ids="all"))] == [1, 0]
    (late / "more/sets").mkdir(parents=True)
    (late / "more/sets/train.txt").write_text("b\n")
    assert [clip.clip_id for clip in read(Davis(late, ids="all", lists="more/sets"))] == ["b"]
    (late / "sets").mkdir()
    (late / "sets/my_train.txt").write_text("b\n")
    assert [clip.clip_id for clip in read(Davis(late, ids="all", lists="sets/my_{split}.txt"))] == ["b"]
    (late / "sets/train.txt").write_text("a\n")
    assert [clip.clip_id for clip in read(Davis(late, ids="all", lists="sets"))] == ["a"]
    with pytest.raises(DataError, match=r"sets/val\.txt: no such file .*--option lists="):
        read(Davis(late, lists="sets"), "val")


# --- patterns


def test_a_pattern_says_where_files_lie(tmp_path: Path) -> None:
    write(tmp_path / "train/a/masks", mask(1), mask(1))
    write(tmp_path / "val/b/masks", mask(1), mask(1))
    write_images(tmp_path / "train/a/rgb", suffix=".PNG")
    dataset = Davis(tmp_path, masks="{split}/{video}/masks/{frame}", images="{split}/{video}/rgb/{frame}")
    (clip,) = read(dataset)
    assert paths_of(clip)[0] == ("train/a/rgb/00000.PNG", "train/a/masks/00000.png")
    assert [clip.clip_id for clip in read(dataset, "val")] == ["b"]


def test_a_folder_may_lie_deeper(tmp_path: Path) -> None:
    write(tmp_path / "gt/masks/480p/a", mask(1))
    (clip,) = read(Davis(tmp_path, masks="gt/masks/"))
    assert paths_of(clip) == [(None, "gt/masks/480p/a/00000.png")]
    for wrong in ("../gt", "gt/../..", "/gt", "./gt", "/"):
        with pytest.raises(DataError, match=r"--option masks: '.*' cannot be the name of a file or folder"):
            Davis(tmp_path, masks=wrong)


def test_a_part_may_hold_several_fields_and_other_letters(tmp_path: Path) -> None:
    for name in ("cup_1_00000", "cup_1_00001", "big cup_1_00000"):
        save_mask(tmp_path / f"gt/{name}_mask.png", mask(1))
        save_frame(tmp_path / f"gt/{name}.jpg", 4, 8)
    clips = read(Davis(tmp_path, masks="gt/{video}_{frame}_mask.png", images="gt/{video}_{frame}.jpg"))
    assert [(clip.clip_id, len(clip.frames)) for clip in clips] == [("big cup_1", 1), ("cup_1", 2)]
    assert paths_of(clips[0]) == [("gt/big cup_1_00000.jpg", "gt/big cup_1_00000_mask.png")]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("masks", "../{video}/{frame}", r"--option masks '\.\./\{video\}/\{frame\}': expected a path below the root"),
        ("masks", "/data/{video}/{frame}", "expected a path below the root"),
        ("images", "a//{frame}", "--option images 'a//{frame}': expected a path below the root"),
        ("images", "a/./{frame}", "expected a path below the root"),
        ("masks", "{clip}/{frame}", r"has the field \{clip\}; the fields are \{split\}, \{video\}, \{object\}"),
        ("masks", "{video/{frame}", "has a brace without its other one"),
        ("masks", "{video}/mask", r"has no \{frame\}, which stands for the name of a file"),
        ("lists", "lists/{video}.txt", r"has the field \{video\}; the fields are \{split\}"),
        ("lists", "..", r"--option lists: '\.\.' cannot be the name of a file or folder"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(tmp_path: Path, option: str, value: str, message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        Davis(tmp_path, **{option: value})  # type: ignore[arg-type]


def test_a_pattern_that_matches_nothing_is_met_with_the_nearest_that_exists(tmp_path: Path) -> None:
    write(tmp_path / "data/v1/mask", mask(1))
    with pytest.raises(DataError) as stopped:
        read(Davis(tmp_path, masks="data/{video}/masks/{frame}"))
    said = str(stopped.value)
    assert "looked for at 'data/{video}/masks/{frame}'" in said
    assert f"nothing in {tmp_path / 'data/v1'} fits 'masks'; it holds 'mask'" in said
    assert "--option masks=" in said
    assert "davischallenge" not in said


def test_folders_that_are_not_davis_are_not_told_to_download_it(late: Path) -> None:
    lists(late, "2022/train.txt")
    (late / "ImageSets/2022/train.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError) as stopped:
        read(Davis(late))
    assert re.search(
        r"1 of 3 sequences .* have no masks in .*Annotations .*: c\..* nothing in .* fits 'c'", str(stopped.value)
    )
    assert "davischallenge" not in str(stopped.value)


# --- layouts that are found


def test_a_folder_per_video_is_found(tmp_path: Path) -> None:
    write(tmp_path / "v1/Annotations", mask(1), mask(1))
    write_images(tmp_path / "v1/JPEGImages")
    (tmp_path / "notes/old").mkdir(parents=True)
    dataset = Davis(tmp_path)
    dataset.check_root()
    (clip,) = read(dataset)
    assert paths_of(clip)[1] == ("v1/JPEGImages/00005.jpg", "v1/Annotations/00005.png")


def test_vspw_is_found_with_its_lists_and_grey_numbers(tmp_path: Path) -> None:
    classes = np.repeat(np.array([[3, 29, 60, 124, 255, 0]], np.uint8), 4, 0)
    for video in ("x", "y"):
        save_grey(tmp_path / f"data/{video}/mask/00000.png", classes)
        save_frame(tmp_path / f"data/{video}/origin/00000.jpg", 4, 6)
    (tmp_path / "train.txt").write_text("y\n")
    dataset = Davis(tmp_path)
    (clip,) = read(dataset)
    assert (clip.clip_id, ids_of(clip)) == ("y", [3, 29, 60, 124])
    assert clip.frames[0].image_path == "data/y/origin/00000.jpg"
    assert np.array_equal(masks_of(dataset, clip)[0], classes)


def test_flat_pairs_are_clips_of_one_frame(tmp_path: Path) -> None:
    for name in ("b", "a", "10", "9"):
        save_mask(tmp_path / f"masks/{name}.png", mask(1, 2))
        save_frame(tmp_path / f"images/{name}.JPG", 4, 8)
    clips = read(Davis(tmp_path))
    assert [clip.clip_id for clip in clips] == ["10", "9", "a", "b"]
    assert paths_of(clips[2]) == [("images/a.JPG", "masks/a.png")]
    assert [clip.clip_id for clip in read(Davis(tmp_path, masks="masks/{frame}", images="images"))][:1] == ["10"]


def test_images_behind_a_link_are_found(late: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere/a")
    (late / "JPEGImages").symlink_to(tmp_path / "elsewhere")
    (late / "Annotations/b").rename(tmp_path / "b")
    (late / "Annotations/b").symlink_to(tmp_path / "b")
    first, second = read(Davis(late, ids="all"))
    assert paths_of(first)[0] == ("JPEGImages/a/00000.jpg", "Annotations/a/00000.png")
    assert second.clip_id == "b"


# --- what holds of all


def test_a_video_is_read_when_its_clip_is_wanted(late: Path) -> None:
    (late / "Annotations/b/00000.png").write_bytes(b"no mask")
    dataset = DATASETS["davis"](late, ids="all")  # type: ignore[call-arg]
    with warnings.catch_warnings():
        assert next(iter(dataset.iter_clips("train", with_frames=True))).clip_id == "a"


def test_options_of_the_command_line_are_texts(tmp_path: Path) -> None:
    save_grey(tmp_path / "Annotations/v/0.png", np.repeat(np.array([[10, 50, 90, 200, 251]], np.uint8), 4, 0))
    dataset = Davis(tmp_path, threshold="128")  # type: ignore[arg-type]
    assert masks_of(dataset, read(dataset)[0])[0][0].tolist() == [0, 0, 0, 1, 1]
