"""The JSON of YouTube-VIS, COCO and SA-Co/VEval: what its labels become, and what is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import rle, write_json
from deposit_ytvis import (
    CATEGORIES,
    HEIGHT,
    WIDTH,
    annotation,
    block,
    image,
    images_file,
    instance,
    listed,
    moving,
    save_frames,
    video,
    videos_file,
    write_ytvis,
)
from mutations import cut, mutate

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.datasets.layers import find_overlaps
from actiseg_noise.datasets.ytvis import YtVis
from actiseg_noise.datasets.ytvis.masks import find_meetings, read_spans
from actiseg_noise.datasets.ytvis.videos import Annotation, Video
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.masks import BinaryMask
from actiseg_noise.records import Clip

SQUARE = [1, 1, 6, 1, 6, 5, 1, 5]


def opened(tmp_path: Path, data: object, name: str = "train.json", **options: str) -> YtVis:
    write_json(tmp_path / name, data)
    return YtVis(tmp_path, **options)


def clips(dataset: YtVis, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=True))


def masks(dataset: YtVis, clip: Clip) -> list[Any]:
    return [dataset.read_index_mask(clip, frame) for frame in clip.frames]


def one_image(*segmentations: object) -> dict[str, Any]:
    found = [instance(number, 1, 1, mask) for number, mask in enumerate(segmentations, start=1)]
    return images_file([image(1, "a.jpg")], found)


# --- what it becomes


def test_a_video_is_named_after_the_folder_of_its_frames(tmp_path: Path) -> None:
    found = clips(YtVis(write_ytvis(tmp_path)))
    assert [(clip.clip_id, clip.video_id, clip.source_order) for clip in found] == [
        ("a~1", "a", 1),
        ("a~2", "a", 2),
        ("b 1", "b 1", 0),
    ]


def test_masks_that_overlap_lose_no_pixel(tmp_path: Path) -> None:
    dataset = YtVis(write_ytvis(tmp_path))
    first, second, _ = clips(dataset)
    assert [(item.object_id, item.noun) for item in first.objects] == [(1, "person"), (2, "giant panda")]
    assert [frame.mask_key for frame in first.frames] == ["300+500"] * 3
    assert [(item.object_id, item.noun) for item in second.objects] == [(1, "a red hat")]
    assert np.array_equal(masks(dataset, first)[2], block(1, 3) + 2 * block(7, 3))
    assert np.array_equal(masks(dataset, second)[2], block(2, 3, 2, 2))
    assert not masks(dataset, second)[0].any()


def test_ids_that_fit_stay_and_every_form_of_run_lengths_is_read(tmp_path: Path) -> None:
    data = videos_file([video(1, "v")], [annotation(254, 1, 1, [rle(block(1, 1)), None, listed(block(5, 5))])])
    dataset = opened(tmp_path, data)
    (clip,) = clips(dataset)
    assert [item.object_id for item in clip.objects] == [254]
    first, second, third = masks(dataset, clip)
    assert np.array_equal(first == 254, block(1, 1))
    assert not second.any()
    assert np.array_equal(third == 254, block(5, 5))


def test_the_whole_expression_is_the_noun_and_everything_is_positive(tmp_path: Path) -> None:
    path = actiseg_noise.build("ytvis", root=write_ytvis(tmp_path / "in"), recipe="clean", out=tmp_path / "m")
    rows = actiseg_noise.read_manifest(path).table("samples", ["expression", "is_positive"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        *[("person", True), ("giant panda", True), ("a red hat", True)],
        *[("person", True), ("giant panda", True)],
    ]
    assert verify(actiseg_noise.read_manifest(path), root=tmp_path / "in") == []


def test_several_polygons_are_one_object_drawn_as_coco_does(tmp_path: Path) -> None:
    from pycocotools import mask as coco

    triangle = [9, 7, 14, 7, 9, 11]
    dataset = opened(tmp_path, one_image([SQUARE, triangle]))
    (clip,) = clips(dataset)
    mask = masks(dataset, clip)[0]
    assert np.array_equal(mask[:, :8], block(1, 1)[:, :8])
    assert mask[:, 8:].sum() == coco.area(coco.frPyObjects([triangle], HEIGHT, WIDTH))[0] > 0


def test_an_image_is_a_clip_of_one_frame_and_one_without_annotations_is_none(tmp_path: Path) -> None:
    found = clips(YtVis(write_ytvis(tmp_path)), "val")
    assert [(clip.clip_id, len(clip.frames)) for clip in found] == [("000000000004", 1), ("000000000009", 1)]
    assert found[0].frames[0].image_path == "val2017/000000000004.jpg"


def test_images_of_one_name_in_two_folders_are_two_clips(tmp_path: Path) -> None:
    data = images_file(
        [image(1, "s/00000.jpg"), image(2, "t/00000.jpg"), image(3, "s_00000.jpg")],
        [instance(number, number, 1, [SQUARE]) for number in (1, 2, 3)],
    )
    assert [clip.clip_id for clip in clips(opened(tmp_path, data))] == ["s_00000-1", "s_00000-3", "t_00000"]


def test_phrases_that_name_nothing_are_negative_objects(tmp_path: Path) -> None:
    dataset = YtVis(write_ytvis(tmp_path))
    (clip,) = clips(dataset, "valid")
    assert [(item.object_id, item.noun, item.is_positive) for item in clip.objects] == [
        (1, "person", True),
        (2, "person", True),
        (3, "a red hat", False),
    ]
    assert [sorted(set(mask.ravel().tolist())) for mask in masks(dataset, clip)] == [[0, 1, 2]] * 3


def test_a_file_may_have_any_name_and_its_images_any_place(tmp_path: Path) -> None:
    data = videos_file([video(1, "v")], [annotation(1, 1, 1, moving(1, 1))])
    write_json(tmp_path / "labels/ovis_train.json", data)
    save_frames(tmp_path / "pictures", [data["videos"][0]["file_names"][1]])
    (clip,) = clips(YtVis(tmp_path, file="labels/ovis_train.json", images="pictures"))
    assert [frame.image_path for frame in clip.frames] == [None, "pictures/v/00005.jpg", None]
    assert {frame.mask_path for frame in clip.frames} == {"labels/ovis_train.json"}


def test_images_without_a_folder_in_their_names_may_lie_in_one_of_their_video(tmp_path: Path) -> None:
    entry = video(4, "x") | {"name": "kite", "file_names": ["0.jpg", "1.jpg"], "length": 2}
    write_json(tmp_path / "train.json", videos_file([entry], [annotation(1, 4, 1, moving(1, 1, 2))]))
    save_frames(tmp_path / "JPEGImages/kite", ["1.jpg"])
    (clip,) = clips(YtVis(tmp_path))
    assert (clip.clip_id, [frame.image_path for frame in clip.frames]) == ("kite", [None, "JPEGImages/kite/1.jpg"])


def test_two_equal_files_of_a_split_are_one_and_two_different_ones_are_refused(tmp_path: Path) -> None:
    dataset = opened(tmp_path, one_image([SQUARE]))
    write_json(tmp_path / "train/instances.json", one_image([SQUARE]))
    assert len(clips(dataset)) == 1
    write_json(tmp_path / "train/instances.json", one_image([SQUARE], [SQUARE]))
    with pytest.raises(DataError, match=r"train.json and .*instances.json are both there and differ; choose with"):
        clips(dataset)


def test_an_evaluation_file_is_not_noised_as_if_it_were_of_train(tmp_path: Path) -> None:
    write_json(tmp_path / "saco_veval_sav.json", one_image([SQUARE]))
    options = {"root": tmp_path, "options": {"file": "saco_veval_sav.json"}, "recipe": "mask-15", "gate": False}
    with pytest.raises(DataError, match="its name says 'veval', an evaluation split, but it is read as 'train'"):
        actiseg_noise.build("ytvis", out=tmp_path / "m", **options)  # type: ignore[arg-type]
    with pytest.raises(ActisegError, match="'val' is an evaluation split .*--allow-eval"):
        actiseg_noise.build("ytvis", out=tmp_path / "m", split="val", **options)  # type: ignore[arg-type]


def test_a_category_that_two_splits_call_differently_is_refused(tmp_path: Path) -> None:
    opened(tmp_path, images_file([image(1, "a.jpg")], [], [{"id": 1, "name": "dog"}]), "val.json")
    dataset = opened(tmp_path, one_image([SQUARE]))
    with pytest.raises(
        DataError, match=r"category 1 is 'dog', but 'person' in .*train.json; the files are of different"
    ):
        list(dataset.iter_vocabulary(("train", "val")))


# --- spans against pixels


def test_spans_that_share_a_pixel_are_those_whose_masks_do() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn: list[BinaryMask] = [rng.random((HEIGHT, WIDTH)) < rng.uniform(0, 0.2) for _ in range(5)]
        found = tuple(Annotation(number, 1, (rle(mask),)) for number, mask in enumerate(drawn))
        spans = read_spans(Video("v", "f: v", HEIGHT, WIDTH, ("0.jpg",), found), 0, found)
        assert find_meetings(spans) == find_overlaps(drawn)


# --- what is refused


def changed(data: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy with the value at ``annotations.0.id`` replaced; the value ``KeyError`` removes it."""
    copied = deepcopy(data)
    *keys, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place: Any = copied
    for key in keys:
        place = place[key]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return copied


GOOD = videos_file([video(1, "v")], [annotation(5, 1, 1, moving(1, 1)), annotation(6, 1, 7, moving(7, 1))])
V5 = "video 'v', annotation 5"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("annotations.0.id", 1.0, r"annotations\[0\]: id: expected a whole number from 0 on, found 1.0"),
        ("annotations.0.id", True, r"annotations\[0\]: id: expected a whole number from 0 on, found true"),
        ("annotations.0.id", 6, r"annotation id 6 stands twice \(annotations\[0\] and \[1\]\)"),
        ("annotations.0.video_id", 1.0, r"annotations\[0\]: video_id: expected a whole number from 0 on, or a text"),
        ("annotations.0.video_id", True, r"annotations\[0\]: video_id: expected a whole number"),
        ("annotations.0.video_id", 4, "annotation 5: video 4 is not among the 1 videos of the file"),
        ("annotations.0.video_id", KeyError, r"annotations\[0\]: the key 'video_id' is missing"),
        ("annotations.0.category_id", 3, "annotation 5: category 3 is not among the 3 categories of the file; add it"),
        ("annotations.0.segmentations", KeyError, f"{V5}: the key 'segmentations' is missing"),
        ("annotations.0.segmentations", [None], f"{V5}: segmentations: expected a list of 3 masks .* found 1 masks"),
        ("annotations.0.segmentations.1", 3, f"{V5}, frame '00005': expected null, run lengths .* found 3"),
        (
            "annotations.0.segmentations.1.size",
            [16, 12],
            rf"{V5}, frame '00005': size: expected \[12, 16\], .*\[16, 12\]",
        ),
        ("annotations.0.segmentations.1.size", [float("nan")] * 2, rf"{V5}, frame '00005': size: .*\[NaN, NaN\]"),
        ("annotations.0.segmentations.1.counts", "abc", f"{V5}, frame '00005': run lengths 'abc'… are no code"),
        ("annotations.0.segmentations.1.counts", "é", f"{V5}, frame '00005': run lengths 'é'… are no code"),
        ("annotations.0.segmentations.1.counts", [100, 92.0], f"{V5}, frame '00005': counts: expected a compressed"),
        ("annotations.0.segmentations.1.counts", [100, 91], "counts: run lengths of 191 pixels in all, but .* has 192"),
        ("annotations.0.segmentations.1.counts", [-1, 193], f"{V5}, frame '00005': counts: expected"),
        (
            "annotations.0.segmentations.1",
            [[1, 1, 3, 3]],
            f"{V5}, .*polygon 0: expected x and y of three points or more",
        ),
        ("annotations.0.segmentations.1", [[1, 1, 3, 3, 5, 5, 7]], "polygon 0: expected x and y .* found 7 numbers"),
        ("annotations.0.segmentations.1", [[17, 1, 20, 1, 20, 9]], "polygon 0: lies outside the frame of 16×12 pixels"),
        ("annotations.0.segmentations.1", [[1, 1, 1e9, 1, 5, 5]], "polygon 0: expected numbers within the frame"),
        ("annotations.0.segmentations.1", [[1, 1, float("nan"), 1, 5, 5]], "polygon 0: expected numbers .* found NaN"),
        ("annotations.0.segmentations.1", [[1, 1, True, 1, 5, 5]], "polygon 0: expected numbers .* found true"),
        ("videos.0.width", 10**9, r"videos\[0\]: width: expected a whole number from 1 to 16,384, found 1000000000"),
        ("videos.0.width", float("nan"), r"videos\[0\]: width: expected a whole number .* found NaN"),
        ("videos.0.width", 16.0, r"videos\[0\]: width: expected a whole number .* found 16.0"),
        ("videos.0.length", 4, r"videos\[0\]: length: expected 3, the number of file_names, found 4"),
        ("videos.0.file_names.0", "../v/1.jpg", r"videos\[0\]: file_names\[0\]: .*below the folder of images"),
        ("videos.0.file_names.0", "/v/1.jpg", r"videos\[0\]: file_names\[0\]: .*below the folder of images"),
        ("videos.0.file_names.1", "w/00000.jpg", r"videos\[0\]: file_names: two frames are called '00000'"),
        ("categories.0.id", 7, r"categories\[1\]: the id 7 stands twice"),
        ("categories.0.name", " ", r"categories\[0\]: name: expected the name of category 1"),
        ("categories", {}, r"categories: expected a list, found \{\}"),
        ("annotations", None, "no video or image has an annotation; the organisers keep those of some evaluation"),
        (
            "videos",
            [],
            r"expected a JSON object with 'videos' \(YouTube-VIS\) or 'images' \(COCO\).* Keys found: annota",
        ),
        ("images", [image(1, "a.jpg")], "has both 'images' and 'videos' with file_names"),
    ],
)
def test_bad_input_is_one_line_that_says_where(path: str, value: object, message: str, tmp_path: Path) -> None:
    dataset = opened(tmp_path, changed(GOOD, path, value))
    with pytest.raises(DataError, match=message) as caught:
        clips(dataset)
    assert str(tmp_path / "train.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_counts_of_phrases_are_held_against_the_annotations(tmp_path: Path) -> None:
    pair = {"id": 1, "video_id": 1, "category_id": 1, "noun_phrase": "person", "num_masklets": 2}
    with pytest.raises(DataError, match="num_masklets is 2, but video 1 has 1 annotations of category 1"):
        clips(opened(tmp_path, GOOD | {"video_np_pairs": [pair]}))
    with pytest.raises(DataError, match='noun_phrase is "dog", but its category 1 is "person"'):
        clips(opened(tmp_path, GOOD | {"video_np_pairs": [pair | {"num_masklets": 1, "noun_phrase": "dog"}]}))


def test_a_truncated_file_is_named_with_line_and_entry(tmp_path: Path) -> None:
    text = json.dumps(GOOD, indent=1)
    (tmp_path / "train.json").write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=r"train.json: malformed JSON at line \d+, column \d+ \(entry \d+\)"):
        clips(YtVis(tmp_path))


def test_an_outline_is_measured_before_it_is_drawn(tmp_path: Path) -> None:
    zigzag = [value for n in range(60_000) for value in (0, 0, WIDTH, HEIGHT)]
    with pytest.raises(DataError, match="polygons with an outline of 1,920,000 pixels; expected at most 1,048,576"):
        clips(opened(tmp_path, one_image([zigzag])))


def test_paths_of_options_stay_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_json(tmp_path / "train.json", GOOD)
    with pytest.raises(DataError, match="file=.*train.json: lies outside --root"):
        YtVis(tmp_path / "in", file=str(tmp_path / "train.json"))
    with pytest.raises(DataError, match=r"--option images=\.\./x: expected a folder below --root"):
        clips(YtVis(tmp_path, images="../x"))


SACO = GOOD | {"video_np_pairs": [{"id": 1, "video_id": 1, "category_id": 9, "noun_phrase": "", "num_masklets": 0}]}
SACO["video_np_pairs"][0]["noun_phrase"] = CATEGORIES[2]["name"]


@pytest.mark.parametrize(
    "data", [GOOD, SACO, one_image([SQUARE], listed(block(7, 7)))], ids=["videos", "pairs", "images"]
)
def test_whatever_is_wrong_with_a_file_is_said_in_one_line(data: dict[str, Any], tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    refused = 0
    read: Callable[[YtVis], object] = lambda dataset: [masks(dataset, clip) for clip in clips(dataset)]  # noqa: E731
    for number in range(150):
        path = tmp_path / f"train{number}.json"
        text = json.dumps(mutate(data, rng) if number % 3 else data)
        path.write_bytes(text.encode("utf-8", "surrogatepass") if number % 3 else cut(text, rng))
        try:
            read(YtVis(tmp_path, file=path.name))
        except ActisegError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refused > 75
