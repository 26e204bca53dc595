"""``davis`` on folders with a mask file per object: layers where masks meet, ids, what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from deposit_davis import save_grey
from deposits import save_frame
from folder_toys import ids_of, mask, masks_of, read, write, write_images

import actiseg_noise
from actiseg_noise.datasets.davis import Davis
from actiseg_noise.datasets.selection import Selection
from actiseg_noise.errors import ActisegError, DataError


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
