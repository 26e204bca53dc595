"""Import of pairs of files in the form of COCO or YouTube-VIS."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import rle, write_json
from deposit_ytvis import (
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
)

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.manifest.read import Manifest

IMAGES = [image(1, "s/00000.jpg"), image(2, "s/00001.jpg")]
CLEAN = images_file(
    IMAGES,
    [
        instance(11, 1, 1, rle(block(1, 1))),
        instance(300, 1, 7, rle(block(6, 1))),
        instance(301, 2, 1, listed(block(1, 8))),
    ],
)
# 300 is called something else and grows over 11; 301 stays as it is, written in another way
NOISY = images_file(
    IMAGES,
    [
        instance(301, 2, 1, rle(block(1, 8))),
        instance(300, 1, 9, rle(block(3, 1, 8, 5))),
        instance(11, 1, 1, rle(block(1, 1))),
    ],
)


def written(tmp_path: Path, clean: object, noisy: object) -> dict[str, Path]:
    write_json(tmp_path / "clean.json", clean)
    write_json(tmp_path / "noisy.json", noisy)
    return {"clean": tmp_path / "clean.json", "noisy": tmp_path / "noisy.json"}


def imported(tmp_path: Path, clean: object, noisy: object, **options: Any) -> Manifest:
    files = written(tmp_path, clean, noisy)
    path = actiseg_noise.import_labels(**files, name="mine", out=tmp_path / "m", **options)
    return actiseg_noise.read_manifest(path)


def texts(manifest: Manifest) -> list[tuple[object, ...]]:
    names = ["sample_id", "noun", "noisy_noun", "text_noise", "is_harmful"]
    return [tuple(row.values()) for row in manifest.table("samples", names).to_pylist()]


def areas(manifest: Manifest) -> list[tuple[object, ...]]:
    names = ["sample_id", "clean_area", "noisy_area", "mask_noise", "iou"]
    return [tuple(row.values()) for row in manifest.table("masks", names).to_pylist()]


def test_nothing_of_masks_that_overlap_on_the_noisy_side_is_lost(tmp_path: Path) -> None:
    manifest = imported(tmp_path, CLEAN, NOISY)
    assert texts(manifest) == [
        ("s_00000~1/1", "person", "person", "none", False),
        ("s_00000~2/1", "giant panda", "a red hat", "imported", True),
        ("s_00001/1", "person", "person", "none", False),
    ]
    assert areas(manifest) == [
        ("s_00000~1/1", 20, 20, "none", 1.0),
        ("s_00000~2/1", 20, 40, "imported", 0.5),
        ("s_00001/1", 20, 20, "none", 1.0),
    ]
    assert verify(manifest) == []
    first, second, _ = manifest.iter_clips()
    assert np.array_equal(first.frames[0].masks[1].decode(), block(1, 1))
    assert np.array_equal(second.frames[0].masks[1].decode(), block(3, 1, 8, 5))


def test_what_was_imported_is_named_with_its_digest(tmp_path: Path) -> None:
    found = imported(tmp_path, CLEAN, NOISY).info.imported
    assert found["form"] == "COCO files"
    assert [found[side]["name"] for side in ("clean_file", "noisy_file")] == ["clean.json", "noisy.json"]
    assert found["clean_file"]["digest"] != found["noisy_file"]["digest"]


def test_videos_are_compared_frame_by_frame(tmp_path: Path) -> None:
    clean = videos_file([video(1, "v")], [annotation(5, 1, 1, moving(1, 1))])
    noisy = videos_file([video(1, "v")], [annotation(5, 1, 1, [None, *moving(1, 1)[1:]])])
    manifest = imported(tmp_path, clean, noisy)
    assert [row[1:4] for row in areas(manifest)] == [(20, 0, "imported"), (20, 20, "none"), (20, 20, "none")]
    assert areas(manifest)[0][0] == "v/5"


def test_content_text_has_the_flips_alone(tmp_path: Path) -> None:
    manifest = imported(tmp_path, CLEAN, NOISY, content="text")
    assert manifest.info.counts["masks"] == 0
    assert [row[3] for row in texts(manifest)] == ["none", "imported", "none"]


def test_images_may_lie_elsewhere_below_a_root(tmp_path: Path) -> None:
    save_frames(tmp_path / "pictures", ["s/00001.jpg"])
    labels = tmp_path / "labels"
    manifest = imported(labels, CLEAN, NOISY, images=tmp_path / "pictures", root=tmp_path)
    rows = manifest.table("frames", ["image_path", "mask_path"]).to_pylist()
    assert [row["image_path"] for row in rows] == [None, None, "pictures/s/00001.jpg"]
    assert {row["mask_path"] for row in rows} == {"labels/clean.json"}
    with pytest.raises(ActisegError, match=f"pass --root {tmp_path}"):
        imported(labels, CLEAN, NOISY, images=tmp_path / "pictures", force=True)


def without(data: dict[str, Any], *numbers: int) -> dict[str, Any]:
    return data | {"annotations": [one for one in data["annotations"] if one["id"] not in numbers]}


def test_objects_on_one_side_are_listed_together_or_left_out_and_counted(tmp_path: Path) -> None:
    clean, noisy = without(CLEAN, 11), without(NOISY, 301)
    with pytest.raises(
        DataError,
        match=r"2 objects are on one side only: s_00000: annotation 11 only in --noisy; "
        r"s_00001: annotation 301 only in --clean\. Pass --skip-missing",
    ):
        imported(tmp_path, clean, noisy)
    manifest = imported(tmp_path, clean, noisy, skip_missing=True)
    assert [row[0] for row in texts(manifest)] == ["s_00000/1"]
    assert manifest.info.imported["skipped_objects"] == 2
    assert manifest.info.skipped == ("s_00001",)


def test_images_on_one_side_are_listed(tmp_path: Path) -> None:
    noisy = without(NOISY, 301) | {"images": IMAGES[:1]}
    with pytest.raises(DataError, match="1 images or videos are on one side only: s_00001: only in --clean"):
        imported(tmp_path, CLEAN, noisy)
    assert imported(tmp_path, CLEAN, noisy, skip_missing=True).info.skipped == ("s_00001",)


def test_frames_on_one_side_are_listed(tmp_path: Path) -> None:
    clean = videos_file([video(1, "v")], [annotation(5, 1, 1, moving(1, 1))])
    noisy = videos_file([video(1, "v", ("00010", "00000"))], [annotation(5, 1, 1, moving(1, 1)[::2][::-1])])
    with pytest.raises(DataError, match="1 frames are on one side only: v: frame 00005 only in --clean"):
        imported(tmp_path, clean, noisy)
    manifest = imported(tmp_path, clean, noisy, skip_missing=True)
    assert [row[3] for row in areas(manifest)] == ["none", "none"]
    assert manifest.info.imported["skipped_frames"] == 1


def test_another_size_is_called_that_even_where_nothing_is_left(tmp_path: Path) -> None:
    small = {"size": [6, 8], "counts": [48]}
    noisy = images_file(
        [one | {"height": 6, "width": 8} for one in IMAGES],
        [one | {"segmentation": small} for one in NOISY["annotations"]],
    )
    said = "2 images or videos have another size on the noisy side .*: s_00000: clean 16×12, noisy 8×6 pixels"
    with pytest.raises(DataError, match=said):
        imported(tmp_path, CLEAN, noisy)
    with pytest.raises(DataError, match=f"no clip has both clean and noisy labels; 2 were left out. {said}"):
        imported(tmp_path, CLEAN, noisy, skip_missing=True)


def test_categories_that_contradict_are_refused_whatever_is_asked(tmp_path: Path) -> None:
    noisy = NOISY | {"categories": [{"id": 1, "name": "dog"}, *NOISY["categories"][1:]]}
    with pytest.raises(DataError, match="category 1 is 'person' in --clean and 'dog' in --noisy"):
        imported(tmp_path, CLEAN, noisy, skip_missing=True)


def test_options_of_mask_folders_and_other_datasets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="--void: not with two JSON files"):
        imported(tmp_path, CLEAN, NOISY, void=255)
    with pytest.raises(ActisegError, match="--dataset actionvos: two JSON files are read in the form of ytvis"):
        imported(tmp_path, CLEAN, NOISY, dataset="actionvos")
    with pytest.raises(ActisegError, match="expected two folders of masks, or two files in the form"):
        actiseg_noise.import_labels(clean=tmp_path / "clean.json", noisy=tmp_path, out=tmp_path / "m")


def test_a_wrong_file_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    text = json.dumps(NOISY)
    files = written(tmp_path, CLEAN, NOISY)
    for _ in range(40):
        data = bytearray(text.encode())
        data[rng.randrange(len(data))] = rng.randrange(256)
        files["noisy"].write_bytes(data if rng.random() < 0.7 else data[: rng.randrange(len(data))])
        try:
            actiseg_noise.import_labels(**files, name="mine", out=tmp_path / "m", force=True)
        except ActisegError as error:
            assert "\n" not in str(error)
    assert {path.name for path in tmp_path.iterdir()} <= {"clean.json", "noisy.json", "m"}


def test_a_noisy_mask_may_be_empty(tmp_path: Path) -> None:
    noisy = deepcopy(NOISY)
    noisy["annotations"][0]["segmentation"] = []
    assert areas(imported(tmp_path, CLEAN, noisy))[2] == ("s_00001/1", 20, 0, "imported", 0.0)
