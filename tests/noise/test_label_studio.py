"""Exports of Label Studio: tasks are images, brush and polygon regions objects; what is wrong is said."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_label_studio import SQUARE, annotation, brush, brushed, outlined, region, task, write_label_studio
from deposit_refvos import write_json
from deposit_ytvis import block, save_frames
from mutations import cut, mutate

import actiseg_noise
from actiseg_noise.datasets.ytvis import YtVis
from actiseg_noise.datasets.ytvis.brush import decode_brush
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError
from actiseg_noise.records import Clip


def clips(root: Path, tasks: object) -> list[Clip]:
    write_json(root / "train.json", tasks)
    return list(YtVis(root).iter_clips("train", with_frames=True))


def mask_of(root: Path, clip: Clip) -> Any:
    return YtVis(root).read_index_mask(clip, clip.frames[0])


def decoded(code: list[int], height: int, width: int) -> Any:
    crop, box = decode_brush(bytes(code), height, width)
    mask = np.zeros((height, width), bool)
    mask[box.slices] = crop
    return mask


# --- the bytes of brush regions, as label-studio-sdk 2.1.2 writes them (converter/brush.py, mask2rle and encode_rle)

THREE_ROWS = [0, 0, 0, 60, 57, 27, 252, 96, 17, 255, 223, 0, 183, 255, 132, 192, 35, 255, 0]
GREYS = [0, 0, 0, 32, 57, 27, 252, 96, 17, 128, 199, 1, 31, 253, 240, 0]
OPACITY = [0, 0, 0, 24, 57, 27, 248, 1, 49, 0, 0, 2, 0, 16, 0, 96, 50, 0, 19, 16, 0, 1, 49, 0, 0, 19, 16, 0, 1, 48]
LONG = [0, 7, 83, 0, 57, 27, *[255] * 24, 250, 151, 255, 248]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (THREE_ROWS, [[0, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 1]]),
        (GREYS, [[0, 1, 1, 1], [0, 0, 0, 0]]),
        ([*OPACITY, 128, 0, 2], [[0, 1, 0], [0, 0, 1]]),
    ],
)
def test_bytes_of_the_converter_of_label_studio_are_read(code: list[int], expected: list[list[int]]) -> None:
    mask = decoded(code, len(expected), len(expected[0]))
    assert mask.astype(int).tolist() == expected


def test_runs_longer_than_the_widest_length_are_several_blocks() -> None:
    assert decoded(LONG, 400, 300).all()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_regions_of_any_shape_come_back_from_their_rows(share: float) -> None:
    rng = np.random.default_rng(3)
    for height, width in rng.integers(1, 40, (20, 2)).tolist():
        mask = rng.random((height, width)) < share
        mask[: height // 3] = False
        assert (decoded(brush(mask), height, width) == mask).all()


@pytest.mark.parametrize(
    ("code", "size", "message"),
    [
        (THREE_ROWS, (5, 4), "holds 60 values, but 4×5 pixels of four channels have 80"),
        (THREE_ROWS[:-2], (3, 5), "ends early, after 17 bytes"),
        ([], (3, 5), "ends early, after 0 bytes"),
        ([*THREE_ROWS, 7], (3, 5), "goes on after its last pixel"),
        ([0, 0, 0, 4, 121, 27, 252, 96], (1, 1), "values of 16 bits; expected 8"),
        ([0, 0, 0, 4, 57, 27, 252, 224, 0], (1, 1), "a block ends at value 8 of 4"),
    ],
)
def test_bytes_that_are_no_region_of_the_image_are_refused(
    code: list[int], size: tuple[int, int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        decode_brush(bytes(code), *size)


def test_the_bytes_of_the_tests_are_those_of_the_converter() -> None:
    assert brush(np.array([[0, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 1]], bool))[:18] == THREE_ROWS[:18]


# --- what is read


def test_regions_are_objects_and_labels_nouns(tmp_path: Path) -> None:
    root = write_label_studio(tmp_path)
    first, second, image = YtVis(root).iter_clips("train", with_frames=True)
    assert [first.clip_id, second.clip_id, image.clip_id] == [
        "days_train_2024 05~1",
        "days_train_2024 05~2",
        "kitchen_1",
    ]
    assert [(item.object_id, item.noun, item.is_positive) for item in image.objects] == [
        (1, "person", True),
        (2, "giant panda", True),
    ]
    assert np.array_equal(mask_of(root, image), block(1, 1) | 2 * block(1, 9))
    assert [frame.image_path for clip in (first, image) for frame in clip.frames] == [
        "images/train/2024 05.jpg",
        "images/train/0a1b2c3d-kitchen_1.jpg",
    ]


def test_a_category_has_one_id_in_all_files(tmp_path: Path) -> None:
    root = write_label_studio(tmp_path)
    write_json(
        root / "val.json", [task(1, "a.jpg", annotation(brushed("cup", block(1, 1)), brushed("person", block(7, 1))))]
    )
    nouns = {item.category_id: item.noun for item in YtVis(root).iter_vocabulary(("train", "val"))}
    assert sorted(nouns.values()) == ["a red hat", "cup", "giant panda", "person"]


def test_the_ground_truth_is_read_else_what_was_changed_last(tmp_path: Path) -> None:
    def dated(label: str, year: int, **more: object) -> dict[str, Any]:
        return annotation(brushed(label, block(1, 1)), updated_at=f"{year}-01-01T00:00:00Z", **more)

    tasks = [
        task(1, "a.jpg", dated("new", 2024), dated("old", 2023), dated("gone", 2025, was_cancelled=True)),
        task(2, "b.jpg", dated("new", 2024), dated("truth", 2023, ground_truth=True)),
        task(3, "c.jpg", dated("only", 2024), predictions=[dated("guess", 2026)]),
    ]
    with pytest.warns(ActisegWarning, match=r"train.json: 2 of 3 tasks have several annotations: the ground truth is"):
        found = clips(tmp_path, tasks)
    assert [(clip.clip_id, clip.noun) for clip in found] == [("a", "new"), ("b", "truth"), ("c", "only")]


def test_boxes_are_counted_as_no_masks(tmp_path: Path) -> None:
    box = region("rectanglelabels", "cup", {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}, 2)
    choice = {"type": "choices", "value": {"choices": ["good"]}, "from_name": "c", "to_name": "img"}
    with pytest.warns(ActisegWarning, match=r"train.json: 1 rectanglelabels: no masks, left aside$"):
        (clip,) = clips(tmp_path, [task(1, "a.jpg", annotation(brushed("cup", block(1, 1)), box, choice))])
    assert len(clip.objects) == 1
    video = {"type": "videorectangle", "id": "v", "value": {"framesCount": 9, "sequence": [], "labels": ["cup"]}}
    with pytest.raises(
        DataError, match=r"has no mask: expected brushlabels or polygonlabels, found 1 rectanglelabels, 1"
    ):
        clips(tmp_path, [task(1, "a.jpg", annotation(box)), task(2, "b.mp4", annotation(video))])


def test_a_label_may_be_a_result_of_its_own(tmp_path: Path) -> None:
    shape = brushed("", block(1, 1)) | {"type": "brush"}
    label = {"id": "r1", "type": "labels", "value": {"labels": ["Cup"]}}
    (clip,) = clips(tmp_path, [task(1, "a.jpg", annotation(shape, label))])
    assert clip.noun == "Cup"


@pytest.mark.parametrize(
    ("address", "on_disk", "clip_id"),
    [
        ("/data/upload/7/0a1b2c3d-a%20b.jpg", "a b.jpg", "a b"),
        ("/data/upload/0a1b2c3d-a.jpg", "0a1b2c3d-a.png", "a"),
        ("/data/local-files/?d=shots%2Fday\\a.jpg", "day/a.jpg", "shots_day_a"),
        ("/storage-data/uploaded/?filepath=upload/7/0a1b2c3d-a.jpg", "a.jpg", "a"),
        ("https://host:80/x/a.JPG?w=1", "x/a.jpg", "x_a"),
        ("gs://bucket/x/a.webp", "a.webp", "x_a"),
        ("C:\\shots\\a.png", "shots/a.png", "shots_a"),
    ],
)
def test_addresses_lead_to_files_below_the_root(address: str, on_disk: str, clip_id: str, tmp_path: Path) -> None:
    save_frames(tmp_path / "images", [on_disk])
    (clip,) = clips(tmp_path, [task(1, address, annotation(brushed("cup", block(1, 1))))])
    assert (clip.clip_id, clip.frames[0].image_path) == (clip_id, f"images/{on_disk}")


def test_two_uploads_of_one_name_keep_their_digits(tmp_path: Path) -> None:
    save_frames(tmp_path / "images", ["a.jpg", "00000002-a.jpg"])
    one = annotation(brushed("cup", block(1, 1)))
    found = clips(tmp_path, [task(n, f"/data/upload/1/0000000{n}-a.jpg", one) for n in (1, 2)])
    assert [(clip.clip_id, clip.frames[0].image_path) for clip in found] == [
        ("00000001-a", None),
        ("00000002-a", "images/00000002-a.jpg"),
    ]


def test_the_upload_is_the_image_where_data_names_none(tmp_path: Path) -> None:
    one = task(1, "/image2", annotation(brushed("cup", block(1, 1))), file_upload="e97d4735-a.jpg")
    assert clips(tmp_path, [one])[0].clip_id == "a"


def test_two_exports_are_imported_as_a_pair(tmp_path: Path) -> None:
    save_frames(tmp_path / "images", ["a.jpg"])
    for side, label, mask in (("clean", "cup", block(1, 1)), ("noisy", "mug", block(1, 2))):
        both = annotation(brushed(label, mask), brushed("lid", block(7, 1), 2))
        write_json(tmp_path / f"{side}.json", [task(1, "/data/local-files/?d=days/a.jpg", both)])
    files = {side: tmp_path / f"{side}.json" for side in ("clean", "noisy")}
    manifest = actiseg_noise.read_manifest(actiseg_noise.import_labels(**files, name="mine", out=tmp_path / "m"))
    (clip,) = manifest.iter_clips()
    assert [(one.noun, one.noisy_noun) for one in clip.samples] == [("cup", "mug"), ("lid", "lid")]
    assert np.array_equal(clip.frames[0].masks[1].decode("noisy"), block(1, 2))
    assert clip.frames[0].image_path == "images/a.jpg"
    assert manifest.info.recipe.title == "imported labels (Label Studio files)"


def test_a_pair_that_was_drawn_in_another_order_is_warned_of(tmp_path: Path) -> None:
    cup, lid = brushed("cup", block(1, 1)), brushed("lid", block(7, 1))
    files = {side: tmp_path / f"{side}.json" for side in ("clean", "noisy")}
    write_json(files["clean"], [task(1, "a.jpg", annotation(cup, lid)), task(2, "b.jpg", annotation(cup, lid))])
    write_json(files["noisy"], [task(1, "a.jpg", annotation(lid, cup)), task(2, "b.jpg", annotation(cup, lid))])
    with pytest.warns(
        ActisegWarning, match=r"2 objects share no pixel .*: a: 1; a: 2\. Label Studio files number"
    ) as one:
        actiseg_noise.import_labels(**files, out=tmp_path / "m")
    assert len(one) == 1


def test_an_export_is_built_with_noise(tmp_path: Path) -> None:
    path = actiseg_noise.build("ytvis", root=write_label_studio(tmp_path / "in"), boundary=81, out=tmp_path / "m")
    rows = actiseg_noise.read_manifest(path).table("masks", ["clean_area", "mask_noise"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(20, "dilate-v1")] * 4


# --- what is wrong

GOOD = annotation(brushed("cup", block(1, 1)))


def changed(**more: object) -> list[dict[str, Any]]:
    """Return a file whose one region is changed."""
    return [task(5, "a.jpg", annotation(brushed("cup", block(1, 1)) | more))]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "train.json: has no mask: .* found no annotation"),
        ([task(1, "a.jpg", predictions=[GOOD])], "has no mask: .* found 1 tasks with predictions alone"),
        ([{"id": 1, "image": "a.jpg", "label": []}], r"task \[0\]: expected a task of Label Studio .* as JSON"),
        ([task(1, "a.jpg", GOOD), task(1, "b.jpg", GOOD)], "two tasks have the id 1"),
        ([task(1, "../../a.jpg", GOOD)], r"task \[0\], id 1: data: expected the name of a file below the folder"),
        (
            [task(1, "a.txt", GOOD)],
            r"task \[0\], id 1: data: expected one address of an image .* found none in .*; give it",
        ),
        ([task(1, "", GOOD, data={"a": "1.jpg", "b": "2.jpg"})], r"found several \(a, b\); leave one, or call its key"),
        (changed(original_height=13), r"rle: holds 768 values, but 16×13 pixels of four channels have 832"),
        (changed(original_width=None), r"annotations\[0\].result\[0\].original_size: width: expected a whole number"),
        (changed(original_width=10**9), "width: expected a whole number from 1 to"),
        (changed(image_rotation=90), r"result\[0\].image_rotation: is 90; expected 0"),
        (changed(value={"rle": [256], "brushlabels": ["cup"]}), r"value.rle: expected a list of bytes.* \[256\]"),
        (changed(value={"rle": 10**12, "brushlabels": ["cup"]}), "expected a list of bytes, .* found 1000000000000"),
        (changed(value={"rle": [0, 0], "brushlabels": ["cup"]}), "rle: ends early, after 2 bytes; export"),
        (changed(value={"rle": [], "brushlabels": []}), r"value.brushlabels: expected one label .* found \[\]"),
        (changed(value={"rle": [], "brushlabels": ["a", "b"]}), r'expected one label .* found \["a", "b"\]'),
        (changed(type="polygonlabels", value={"points": [[1]], "polygonlabels": ["a"]}), r"points: expected \[\[x, "),
        ([task(1, "a.jpg", annotation(outlined("a", SQUARE[:2])))], "'a', id 1, annotation 1.*three points or more"),
        ([task(1, "a.jpg", annotation(outlined("a", ((20, 1), (22, 1), (22, 4)))))], "lies outside the frame of 16×12"),
        (
            [task(1, "a.jpg", annotation(brushed("a", block(1, 1)), brushed("a", block(7, 1), 2, original_height=9)))],
            "its regions say 2 sizes",
        ),
    ],
)
def test_bad_tasks_are_one_line_that_says_where(tasks: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        for clip in clips(tmp_path, tasks):
            mask_of(tmp_path, clip)
    assert str(tmp_path / "train.json") in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b"[]"), "is packed with gzip; unpack it, and name the file that was in it"),
        (b"PK\x03\x04\x14\x00", "is packed with zip; unpack it"),
        (b"", "is empty; export or fetch the file again"),
    ],
    ids=["gzip", "zip", "empty"],
)
def test_a_packed_or_empty_file_is_called_that(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_bytes(data)
    with pytest.raises(DataError, match=rf"train\.json: {message}"):
        list(YtVis(tmp_path).iter_clips("train", with_frames=True))


def test_files_of_other_names_are_named_where_none_of_a_split_is_there(tmp_path: Path) -> None:
    write_json(tmp_path / "project-1-at-2024-05-01.json", [])
    with pytest.raises(DataError, match=r"no split's file is there, but project-1-at-2024-05-01\.json\)\. Name the"):
        list(YtVis(tmp_path).iter_clips("train", with_frames=True))


@pytest.mark.filterwarnings("ignore::actiseg_noise.errors.ActisegWarning")
def test_whatever_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    tasks = json.loads((write_label_studio(tmp_path) / "train.json").read_text())
    refused = 0
    for number in range(200):
        path = tmp_path / f"train{number}.json"
        text = json.dumps(mutate({"tasks": tasks}, rng)["tasks"] if number % 3 else tasks)
        path.write_bytes(text.encode("utf-8", "surrogatepass") if number % 3 else cut(text, rng))
        try:
            dataset = YtVis(tmp_path, file=path.name)
            for clip in dataset.iter_clips("train", with_frames=True):
                dataset.read_index_mask(clip, clip.frames[0])
        except ActisegError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refused > 60
