"""CVAT's own XML: tracks of videos, images, and what our own export writes; what is wrong is said."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_cvat import (
    LABELS,
    SIZE,
    SQUARE,
    at,
    element,
    image,
    masked,
    meta,
    own,
    polygon,
    track,
    tracks,
    write_cvat,
    write_xml,
)
from deposit_ytvis import HEIGHT, WIDTH, block, save_frames
from export_scene import make_scene
from mutations import cut
from toys import make_toy

import actiseg_noise
from actiseg_noise.datasets.ytvis import YtVis
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError
from actiseg_noise.exchange.export import export
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.records import Clip

VIDEO = meta(original_size=SIZE)


def clips(root: Path, *inside: str) -> list[Clip]:
    write_xml(root / "annotations.xml", *inside)
    return list(YtVis(root).iter_clips("train", with_frames=True))


def masks(root: Path, clip: Clip, split: str = "train") -> list[Any]:
    return [YtVis(root).read_index_mask(clip, frame) for frame in clip.frames]


def facts(clip: Clip) -> list[tuple[int, str, bool]]:
    return [(item.object_id, item.noun, item.is_positive) for item in clip.objects]


# --- for video


def test_tracks_are_objects_and_frames_those_in_which_one_is_visible(tmp_path: Path) -> None:
    root = write_cvat(tmp_path)
    first, second = YtVis(root).iter_clips("train", with_frames=True)
    assert [clip.clip_id for clip in (first, second)] == ["cut an onion~1", "cut an onion~2"]
    assert facts(first) + facts(second) == [(1, "person", True), (2, "a red hat", True), (1, "giant panda", True)]
    assert [(frame.frame_id, frame.image_path, frame.mask_key) for frame in first.frames] == [
        (f"frame_00000{number}", f"images/frame_00000{number}.jpg", "0+3") for number in range(3)
    ]
    moving = [block(1, 1), block(1, 2), block(1, 3) | 2 * block(7, 9)]
    assert all(map(np.array_equal, masks(root, first), moving))
    alone = [block(1, 9), block(2, 2), np.zeros((HEIGHT, WIDTH), bool)]
    assert all(map(np.array_equal, masks(root, second), alone))


def test_tracks_of_one_group_and_label_are_one_object(tmp_path: Path) -> None:
    parts = [
        track(4, "person", [masked(block(1, 1), **at(0)), masked(block(1, 1), **at(1, outside=1))], group_id=2),
        track(5, "person", [polygon(**at(0)), polygon(**at(1))], group_id=2),
        track(6, "a red hat", [masked(block(7, 1), **at(0)), masked(block(7, 1), **at(1))], group_id=2),
    ]
    (clip,) = clips(tmp_path, VIDEO, *parts)
    assert facts(clip) == [(4, "person", True), (6, "a red hat", True)]
    both = 4 * (block(1, 1) | block(1, 9)) + 6 * block(7, 1)
    assert all(map(np.array_equal, masks(tmp_path, clip), [both, 4 * block(1, 9) + 6 * block(7, 1)]))


def test_a_frame_of_which_a_track_says_nothing_is_left_out_and_said(tmp_path: Path) -> None:
    keyframes = track(1, "person", [masked(block(1, 1), **at(0)), masked(block(1, 3), **at(3))])
    every = track(2, "a red hat", [masked(block(7, 1), **at(frame)) for frame in range(5)])
    message = r"video 'cut an onion': 2 of 5 frames are left out: .* track 1 say nothing of them \(frame 1\)"
    with pytest.warns(ActisegWarning, match=message):
        (clip,) = clips(tmp_path, VIDEO, keyframes, every)
    assert [frame.frame_id for frame in clip.frames] == ["frame_000000", "frame_000003", "frame_000004"]
    assert np.array_equal(masks(tmp_path, clip)[2], 2 * block(7, 1))


@pytest.mark.parametrize(("last", "kept"), [(1, [0, 1]), (2, [0, 1])])
def test_after_its_last_shape_a_track_is_outside_for_one_frame_alone(
    last: int, kept: list[int], tmp_path: Path
) -> None:
    open_ended = track(1, "person", [masked(block(1, 1), **at(0))])
    every = track(2, "a red hat", [masked(block(7, 1), **at(frame)) for frame in range(last + 1)])
    if last == 1:
        (clip,) = clips(tmp_path, VIDEO, open_ended, every)
    else:
        with pytest.warns(ActisegWarning, match=r"1 of 3 frames are left out: .* \(frame 2\)"):
            (clip,) = clips(tmp_path, VIDEO, open_ended, every)
    assert [int(frame.frame_id[-6:]) for frame in clip.frames] == kept


def test_every_nth_frame_of_a_video_is_no_gap(tmp_path: Path) -> None:
    sparse = track(1, "person", [masked(block(1, 1), **at(frame)) for frame in (10, 20, 30)])
    (clip,) = clips(tmp_path, meta(original_size=SIZE, frame_filter="step=10"), sparse)
    assert [frame.frame_id for frame in clip.frames] == ["frame_000010", "frame_000020", "frame_000030"]


def test_tasks_of_a_project_are_videos_in_folders_of_their_own(tmp_path: Path) -> None:
    labels = "".join(f"<label><name>{name}</name><attributes></attributes></label>" for name in LABELS)
    tasks = "".join(
        f"<task><id>{n}</id><name>{name}</name><original_size>{SIZE}</original_size></task>"
        for n, name in ((8, "x/1"), (9, "y"))
    )
    project = f"<meta><project><id>1</id><tasks>{tasks}</tasks><labels>{labels}</labels></project></meta>"
    shapes = [masked(block(1, 1), **at(0))]
    save_frames(tmp_path / "images", ["y/frame_000000.jpg", "frame_000000.jpg"])
    found = clips(tmp_path, project, track(0, "person", shapes, task_id=8), track(1, "person", shapes, task_id=9))
    assert [(clip.clip_id, clip.frames[0].image_path) for clip in found] == [
        ("x_1", None),
        ("y", "images/y/frame_000000.jpg"),
    ]


def test_boxes_are_counted_as_no_masks(tmp_path: Path) -> None:
    boxes = [element("box", xtl=1, ytl=1, xbr=3, ybr=3, **at(frame)) for frame in range(3)]
    with pytest.warns(ActisegWarning, match=r"annotations.xml: 1 box: no masks, left aside$"):
        clips(tmp_path, VIDEO, *tracks(), track(9, "person", boxes))
    with pytest.raises(DataError, match="has no mask: expected polygon or mask, found 1 box; boxes"):
        clips(tmp_path, VIDEO, track(9, "person", boxes))


def test_a_job_of_validation_is_not_noised_as_train(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it says 'validation', an evaluation split, but it is read as 'train'"):
        clips(tmp_path, meta(original_size=SIZE, subset="Validation"), *tracks())


# --- for images


def test_images_are_clips_and_shapes_of_a_group_one_object(tmp_path: Path) -> None:
    root = write_cvat(tmp_path)
    (clip,) = YtVis(root).iter_clips("val", with_frames=True)
    assert (clip.clip_id, clip.frames[0].image_path) == ("a_1", "val/images/a/1.jpg")
    assert facts(clip) == [(1, "person", True), (3, "a red hat", True)]
    (mask,) = masks(root, clip)
    assert np.array_equal(mask == 3, block(7, 1))
    assert set(map(tuple, np.argwhere((mask == 1) & ~block(1, 9)).tolist())) < {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_images_of_a_project_may_lie_in_the_folder_of_their_subset(tmp_path: Path) -> None:
    save_frames(tmp_path / "images", ["Train/1.jpg"])
    (clip,) = clips(tmp_path, meta(), image(0, "1.jpg", [polygon(label="person")], subset="Train", task_id=3))
    assert (clip.clip_id, clip.frames[0].image_path) == ("1", "images/Train/1.jpg")


Labels = dict[tuple[str, str], tuple[Any, ...]]


def labels_of(manifest: Manifest, labels: str) -> Labels:
    """Return (clip, frame) → the objects that are visible there, with their words and pixels."""
    return {
        (clip.clip_id, frame.frame_id): tuple(
            (sample.object_id, sample.text(labels)[1:], sample.flag(labels), pixels.tobytes())
            for sample in clip.samples
            if (pixels := frame.masks[sample.object_id].decode(labels)).any()
        )
        for clip in manifest.iter_clips()
        for frame in clip.frames
    }


@pytest.mark.parametrize("side", ["noisy", "clean"])
@pytest.mark.parametrize("kind", ["rle", "polygon"])
def test_what_we_export_comes_back_as_the_labels_of_the_manifest(kind: str, side: str, tmp_path: Path) -> None:
    toy = make_toy(clips=4, scale=10)
    manifest = read_manifest(actiseg_noise.build(toy, recipe="mixed-40-15", out=tmp_path / "m", gate=False))
    export(manifest, format="cvat", masks=kind, labels=side, out=tmp_path / "x")
    again = read_manifest(actiseg_noise.build("ytvis", root=tmp_path / "x", recipe="clean", out=tmp_path / "n"))
    expected = {key: objects for key, objects in labels_of(manifest, side).items() if objects}
    assert expected
    assert labels_of(again, "clean") == expected


def test_both_sides_exported_and_imported_as_a_pair_are_the_manifest(tmp_path: Path) -> None:
    toy = make_toy(clips=4, scale=10)
    manifest = read_manifest(actiseg_noise.build(toy, recipe="mixed-40-15", out=tmp_path / "m", gate=False))
    for side in ("clean", "noisy"):
        export(manifest, format="cvat", labels=side, out=tmp_path / side)
    files = {side: tmp_path / side / "annotations.xml" for side in ("clean", "noisy")}
    again = read_manifest(actiseg_noise.import_labels(**files, name="mine", out=tmp_path / "n"))
    for side in files:
        expected = {key: objects for key, objects in labels_of(manifest, side).items() if objects}
        assert labels_of(again, side) == expected


def test_an_export_with_images_is_read_with_them(tmp_path: Path) -> None:
    root, manifest = make_scene(tmp_path)
    export(manifest, format="cvat", out=tmp_path / "x", root=root)
    (clip,) = YtVis(tmp_path / "x").iter_clips("train", with_frames=True)
    assert [frame.image_path for frame in clip.frames] == [f"images/a/{name}.jpg" for name in ("08", "09", "10")]


def test_an_export_of_an_evaluation_split_is_not_noised_as_train(tmp_path: Path) -> None:
    path = actiseg_noise.build("kitchen", split="val", recipe="clean", limit=1, out=tmp_path / "m")
    export(read_manifest(path), format="cvat", out=tmp_path / "x")
    with pytest.raises(DataError, match="it says 'val', an evaluation split, but it is read as 'train'"):
        list(YtVis(tmp_path / "x").iter_clips("train", with_frames=True))


# --- what is wrong

OWN = meta(own=True)
TWICE = [masked(block(1, 1), **at(0))] * 2


def framed(*shapes: str) -> list[str]:
    return [meta(), image(0, "a/1.jpg", shapes)]


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ([], r"expected <meta> and either <image> or <track> elements \(CVAT 1.1\), found no <meta>"),
        ([meta()], "found neither"),
        ([VIDEO, image(0, "a.jpg"), *tracks()], "found both"),
        ([image(0, "a.jpg"), meta()], "<image> before <meta>, which lists the labels"),
        (["<meta><task></task></meta>"], "<meta> lists no <label>"),
        (["<meta><labels><label><name> </name></label></labels></meta>"], "<label>: expected a name"),
        (framed(), "has no mask: expected polygon or mask, found no annotation"),
        (framed(polygon(label="dog")), r'image \[0\] "a/1.jpg": <polygon> label: "dog" is none of the 3 labels'),
        (framed(polygon()), r'<polygon> label: "" is none of'),
        (framed(polygon("1,1;2", label="person")), r'<polygon> points: expected x,y;x,y;…, found "1,1;2"'),
        (framed(polygon("1,1;1e999,2;3,3", label="person")), "expected numbers within the frame"),
        (framed(polygon("1,1;2,2", label="person")), "annotation 1, frame '1': polygon 0: expected .* three points"),
        (framed(polygon("30,1;31,1;31,4", label="person")), "lies outside the frame of 16×12"),
        (framed(polygon(label="person", group_id="x")), '<polygon> group_id: expected a whole number .* found "x"'),
        (
            [meta(), image(0, "../1.jpg", [polygon(label="person")])],
            'image .* "../1.jpg": name: expected the name of a file',
        ),
        ([meta(), image(0, "a.jpg", subset="../..")], "subset: expected the name of a file below"),
        ([meta(), image("x", "a.jpg")], "<image> id: expected a whole number from 0 on"),
        ([meta(), image(0, "a.jpg"), image(0, "b.jpg", [polygon(label="person")])], "two images have the id 0"),
        ([meta(), element("image", id=0, name="a.jpg", width=0, height=9)], "width: expected a whole number from 1"),
        ([meta(), element("image", id=0, name="a.jpg", width=9, height="9" * 30)], "height: expected a whole number"),
        (
            [VIDEO, element("track", tracks(), label="person")],
            "<track> id: expected a whole number from 0 on, found none",
        ),
        ([VIDEO, track(1, "dog", TWICE)], 'track 1: <track> label: "dog" is none of the 3 labels'),
        ([VIDEO, track(1, "person", TWICE)], "track 1: has two shapes in frame 0"),
        ([VIDEO, track(1, "person", TWICE[:1]), track(1, "person", TWICE[:1])], "two tracks have the id 1"),
        ([VIDEO, track(1, "person", TWICE[:1], task_id=9)], 'track 1: task_id: "9" is none of the tasks'),
        ([meta(), track(1, "person", TWICE[:1])], "video 'cut an onion': its task has no <original_size>"),
        (
            [VIDEO, track(1, "person", [polygon(frame=0, outside="true")])],
            'track 1: <polygon> outside: expected a whole number from 0 on, found "true"',
        ),
        ([VIDEO, track(1, "person", [masked(block(1, 1), frame=-1)])], "<mask> frame: expected a whole number"),
        (
            [OWN, image(0, "a/1.jpg", [polygon(label="person")])],
            "its attribute 'object_id' is null; expected the number",
        ),
        (
            [OWN, *(image(n, f"a/{n}.jpg", [polygon(SQUARE, own(1, t), label="person")]) for n, t in enumerate("xy"))],
            'a/1.jpg": object 1 is "y", but "x" before',
        ),
        (
            [
                OWN,
                *(
                    image(n, f"a/{s}.jpg", [polygon(SQUARE, own(1, "x"), label="person")])
                    for n, s in enumerate(("1", "b/1"))
                ),
            ],
            None,
        ),
        (
            [OWN, image(0, "a/1.jpg", [polygon(SQUARE, own(1, "{noun}"), label="person")])],
            "which stands for a noun here",
        ),
    ],
)
def test_bad_files_are_one_line_that_says_where(inside: Sequence[str], message: str | None, tmp_path: Path) -> None:
    if message is None:
        assert len(clips(tmp_path, *inside)) == 2
        return
    with pytest.raises(DataError, match=message) as caught:
        clips(tmp_path, *inside)
    assert str(tmp_path / "annotations.xml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_xml_of_another_form_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text("<annotation><filename>a.jpg</filename></annotation>", "utf-8")
    with pytest.raises(DataError, match=r"found <annotation>; the file is not CVAT's XML 1\.1\. Export it as that"):
        list(YtVis(tmp_path).iter_clips("train", with_frames=True))


@pytest.mark.parametrize(
    ("rle", "box", "message"),
    [
        ("0, 9", (1, 1, 2, 5), "<mask> rle: runs of 9 pixels in all, but its box has 10"),
        ("0, 11", (1, 1, 2, 5), "<mask> rle: runs of 11 pixels in all, but its box has 10"),
        (f"0, {9**40}", (1, 1, 2, 5), '<mask> rle: expected run lengths, found "0, 147808829'),
        ("0, -10", (1, 1, 2, 5), '<mask> rle: expected run lengths, found "0, -10"'),
        ("", (1, 1, 2, 5), '<mask> rle: expected run lengths, found ""'),
        ("0, 10", (15, 1, 2, 5), "<mask>: expected a box within the frame of 16×12 pixels, found 2×5 at 15, 1"),
        ("0", (1, 1, 0, 5), "found 0×5 at 1, 1"),
        ("0, 10", ("x", 1, 2, 5), '<mask> left: expected a whole number from 0 on, found "x"'),
    ],
)
def test_bad_runs_are_one_line_that_says_where(rle: str, box: tuple[object, ...], message: str, tmp_path: Path) -> None:
    left, top, width, height = box
    shape = element("mask", label="person", rle=rle, left=left, top=top, width=width, height=height)
    with pytest.raises(DataError, match=message) as caught:
        clips(tmp_path, *framed(shape))
    assert str(tmp_path / "annotations.xml") in str(caught.value)


@pytest.mark.filterwarnings("ignore::actiseg_noise.errors.ActisegWarning")
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_whatever_is_wrong_with_a_file_is_said_in_one_line(split: str, tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    root = write_cvat(tmp_path)
    name = {"train": "annotations.xml", "val": "val/annotations.xml", "test": "test.xml"}[split]
    text = (root / name).read_text("utf-8")
    refused = 0
    for number in range(250):
        path = tmp_path / f"file{number}.xml"
        path.write_bytes(cut(text, rng))
        try:
            dataset = YtVis(tmp_path, file=path.name)
            for clip in dataset.iter_clips("train", with_frames=True):
                for frame in clip.frames:
                    dataset.read_index_mask(clip, frame)
        except ActisegError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refused > 100
