"""``evaluate --davis`` where objects have masks of their own, on either side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from form_fakes import ONE, TWO, code, entry, only, save_binary, truth_json, write_json

from actiseg_bench.scoring.davis_folders import DavisEvaluation, evaluate_davis
from actiseg_bench.scoring.davis_forms import evaluate_davis_of_any_form
from actiseg_bench.scoring.mask_folders import Rules
from actiseg_bench.scoring.truth_videos import video_names
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.errors import ActisegError, DataError

Cli = Callable[..., tuple[int, str, str]]
HALF = [[1, 0, 0, 0], [0, 0, 0, 0]]
NOTHING = [[0, 0, 0, 0], [0, 0, 0, 0]]


def score(pred: Path, gt: Path, **options: Any) -> DavisEvaluation:
    return evaluate_davis_of_any_form(pred, gt, **options)


def j_of(found: DavisEvaluation) -> dict[tuple[str, int | str], float]:
    return {(one.clip, one.object_id): one.j for one in found.objects}


def save_index(folder: Path, *masks: list[list[int]]) -> Path:
    for place, mask in enumerate(masks):
        write_index_mask(folder / f"{place:05d}.png", np.array(mask, np.uint8))
    return folder


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """Two objects that overlap, on four frames; of the first, half is found in the third."""
    for side, masks in (("gt", [ONE] * 4), ("pred", [NOTHING, ONE, HALF, NOTHING])):
        save_binary(tmp_path / side / "vid" / "000", *masks)
        save_binary(tmp_path / side / "vid" / "001", *[[[1, 1, 1, 0], [0, 0, 0, 0]]] * 4)
    return tmp_path


def test_objects_in_folders_are_scored_each_by_itself_but_for_first_and_last_frames(twins: Path) -> None:
    found = score(twins / "pred", twins / "gt")
    assert j_of(found) == {("vid", "000"): 3 / 4, ("vid", "001"): 1}
    assert found.objects[0].j_last == 1 / 2
    assert found.objects[0].j_volume == 3 / 4
    assert found.counts_dict() == {"clips": 1, "objects": 2, "object_frames": 4, "short_clips": 0}
    assert found.to_json()["frames_not_scored"] == "first and last of every clip"


def test_all_frames_are_scored_when_asked(twins: Path) -> None:
    found = score(twins / "pred", twins / "gt", every=True)
    assert j_of(found) == {("vid", "000"): 3 / 8, ("vid", "001"): 1}
    assert found.to_json()["frames_not_scored"] == "none"
    save_index(twins / "a" / "dog", TWO, TWO)
    save_index(twins / "b" / "dog", TWO, only(1, TWO)[0])
    assert j_of(evaluate_davis(twins / "b", twins / "a", every=True)) == {("dog", 1): 1, ("dog", 2): 1 / 2}
    with pytest.raises(DataError, match="no clip has three masks"):
        evaluate_davis(twins / "b", twins / "a")


def test_an_object_that_comes_late_has_its_own_first_and_last_frame(tmp_path: Path) -> None:
    for side in ("gt", "pred"):
        save_binary(tmp_path / side / "vid" / "a", *[ONE] * 6)
        late = save_binary(tmp_path / side / "vid" / "b", *[ONE] * 6)
        for name in ("00000.png", "00001.png"):
            (late / name).unlink()
    found = score(tmp_path / "pred", tmp_path / "gt")
    assert [(one.object_id, one.frames) for one in found.objects] == [("a", 4), ("b", 2)]


def test_what_is_missing_or_strange_in_folders_of_objects_is_listed(twins: Path) -> None:
    (twins / "pred" / "vid" / "000" / "00002.png").unlink()
    save_binary(twins / "pred" / "vid" / "7", ONE)
    save_binary(twins / "pred" / "other" / "000", ONE)
    listed = r"(?s)^3 mask files.*other: .*no such video.*vid/7: none of the clip's objects.*000/00002.png: the pred"
    with pytest.raises(DataError, match=listed):
        score(twins / "pred", twins / "gt")
    rules = Rules(missing="empty", unknown_ids="background", unknown_clips="ignore")
    assert j_of(score(twins / "pred", twins / "gt", rules=rules))["vid", "000"] == 1 / 2


def test_index_masks_and_folders_of_objects_are_held_against_each_other(tmp_path: Path) -> None:
    save_index(tmp_path / "index" / "vid", *[TWO] * 3)
    for one in (1, 2):
        save_binary(tmp_path / "nested" / "vid" / str(one), *only(one, *[TWO] * 3))
    assert j_of(score(tmp_path / "nested", tmp_path / "index")) == {("vid", 1): 1, ("vid", 2): 1}
    assert j_of(score(tmp_path / "index", tmp_path / "nested")) == {("vid", "1"): 1, ("vid", "2"): 1}
    save_binary(tmp_path / "zero" / "vid" / "000", *[ONE] * 3)
    with pytest.raises(DataError, match=r"an index mask cannot hold object '000': ids are 1 … 254"):
        score(tmp_path / "index", tmp_path / "zero")


def test_void_of_index_masks_is_left_out_or_background(tmp_path: Path) -> None:
    save_index(tmp_path / "gt" / "vid", *[[[1, 1, 255, 0]]] * 3)
    save_binary(tmp_path / "pred" / "vid" / "1", *[[[1, 1, 1, 0]]] * 3)
    assert j_of(score(tmp_path / "pred", tmp_path / "gt")) == {("vid", 1): 1}
    assert j_of(score(tmp_path / "pred", tmp_path / "gt", void="background")) == {("vid", 1): pytest.approx(2 / 3)}


def test_results_are_scored_on_youtube_vis_s_own_file(tmp_path: Path) -> None:
    gt = truth_json(tmp_path / "train.json", {"dog": [[ONE, ONE, None, ONE]], "cat": [[ONE] * 4]})
    pred = write_json(
        tmp_path / "results.json", [entry(1, [None, HALF, None, None]), entry(2, [None, ONE, ONE, None], id=2)]
    )
    found = score(pred, gt)
    assert j_of(found) == {("dog", 1): 3 / 4, ("cat", 2): 1}
    assert (found.matching["by_id"], found.matching["by_score"]) == (1, 1)
    (tmp_path / "one.txt").write_text("cat\n")
    assert j_of(score(pred, gt, clip_list=tmp_path / "one.txt")) == {("cat", 2): 1}
    (tmp_path / "one.txt").write_text("cow\n")
    with pytest.raises(DataError, match=r"train.json: 1 clips of the list are not in it, such as \['cow'\]"):
        score(pred, gt, clip_list=tmp_path / "one.txt")


def test_empty_results_miss_everything_and_masks_in_folders_are_scored_on_json_too(tmp_path: Path) -> None:
    gt = truth_json(tmp_path / "train.json", {"dog": [[ONE] * 3]})
    found = score(write_json(tmp_path / "results.json", []), gt)
    assert (found.scores_dict()["j"], found.matching["objects_without"]) == (0, 1)
    save_index(tmp_path / "index" / "dog", *[ONE] * 3)
    save_binary(tmp_path / "nested" / "dog" / "1", *[ONE] * 3)
    assert [score(tmp_path / name, gt).scores_dict()["j"] for name in ("index", "nested")] == [1, 1]


def test_results_are_scored_on_folders_without_categories_by_score_alone(tmp_path: Path) -> None:
    save_index(tmp_path / "gt" / "dog", *[TWO] * 3)
    tracks = [entry("dog", only(one, *[TWO] * 3), category_id=one) for one in (2, 1)]
    assert j_of(score(write_json(tmp_path / "results.json", tracks), tmp_path / "gt")) == {("dog", 1): 1, ("dog", 2): 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_id": 9}, "key 'annotations.video_id': expected a video of this file, found 9"),
        ({"segmentations": [code(ONE)]}, "entry 0 of the annotations: 1 masks, its video has 3 frames"),
        ({"segmentations": [None] * 3}, r"video 1 \(dog\) has no mask"),
        ({"segmentations": [code(ONE), code([[1]]), None]}, "has masks of 2 sizes"),
        ({"segmentations": [{"size": [2, 4], "counts": "zz"}, None, None]}, "entry 0 of the annotations, frame 0"),
        ({"category_id": "1"}, "key 'annotations.category_id': expected an integer"),
        ({"id": 1.0}, "key 'annotations.id': expected an integer"),
    ],
)
def test_a_ground_truth_that_is_not_as_it_should_be_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    gt = truth_json(tmp_path / "train.json", {"dog": [[ONE] * 3]})
    data = json.loads(gt.read_text())
    data["annotations"][0] |= change
    with pytest.raises(DataError, match=message):
        score(write_json(tmp_path / "results.json", []), write_json(gt, data))


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ({}, "expected an object with a list 'videos'"),
        ([{"id": 1, "file_names": []}], "the names of the video's frames"),
        ([{"id": 1, "file_names": ["a/0.jpg"]}, {"id": 1, "file_names": ["b/0.jpg"]}], "that no other video has"),
        ([{"id": 1, "file_names": ["a/0.jpg"]}], "no clip has an object with three masks"),
    ],
)
def test_videos_that_are_not_as_they_should_be_are_named(tmp_path: Path, videos: object, message: str) -> None:
    gt = write_json(tmp_path / "train.json", {"videos": videos, "annotations": []})
    with pytest.raises(DataError, match=message):
        score(write_json(tmp_path / "results.json", []), gt)


def test_videos_are_called_by_their_folder_their_name_or_their_id(tmp_path: Path) -> None:
    files = {1: ["a/b/0.jpg"], 2: ["c/0.jpg"], 3: ["c/1.jpg"], 4: ["0.jpg"], "five": ["x/0.jpg", "y/0.jpg"]}
    videos: list[dict[str, Any]] = [{"id": number, "file_names": names} for number, names in files.items()]
    videos[3]["name"] = "kitchen"
    path = write_json(tmp_path / "train.json", {"videos": videos})
    assert video_names(path) == {"1": "a_b", "2": "c-2", "3": "c-3", "4": "kitchen", "five": "five"}


def mevis(folder: Path, masks: dict[str, Any], **more: Any) -> Path:
    """Write a ground truth of MeViS's form: a video of four frames, one expression of one object and one of two."""
    folder.mkdir(parents=True, exist_ok=True)
    said: dict[str, Any] = {"0": {"exp": "one", "anno_id": [7]}, "1": {"exp": "both", "anno_id": [7, 8]}}
    frames = [f"{place:05d}" for place in range(4)]
    write_json(folder / "meta_expressions.json", {"videos": {"v": {"expressions": said | more, "frames": frames}}})
    write_json(folder / "mask_dict.json", masks)
    return folder


TRACKS: dict[str, Any] = {"7": [code(ONE)] * 4, "8": [None, *[code([[0, 0, 0, 1], [0, 0, 0, 1]])] * 3]}


def test_the_expressions_of_mevis_are_scored_each_as_the_union_of_its_annotations(tmp_path: Path) -> None:
    gt = mevis(tmp_path / "gt", TRACKS)
    save_binary(tmp_path / "pred" / "v" / "0", ONE, ONE, HALF, ONE)
    save_binary(tmp_path / "pred" / "v" / "1", ONE, TWO, TWO, TWO)
    assert j_of(score(tmp_path / "pred", gt)) == {("v:0", 1): 3 / 4, ("v:1", 1): 1}
    assert j_of(score(tmp_path / "pred", gt, every=True)) == {("v:0", 1): 7 / 8, ("v:1", 1): 1}
    (tmp_path / "one.txt").write_text("v:1\n")
    assert j_of(score(tmp_path / "pred", gt, clip_list=tmp_path / "one.txt")) == {("v:1", 1): 1}
    save_binary(tmp_path / "pred" / "v" / "2", ONE)
    with pytest.raises(DataError, match="v/2: the ground truth has no such expression of this video"):
        score(tmp_path / "pred", gt)


@pytest.mark.parametrize(
    ("masks", "more", "message"),
    [
        ({"7": TRACKS["7"]}, {}, r"mask_dict.json: annotation 8 of clip 'v:1' is not in it"),
        (TRACKS | {"8": [None]}, {}, "annotation 8: 1 masks, clip 'v:1' has 4 frames"),
        (TRACKS | {"8": [code([[1]])] * 4}, {}, "video 'v' has masks of 2 sizes"),
        ({"7": [None] * 4, "8": [None] * 4}, {}, "video 'v' has no mask"),
        (TRACKS | {"7": ["x", None, None, None]}, {}, "annotation 7, frame 0: expected null or"),
        (TRACKS, {"2": {"exp": "none", "anno_id": "7"}}, "anno_id.*a list of annotation ids"),
    ],
)
def test_what_does_not_fit_in_mevis_s_files_is_named(
    tmp_path: Path, masks: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    save_binary(tmp_path / "pred" / "v" / "0", ONE)
    with pytest.raises(DataError, match=message):
        score(tmp_path / "pred", mevis(tmp_path / "gt", masks, **more))


def test_crowds_are_no_objects(tmp_path: Path) -> None:
    gt = truth_json(tmp_path / "train.json", {"dog": [[ONE] * 3, [HALF] * 3]})
    data = json.loads(gt.read_text())
    data["annotations"][1]["iscrowd"] = 1
    assert len(score(write_json(tmp_path / "results.json", []), write_json(gt, data)).objects) == 1


def test_an_object_that_no_scored_frame_shows_is_named(twins: Path) -> None:
    for side in ("gt", "pred"):
        save_binary(twins / side / "vid" / "002", *[NOTHING] * 4)
    found = score(twins / "pred", twins / "gt")
    assert (found.never_visible, j_of(found)["vid", "002"], found.objects[2].j_volume) == (["vid 002"], 1, None)


def test_options_of_index_masks_are_refused_for_other_forms(twins: Path, tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="--merge goes with index masks on both sides"):
        score(twins / "pred", twins / "gt", merge=True)
    gt = truth_json(tmp_path / "train.json", {"dog": [[ONE] * 3]})
    with pytest.raises(ActisegError, match="--threshold goes with masks of one object each"):
        score(write_json(tmp_path / "results.json", []), gt, threshold=128)
    (tmp_path / "masks.zip").write_bytes(b"PK")
    with pytest.raises(ActisegError, match=r"masks.zip: expected a folder of masks, or a .json file"):
        score(tmp_path / "masks.zip", gt)


def test_a_folder_one_level_off_is_met_with_the_right_one(twins: Path) -> None:
    (twins / "above").mkdir()
    (twins / "pred").rename(twins / "above" / "pred")
    with pytest.raises(DataError, match=r"--pred .*above has no folder of a clip. Did you mean .*above/pred\?"):
        score(twins / "above", twins / "gt")
    with pytest.raises(DataError, match=r"--gt .*nowhere: no such folder"):
        score(twins / "above" / "pred", twins / "nowhere")


@pytest.mark.parametrize("name", ["../gt/vid", "/etc", "vid/../../gt/vid"])
def test_names_that_lead_out_of_the_folder_are_refused(twins: Path, name: str) -> None:
    (twins / "clips.txt").write_text(f"{name}\n")
    with pytest.raises(DataError, match="leads out of .*gt; expected names of folders in it"):
        score(twins / "pred", twins / "gt", clip_list=twins / "clips.txt")


def test_names_in_files_never_lead_out_of_the_folder_of_predictions(tmp_path: Path) -> None:
    save_binary(tmp_path / "secret" / "0", *[ONE] * 4)
    gt = mevis(tmp_path / "gt", TRACKS)
    listed = json.loads((gt / "meta_expressions.json").read_text())
    write_json(gt / "meta_expressions.json", {"videos": {"../secret": listed["videos"]["v"]}})
    (tmp_path / "pred").mkdir()
    with pytest.raises(DataError, match=r"pred/%2E.%2Fsecret%3A0/00001.png: the prediction is missing"):
        score(tmp_path / "pred", gt)


def test_a_truncated_mask_is_named_on_either_side(twins: Path) -> None:
    for side in ("pred", "gt"):
        path = twins / side / "vid" / "001" / "00001.png"
        whole = path.read_bytes()
        path.write_bytes(whole[:40])
        with pytest.raises(DataError, match=rf"{side}/vid/001/00001.png: not a readable PNG"):
            score(twins / "pred", twins / "gt")
        path.write_bytes(whole)


def test_the_command_prints_and_writes_what_it_found(twins: Path, cli: Cli) -> None:
    given = ["evaluate", "--davis", "--pred", twins / "pred", "--gt", twins / "gt", "--per-clip", twins / "table.csv"]
    exit_code, printed, _ = cli(*given)
    assert (exit_code, "First and last frames are not scored" in printed) == (0, True)
    _, first, second = (twins / "table.csv").read_text().splitlines()
    assert first.startswith("vid,000,,2,0.75,") and first.endswith(",0.75,,,0.5")
    assert second == "vid,001,,2,1.0,1.0,1.0,1.0,,,1.0"
    assert "All frames are scored; J_last is J over the last quarter of them." in cli(*given, "--frames", "all")[1]
    exit_code, _, error = cli(*given, "--frames", "some")
    assert (exit_code, "--frames is one of inner, all, got 'some'" in error) == (2, True)
