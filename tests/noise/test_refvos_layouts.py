"""Where referring datasets have their files, and the forms in which they say what an expression refers to."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import FRAMES, refvos_mask, rle, video, write_json, write_mevis_split, write_palette_split
from deposits import save_frame, save_mask

import actiseg_noise
from actiseg_noise.borders.json_object import JsonObject
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.refvos import RefVos
from actiseg_noise.datasets.refvos import masks as refvos_masks
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError
from actiseg_noise.recipe import ad_hoc_recipe
from actiseg_noise.records import Clip

ONE = {"exp": "the upper one", "obj_id": [3], "anno_id": [17]}
TWO = {"exp": "both", "obj_id": [3, 4], "anno_id": [17, 18]}
SECOND = "meta_expressions_v2.json"
PIXELS = ad_hoc_recipe(boundary=3, boundary_unit="px")


def read(dataset: RefVos, split: str = "train", *, with_frames: bool = True) -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=with_frames))


def texts(dataset: RefVos, split: str = "train") -> list[str]:
    return [clip.narration for clip in read(dataset, split, with_frames=False)]


def masks(dataset: RefVos, clip: Clip) -> list[np.ndarray]:
    return [dataset.read_checked_mask(clip, frame) for frame in clip.frames if frame.is_annotated]


def said(text: str, **fields: Any) -> dict[str, Any]:
    """Return a video with one expression about annotation 17."""
    return {"v": video({"0": {"exp": text, "anno_id": [17]} | fields})}


# --- versions


def test_the_second_version_is_read_where_it_stands_alone(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, "train", said("new", audio="a.wav"), names=(SECOND, "mask_dict.json"))
    (clip,) = read(RefVos(tmp_path))
    assert clip.narration == "new"
    assert np.array_equal(masks(RefVos(tmp_path), clip)[1], refvos_mask(1) == 1)


def test_of_two_versions_the_newest_is_read_and_said_or_the_one_asked_for(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, "train", said("old"))
    write_mevis_split(tmp_path, "train", said("new"), names=(SECOND, "mask_dict.json"))
    message = (
        r"train/meta_expressions_v2\.json is read, the newest version; for .*/meta_expressions\.json pass --option"
    )
    with pytest.warns(ActisegWarning, match=message):
        assert texts(RefVos(tmp_path)) == ["new"]
    assert texts(RefVos(tmp_path, version="2")) == ["new"]
    assert texts(RefVos(tmp_path, version=1)) == ["old"]


def test_a_version_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, "train", said("old"))
    with pytest.raises(
        DataError, match=r"split 'train' has no expressions of it; it has version 1 \(.*expressions\.json\)"
    ):
        texts(RefVos(tmp_path, version=2))


@pytest.mark.parametrize("version", ["0", "two", "-1", "1.5", ""])
def test_a_version_is_a_number(tmp_path: Path, version: str) -> None:
    with pytest.raises(ActisegError, match=r"--option version=.*: expected a number, as 2 for meta_expressions_v2\.js"):
        RefVos(tmp_path, version=version)


def test_masks_of_the_same_version_come_before_those_of_the_first(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, "train", said("old"), {"17": [rle(refvos_mask() == 2)] * 3})
    write_mevis_split(
        tmp_path, "train", said("new"), {"17": [rle(refvos_mask() == 1)] * 3}, names=(SECOND, "mask_dict_v2.json")
    )
    for version, value in ((1, 2), (2, 1)):
        dataset = RefVos(tmp_path, version=version)
        (clip,) = read(dataset)
        assert np.array_equal(masks(dataset, clip)[0], refvos_mask() == value)


def test_the_vocabulary_is_of_the_splits_that_have_the_version(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, "train", said("new"), names=(SECOND, "mask_dict.json"))
    write_mevis_split(tmp_path, "valid_u", said("old"))
    assert [o.noun for o in RefVos(tmp_path, version=2).iter_vocabulary(("train", "valid_u"))] == ["object"]


# --- files at the root, names with folders


def revos(root: Path, split: str = "train") -> Path:
    videos = {
        "UVO/train/v1": video({"0": TWO | {"type_id": 0}, "1": ONE | {"type_id": 1}}),
        "LV-VIS/v2": video({"0": ONE, "1": {"exp": "the dragon", "obj_id": [], "anno_id": [], "type_id": 2}}),
    }
    write_json(root / "mask_dict_foreground.json", {"UVO/train/v1": {"masks_rle": []}})
    return write_mevis_split(root, ".", videos, names=(f"meta_expressions_{split}_.json", "mask_dict.json"))


def test_a_split_is_read_from_the_root_by_the_name_of_its_file(tmp_path: Path) -> None:
    revos(tmp_path)
    revos(tmp_path, "valid")
    dataset = RefVos(tmp_path)
    for split in ("train", "valid"):
        clips = read(dataset, split)
        assert [c.clip_id for c in clips] == ["LV-VIS/v2:0", "LV-VIS/v2:1", "UVO/train/v1:0", "UVO/train/v1:1"]
        assert clips[2].mask_address == "UVO/train/v1/17+18"
        assert clips[2].frames[0].image_path == "JPEGImages/UVO/train/v1/00010.jpg"
        assert clips[2].frames[0].mask_path == "mask_dict.json"
        assert np.array_equal(masks(dataset, clips[2])[2], refvos_mask(2) % 255 > 0)
    with pytest.raises(DataError, match=r"meta_expressions_test\.json \(splits found: train, valid\)"):
        read(dataset, "test")


def test_an_expression_about_nothing_is_kept_as_a_negative_object(tmp_path: Path) -> None:
    dataset = RefVos(revos(tmp_path))
    nothing = read(dataset)[1]
    assert (nothing.narration, nothing.objects[0].is_positive) == ("the dragon", False)
    assert not any(mask.any() for mask in masks(dataset, nothing))


def test_names_with_folders_come_back_from_a_manifest_that_is_built_and_verified(tmp_path: Path) -> None:
    dataset = RefVos(revos(tmp_path / "data"))
    path = actiseg_noise.build(dataset, recipe=PIXELS, out=tmp_path / "m")
    manifest = actiseg_noise.read_manifest(path)
    assert manifest.info.counts["clips"] == 4
    assert compare_with_dataset(manifest, dataset=dataset) == []
    picked = actiseg_noise.build(dataset, clips=["UVO/train/v1:1"], out=tmp_path / "one")
    assert actiseg_noise.read_manifest(picked).info.counts["clips"] == 1


@pytest.mark.parametrize("name", ["/etc/v", "a//v", "a/", "a/../v", "./v", "a\\v", "C:/v", "a/\0", "a/" + 241 * "x"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / "meta_expressions_train.json", {"videos": {name: video({"0": ONE})}})
    with pytest.raises(DataError, match=r"meta_expressions_train\.json: entry 0: '.*' (cannot be|has lone)"):
        read(RefVos(tmp_path))


def test_a_file_at_the_root_that_names_no_split_is_of_the_split_asked_for(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, ".", said("any"))
    assert texts(RefVos(tmp_path)) == texts(RefVos(tmp_path), "test") == ["any"]
    write_mevis_split(tmp_path, "valid", said("of valid"))
    assert texts(RefVos(tmp_path), "valid") == ["of valid"]
    with pytest.raises(DataError, match=r"\(splits found: valid\)"):
        texts(RefVos(tmp_path))


def test_categories_may_lie_at_the_root_with_the_expressions(tmp_path: Path) -> None:
    write_json(tmp_path / "meta_expressions.json", {"videos": {"v": video({"0": {"exp": "a cat", "obj_id": [1]}})}})
    write_json(tmp_path / "meta.json", {"videos": {"v": {"objects": {"1": {"category": "cat"}}}}})
    dataset = RefVos(tmp_path)
    assert [clip.noun for clip in read(dataset, with_frames=False)] == ["cat"]
    assert [o.noun for o in dataset.iter_vocabulary(dataset.card.splits)] == ["cat"]


def test_the_folder_of_a_split_is_no_root(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, "valid_u", said("it"))
    with pytest.raises(DataError, match=rf"Did you mean {tmp_path}\?"):
        actiseg_noise.build("refvos", root=tmp_path / "valid_u", out=tmp_path / "m")


def test_files_may_lie_apart(tmp_path: Path) -> None:
    write_mevis_split(tmp_path, ".", said("it"), names=("meta_expressions_train.json", "mask_dict_train_.json"))
    (tmp_path / "train").mkdir()
    (tmp_path / "JPEGImages").rename(tmp_path / "train/JPEGImages")
    write_json(tmp_path / "mask_dict.json", {})
    (clip,) = read(RefVos(tmp_path))
    assert clip.frames[0].image_path == "train/JPEGImages/v/00010.jpg"
    assert clip.frames[0].mask_path == "mask_dict_train_.json"
    (tmp_path / "meta_expressions/train").mkdir(parents=True)
    (tmp_path / "meta_expressions_train.json").rename(tmp_path / "meta_expressions/train/meta_expressions.json")
    (clip,) = read(RefVos(tmp_path))
    assert clip.frames[0].mask_path == "mask_dict_train_.json"


# --- what expressions refer to


def test_listed_expressions_have_the_id_they_say_or_their_position(tmp_path: Path) -> None:
    listed = [{"exp": "a", "exp_id": 7} | {"anno_id": 17}, {"exp": "b", "anno_id": "17"}, {"exp": "c", "exp_id": "x"}]
    write_json(tmp_path / "train/meta_expressions.json", {"videos": {"v": {"expressions": listed, "frames": FRAMES}}})
    clips = read(RefVos(tmp_path), with_frames=False)
    assert [(c.clip_id, c.narration, c.source_order) for c in clips] == [
        ("v:1", "b", 1),
        ("v:7", "a", 0),
        ("v:x", "c", 2),
    ]


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([{"exp_id": 1}, {"exp_id": "1"}], r"key 'v\.expressions\.1\.exp_id': expected an id that no other .*\"1\""),
        ([{"exp_id": None}], r"key 'v\.expressions\.0\.exp_id': expected a name or a number, found null"),
        (["it"], r"key 'v\.expressions\.0': expected a JSON object, found \"it\""),
    ],
)
def test_malformed_listed_expressions_are_told_where(tmp_path: Path, listed: list[Any], message: str) -> None:
    write_json(tmp_path / "train/meta_expressions.json", {"videos": {"v": {"expressions": listed, "frames": FRAMES}}})
    with pytest.raises(DataError, match=message):
        read(RefVos(tmp_path))


def test_several_objects_of_an_index_mask_are_one_of_the_clip(tmp_path: Path) -> None:
    expressions = {
        "0": {"exp": "both", "obj_id": ["1", "2"]},
        "1": {"exp": "the lower one", "obj_id": [2]},
        "2": {"exp": "nobody", "obj_id": []},
    }
    dataset = RefVos(write_palette_split(tmp_path, "train", {"v": video(expressions)}))
    both, lower, nobody = read(dataset)
    assert [c.mask_address for c in (both, lower, nobody)] == ["v/1+2", "v", "v/"]
    assert [(c.objects[0].object_id, c.objects[0].is_positive) for c in (both, lower, nobody)] == [
        (1, True),
        (2, True),
        (1, False),
    ]
    whole = refvos_mask(1)
    assert np.array_equal(masks(dataset, both)[1], np.where(whole == 2, 1, whole))
    assert np.array_equal(masks(dataset, lower)[1], np.where(whole == 1, 0, whole))
    assert np.array_equal(masks(dataset, nobody)[1], np.where(whole < 255, 0, whole))


def write_per_object(root: Path, expressions: dict[str, Any]) -> RefVos:
    """Write two objects in folders of their own: 0 in every frame, 300 (in grey) in the last two."""
    write_json(root / "train/meta_expressions.json", {"videos": {"v": video(expressions)}})
    for step, frame in enumerate(FRAMES):
        save_frame(root / f"train/JPEGImages/v/{frame}.jpg")
        save_mask(root / f"train/Annotations/v/000/{frame}.png", (refvos_mask(step) == 1).astype(np.uint8))
        if step:
            grey = np.where(refvos_mask(step) == 2, 255, 0).astype(np.uint8)
            save_mask(root / f"train/Annotations/v/300/{frame}.png", grey)
    return RefVos(root)


def test_masks_may_lie_in_a_folder_per_object(tmp_path: Path) -> None:
    expressions = {
        "0": {"exp": "the upper one", "obj_id": "0"},
        "1": {"exp": "the lower one", "obj_id": 300},
        "2": {"exp": "both", "obj_id": [0, 300]},
        "3": {"exp": "nobody", "obj_id": []},
    }
    dataset = write_per_object(tmp_path, expressions)
    upper, lower, both, nobody = read(dataset)
    assert {c.objects[0].object_id for c in (upper, lower, both, nobody)} == {1}
    assert [c.mask_address for c in (upper, lower, both, nobody)] == ["v/0", "v/300", "v/0+300", "v/"]
    assert [f.is_annotated for f in lower.frames] == [False, True, True]
    assert np.array_equal(masks(dataset, lower)[0], refvos_mask(1) == 2)
    assert np.array_equal(masks(dataset, both)[0], refvos_mask(0) == 1)
    assert np.array_equal(masks(dataset, both)[2], refvos_mask(2) % 255 > 0)
    assert [mask.any() for mask in masks(dataset, nobody)] == [False] * 3


def test_a_folder_per_object_gives_the_labels_of_index_masks(tmp_path: Path) -> None:
    expressions = {"0": {"exp": "the upper one", "obj_id": "1"}, "1": {"exp": "the lower one", "obj_id": "2"}}
    for root in (tmp_path / "palette", tmp_path / "folders"):
        write_json(root / "train/meta_expressions.json", {"videos": {"v": video(expressions)}})
        for step, frame in enumerate(FRAMES):
            save_frame(root / f"train/JPEGImages/v/{frame}.jpg")
            mask = np.where(refvos_mask(step) == 255, 0, refvos_mask(step)).astype(np.uint8)
            if root.name == "palette":
                save_mask(root / f"train/Annotations/v/{frame}.png", mask)
            for value in (1, 2) if root.name == "folders" else ():
                save_mask(root / f"train/Annotations/v/{value}/{frame}.png", (mask == value).astype(np.uint8))
    built = [
        actiseg_noise.build("refvos", root=tmp_path / n, recipe=PIXELS, out=tmp_path / f"m-{n}")
        for n in ("palette", "folders")
    ]
    first, second = (actiseg_noise.read_manifest(path).digest for path in built)
    assert first == second


def test_an_object_without_a_folder_has_no_masks(tmp_path: Path) -> None:
    dataset = write_per_object(tmp_path, {"0": {"exp": "it", "obj_id": 0}, "1": {"exp": "who?", "obj_id": 5}})
    with pytest.raises(
        DataError, match=r"1 of 2 expressions of .* have no masks in .*train: v:1\. Pass --skip-missing"
    ):
        read(dataset)


def test_a_mask_of_several_ids_is_no_mask_of_one_object(tmp_path: Path) -> None:
    dataset = write_per_object(tmp_path, {"0": {"exp": "it", "obj_id": 0}})
    mask = np.zeros((12, 16), np.uint8)
    mask[0, :2] = 1, 255
    save_mask(tmp_path / "train/Annotations/v/000/00010.png", mask)
    (clip,) = read(dataset)
    with pytest.raises(DataError, match=r"000/00010\.png: the values \[1, 255\], expected a mask of one object"):
        masks(dataset, clip)


def test_two_folders_of_one_object_and_masks_of_two_sizes_are_refused(tmp_path: Path) -> None:
    dataset = write_per_object(tmp_path, {"0": {"exp": "both", "obj_id": [0, 300]}})
    (clip,) = read(dataset)
    save_mask(tmp_path / "train/Annotations/v/300/00015.png", np.ones((9, 16), np.uint8))
    with pytest.raises(DataError, match=r"v/300/00015\.png: the mask is 16×9, but .*v/000/00015\.png is 16×12 .*'v:0'"):
        masks(dataset, clip)
    save_mask(tmp_path / "train/Annotations/v/0/00010.png", np.ones((12, 16), np.uint8))
    with pytest.raises(DataError, match=r"v: the folders '0' and '000' are of one object; keep one"):
        read(RefVos(tmp_path))


# --- run lengths


def test_more_annotations_than_are_kept_are_read_once_for_all_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = refvos_masks.ANNOTATIONS_KEPT + 8
    runs = {str(n): [rle(refvos_mask(n % 3) == 1)] * 3 for n in range(count)}
    dataset = RefVos(write_mevis_split(tmp_path, "train", said("all", anno_id=list(range(count))), runs))
    (clip,) = read(dataset)
    times: Counter[str] = Counter()
    whole = JsonObject.read
    monkeypatch.setattr(JsonObject, "read", lambda self, key: (times.update([key]), whole(self, key))[1])
    assert [mask.sum() for mask in masks(dataset, clip)] == [24] * 3
    assert set(times.values()) == {1}
    assert len(times) == count


def test_run_lengths_may_be_said_by_frame(tmp_path: Path) -> None:
    by_frame = {"00015.jpg": rle(refvos_mask(1) == 1), "00020": None}
    dataset = RefVos(write_mevis_split(tmp_path, "train", said("it"), {"17": by_frame}))
    (clip,) = read(dataset)
    assert [mask.any() for mask in masks(dataset, clip)] == [False, True, False]
    write_mevis_split(tmp_path, "train", said("it"), {"17": {"00016": None}})
    with pytest.raises(
        DataError, match=r"annotation 17 has a mask of frame '00016', which its video has not; .*'v:0'\)"
    ):
        masks(dataset, clip)
    write_mevis_split(tmp_path, "train", said("it"), {"17": {"x" * 999: None}})
    with pytest.raises(DataError, match=r"annotation 17 has a mask of frame 'x{80}', which"):
        masks(dataset, clip)
    write_mevis_split(tmp_path, "train", said("it"), {"17": {"00015": None, "00015.jpg": None}})
    with pytest.raises(DataError, match=r"annotation 17: one frame stands twice in '00015', '00015\.jpg'; keep one"):
        masks(dataset, clip)


def test_nothing_is_said_where_there_is_one_version(tmp_path: Path) -> None:
    revos(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(texts(RefVos(tmp_path))) == 4


def test_a_mark_of_byte_order_changes_nothing(tmp_path: Path) -> None:
    revos(tmp_path)
    before = texts(RefVos(tmp_path))
    for path in tmp_path.glob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    clips = read(RefVos(tmp_path))
    assert [clip.narration for clip in clips] == before
    assert masks(RefVos(tmp_path), clips[0])[0].any()
    assert json.loads((tmp_path / "mask_dict.json").read_text("utf-8-sig"))
