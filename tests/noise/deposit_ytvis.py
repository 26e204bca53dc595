"""Tiny deposits in the JSON of YouTube-VIS, COCO and SA-Co/VEval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from deposit_refvos import rle, write_json
from deposits import save_frame

from actiseg_noise.masks import BinaryMask

FRAMES = ("00000", "00005", "00010")
HEIGHT, WIDTH = 12, 16
CATEGORIES = ({"id": 1, "name": "person"}, {"id": 7, "name": "giant_panda"}, {"id": 9, "name": "a red hat"})


def block(top: int, left: int, height: int = 4, width: int = 5) -> BinaryMask:
    """Return a 12×16 mask of one rectangle."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def listed(mask: BinaryMask) -> dict[str, object]:
    """Return a mask as run lengths in a list, as the scripts of YouTube-VIS write them."""
    line = mask.T.ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(line, prepend=0)).tolist()
    counts = np.diff([0, *edges, line.size]).tolist()
    return {"size": list(mask.shape), "counts": counts}


def moving(top: int, left: int, frames: int = len(FRAMES)) -> list[object]:
    """Return a rectangle that moves right by a pixel a frame."""
    return [rle(block(top, left + step)) for step in range(frames)]


def video(number: int, name: str, frames: Sequence[str] = FRAMES, **more: object) -> dict[str, Any]:
    """Return an entry of ``videos``."""
    files = [f"{name}/{frame}.jpg" for frame in frames]
    return {"id": number, "width": WIDTH, "height": HEIGHT, "length": len(files), "file_names": files} | more


def annotation(number: int, video_id: int, category_id: int, masks: Sequence[object], **more: object) -> dict[str, Any]:
    """Return an annotation of a video."""
    return {
        "id": number,
        "video_id": video_id,
        "category_id": category_id,
        "iscrowd": 0,
        "segmentations": list(masks),
    } | more


def image(number: int, file_name: str) -> dict[str, Any]:
    """Return an entry of ``images``."""
    return {"id": number, "width": WIDTH, "height": HEIGHT, "file_name": file_name}


def instance(number: int, image_id: int, category_id: int, mask: object, **more: object) -> dict[str, Any]:
    """Return an annotation of an image."""
    return {"id": number, "image_id": image_id, "category_id": category_id, "iscrowd": 0, "segmentation": mask} | more


def videos_file(
    videos: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    categories: Sequence[Mapping[str, Any]] = CATEGORIES,
    **more: object,
) -> dict[str, Any]:
    """Return a file in YouTube-VIS's form."""
    return {
        "info": {"year": 2019},
        "licenses": [{}],
        "videos": list(videos),
        "categories": list(categories),
        "annotations": list(annotations),
    } | more


def images_file(
    images: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    categories: Sequence[Mapping[str, Any]] = CATEGORIES,
) -> dict[str, Any]:
    """Return a file in COCO's form."""
    return {"images": list(images), "annotations": list(annotations), "categories": list(categories)}


def save_frames(folder: Path, files: Iterable[str]) -> None:
    """Write the images of a file's frames."""
    for name in files:
        save_frame(folder / name, HEIGHT, WIDTH)


def write_ytvis(root: Path) -> Path:
    """Write a tree and return its root.

    ``train``: videos with large ids, one whose masks share pixels. ``val``: images with polygons. ``valid``: phrases,
    some of which name nothing. ``test``: run lengths in lists, small ids.
    """
    train = videos_file(
        [video(3, "b 1"), video(1, "a")],
        [
            annotation(512, 3, 7, [None, *moving(1, 1)[1:]]),
            annotation(511, 3, 1, moving(6, 2)),
            annotation(300, 1, 1, moving(1, 1)),
            annotation(400, 1, 9, [None, None, rle(block(2, 3, 2, 2))]),
            annotation(500, 1, 7, moving(7, 1)),
        ],
    )
    write_json(root / "train.json", train)
    save_frames(root / "train/JPEGImages", (name for entry in train["videos"] for name in entry["file_names"][1:]))
    square = [1, 1, 6, 1, 6, 5, 1, 5]
    val = images_file(
        [image(9, "000000000009.jpg"), image(4, "000000000004.jpg"), image(5, "000000000005.jpg")],
        [
            instance(1, 9, 1, [square, [9, 7, 12, 7, 9, 10]]),
            instance(2, 9, 7, listed(block(7, 1))),
            instance(3, 4, 9, [square]),
        ],
    )
    write_json(root / "annotations/instances_val2017.json", val)
    save_frames(root / "val2017", (entry["file_name"] for entry in val["images"]))
    pairs = [
        {"id": 1, "video_id": 0, "category_id": 1, "noun_phrase": "person", "num_masklets": 2},
        {"id": 2, "video_id": 0, "category_id": 9, "noun_phrase": "a red hat", "num_masklets": 0},
    ]
    valid = videos_file(
        [video(0, "sav_01", video_name="sav_01")],
        [annotation(4, 0, 1, moving(1, 1), noun_phrase="person"), annotation(8, 0, 1, moving(6, 2))],
        video_np_pairs=pairs,
    )
    write_json(root / "valid/instances.json", valid)
    save_frames(root / "valid/JPEGImages", valid["videos"][0]["file_names"])
    test = videos_file([video(1, "t")], [annotation(1, 1, 1, [listed(block(1, 1)), None, listed(block(2, 2))])])
    write_json(root / "annotations/instances_test.json", test)
    save_frames(root / "test/JPEGImages", test["videos"][0]["file_names"])
    return root
