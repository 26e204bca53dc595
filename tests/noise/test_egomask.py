"""EgoMask: masks in a file for each object, parts of longer videos, and the benchmark that is not noised unasked."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_egomask import LONG, LONG_FRAMES, PART, SHORT, said, write_egomask, write_egomask_train
from deposit_refvos import refvos_mask, rle, video, write_json
from mutations import cut, mutate

import actiseg_noise
from actiseg_noise.datasets.refvos import RefVos
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.records import Clip


def clips(root: Path, split: str = "test", **options: Any) -> dict[str, Clip]:
    return {clip.clip_id: clip for clip in RefVos(root, **options).iter_clips(split, with_frames=True)}


def masks(root: Path, clip: Clip) -> list[Any]:
    return [RefVos(root).read_index_mask(clip, frame) for frame in clip.frames]


NOTHING = np.zeros((12, 16), bool)


def test_masks_are_those_of_the_object_and_frames_without_have_none(tmp_path: Path) -> None:
    found = clips(write_egomask(tmp_path))
    assert list(found) == [f"{SHORT}:0", f"{PART}:0", f"{LONG}:0", f"{LONG}:1", f"{LONG}:2"]
    bowl, knife = found[f"{LONG}:0"], found[f"{LONG}:2"]
    assert [(item.object_id, item.noun) for clip in (bowl, knife) for item in clip.objects] == [
        (1, "green bowl"),
        (12, "knife"),
    ]
    expected = [*(refvos_mask(step) == 1 for step in range(3)), NOTHING]
    assert all(map(np.array_equal, masks(tmp_path, bowl), expected))
    expected = [NOTHING, NOTHING, *(12 * (refvos_mask(step) == 2) for step in (2, 3))]
    assert all(map(np.array_equal, masks(tmp_path, knife), expected))
    assert bowl.frames[0].image_path == f"JPEGImages/egotracks/{LONG}/00000.jpg"


def test_a_part_of_a_video_has_the_files_of_the_whole(tmp_path: Path) -> None:
    found = clips(write_egomask(tmp_path), subset="medium")
    (part,) = found.values()
    assert (part.clip_id, part.video_id) == (f"{PART}:0", PART)
    assert [(frame.frame_id, frame.image_path) for frame in part.frames] == [
        (name, f"JPEGImages/egotracks/{LONG}/{name}.jpg") for name in LONG_FRAMES[1:3]
    ]
    assert all(map(np.array_equal, masks(tmp_path, part), [NOTHING, 12 * (refvos_mask(2) == 2)]))


def test_subsets_are_those_of_their_folders(tmp_path: Path) -> None:
    root = write_egomask(tmp_path)
    assert list(clips(root, subset="short")) == [f"{SHORT}:0"]
    assert len(clips(root, subset="long")) == 3
    short = clips(root, subset="short")[f"{SHORT}:0"]
    assert [frame.image_path for frame in short.frames] == [f"JPEGImages/refego/{SHORT}/img0000002659.jpg", None]
    with pytest.raises(ActisegError, match="--option subset=mid: expected one of long, medium, short"):
        RefVos(root, subset="mid")
    (root / "subset/long/meta_expressions.json").unlink()
    with pytest.raises(DataError, match=r"subset/long/meta_expressions.json: the file is missing"):
        clips(root, subset="long")


def test_the_benchmark_is_not_read_as_train(tmp_path: Path) -> None:
    root = write_egomask(tmp_path)
    for options in ({}, {"subset": "long"}):
        with pytest.raises(
            DataError, match=r"is of EgoMask, a benchmark, .* but is read as 'train'; pass --split test"
        ):
            clips(root, "train", **options)
    with pytest.raises(ActisegError, match="allow-eval"):
        actiseg_noise.build("refvos", root=root, split="test", boundary=81, out=tmp_path / "m")
    path = actiseg_noise.build("refvos", root=root, split="test", boundary=81, out=tmp_path / "m", allow_eval=True)
    assert actiseg_noise.read_manifest(path).info.counts["clips"] == 5


def test_egomask_train_is_read_by_video_and_object(tmp_path: Path) -> None:
    root = write_egomask_train(tmp_path)
    bowl, knife = clips(root, "train").values()
    assert [(item.object_id, item.noun) for clip in (bowl, knife) for item in clip.objects] == [
        (1, "green bowl"),
        (1, "knife"),
    ]
    expected = [*(refvos_mask(step) == 1 for step in range(3)), NOTHING]
    assert all(map(np.array_equal, masks(root, bowl), expected))
    assert all(map(np.array_equal, masks(root, knife)[1:], (refvos_mask(step) == 2 for step in (1, 2, 3))))
    assert bowl.frames[1].image_path == "train/JPEGImages/5c1c8a7f's/00005.jpg"
    path = actiseg_noise.build("refvos", root=root, flip=0.5, out=tmp_path / "m", gate=False)
    assert actiseg_noise.read_manifest(path).info.counts["samples"] == 2


# --- what is wrong


def change(root: Path, name: str, **more: object) -> None:
    path = root / name
    write_json(path, json.loads(path.read_text()) | more)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        (f"annotations/{LONG}/1.json", {"00005": {"size": [12, 15], "counts": "0"}}, "the mask is 15×12, but others"),
        (f"annotations/{LONG}/1.json", {"00000": {"size": [12, 16], "counts": "zz"}}, "1.json, frame '00000': "),
        (
            f"annotations/{LONG}/1.json",
            {"00000": [1, 2]},
            r"1.json, frame '00000': expected null or .* found \[1, 2\]",
        ),
        (f"annotations/{LONG}/1.json", {"00099": None}, r"1.json has a mask of frame '00099', which its video has not"),
        (f"annotations/{LONG}/1.json", {"00000.jpg": None}, "1.json: one frame stands twice"),
        ("meta_expressions.json", {"videos": {LONG: video(said("a", object_id="x"), LONG_FRAMES)}}, "an object id"),
        ("meta_expressions.json", {"videos": {"../up": video(said("a"), LONG_FRAMES)}}, "cannot be the name of a file"),
    ],
)
def test_bad_files_are_one_line_that_says_where(name: str, more: dict[str, Any], message: str, tmp_path: Path) -> None:
    root = write_egomask(tmp_path)
    change(root, name, **more)
    with pytest.raises(DataError, match=message) as caught:
        for clip in clips(root).values():
            masks(root, clip)
    assert str(root / name) in str(caught.value)


def test_an_object_without_a_file_is_named(tmp_path: Path) -> None:
    root = write_egomask(tmp_path)
    (root / f"annotations/{LONG}/12.json").unlink()
    with pytest.raises(DataError, match=rf"2 of 5 expressions of .* have no masks .*: {PART}:0, {LONG}:2. Pass --skip"):
        clips(root)
    assert len(clips(root, skip_missing=True)) == 3


def test_a_list_in_the_place_of_frames_is_refused(tmp_path: Path) -> None:
    root = write_egomask(tmp_path)
    write_json(root / f"annotations/{SHORT}/1.json", [rle(NOTHING)])
    with pytest.raises(DataError, match=r"1.json: expected a JSON object, found \["):
        masks(root, clips(root, subset="short")[f"{SHORT}:0"])


def test_whatever_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    root = write_egomask(tmp_path)
    path = root / f"annotations/{LONG}/1.json"
    data = json.loads(path.read_text())
    refused = 0
    for number in range(150):
        text = json.dumps(mutate(data, rng) if number % 3 else data)
        path.write_bytes(text.encode("utf-8", "surrogatepass") if number % 3 else cut(text, rng))
        try:
            masks(root, clips(root, subset="long")[f"{LONG}:0"])
        except ActisegError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refused > 50
