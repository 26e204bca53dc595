"""Exports, read as the projects read them that the layouts are of.

The loaders of ActionVOS, ReferFormer (Ref-YouTube-VOS), MeViS, SAM 2 and SAM 3 were run on the exports of one small
scene. What they gave is frozen here; each is held with a reader of a few lines that pairs files as that loader does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_scene import make_scene
from PIL import Image
from pycocotools import mask as coco

from actiseg_noise.errors import DataError
from actiseg_noise.exchange.export import export

Box = list[int]
OLD_DECODER = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
CUP, PANDA = "cup used in the action of use things in a", "giant panda used in the action of use things in a"


def box_of(mask: Any) -> tuple[Box, int]:
    """Return left, top, right, bottom (the last ones are inside) and area, as the loaders compute them."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return [0, 0, 0, 0], 0
    return [int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())], len(rows)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_png(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("P"))


def image_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size[::-1]


def test_actionvos_reads_boxes_that_lie_in_the_images_it_reads(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    export(manifest, format="actionvos", out=tmp_path / "x", root=root)
    said = read_json(tmp_path / "x/ImageSets/train_meta_expressions_promptaction.json")["videos"]
    found = []
    for folder, video in said.items():
        for told in video["expressions"].values():
            for frame in sorted(video["frames"]):
                mask = read_png(tmp_path / f"x/Annotations_Sparse/train/{folder}/{frame}.png") == int(told["obj_id"])
                size = image_size(tmp_path / f"x/JPEGImages_Sparse/train/{folder}/{frame}.jpg")
                found.append((folder, int(told["obj_id"]), frame, *box_of(mask & bool(told["positive"])), size))
    name, size = "00000001_a_use_things", (24, 32)
    assert found == [
        (name, 1, "08", [2, 1, 7, 6], 36, size),
        (name, 1, "09", [5, 1, 10, 6], 36, size),
        (name, 1, "10", [8, 1, 13, 6], 36, size),
        *((name, 2, frame, [3, 9, 11, 17], 80, size) for frame in ("08", "09", "10")),
        *((name, 3, frame, [0, 0, 0, 0], 0, size) for frame in ("08", "09", "10")),
    ]


def test_ref_youtube_vos_knows_every_category_and_opens_every_mask(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    report = export(manifest, format="refvos", out=tmp_path / "x", root=root)
    said = read_json(tmp_path / "x/meta_expressions/train/meta_expressions.json")["videos"]
    meta = read_json(tmp_path / "x/train/meta.json")["videos"]
    found = []
    for video, entry in said.items():
        for told in entry["expressions"].values():
            category = meta[video]["objects"][told["obj_id"]]["category"]
            for frame in sorted(entry["frames"]):
                mask = read_png(tmp_path / f"x/train/Annotations/{video}/{frame}.png") == int(told["obj_id"])
                size = image_size(tmp_path / f"x/train/JPEGImages/{video}/{frame}.jpg")
                found.append((told["exp"], category, frame, *box_of(mask), size))
    assert found == [
        (CUP, "others", "08", [2, 1, 7, 6], 36, (24, 32)),
        (CUP, "others", "09", [5, 1, 10, 6], 36, (24, 32)),
        (CUP, "others", "10", [8, 1, 13, 6], 36, (24, 32)),
        *((PANDA, "giant_panda", frame, [3, 9, 11, 17], 80, (24, 32)) for frame in ("08", "09", "10")),
    ]
    assert (report["counts"]["frames_without_mask_left_out"], report["images"]) == (1, "resize")
    assert report["jpeg_quality"] == 95
    assert report["counts"]["objects_of_other_categories"] == 1
    assert report["renamed_frames"] == {"a": {"08": "8", "09": "9"}}


@OLD_DECODER
def test_mevis_pairs_the_masks_with_the_frames_in_sorted_order(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    export(manifest, format="refvos", masks="rle", out=tmp_path / "x", root=root)
    said = read_json(tmp_path / "x/train/meta_expressions.json")["videos"]
    masks = read_json(tmp_path / "x/train/mask_dict.json")
    found = []
    for entry in said.values():
        for told in entry["expressions"].values():
            for place, frame in enumerate(sorted(entry["frames"])):
                canvas = np.zeros(image_size(tmp_path / f"x/train/JPEGImages/a/{frame}.jpg"))
                for anno_id in told["anno_id"]:
                    canvas += coco.decode(masks[str(anno_id)][place])
                found.append((told["exp"], frame, *box_of(canvas)))
    assert found == [
        (CUP, "08", [2, 1, 7, 6], 36),
        (CUP, "09", [5, 1, 10, 6], 36),
        (CUP, "10", [8, 1, 13, 6], 36),
        *((PANDA, frame, [3, 9, 11, 17], 80) for frame in ("08", "09", "10")),
    ]


@pytest.mark.parametrize("images", ["copy", "link"])
@pytest.mark.parametrize("format_", ["actionvos", "refvos"])
def test_images_of_another_size_than_their_labels_are_never_taken_as_they_are(
    tmp_path: Path, format_: str, images: str
) -> None:
    root, manifest = make_scene(tmp_path)
    with pytest.raises(DataError, match="the image is 64×48, its labels are 32×24 .*; pass --images resize"):
        export(manifest, format=format_, out=tmp_path / "x", root=root, images=images)
    assert not (tmp_path / "x").exists()


def test_images_that_fit_are_taken_byte_for_byte(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path, scale=1)
    report = export(manifest, format="refvos", out=tmp_path / "x", root=root, images="resize")
    assert (tmp_path / "x/train/JPEGImages/a/08.jpg").read_bytes() == (root / "a/8.jpg").read_bytes()
    assert (report["counts"]["images"], "images_resized" in report["counts"]) == (3, False)
    assert export(manifest, format="refvos", out=tmp_path / "y", root=root)["images"] == "none"


def test_an_image_that_is_stored_turned_is_refused_or_written_upright(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path, scale=1)
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[:12] = 255
    Image.fromarray(picture).save(root / "a/8.jpg", exif=exif)
    with pytest.raises(DataError, match="stored turned, with an EXIF orientation that readers do not apply"):
        export(manifest, format="refvos", out=tmp_path / "x", root=root, images="copy")
    export(manifest, format="refvos", out=tmp_path / "x", root=root, images="resize")
    with Image.open(tmp_path / "x/train/JPEGImages/a/08.jpg") as image:
        assert image.getexif().get(0x0112) is None
        assert np.asarray(image)[[2, 20]].mean(axis=(1, 2)).round().tolist() == [0, 255]


def test_images_of_another_shape_than_their_labels_are_not_stretched(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    Image.new("RGB", (64, 64)).save(root / "a/9.jpg")
    with pytest.raises(DataError, match="the mask is 32×24, its image is 64×64"):
        export(manifest, format="refvos", out=tmp_path / "x", root=root, images="resize")
    assert not (tmp_path / "x").exists()


def test_a_png_is_written_as_the_jpeg_that_readers_expect(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path, scale=1)
    Image.new("RGB", (32, 24), (200, 10, 10)).save(root / "a/8.jpg", "PNG")
    export(manifest, format="refvos", out=tmp_path / "x", root=root, images="resize")
    with Image.open(tmp_path / "x/train/JPEGImages/a/08.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (32, 24))


def test_an_export_is_not_written_into_what_it_is_made_of(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    with pytest.raises(Exception, match="lies in the dataset, "):
        export(manifest, format="refvos", out=root / "a/x", root=root)
    with pytest.raises(Exception, match="lies in the manifest, "):
        export(manifest, format="refvos", out=manifest.path / "x")
