"""Exports to COCO's JSON, to COCO-video JSON and to SAM 3's form: pycocotools reads the manifest's labels back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposits import DEPOSITS
from export_scene import make_scene, panda, scene_mask
from pycocotools import mask as coco
from pycocotools.coco import COCO
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.export import export
from actiseg_noise.exchange.polygons import find_polygons
from actiseg_noise.manifest.clips import LABELS
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.masks import decode_counts

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def noisy_toy(folder: Path) -> Manifest:
    return read_manifest(
        actiseg_noise.build(make_toy(clips=6, scale=10), recipe="mixed-40-15", out=folder / "m", gate=False)
    )


Label = tuple[str, str, int, int, str, str, int, bytes]


def labels_of(manifest: Manifest, labels: str) -> list[Label]:
    """Return clip, frame, object, words, flag and pixels of every mask that has some, in order."""
    found: list[Label] = []
    for clip in manifest.iter_clips():
        samples = {sample.object_id: sample for sample in clip.samples}
        for frame in clip.frames:
            for object_id, mask in frame.masks.items():
                sample = samples[object_id]
                pixels = mask.decode(labels)
                if pixels.any():
                    words = (*sample.text(labels), int(sample.flag(labels)))
                    found.append((clip.clip_id, frame.frame_id, object_id, *words, pixels.tobytes()))
    return sorted(found)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("masks", ["rle", "polygon"])
def test_coco_comes_back_pixel_for_pixel(tmp_path: Path, masks: str, labels: str) -> None:
    manifest = noisy_toy(tmp_path)
    export(manifest, format="coco", masks=masks, labels=labels, out=tmp_path / "x")
    read = COCO(tmp_path / "x/annotations/instances_train.json")
    found = []
    for said in read.anns.values():
        image, pixels = read.imgs[said["image_id"]], read.annToMask(said).astype(bool)
        y, x = np.nonzero(pixels)
        box = [x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1]
        assert (said["bbox"], said["area"], said["iscrowd"]) == (box, pixels.sum(), 0)
        words = (said["category_id"], said["noun"], said["expression"], said["positive"])
        found.append((image["video"], image["frame"], said["object_id"], *words, pixels.tobytes()))
    assert sorted(found) == labels_of(manifest, labels)


@pytest.mark.parametrize("dataset", DEPOSITS)
def test_every_dataset_is_written_with_all_its_pixels(tmp_path: Path, dataset: str) -> None:
    root = DEPOSITS[dataset](tmp_path / "in")
    manifest = read_manifest(actiseg_noise.build(dataset, root=root, recipe="clean", out=tmp_path / "m"))
    export(manifest, format="coco", out=tmp_path / "x", root=root)
    said = read_json(tmp_path / "x/annotations/instances_train.json")
    areas = sorted(area for area in manifest.table("masks")["noisy_area"].to_pylist() if area)
    assert sorted(item["area"] for item in said["annotations"]) == areas
    assert len(said["images"]) == sum(row["is_annotated"] for row in manifest.table("frames").to_pylist())


@pytest.mark.parametrize("labels", LABELS)
def test_ytvis_comes_back_pixel_for_pixel(tmp_path: Path, labels: str) -> None:
    manifest = noisy_toy(tmp_path)
    export(manifest, format="ytvis", labels=labels, out=tmp_path / "x")
    said = read_json(tmp_path / "x/train.json")
    videos = {video["id"]: video for video in said["videos"]}
    found = []
    for item in said["annotations"]:
        video = videos[item["video_id"]]
        assert item["length"] == video["length"] == len(video["file_names"])
        words = (item["category_id"], item["noun"], item["expression"], item["positive"])
        for name, rle, box, area in zip(
            video["file_names"], item["segmentations"], item["bboxes"], item["areas"], strict=True
        ):
            if rle is None:
                assert (box, area) == (None, None)
                continue
            pixels = coco.decode(rle).astype(bool)
            assert (box, area) == (coco.toBbox(rle).tolist(), pixels.sum())
            clip_id, frame_id = name.removesuffix(".jpg").split("/")
            found.append((clip_id, frame_id, item["object_id"], *words, pixels.tobytes()))
    assert sorted(found) == labels_of(manifest, labels)


def test_categories_are_the_datasets_own_and_say_which_nouns_they_do_not(tmp_path: Path) -> None:
    clip = make_clip("a", [thing(1, 1, noun=1), panda(2), thing(3, 2)], frames=1)
    toy = Toy(tmp_path, [clip], {"a/f000.png": scene_mask(0)})
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m"))
    for format_, file in (("coco", "annotations/instances_train.json"), ("ytvis", "train.json")):
        report = export(manifest, format=format_, out=tmp_path / format_)
        said = read_json(tmp_path / format_ / file)
        names = {item["id"]: item["name"] for item in said["categories"]}
        assert (names[1], names[2], names[23]) == ("cup", "knife", "giant panda")
        assert [(item["category_id"], item["noun"]) for item in said["annotations"]] == [
            (1, "mug"),
            (23, "giant panda"),
            (2, "knife"),
        ]
        assert report["counts"]["nouns_that_the_categories_do_not_say"] == 1


def test_sam3_asks_for_every_text_of_a_video_and_knows_what_is_not_there(tmp_path: Path) -> None:
    """What its loader gave on this export: every text of a video as a query, in every frame."""
    root, manifest = make_scene(tmp_path)
    report = export(manifest, format="sam3", out=tmp_path / "x", root=root)
    said = read_json(tmp_path / "x/train.json")
    names = {item["id"]: item["name"] for item in said["categories"]}
    assert all(names[pair["category_id"]] == pair["noun_phrase"] for pair in said["video_np_pairs"])
    queries = [
        (names[pair["category_id"]], place)
        for video in said["videos"]
        for pair in said["video_np_pairs"]
        if pair["video_id"] == video["id"]
        for place, _ in enumerate(video["file_names"])
    ]
    cup, bear, knife = (f"{noun} used in the action of use things in a" for noun in ("cup", "giant panda", "knife"))
    assert queries == [(text, place) for text in (cup, bear, knife) for place in range(3)]
    assert [pair["num_masklets"] for pair in said["video_np_pairs"]] == [1, 1, 0]
    assert [(item["noun_phrase"], item["areas"]) for item in said["annotations"]] == [(cup, [36] * 3), (bear, [80] * 3)]
    assert said["videos"][0]["file_names"] == ["a/08.jpg", "a/09.jpg", "a/10.jpg"]
    assert all((tmp_path / "x/train/JPEGImages" / name).is_file() for name in said["videos"][0]["file_names"])
    assert report["counts"]["negative_pairs"] == 1


def test_a_text_of_two_objects_is_one_pair_with_both(tmp_path: Path) -> None:
    clip = make_clip("a", [thing(1, 1), thing(2, 1), thing(3, 1, positive=False)], frames=1)
    toy = Toy(tmp_path, [clip], {"a/f000.png": scene_mask(0)})
    export(read_manifest(actiseg_noise.build(toy, out=tmp_path / "m")), format="sam3", out=tmp_path / "x")
    said = read_json(tmp_path / "x/train.json")
    assert [pair["num_masklets"] for pair in said["video_np_pairs"]] == [2]
    assert [item["object_id"] for item in said["annotations"]] == [1, 2]


def test_a_video_of_two_sizes_is_no_video_of_youtube_vis(tmp_path: Path) -> None:
    clip = make_clip("a", [thing(1, 1)], frames=2)
    masks = {f"a/f00{i}.png": np.ones((4, 6), np.uint8) for i in range(2)}
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, [clip], masks), out=tmp_path / "m"))
    (whole,) = manifest.iter_clips()
    turned = replace(whole.frames[1], height=6, width=4)
    forged = replace(whole, frames=(whole.frames[0], turned))
    object.__setattr__(manifest, "iter_clips", lambda: iter([forged]))
    with pytest.raises(DataError, match="clip 'a': the format has one size for a video, the clip has 6×4, 4×6"):
        export(manifest, format="ytvis", out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


RING = """
.......
.#####.
.#...#.
.#.#.#.
.#...#.
.#####.
......#
"""


def drawn(text: str) -> Any:
    return np.array([[char == "#" for char in line] for line in text.split()])


def test_polygons_are_the_corners_of_the_pixels_and_holes_open_at_a_cut() -> None:
    assert find_polygons(drawn(".##\n..#")) == [[(1, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1)]]
    assert find_polygons(drawn("...")) == []
    assert find_polygons(drawn("###\n#.#\n###")) == [
        [(0, 0), (3, 0), (3, 1), (0, 1)],
        [(0, 1), (1, 1), (1, 2), (2, 2), (2, 1), (3, 1), (3, 3), (0, 3)],
    ]


@pytest.mark.parametrize("text", [RING, "#.#\n.#.\n#.#", "##.\n#.#\n.##", "#", "#.#.#\n#####\n#.#.#"])
def test_polygons_draw_the_very_mask(text: str) -> None:
    check_drawn_again(drawn(text))


def test_polygons_of_a_thousand_specks_draw_the_very_mask() -> None:
    dice = np.random.default_rng(0)
    for density in (0.2, 0.5, 0.8):
        check_drawn_again(dice.random((40, 50)) < density)


def check_drawn_again(mask: Any) -> None:
    polygons = [[float(value) for point in polygon for value in point] for polygon in find_polygons(mask)]
    code = coco.merge(coco.frPyObjects(polygons, *mask.shape))
    assert np.array_equal(decode_counts(code["counts"].decode(), *mask.shape), mask)
