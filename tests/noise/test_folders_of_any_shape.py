"""``davis`` on folders of other shapes than DAVIS's: what is found by itself, what an option says, what is refused."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from deposit_davis import save_grey, write_davis
from deposits import Mask, save_frame, save_mask
from PIL import Image

import actiseg_noise
from actiseg_noise.datasets.base import DATASETS
from actiseg_noise.datasets.davis import Davis
from actiseg_noise.datasets.selection import Selection
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError, MissingTextError
from actiseg_noise.records import Clip


def mask(*ids: int) -> Mask:
    """Return a 4×8 mask, two columns per id."""
    return np.repeat(np.array([[*ids, *[0] * (4 - len(ids))]], np.uint8), 4, 0).repeat(2, 1)


def write(folder: Path, *masks: Mask) -> None:
    """Write index masks 00000, 00005, …"""
    for number, one in enumerate(masks):
        save_mask(folder / f"{5 * number:05d}.png", one)


def write_images(folder: Path, count: int = 2, suffix: str = ".jpg") -> None:
    """Write the frames that ``write`` writes masks of."""
    for number in range(count):
        save_frame(folder / f"{5 * number:05d}{suffix}", 4, 8)


def read(dataset: Davis, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=True))


def ids_of(clip: Clip) -> list[int]:
    return [item.object_id for item in clip.objects]


def masks_of(dataset: Davis, clip: Clip) -> list[Mask]:
    return [dataset.read_checked_mask(clip, frame) for frame in clip.frames if frame.is_annotated]


def paths_of(clip: Clip) -> list[tuple[str | None, str | None]]:
    return [(frame.image_path, frame.mask_path) for frame in clip.frames]


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


# --- a file per object


def write_object(root: Path, video: str, name: str, *columns: Sequence[int], value: int = 255) -> None:
    """Write grey masks of one object, a row of pixels each."""
    for number, row in enumerate(columns):
        plane = np.repeat(np.array([row], np.uint8), 4, 0) * value
        save_grey(root / video / name / f"{4 * number:05d}.png", plane.astype(np.uint8))


@pytest.fixture
def sav(tmp_path: Path) -> Path:
    """SA-V: every fourth frame has a mask per object; in ``v`` objects 000 and 001 meet in the second one."""
    root = tmp_path / "Annotations_6fps"
    write_object(root, "v", "000", [1, 1, 0, 0], [1, 1, 0, 0])
    write_object(root, "v", "001", [0, 0, 1, 0], [0, 1, 1, 0])
    write_object(root, "v", "002", [0, 0, 0, 1], [0, 0, 0, 1], value=1)
    write_object(root, "vw", "000", [1, 1, 0, 0], [1, 1, 0, 0])
    write_object(root, "vw", "003", [0, 0, 0, 0], [0, 0, 0, 0])
    for video in ("v", "vw"):
        for number in range(5):
            save_frame(tmp_path / f"JPEGImages_24fps/{video}/{number:05d}.jpg", 4, 4)
    return tmp_path


def test_masks_that_overlap_are_layers_on_the_same_frames(sav: Path) -> None:
    dataset = Davis(sav, masks="Annotations_6fps")
    clips = read(dataset)
    assert [(clip.clip_id, clip.video_id, ids_of(clip)) for clip in clips] == [
        ("vw", "vw", [1]),
        ("v~1", "v", [1, 2]),
        ("v~2", "v", [1]),
    ]
    assert clips[1].frames[1].image_path == "JPEGImages_24fps/v/00001.jpg"
    assert [(f.frame_id, f.is_annotated) for f in clips[1].frames][::2] == [
        ("00000", True),
        ("00002", False),
        ("00004", True),
    ]
    assert clips[1].frames[0].mask_path == "Annotations_6fps/v/000/00000.png"
    assert clips[2].frames[0].mask_path == "Annotations_6fps/v/001/00000.png"
    assert [m[0].tolist() for m in masks_of(dataset, clips[1])] == [[1, 1, 0, 2], [1, 1, 0, 2]]
    assert [m[0].tolist() for m in masks_of(dataset, clips[2])] == [[0, 0, 1, 0], [0, 1, 1, 0]]


def test_layers_are_built_verified_and_chosen_by_name(sav: Path, tmp_path: Path) -> None:
    options = {"masks": "Annotations_6fps"}
    path = actiseg_noise.build("davis", root=sav, options=options, recipe="clean", out=tmp_path / "m", workers=1)
    manifest = actiseg_noise.read_manifest(path)
    assert (manifest.info.counts["clips"], manifest.info.counts["samples"]) == (3, 4)
    assert actiseg_noise.verify(path, root=sav) == []
    for wanted, found in ((["v~2"], ["v~2"]), (["v~1", "vw"], ["vw", "v~1"])):
        some = actiseg_noise.build(
            "davis", root=sav, options=options, recipe="clean", out=tmp_path / wanted[0], workers=1, clips=wanted
        )
        assert [clip.clip_id for clip in actiseg_noise.read_manifest(some)] == sorted(found)
    with pytest.raises(ActisegError, match=r"'v~9'.* Did you mean 'v~"):
        actiseg_noise.build("davis", root=sav, options=options, recipe="clean", out=tmp_path / "n", clips=["v~9"])


def test_the_first_clips_are_layers_and_videos_without_masks_are_left_out(sav: Path, tmp_path: Path) -> None:
    (sav / "ImageSets").mkdir()
    (sav / "ImageSets/train.txt").write_text("v\nvw\nvx\n")
    with pytest.raises(
        DataError, match=r"1 of 3 sequences .*: vx\. .*nothing in .*Annotations_6fps fits 'vx'; it holds"
    ):
        read(Davis(sav, masks="Annotations_6fps"))
    dataset = Davis(sav, masks="Annotations_6fps", skip_missing=True)
    assert [clip.clip_id for clip in read(dataset)] == ["vw", "v~1", "v~2"]
    assert dataset.skipped == ["vx"]
    some = dataset.select(Selection(limit=2))
    assert [clip.clip_id for clip in read(some)] == ["vw", "v~1"]


def test_ids_from_one_stay_and_a_frame_may_lack_an_object(tmp_path: Path) -> None:
    write_object(tmp_path / "Annotations", "v", "2", [1, 0, 0, 0], [1, 0, 0, 0])
    write_object(tmp_path / "Annotations", "v", "11", [0, 1, 0, 0])
    dataset = Davis(tmp_path)
    (clip,) = read(dataset)
    assert ids_of(clip) == [2, 11]
    assert [m[0].tolist() for m in masks_of(dataset, clip)] == [[2, 11, 0, 0], [2, 0, 0, 0]]
    (merged,) = read(Davis(tmp_path, objects="merged"))
    assert [m[0].tolist() for m in masks_of(Davis(tmp_path, objects="merged"), merged)] == [[1, 1, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    "pattern",
    [
        "gt/{video}/{frame}_{object}",
        "gt/{video}/{frame}/{object}",
        "{object}/{video}/{frame}.png",
        "gt/{frame}/{object}",
    ],
)
def test_objects_may_be_any_part_of_a_path(tmp_path: Path, pattern: str) -> None:
    for frame in ("0", "1"):
        for name, row in (("cup", [1, 0, 0, 0]), ("lid", [0, 1, 0, 0])):
            path = pattern.removesuffix(".png").format(video="v", frame=frame, object=name)
            save_grey(tmp_path / f"{path}.png", np.array([row] * 4, np.uint8))
    dataset = Davis(tmp_path, masks=pattern)
    clips = read(dataset)
    assert [clip.clip_id for clip in clips] == (["v"] if "{video}" in pattern else ["0", "1"])
    assert [m[0].tolist() for clip in clips for m in masks_of(dataset, clip)] == [[1, 2, 0, 0]] * 2


def test_texts_of_objects_counted_from_zero_go_by_their_place(sav: Path) -> None:
    (sav / "t.json").write_text(json.dumps({"v": {"1": "hand", "2": "cup", "3": "lid"}, "vw": "dog"}))
    clips = read(Davis(sav, masks="Annotations_6fps", texts="t.json"))
    assert [[item.noun for item in clip.objects] for clip in clips] == [["dog"], ["hand", "lid"], ["cup"]]


def test_folders_of_one_number_and_masks_of_two_sizes_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "Annotations"
    write_object(root, "v", "1", [1, 0, 0, 0])
    write_object(root, "v", "01", [0, 1, 0, 0])
    with pytest.raises(DataError, match=r"v: the folders '01' and '1' both are object 1; rename one"):
        read(Davis(tmp_path))
    (root / "v/01").rename(root / "v/3")
    save_grey(root / "v/3/00000.png", np.ones((4, 5), np.uint8))
    with pytest.raises(DataError, match=r"3/00000\.png: the mask is 5×4, another object's of this frame is 4×4"):
        read(Davis(tmp_path))
    (root / "v/3/00000.png").write_bytes((root / "v/1/00000.png").read_bytes()[:45])
    with pytest.raises(DataError, match=r"3/00000\.png: not a readable PNG"):
        read(Davis(tmp_path))


def test_a_mask_of_several_ids_is_not_one_object(tmp_path: Path) -> None:
    write(tmp_path / "Annotations/v/000", mask(1, 2))
    with pytest.raises(DataError, match=r"000/00000\.png: the values \[1, 2\], expected a mask of one object"):
        read(Davis(tmp_path))


def test_a_level_of_a_resolution_is_no_video(tmp_path: Path) -> None:
    write(tmp_path / "Annotations/1080p/v", mask(1))
    write_images(tmp_path / "JPEGImages/1080p/v", 1)
    with pytest.raises(DataError, match=r"Annotations/1080p: holds folders of masks, .*--option resolution=1080p"):
        read(Davis(tmp_path))
    assert [clip.clip_id for clip in read(Davis(tmp_path, resolution="1080p"))] == ["v"]


# --- numbers that are no ids: colours, 16 bits, void


def save_colours(path: Path, *colours: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(np.array([colours], np.uint8), 4, 0)).save(path)


LABELS = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncup:250,50,83::\nred onion:10, 20, 30::\nvoid:9,9,9::\n"
CUP, ONION, VOID = (250, 50, 83), (10, 20, 30), (9, 9, 9)


@pytest.fixture
def cvat(tmp_path: Path) -> Path:
    """CVAT's export of two images."""
    (tmp_path / "labelmap.txt").write_text(LABELS)
    save_colours(tmp_path / "SegmentationClass/a.png", (0, 0, 0), CUP, ONION, VOID)
    save_colours(tmp_path / "SegmentationClass/b.png", (0, 0, 0), (0, 0, 0), ONION, ONION)
    save_frame(tmp_path / "JPEGImages/a.jpg", 4, 4)
    lists_of_cvat = tmp_path / "ImageSets/Segmentation/default.txt"
    lists_of_cvat.parent.mkdir(parents=True)
    lists_of_cvat.write_text("a\nb\n")
    return tmp_path


def test_colours_are_the_labels_of_the_map(cvat: Path) -> None:
    dataset = Davis(cvat)
    first, second = read(dataset)
    assert [(item.object_id, item.noun) for item in first.objects] == [(1, "cup"), (2, "red onion")]
    assert [(item.object_id, item.noun) for item in second.objects] == [(2, "red onion")]
    assert masks_of(dataset, first)[0][0].tolist() == [0, 1, 2, 255]
    assert [item.noun for item in dataset.iter_vocabulary(("train",))] == ["cup", "red onion"]


def test_a_colour_of_no_label_is_named_with_the_nearest(cvat: Path) -> None:
    save_colours(cvat / "SegmentationClass/b.png", (0, 0, 0), (250, 50, 80), (250, 50, 80), ONION)
    message = r"b\.png: 8 pixels have 1 colours of no label .* 250,50,80; the nearest label is 'cup' 250,50,83"
    with pytest.raises(DataError, match=message):
        read(Davis(cvat))


def test_colours_without_a_label_map_are_told_of_one(cvat: Path) -> None:
    (cvat / "labelmap.txt").unlink()
    with pytest.raises(
        DataError, match=r"a\.png: .* found one of colours\. .*labelmap\.txt in the root or --option labels"
    ):
        read(Davis(cvat))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cup:1,2,3\ncup:3,4,5\n", r"line 2: the label 'cup' is there already"),
        ("cup:1,2,3\nlid:1,2,3\n", r"line 2: the colour 1,2,3 is another label's already"),
        ("cup:1,2,300\n", r"line 1: expected a colour r,g,b of 0 … 255, found 1,2,300"),
        ("cup:red\n", r"line 1: expected name:r,g,b:parts:actions"),
        ("# nothing\n", r"has no label"),
    ],
)
def test_a_malformed_label_map_is_told_where(cvat: Path, text: str, message: str) -> None:
    (cvat / "labelmap.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(Davis(cvat))


def save_wide(path: Path, *numbers: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(np.array([numbers], np.uint16), 4, 0)).save(path)


def test_masks_of_16_bits_are_instances_with_10000_as_void(tmp_path: Path) -> None:
    save_wide(tmp_path / "instances/v/000000.png", 0, 1001, 2003, 10000)
    save_wide(tmp_path / "instances/v/000001.png", 0, 1001, 1007, 1007)
    (tmp_path / "names.txt").write_text("car\npedestrian\n")
    dataset = Davis(tmp_path, labels="names.txt", ids="all")
    (clip,) = read(dataset)
    assert [(item.object_id, item.noun) for item in clip.objects] == [(1, "car"), (2, "car"), (3, "pedestrian")]
    assert [m[0].tolist() for m in masks_of(dataset, clip)] == [[0, 1, 3, 255], [0, 1, 2, 2]]
    assert ids_of(read(Davis(tmp_path, void="none"))[0]) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("void", "ids", "found"),
    [
        (None, [1, 2, 11], [1, 2, 11, 255]),
        ("11", [1, 2], [1, 2, 255, 3]),
        ("none", [1, 2, 3, 4], [1, 2, 3, 4]),
        (0, [1, 2, 3, 4], [1, 2, 3, 4]),
    ],
)
def test_any_number_may_be_void(tmp_path: Path, void: object, ids: list[int], found: list[int]) -> None:
    write(tmp_path / "Annotations/v", np.repeat(np.array([[1, 2, 11, 255]], np.uint8), 4, 0))
    dataset = Davis(tmp_path, void=void)  # type: ignore[arg-type]
    (clip,) = read(dataset)
    if void == "11":
        ids = [1, 2, 3]
    assert ids_of(clip) == ids
    assert masks_of(dataset, clip)[0][0].tolist() == found


def test_void_of_number_0_is_void(tmp_path: Path) -> None:
    write(tmp_path / "Annotations/v", np.repeat(np.array([[0, 2, 2, 0]], np.uint8), 4, 0))
    dataset = Davis(tmp_path, void=0)
    assert masks_of(dataset, read(dataset)[0])[0][0].tolist() == [255, 2, 2, 255]
    merged = Davis(tmp_path, void=0, objects="merged")
    assert masks_of(merged, read(merged)[0])[0][0].tolist() == [255, 1, 1, 255]


def test_a_void_that_is_no_number_is_refused(tmp_path: Path) -> None:
    for void in ("black", -1, 1 << 16, True):
        with pytest.raises(ActisegError, match=f"--option void={void}: expected the number of pixels without label"):
            Davis(tmp_path, void=void)


def test_grey_levels_are_numbers_when_void_is_given(tmp_path: Path) -> None:
    save_grey(tmp_path / "Annotations/v/0.png", np.repeat(np.array([[10, 50, 90, 200, 251]], np.uint8), 4, 0))
    with pytest.raises(DataError, match="grey levels between"):
        read(Davis(tmp_path))
    assert ids_of(read(Davis(tmp_path, void="255"))[0]) == [10, 50, 90, 200, 251]


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
