"""Export to the form of Ref-YouTube-VOS and MeViS: fed back, it gives the positives' noisy labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_refvos import write_refvos
from deposits import save_frame, write_vost
from PIL import Image
from toys import VOID, Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.exchange.export_refvos import export_refvos
from actiseg_noise.exchange.referring_categories import DAVIS, YOUTUBE_VOS, categories_for, describe
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.vocabulary import Vocabulary

HARD = actiseg_noise.Recipe(
    "hard",
    (
        actiseg_noise.NoiseSpec("category_flip-v1", 1.0),
        actiseg_noise.NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}),
    ),
)


def positives(manifest: Manifest, side: str) -> set[tuple[Any, ...]]:
    """Return text and mask digests of the positive objects, clips aside: the layouts name them otherwise."""
    rows = [row for row in manifest.table("samples").to_pylist() if row["is_positive"]]
    found: set[tuple[Any, ...]] = set()
    masks = manifest.table("masks").to_pylist()
    for row in rows:
        digests = tuple(
            (mask["frame_id"], mask["noisy_digest" if side else "clean_digest"])
            for mask in masks
            if mask["sample_id"] == row["sample_id"]
        )
        found.add((row[f"{side}noun"], row[f"{side}expression"], digests))
    return found


def read_back(root: Path, split: str = "train") -> Manifest:
    """Return the clean manifest that the adapter makes of an export."""
    out = root.parent / f"{root.name}-again"
    return read_manifest(actiseg_noise.build("refvos", root=root, split=split, out=out))


def build_toy(tmp_path: Path) -> Manifest:
    toy = make_toy(clips=6, scale=10)
    return read_manifest(actiseg_noise.build(toy, recipe="mixed-40-15", out=tmp_path / "m", gate=False))


@pytest.mark.parametrize("masks", ["png", "rle"])
def test_a_toy_comes_back_with_the_noisy_labels_of_its_positives(tmp_path: Path, masks: str) -> None:
    manifest = build_toy(tmp_path)
    report = export_refvos(manifest, tmp_path / "x", masks=masks)
    again = read_back(tmp_path / "x")
    found, expected = positives(again, ""), positives(manifest, "noisy_")
    if masks == "rle":  # run lengths have no categories
        found, expected = ({row[1:] for row in rows} for rows in (found, expected))
    assert found == expected
    negatives = sum(not row["is_positive"] for row in manifest.table("samples").to_pylist())
    assert report["counts"]["negative_objects_left_out"] == negatives > 0
    assert again.info.counts["samples"] == report["counts"]["expressions"]


def test_void_stays_void_in_index_masks_and_is_counted_in_run_lengths(tmp_path: Path) -> None:
    manifest = build_toy(tmp_path)
    export_refvos(manifest, tmp_path / "x")
    index_mask = np.asarray(Image.open(next((tmp_path / "x/train/Annotations").rglob("*.png"))))
    assert (index_mask[:, -20:] == VOID).all()
    report = export_refvos(manifest, tmp_path / "y", masks="rle")
    assert report["counts"]["frames_with_void_as_background"] > 0


@pytest.mark.parametrize("masks", ["png", "rle"])
def test_kitchen_comes_back_with_its_noisy_labels(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, masks: str
) -> None:
    manifest = read_manifest(noisy_val)
    export_refvos(manifest, tmp_path / "x", masks=masks, root=kitchen_root, images="copy")
    found = positives(read_back(tmp_path / "x", "valid" if masks == "png" else "valid_u"), "")
    expected = positives(manifest, "noisy_")
    if masks == "rle":
        found, expected = ({row[1:] for row in rows} for rows in (found, expected))
    assert found == expected
    assert len(list((tmp_path / "x").rglob("*.jpg"))) == manifest.info.counts["frames"]


def test_vost_comes_back_with_the_frames_that_have_a_mask(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "vost")
    manifest = read_manifest(actiseg_noise.build("vost", root=root, recipe=HARD, out=tmp_path / "m"))
    report = export_refvos(manifest, tmp_path / "x")
    again = read_back(tmp_path / "x")
    assert positives(again, "") == positives(manifest, "noisy_")
    frames = again.table("frames").to_pylist()
    assert [row["frame_id"] for row in frames[:3]] == ["frame00000", "frame00012", "frame00018"]
    labelled = [row for row in manifest.table("frames").to_pylist() if row["is_annotated"]]
    assert [row["void_digest"] for row in frames] == [row["void_digest"] for row in labelled]
    assert report["counts"]["frames_without_mask_left_out"] == manifest.info.counts["frames"] - len(labelled) > 0


def square(top: int, left: int, object_id: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    mask = np.zeros((24, 32), np.uint8)
    mask[top : top + 4, left : left + 4] = object_id
    return mask


def two_expressions(tmp_path: Path, second_id: int, second_left: int, *, wide: bool = False) -> Manifest:
    """Return a manifest of two clips ``v:0`` and ``v:1`` on one video, one object each."""
    clips = [
        make_clip("v:0", [thing(1, 1)], frames=1, video_id="v"),
        make_clip("v:1", [thing(second_id, 2)], frames=1, video_id="v", source_order=1),
    ]
    second = square(4, second_left, second_id)
    if wide:
        second[4:8, second_left : second_left + 8] = second_id
    masks = {"v:0/f000.png": square(4, 4, 1), "v:1/f000.png": second}
    return read_manifest(actiseg_noise.build(Toy(tmp_path, clips, masks), out=tmp_path / "m"))


def test_expressions_of_one_video_share_its_masks(tmp_path: Path) -> None:
    export_refvos(two_expressions(tmp_path, second_id=2, second_left=12), tmp_path / "x")
    said = json.loads((tmp_path / "x/meta_expressions/train/meta_expressions.json").read_text("utf-8"))
    assert said == {
        "videos": {
            "v": {
                "expressions": {
                    "0": {"exp": "cup used in the action of use things in v:0", "obj_id": "1"},
                    "1": {"exp": "knife used in the action of use things in v:1", "obj_id": "2"},
                },
                "frames": ["f000"],
            }
        }
    }
    meta = json.loads((tmp_path / "x/train/meta.json").read_text("utf-8"))
    assert meta["videos"]["v"]["objects"] == {
        "1": {"category": "others", "noun": "cup", "frames": ["f000"]},
        "2": {"category": "knife", "frames": ["f000"]},
    }
    index_mask = np.asarray(Image.open(tmp_path / "x/train/Annotations/v/f000.png"))
    assert np.array_equal(index_mask, square(4, 4, 1) + square(4, 12, 2))


@pytest.mark.parametrize(
    ("second_id", "left", "wide", "message"),
    [
        (2, 6, False, "video 'v', frame 'f000': two objects overlap"),
        (1, 4, True, "video 'v', frame 'f000': object 1 has other masks in two expressions"),
    ],
)
def test_what_index_masks_cannot_hold_is_refused_and_run_lengths_can(
    tmp_path: Path, second_id: int, left: int, wide: bool, message: str
) -> None:
    manifest = two_expressions(tmp_path, second_id, left, wide=wide)
    with pytest.raises(ActisegError, match=f"{message}, which index masks cannot hold; use --masks rle"):
        export_refvos(manifest, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    export_refvos(manifest, tmp_path / "x", masks="rle")
    found, expected = positives(read_back(tmp_path / "x"), ""), positives(manifest, "noisy_")
    assert {row[1:] for row in found} == {row[1:] for row in expected}


def test_expressions_of_one_mask_share_its_annotation(tmp_path: Path) -> None:
    report = export_refvos(two_expressions(tmp_path, second_id=1, second_left=4), tmp_path / "x", masks="rle")
    said = json.loads((tmp_path / "x/train/meta_expressions.json").read_text("utf-8"))
    assert [said["videos"]["v"]["expressions"][i]["anno_id"] for i in "01"] == [[0], [0]]
    (rles,) = json.loads((tmp_path / "x/train/mask_dict.json").read_text("utf-8")).values()
    assert [rle["size"] for rle in rles] == [[24, 32]]
    assert report["counts"]["annotations"] == 1


def test_the_dataset_refvos_keeps_videos_expressions_and_ids(tmp_path: Path) -> None:
    root = write_refvos(tmp_path / "deposit")
    manifest = read_manifest(actiseg_noise.build("refvos", root=root, recipe=HARD, out=tmp_path / "m"))
    export_refvos(manifest, tmp_path / "x")
    again = read_back(tmp_path / "x")
    assert again.table("clips")["clip_id"].to_pylist() == manifest.table("clips")["clip_id"].to_pylist()
    names = ["sample_id", "noisy_expression"]
    assert again.table("samples", names).to_pylist() == manifest.table("samples", names).to_pylist()
    assert again.table("masks")["clean_digest"].to_pylist() == manifest.table("masks")["noisy_digest"].to_pylist()


def test_a_clip_without_positive_objects_is_counted(tmp_path: Path) -> None:
    clips = [make_clip(name, [thing(1, 1, positive=name == "b")], frames=0) for name in "ab"]
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, clips), out=tmp_path / "m", content="text"))
    report = export_refvos(manifest, tmp_path / "x")
    assert (report["counts"]["videos"], report["counts"]["clips_without_positive_object"]) == (1, 1)


def test_an_expression_without_target_is_written_without_annotation(tmp_path: Path) -> None:
    clips = [
        make_clip("vid:0", [thing(1, 1)], frames=1, video_id="vid"),
        make_clip("vid:1", [thing(1, 2, positive=False)], frames=1, video_id="vid", source_order=1),
    ]
    masks = {"vid:0/f000.png": square(4, 4, 1), "vid:1/f000.png": square(0, 0, 0)}
    for name in masks:
        save_frame(tmp_path / f"in/{name.replace('png', 'jpg')}", 24, 32)
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, clips, masks), out=tmp_path / "m"))
    report = export_refvos(manifest, tmp_path / "x", masks="rle", root=tmp_path / "in", images="copy")
    said = json.loads((tmp_path / "x/train/meta_expressions.json").read_text("utf-8"))["videos"]["vid"]["expressions"]
    assert {key: (value["obj_id"], value["anno_id"]) for key, value in said.items()} == {"0": ([1], [0]), "1": ([], [])}
    assert list(json.loads((tmp_path / "x/train/mask_dict.json").read_text("utf-8"))) == ["0"]
    assert report["counts"]["expressions_without_target"] == 1
    again = read_back(tmp_path / "x")
    assert again.table("samples")["is_positive"].to_pylist() == [True, False]
    assert again.table("samples")["expression"].to_pylist() == manifest.table("samples")["expression"].to_pylist()
    counts = export_refvos(manifest, tmp_path / "y")["counts"]
    assert (counts["expressions"], counts["expressions_without_target_left_out"]) == (1, 1)


@pytest.mark.parametrize(
    ("nouns", "found"),
    [
        (("golf cart", "person"), [{"category": "golf cart"}, {"category": "person"}]),
        (("golf cart", "cup"), [{"category": "others", "noun": "golf cart"}, {"category": "others", "noun": "cup"}]),
        (("tennis racket", "person"), [{"category": "tennis_racket"}, {"category": "person"}]),
        (("tennis racket", "ape"), [{"category": "tennis_racket"}, {"category": "ape"}]),
    ],
)
def test_categories_are_of_the_table_that_the_datasets_own_loader_has(
    nouns: tuple[str, str], found: list[dict[str, str]]
) -> None:
    table = categories_for(Vocabulary({place: (noun,) for place, noun in enumerate(nouns)}, {}))
    assert [describe(noun, table) for noun in nouns] == found


def test_the_tables_are_as_long_as_the_loaders() -> None:
    assert (len(YOUTUBE_VOS), len(DAVIS)) == (65, 78)


def test_videos_that_are_one_folder_on_windows_and_macos_get_two(tmp_path: Path) -> None:
    clips = [make_clip(name, [thing(1, 1)], frames=0) for name in ("Cut", "cut", "cut-2")]
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, clips), out=tmp_path / "m", content="text"))
    assert export_refvos(manifest, tmp_path / "x")["renamed"] == {"cut-2": "cut", "cut-2-2": "cut-2"}


def test_text_content_gives_the_json_files_alone(tmp_path: Path) -> None:
    manifest = read_manifest(
        actiseg_noise.build(make_toy(3), recipe="text-40", out=tmp_path / "m", content="text", gate=False)
    )
    export_refvos(manifest, tmp_path / "x")
    files = sorted(path.relative_to(tmp_path / "x").as_posix() for path in (tmp_path / "x").rglob("*.*"))
    assert files == ["export.json", "meta_expressions/train/meta_expressions.json", "train/meta.json"]
    with pytest.raises(ActisegError, match="content 'text' has no masks, so --masks rle has none to write"):
        export_refvos(manifest, tmp_path / "y", masks="rle")


def test_names_that_separate_video_and_expression_become_hyphens(tmp_path: Path) -> None:
    clips = [make_clip(name, [thing(1, 1)], frames=0) for name in ("a:b", "c/d")]
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, clips), out=tmp_path / "m", content="text"))
    assert export_refvos(manifest, tmp_path / "x")["renamed"] == {"a-b": "a:b", "c-d": "c/d"}
    clips = [make_clip(name, [thing(1, 1)], frames=0) for name in ("a-b", "a:b")]
    manifest = read_manifest(actiseg_noise.build(Toy(tmp_path, clips), out=tmp_path / "n", content="text"))
    with pytest.raises(DataError, match="clip 'a:b': another video is called 'a-b' too"):
        export_refvos(manifest, tmp_path / "y")


def test_a_clip_whose_name_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    clip = make_clip("..", [thing(1, 1)], frames=1)
    toy = Toy(tmp_path, [clip], {"../f000.png": square(0, 0, 1)})
    manifest = read_manifest(actiseg_noise.build(toy, out=tmp_path / "m"))
    with pytest.raises(DataError, match=r"export: '\.\.' cannot be the name"):
        export_refvos(manifest, tmp_path / "x")


def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path) -> None:
    clip = make_clip("a", [thing(1, 1)], frames=1)
    clip = replace(clip, frames=(replace(clip.frames[0], image_path="../secret.jpg"),))
    manifest = read_manifest(
        actiseg_noise.build(Toy(tmp_path, [clip], {"a/f000.png": square(0, 0, 1)}), out=tmp_path / "m")
    )
    (tmp_path.parent / "secret.jpg").write_bytes(b"secret")
    with pytest.raises(DataError, match="which leaves the root"):
        export_refvos(manifest, tmp_path / "x", root=tmp_path, images="copy")
