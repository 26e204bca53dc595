"""JSON whose masks are listed by frame: BURST's, of many videos, and SA-V's, of one."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import rle, write_json
from deposit_ytvis import CATEGORIES, HEIGHT, WIDTH, block, image, instance, moving, save_frames
from mutations import cut, mutate

import actiseg_noise
from actiseg_noise.datasets.ytvis import YtVis
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.records import Clip


def code(top: int, left: int) -> dict[str, object]:
    """Return a mask as BURST writes it: run lengths without a size."""
    return {"rle": rle(block(top, left))["counts"], "is_gt": True}


SEQUENCE: dict[str, Any] = {
    "id": 3,
    "width": WIDTH,
    "height": HEIGHT,
    "fps": 30,
    "dataset": "YFCC100M",
    "seq_name": "v_1",
    "all_image_paths": ["frame0001.jpg", "frame0002.jpg", "frame0003.jpg"],
    "annotated_image_paths": ["frame0001.jpg", "frame0003.jpg"],
    "neg_category_ids": [9],
    "not_exhaustive_category_ids": [],
    "track_category_ids": {"10": 1, "2": 7},
    "segmentations": [{"2": code(1, 1), "10": code(7, 1)}, {"10": code(7, 2)}],
}
BURST: dict[str, Any] = {"sequences": [SEQUENCE], "categories": list(CATEGORIES), "split": "train"}

TAO: dict[str, Any] = {
    "videos": [{"id": 5, "name": "train/LaSOT/zebra-1", "width": WIDTH, "height": HEIGHT}],
    "images": [
        image(31, "train/LaSOT/zebra-1/00000061.jpg") | {"video_id": 5, "frame_index": 60},
        image(30, "train/LaSOT/zebra-1/00000031.jpg") | {"video_id": 5, "frame_index": 30},
    ],
    "tracks": [{"id": 800, "category_id": 7, "video_id": 5}, {"id": 900, "category_id": 1, "video_id": 5}],
    "annotations": [
        instance(1, 31, 7, rle(block(1, 2)), track_id=800, video_id=5),
        instance(2, 30, 7, rle(block(1, 1)), track_id=800, video_id=5),
        instance(3, 31, 1, [[1, 7, 6, 7, 6, 11, 1, 11]], track_id=900, video_id=5),
    ],
    "categories": list(CATEGORIES),
}

MASKLETS: dict[str, Any] = {
    "video_id": "sav_000001",
    "video_height": float(HEIGHT),
    "video_width": float(WIDTH),
    "video_split": "train",
    "masklet": [[first, second] for first, second in zip(moving(1, 1, 2), moving(2, 1, 2), strict=True)],
    "masklet_id": [0, 5],
    "masklet_num": 2,
}


DATUMARO: dict[str, Any] = {
    "info": {},
    "categories": {"label": {"labels": [{"name": "person", "parent": ""}, {"name": "giant_panda"}], "attributes": []}},
    "items": [
        {
            "id": "a/1",
            "image": {"path": "a/1.png", "size": [HEIGHT, WIDTH]},
            "annotations": [
                {"id": 0, "type": "polygon", "group": 3, "label_id": 1, "points": [1, 1, 6, 1, 6, 5, 1, 5]},
                {"id": 0, "type": "bbox", "group": 3, "label_id": 1, "bbox": [1, 1, 5, 4]},
                {"id": 0, "type": "polygon", "group": 3, "label_id": 1, "points": [9, 1, 14, 1, 14, 5, 9, 5]},
                {"id": 0, "type": "mask", "group": 0, "label_id": 0, "rle": rle(block(7, 1))},
            ],
        },
        {"id": "b", "image": {"path": "/home/someone/b.png", "size": [HEIGHT, WIDTH]}, "annotations": []},
    ],
}


def clips(dataset: YtVis, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=True))


def masks(dataset: YtVis, clip: Clip) -> list[Any]:
    return [dataset.read_index_mask(clip, frame) for frame in clip.frames]


def test_tracks_of_burst_are_objects_and_absent_classes_negative_ones(tmp_path: Path) -> None:
    write_json(tmp_path / "train/all_classes.json", BURST)
    save_frames(tmp_path / "frames/train/YFCC100M/v_1", ["frame0003.jpg"])
    dataset = YtVis(tmp_path)
    (clip,) = clips(dataset)
    assert clip.clip_id == "YFCC100M_v_1"
    assert [(item.object_id, item.noun, item.is_positive) for item in clip.objects] == [
        (1, "giant panda", True),
        (2, "person", True),
        (3, "a red hat", False),
    ]
    paths = [(frame.frame_id, frame.image_path, frame.mask_key) for frame in clip.frames]
    assert paths == [
        ("frame0001", None, "2+10+-"),
        ("frame0003", "frames/train/YFCC100M/v_1/frame0003.jpg", "2+10+-"),
    ]
    first, second = masks(dataset, clip)
    assert np.array_equal(first, block(1, 1) + 2 * block(7, 1))
    assert np.array_equal(second, 2 * block(7, 2))


def test_images_that_say_their_video_are_its_frames_and_tracks_its_objects(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", TAO)
    save_frames(tmp_path / "frames", ["train/LaSOT/zebra-1/00000031.jpg"])
    dataset = YtVis(tmp_path, images="frames")
    (clip,) = clips(dataset)
    assert clip.clip_id == "train_LaSOT_zebra-1"
    assert [(frame.frame_id, frame.mask_key) for frame in clip.frames] == [
        ("00000031", "800+900"),
        ("00000061", "800+900"),
    ]
    assert clip.frames[0].image_path == "frames/train/LaSOT/zebra-1/00000031.jpg"
    assert [(item.object_id, item.noun) for item in clip.objects] == [(1, "giant panda"), (2, "person")]
    first, second = masks(dataset, clip)
    assert np.array_equal(first, block(1, 1))
    assert np.array_equal(second, block(1, 2) + 2 * block(7, 1))


def test_an_image_of_lvis_is_found_by_its_address(tmp_path: Path) -> None:
    address = "http://images.cocodataset.org/val2017/000000397133.jpg"
    entry = {"id": 1, "width": WIDTH, "height": HEIGHT, "coco_url": address}
    data = {"images": [entry], "annotations": [instance(1, 1, 1, rle(block(1, 1)))], "categories": list(CATEGORIES)}
    write_json(tmp_path / "train.json", data)
    save_frames(tmp_path / "val2017", ["000000397133.jpg"])
    (clip,) = clips(YtVis(tmp_path))
    assert clip.frames[0].image_path == "val2017/000000397133.jpg"


def test_items_of_datumaro_are_images_and_polygons_of_a_group_one_object(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations/train.json", DATUMARO)
    save_frames(tmp_path / "images/train", ["a/1.jpg"])
    dataset = YtVis(tmp_path)
    (clip,) = clips(dataset)
    assert (clip.clip_id, clip.frames[0].image_path) == ("a_1", "images/train/a/1.jpg")
    assert [(item.object_id, item.noun) for item in clip.objects] == [(1, "giant panda"), (2, "person")]
    assert np.array_equal(masks(dataset, clip)[0], block(1, 1) | block(1, 9) | 2 * block(7, 1))


def test_a_file_that_says_it_is_of_val_is_not_noised_as_train(tmp_path: Path) -> None:
    write_json(tmp_path / "all.json", BURST | {"split": "val"})
    with pytest.raises(DataError, match="all.json: it says 'val', an evaluation split, but it is read as 'train'"):
        clips(YtVis(tmp_path, file="all.json"))
    assert len(clips(YtVis(tmp_path, file="all.json"), "val")) == 1


def test_masklets_of_sav_are_objects_and_overlap(tmp_path: Path) -> None:
    write_json(tmp_path / "sav_000/sav_000001_manual.json", MASKLETS)
    write_json(tmp_path / "sav_000/sav_000001_auto.json", {"unread": 1})
    write_json(tmp_path / "sav_001/sav_000002_manual.json", MASKLETS | {"video_id": "sav_000002"})
    save_frames(tmp_path / "JPEGImages/sav_000001", ["00000.jpg", "00001.jpg", "00004.jpg"])
    dataset = YtVis(tmp_path)
    found = clips(dataset)
    assert [(clip.clip_id, clip.source_order) for clip in found] == [
        ("sav_000001~1", 0),
        ("sav_000001~2", 1),
        ("sav_000002~1", 2),
        ("sav_000002~2", 3),
    ]
    first, second = found[:2]
    assert [frame.image_path for frame in first.frames] == [
        "JPEGImages/sav_000001/00000.jpg",
        "JPEGImages/sav_000001/00004.jpg",
    ]
    assert [frame.mask_key for frame in first.frames + second.frames] == ["0", "0", "5", "5"]
    assert [item.noun for item in first.objects] == ["object"]
    assert np.array_equal(masks(dataset, second)[1], block(2, 2))


def test_sav_can_be_built_with_noise_on_masks(tmp_path: Path) -> None:
    write_json(tmp_path / "in/sav_000001_manual.json", MASKLETS)
    path = actiseg_noise.build("ytvis", root=tmp_path / "in", boundary=81, out=tmp_path / "m")
    rows = actiseg_noise.read_manifest(path).table("masks", ["clean_area", "mask_noise"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(20, "dilate-v1")] * 4


def changed(data: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return BURST's file with other values in its sequence."""
    return data | {"sequences": [SEQUENCE | more]}


def item(**more: object) -> dict[str, Any]:
    """Return Datumaro's file with other values in its first image."""
    return DATUMARO | {"items": [DATUMARO["items"][0] | more]}


def tao(number: int, **more: object) -> dict[str, Any]:
    """Return TAO's file with other values in an annotation."""
    found = [dict(one) for one in TAO["annotations"]]
    found[number] |= more
    return TAO | {"annotations": found}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            changed(BURST, track_category_ids={"10": 1}),
            r"'YFCC100M_v_1': segmentations\[0\]: track '2' is not in",
        ),
        (changed(BURST, track_category_ids={"x": 1}), "track_category_ids: expected a track's number, found 'x'"),
        (changed(BURST, track_category_ids={"2": 1.0}), "track_category_ids.2: expected a whole number"),
        (changed(BURST, track_category_ids={"2": 4}), "track 2: category 4 is not among the 3 categories of the file"),
        (changed(BURST, neg_category_ids=[7]), r"category \[7\] is in neg_category_ids and has a track"),
        (changed(BURST, neg_category_ids=[True]), "neg_category_ids: expected a list of category ids"),
        (changed(BURST, segmentations=[{}]), "segmentations: expected a list of 2 objects .* found 1 entries"),
        (changed(BURST, segmentations=[{"2": {"rle": "1"}}, {}]), "annotation 2, frame 'frame0001': run lengths '1'…"),
        (
            changed(BURST, annotated_image_paths=["../a.jpg", "b.jpg"]),
            r"image_paths\[0\]: .*below the folder",
        ),
        (changed(BURST, width=0), r"sequences\[0\]: width: expected a whole number from 1"),
        (TAO | {"images": []}, "videos without file_names, and no 'images' that say their video_id"),
        (TAO | {"videos": [{"id": 6}]}, r"images\[0\]: video_id: expected the id of one of the 1 videos"),
        (tao(1, track_id=1.0), r"annotations\[1\]: expected a track_id or instance_id"),
        (tao(1, track_id=True), r"annotations\[1\]: expected a track_id or instance_id"),
        (tao(1, category_id=1), r"track 800: has categories \[1, 7\]; expected one category"),
        (tao(1, image_id=31), "track 800: has two annotations of one image"),
        (tao(1, segmentation=7), "annotation 800, frame '00000031': expected null, run lengths"),
        (item(image={"path": "a.png"}), r"items\[0\]: image.size: expected \[height, width\], found null"),
        (item(image={"path": "a.png", "size": [1e9, 4]}), r"items\[0\]: image.size: height: expected a whole number"),
        (item(annotations=[{"type": "mask", "id": 1, "label_id": 9}]), "label_id: 9 is none of the 2 labels"),
        (item(annotations=[{"type": "mask", "id": True, "label_id": 0}]), "id: expected a whole number"),
        (MASKLETS | {"masklet_id": [0, 0]}, "masklet_id 0 stands twice"),
        (MASKLETS | {"masklet_id": [*range(10_000), 7]}, "masklet_id 7 stands twice"),
        (MASKLETS | {"masklet_id": [0, 1.0]}, r"masklet_id\[1\]: masklet_id: expected a whole number"),
        (
            MASKLETS | {"masklet_id": [0]},
            r"'sav_000001': masklet\[0\]: expected a list of 1 run lengths, .* found 2",
        ),
        (MASKLETS | {"video_height": 12.5}, "height: expected a whole number from 1 to 16,384, found 12.5"),
        (
            MASKLETS | {"video_width": 12.0},
            r"annotation 0, frame '00000': size: expected \[12, 12\].* found \[12, 16\]",
        ),
        (MASKLETS | {"video_id": "../x"}, 'video_id: expected the name of a video, found "../x"'),
    ],
)
def test_bad_input_is_one_line_that_says_where(data: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", data)
    with pytest.raises(DataError, match=message) as caught:
        clips(YtVis(tmp_path))
    assert str(tmp_path / "train.json") in str(caught.value)


@pytest.mark.parametrize("data", [BURST, TAO, MASKLETS, DATUMARO], ids=["burst", "tao", "masklets", "datumaro"])
def test_whatever_is_wrong_with_a_file_is_said_in_one_line(data: dict[str, Any], tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    refused = 0
    for number in range(150):
        path = tmp_path / f"train{number}.json"
        text = json.dumps(mutate(data, rng) if number % 3 else data)
        path.write_bytes(text.encode("utf-8", "surrogatepass") if number % 3 else cut(text, rng))
        dataset = YtVis(tmp_path, file=path.name)
        try:
            for clip in clips(dataset):
                masks(dataset, clip)
        except ActisegError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refused > 50
