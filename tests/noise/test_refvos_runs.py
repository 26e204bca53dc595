"""Masks of referring datasets that are run lengths: what an expression's mask is, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import FRAMES, ONE, TWO, mevis, refvos_mask, rle
from deposits import save_frame

import actiseg_noise
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.refvos import RefVos
from actiseg_noise.errors import DataError
from actiseg_noise.records import Clip


def read(dataset: RefVos, split: str = "train", *, with_frames: bool = True) -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=with_frames))


def mask_of(dataset: RefVos, clip: Clip, place: int) -> np.ndarray:
    return dataset.read_index_mask(clip, clip.frames[place])


def test_the_mask_of_an_expression_is_the_union_of_its_annotations(tmp_path: Path) -> None:
    dataset = mevis(tmp_path, {"0": TWO, "1": ONE})
    both, one = read(dataset)
    assert [o.object_id for o in both.objects] == [1]
    assert [f.mask_path for f in both.frames] == ["train/mask_dict.json"] * 3
    for place in range(3):
        whole = refvos_mask(place)
        seen = (whole == 1) | ((whole == 2) & (place > 0))  # null in the first frame is empty
        assert np.array_equal(mask_of(dataset, both, place), seen)
        assert np.array_equal(mask_of(dataset, one, place), whole == 1)
    assert mask_of(dataset, one, 0).dtype == np.uint8


def test_a_set_of_annotations_has_one_address_however_it_is_written(tmp_path: Path) -> None:
    spellings: list[object] = [[16, 9], ["9", 16, 16], 16, ["16"]]
    dataset = mevis(tmp_path, {str(n): {"exp": "x", "anno_id": ids} for n, ids in enumerate(spellings)})
    found = [c.mask_address for c in read(dataset, with_frames=False)]
    assert found == ["v/9+16", "v/9+16", "v/16", "v/16"]


def test_annotations_without_any_mask_are_as_large_as_the_image(tmp_path: Path) -> None:
    dataset = mevis(tmp_path, {"0": {"exp": "it", "anno_id": [20]}, "1": {"exp": "nobody", "anno_id": []}})
    unseen, nobody = read(dataset)
    assert (unseen.objects[0].is_positive, nobody.objects[0].is_positive) == (True, False)
    for clip in (unseen, nobody):
        assert mask_of(dataset, clip, 1).tolist() == np.zeros((12, 16)).tolist()
    (tmp_path / "train/JPEGImages/v/00015.jpg").unlink()
    with pytest.raises(
        DataError, match=r"mask_dict\.json: clip 'v:0' has no mask in any frame, and the image of frame '"
    ):
        mask_of(dataset, unseen, 1)


def test_a_portrait_video_keeps_its_shape(tmp_path: Path) -> None:
    mask = np.zeros((40, 24), bool)
    mask[30:, 20:] = True
    dataset = mevis(tmp_path, {"0": ONE}, {"17": [rle(mask)] * 3})
    for frame in FRAMES:
        save_frame(tmp_path / f"train/JPEGImages/v/{frame}.jpg", 40, 24)
    assert np.array_equal(mask_of(dataset, read(dataset)[0], 2), mask)


def test_a_noisy_split_of_run_lengths_is_built_and_verified(tmp_path: Path) -> None:
    dataset = mevis(tmp_path / "data", {"0": TWO, "1": ONE})
    path = actiseg_noise.build(dataset, recipe="clean", out=tmp_path / "m")
    manifest = actiseg_noise.read_manifest(path)
    assert (manifest.info.counts["samples"], manifest.info.counts["masks"]) == (2, 6)
    assert compare_with_dataset(manifest, dataset=dataset) == []


def test_an_adapter_stays_small_however_many_masks_it_has_read(tmp_path: Path) -> None:
    dataset = mevis(tmp_path, {"0": ONE}, {str(n): [rle(refvos_mask() == 1)] * 3 for n in range(17, 400)})
    mask_of(dataset, read(dataset)[0], 0)
    assert len(pickle.dumps(dataset)) < 1000


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"18": [None] * 3}, r"entry 0, expression '0': annotations \[17\] are not in .*mask_dict\.json"),
        ({"17": [None] * 2}, r"mask_dict\.json: annotation 17 has 2 masks, but its video has 3 frames"),
        ({"17": {}}, r"mask_dict\.json: annotation 17: expected a list of run lengths, found '\{\}'"),
        ({"17": [None, 7, None]}, r"annotation 17, frame '00015': expected null or .* found 7"),
        ({"17": [{"size": [12, 16], "counts": [192]}, None, None]}, r"frame '00010': expected null or"),
        ({"17": [{"size": [12], "counts": "PT1"}, None, None]}, r"frame '00010': expected null or"),
        ({"17": [{"size": [12, 10**9], "counts": "PT1"}, None, None]}, r"frame '00010': expected null or"),
        ({"17": [{"size": [12, 16], "counts": "PT"}, None, None]}, r"annotation 17, frame '00010': .*; fetch the file"),
        ({"17": [{"size": [12, 16], "counts": "é"}, None, None]}, r"frame '00010': expected null or"),
        (
            {"17": [{"size": [16, 12], "counts": rle(refvos_mask()[:5] == 1)["counts"]}, None, None]},
            r"annotation 17, frame '00010': run lengths .* do not fill a canvas of 12×16 pixels",
        ),
        (
            {"17": [rle(refvos_mask() == 1), None, rle(refvos_mask()[:9] == 1)]},
            r"annotation 17, frame '00020': the mask is 16×9, but others of this expression are 16×12",
        ),
    ],
)
def test_run_lengths_that_are_not_what_they_should_be_are_told_where(
    tmp_path: Path, masks: dict[str, Any], message: str
) -> None:
    dataset = mevis(tmp_path, {"0": ONE}, masks)
    with pytest.raises(DataError, match=message):
        for clip in read(dataset):
            for place in range(3):
                mask_of(dataset, clip, place)


def test_two_annotations_of_different_sizes_are_refused(tmp_path: Path) -> None:
    masks = {"17": [None, rle(refvos_mask() == 1), None], "18": [rle(refvos_mask()[:9] == 1), None, None]}
    dataset = mevis(tmp_path, {"0": TWO}, masks)
    with pytest.raises(DataError, match=r"annotation 18, frame '00010': the mask is 16×9, but others .* are 16×12"):
        mask_of(dataset, read(dataset)[0], 0)


def test_a_file_of_masks_that_changed_is_read_again(tmp_path: Path) -> None:
    for mask in (refvos_mask() == 1, refvos_mask() == 2, refvos_mask() != 0):
        dataset = mevis(tmp_path, {"0": ONE}, {"17": [rle(mask)] * 3})
        assert np.array_equal(mask_of(dataset, read(dataset)[0], 0), mask)


def test_a_split_of_run_lengths_without_its_file_is_told_so(tmp_path: Path) -> None:
    dataset = mevis(tmp_path, {"0": ONE})
    (tmp_path / "train/mask_dict.json").unlink()
    with pytest.raises(DataError, match=r"1 of 1 expressions of .* have no masks in .*train: v:0\. Use --content text"):
        read(dataset)


def test_run_lengths_whose_size_is_width_and_height_are_refused(tmp_path: Path) -> None:
    dataset = mevis(tmp_path, {"0": ONE})
    path = tmp_path / "train/mask_dict.json"
    data = json.loads(path.read_text())
    swapped = {key: [row and row | {"size": row["size"][::-1]} for row in rows] for key, rows in data.items()}
    path.write_text(json.dumps(swapped))
    (clip,) = read(dataset)
    with pytest.raises(DataError, match=r"mask_dict\.json, .*: the mask is 12×16, its image is 16×12 .*on its side"):
        for frame in clip.frames:
            dataset.read_checked_mask(clip, frame)
