"""``evaluate --davis`` on folders small enough to read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actiseg_bench.cli import main
from actiseg_bench.scoring.davis_folders import DavisEvaluation, evaluate_davis
from actiseg_bench.scoring.mask_folders import Rules
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.errors import ActisegError, DataError

GT = [[1, 1, 0, 0], [1, 1, 0, 2], [0, 0, 0, 2]]
HALF = [[1, 0, 0, 0], [1, 0, 0, 2], [0, 0, 0, 2]]


def save(folder: Path, *masks: list[list[int]]) -> None:
    for number, mask in enumerate(masks):
        write_index_mask(folder / f"{number:05d}.png", np.array(mask, np.uint8))


def score(root: Path, **options: object) -> DavisEvaluation:
    return evaluate_davis(root / "pred", root / "gt", **options)  # type: ignore[arg-type]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Six masks, of which four are scored: object 1 is half found in the last of them, object 2 always whole."""
    save(tmp_path / "gt" / "dog", *[GT] * 6)
    save(tmp_path / "pred" / "dog", HALF, GT, GT, GT, HALF, HALF)
    return tmp_path


def test_first_and_last_frames_are_not_scored_and_objects_count_alike(clip: Path) -> None:
    found = score(clip)
    one, two = found.objects
    assert (one.object_id, one.frames, one.j, one.j_last) == (1, 4, (1 + 1 + 1 + 1 / 2) / 4, 1 / 2)
    assert (two.object_id, two.j, two.f, two.j_last) == (2, 1, 1, 1)
    scores = found.scores_dict()
    assert scores["j"] == (one.j + 1) / 2
    assert scores["j_last"] == 3 / 4
    assert scores["j_and_f"] == pytest.approx((scores["j"] + scores["f"]) / 2)
    assert found.counts_dict() == {"clips": 1, "objects": 2, "object_frames": 8, "short_clips": 0}


def test_masks_of_the_first_and_last_frame_need_not_be_predicted(clip: Path) -> None:
    for name in ("00000.png", "00005.png"):
        (clip / "pred" / "dog" / name).unlink()
    assert score(clip).scores_dict()["j"] == 15 / 16


def test_j_last_is_the_last_quarter_of_the_scored_frames_rounded_as_vost_does(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "cup", *[[[1, 1]]] * 7)
    save(tmp_path / "pred" / "cup", *[[[1, 1]]] * 4, [[1, 0]], [[0, 0]], [[1, 1]])
    assert score(tmp_path).objects[0].j_last == (1 / 2 + 0) / 2  # five frames, from floor(3.75) on


def test_void_is_left_out_or_background(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "cup", *[[[1, 1, 255, 0]]] * 3)
    save(tmp_path / "pred" / "cup", *[[[1, 1, 1, 0]]] * 3)
    assert score(tmp_path).objects[0].j == 1
    assert score(tmp_path, void="background").objects[0].j == pytest.approx(2 / 3)
    assert score(tmp_path, void="background").to_json()["void"] == "background"
    with pytest.raises(ActisegError, match="void is one of ignore, background, got 'keep'"):
        score(tmp_path, void="keep")


def test_an_object_absent_from_both_masks_scores_one(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "cup", [[1, 0]], [[0, 0]], [[1, 0]])
    save(tmp_path / "pred" / "cup", [[1, 0]], [[0, 0]], [[1, 0]])
    (cup,) = score(tmp_path).objects
    assert (cup.j, cup.f, cup.j_last) == (1, 1, 1)


def test_ids_that_the_first_frame_skips_are_objects_and_are_named(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "cup", *[[[1, 3]]] * 3)
    save(tmp_path / "pred" / "cup", *[[[1, 2]]] * 3)
    found = score(tmp_path)
    assert [(o.object_id, o.j) for o in found.objects] == [(1, 1), (2, 0), (3, 0)]
    assert found.unseen == ["cup 2"]


def test_masks_of_0_and_255_are_one_object_when_merged(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "cup", *[[[255, 255, 0, 0]]] * 3)
    save(tmp_path / "pred" / "cup", *[[[1, 2, 3, 0]]] * 3)
    with pytest.raises(DataError, match=r"no object in the clip's first mask, its values are \[255\]; .* --merge"):
        score(tmp_path)
    found = score(tmp_path, merge=True)
    assert [(o.object_id, o.j) for o in found.objects] == [(1, 2 / 3)]


def test_merging_keeps_255_void_beside_other_ids(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "cup", *[[[1, 2, 255, 0]]] * 3)
    save(tmp_path / "pred" / "cup", *[[[7, 7, 7, 0]]] * 3)
    assert score(tmp_path, merge=True).objects[0].j == 1
    assert score(tmp_path, merge=True, void="background").objects[0].j == pytest.approx(2 / 3)


def test_a_list_says_which_clips_are_scored(clip: Path) -> None:
    save(clip / "gt" / "cat", *[GT] * 3)
    (clip / "val.txt").write_text("dog\n\n")
    with pytest.raises(
        DataError, match=r"(?s)1 mask file cannot be scored\..*cat.00001.png: the prediction is missing"
    ):
        score(clip)
    assert score(clip, clip_list=clip / "val.txt").counts_dict()["clips"] == 1
    (clip / "val.txt").write_text("dog\nhorse\n")
    with pytest.raises(ActisegError, match=r"1 clips of the list have no ground truth, the first is 'horse'"):
        score(clip, clip_list=clip / "val.txt")
    with pytest.raises(DataError, match="nowhere.txt: the file is missing"):
        score(clip, clip_list=clip / "nowhere.txt")


def test_a_clip_of_two_masks_is_named_and_not_scored(clip: Path) -> None:
    save(clip / "gt" / "cat", GT, GT)
    assert score(clip).short == ["cat"]
    with pytest.raises(DataError, match="no clip has three masks"):
        evaluate_davis(clip / "pred", clip / "gt", _listed(clip, "cat"))


def _listed(folder: Path, name: str) -> Path:
    path = folder / "one.txt"
    path.write_text(name)
    return path


def test_missing_resized_and_unknown_masks_are_scored_only_when_asked_for(clip: Path) -> None:
    (clip / "pred" / "dog" / "00001.png").unlink()
    write_index_mask(clip / "pred" / "dog" / "00002.png", np.repeat(np.repeat(np.array(GT, np.uint8), 2, 0), 2, 1))
    write_index_mask(clip / "pred" / "dog" / "00003.png", np.array([[1, 1, 9, 0], *GT[1:]], np.uint8))
    with pytest.raises(DataError, match=r"(?s)1 mask file cannot.*--missing empty scores"):
        score(clip)
    with pytest.raises(
        DataError, match=r"(?s)2 mask files.*--resize nearest.*--unknown-ids.*00002.png: .*6×8.*ids \[9"
    ):
        score(clip, rules=Rules(missing="empty"))
    found = score(clip, rules=Rules(missing="empty", resize="nearest", unknown_ids="background"))
    assert found.objects[0].j == (0 + 1 + 1 + 1 / 2) / 4
    assert {kind: told["count"] for kind, told in found.allowed.items()} == {
        "no_prediction": 1,
        "other_size": 1,
        "unknown_ids": 1,
    }


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    cup, nothing = np.array([[1, 1]], np.uint8), np.array([[0, 0]], np.uint8)
    for number in range(12):
        write_index_mask(tmp_path / "gt" / "cup" / f"{number}.png", cup)
        write_index_mask(tmp_path / "pred" / "cup" / f"{number}.png", cup if number < 8 else nothing)
    (one,) = score(tmp_path).objects
    assert (one.frames, one.j, one.j_last) == (10, 7 / 10, 0.0)


def test_what_a_mac_or_windows_leaves_behind_is_no_mask(clip: Path) -> None:
    for folder in (clip / "gt", clip / "gt" / "dog", clip / "pred" / "dog"):
        (folder / ".DS_Store").write_bytes(b"junk")
        (folder / "Thumbs.db").write_bytes(b"junk")
    (clip / "gt" / "dog" / "._00001.png").write_bytes(b"\x00\x05\x16\x07")
    (clip / "gt" / "@eaDir").mkdir()
    assert score(clip).scores_dict()["j"] == 15 / 16


def test_the_case_of_a_suffix_does_not_matter(clip: Path) -> None:
    for path in (clip / "pred" / "dog").iterdir():
        path.rename(path.with_suffix(".PNG"))
    assert score(clip).scores_dict()["j"] == 15 / 16


def test_a_list_may_begin_with_a_byte_order_mark(clip: Path) -> None:
    (clip / "val.txt").write_bytes(b"\xef\xbb\xbfdog\r\n")
    assert score(clip, clip_list=clip / "val.txt").counts_dict()["clips"] == 1


@pytest.mark.parametrize("side", ["pred", "gt"])
@pytest.mark.parametrize("place", ["above", "below"])
def test_a_folder_one_level_off_is_met_with_the_right_one(clip: Path, side: str, place: str) -> None:
    sides = {"pred": clip / "pred", "gt": clip / "gt"}
    if place == "above":
        (clip / "480p").mkdir()
        sides[side].rename(clip / "480p" / side)
        right, sides[side] = clip / "480p" / side, clip / "480p"
    else:
        right, sides[side] = sides[side], sides[side] / "dog"
    with pytest.raises(DataError, match=f"(?s)--{side} .*Did you mean {right}\\?"):
        evaluate_davis(sides["pred"], sides["gt"])


def test_a_clip_in_another_unicode_form_is_named(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    save(tmp_path / "gt" / composed, *[GT] * 3)
    save(tmp_path / "pred" / apart, *[GT] * 3)
    with pytest.raises(DataError, match=r"00001.png: the prediction is missing, but .* other Unicode form \(NFD\)"):
        score(tmp_path)


def test_a_pointer_of_git_lfs_and_a_truncated_mask_are_named(clip: Path) -> None:
    path = clip / "pred" / "dog" / "00002.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"00002.png: not a readable PNG .*truncated"):
        score(clip)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match=r"00002.png: a pointer of git-lfs"):
        score(clip)


def test_smoothed_masks_are_refused_and_scored_when_cut(tmp_path: Path) -> None:
    sharp = np.zeros((24, 24), np.uint8)
    sharp[6:18, 6:18] = 255
    smooth = cv2.GaussianBlur(sharp, (7, 7), 0)
    for number in range(3):
        for side, mask in (("gt", smooth), ("pred", sharp)):
            (tmp_path / side / "cup").mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(tmp_path / side / "cup" / f"{number}.png")
    with pytest.raises(DataError, match="smoothed.*threshold"):
        score(tmp_path, merge=True)
    assert score(tmp_path, merge=True, threshold=128).scores_dict()["j"] > 0.9


def test_an_id_that_no_frame_shows_is_scored_as_the_toolkit_does_and_named(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    save(tmp_path / "gt" / "dog", [[1, 3]], [[1, 3]], [[1, 3]])
    save(tmp_path / "gt" / "cat", [[0, 2]], [[1, 2]], [[1, 2]])
    save(tmp_path / "pred" / "dog", [[1, 3]], [[1, 3]], [[1, 3]])
    save(tmp_path / "pred" / "cat", [[1, 2]], [[1, 2]], [[1, 2]])
    found = score(tmp_path)
    assert (found.unseen, found.never_visible) == (["cat 1", "dog 2"], ["dog 2"])
    assert [one.j for one in found.objects if (one.clip, one.object_id) == ("dog", 2)] == [1]
    assert found.to_json()["objects_never_visible"] == ["dog 2"]
    code, printed, _ = cli("--davis", "--pred", tmp_path / "pred", "--gt", tmp_path / "gt")
    assert (code, "Ids without a pixel in any frame" in printed, printed.endswith("dog 2")) == (0, True, True)


# --- objects that appear later


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """Object 2 appears in the third of five masks; it is found in the third and half found in the fourth."""
    save(tmp_path / "gt" / "dog", [[1, 0, 0]], [[1, 0, 0]], [[1, 2, 2]], [[1, 2, 2]], [[1, 2, 2]])
    save(tmp_path / "pred" / "dog", [[1, 0, 0]], [[1, 0, 0]], [[1, 2, 2]], [[1, 2, 0]], [[1, 0, 0]])
    return tmp_path


@pytest.mark.parametrize("ids", [None, "all"])
def test_an_object_that_appears_later_is_scored_from_there_and_named(late: Path, ids: str | None) -> None:
    found = score(late, ids=ids)
    assert [(o.object_id, o.frames, o.j, o.j_last) for o in found.objects] == [(1, 3, 1, 1), (2, 2, 3 / 4, 1 / 2)]
    assert found.late == found.to_json()["objects_scored_from_where_they_appear"] == ["dog 2"]
    assert [o.frames for o in score(late, ids=ids, every=True).objects] == [5, 3]


def test_scores_of_objects_that_appear_later_are_those_of_vos_benchmark(tmp_path: Path) -> None:
    for t in range(8):
        gt = np.zeros((120, 160), np.uint8)
        gt[10:60, 10 + 2 * t : 70 + 2 * t] = 1
        gt[70:110, 20 + 3 * t : 60 + 3 * t] = 2 * (t >= 3)
        gt[5:40, 100:150] = 7 if t >= 5 else gt[5:40, 100:150]
        pred = np.roll(gt, (2, 3), (0, 1))
        write_index_mask(tmp_path / f"gt/a/{t:05d}.png", gt)
        write_index_mask(tmp_path / f"pred/a/{t:05d}.png", pred * (pred != 7) if t == 6 else pred)
    expected = [(1, 0.8382352941176471, 0.5545454545454545), (2, 0.7837235228539576, 0.5125)]
    expected.append((7, 0.3978963571062083, 0.3))  # all six by hkchengrex/vos-benchmark, frames 1 to 6
    for ids in (None, "all"):
        found = score(tmp_path, ids=ids).objects
        assert [(o.object_id, o.j, o.f) for o in found] == [pytest.approx(one) for one in expected]


def test_the_first_mask_decides_when_asked_for(late: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)--unknown-ids background.*00002\.png: ids \[2\] are none of .* \[1\]"):
        score(late, ids="first")
    found = score(late, ids="first", rules=Rules(unknown_ids="background"))
    assert ([o.object_id for o in found.objects], found.late) == ([1], [])


def test_all_ids_are_those_with_a_pixel_and_one_of_the_last_mask_alone_has_no_score(tmp_path: Path) -> None:
    for side in ("gt", "pred"):
        save(tmp_path / side / "cup", [[1, 0, 4]], [[1, 3, 4]], [[1, 3, 0]], [[9, 3, 0]])
    found = score(tmp_path, ids="all")
    assert [(o.object_id, o.frames) for o in found.objects] == [(1, 2), (3, 2), (4, 2)]
    assert (found.unseen, found.never_visible, found.late) == ([], [], ["cup 3", "cup 9"])


def test_a_first_mask_may_be_empty_when_objects_come_later(tmp_path: Path) -> None:
    for side in ("gt", "pred"):
        save(tmp_path / side / "cup", [[0, 0]], [[1, 0]], [[1, 0]])
    assert [(o.object_id, o.j) for o in score(tmp_path).objects] == [(1, 1)]
    with pytest.raises(DataError, match="no object in the clip's first mask"):
        score(tmp_path, ids="first")


def test_ids_that_cannot_be_are_refused(late: Path) -> None:
    with pytest.raises(ActisegError, match="--ids is one of first, all, got 'some'"):
        score(late, ids="some")
    with pytest.raises(ActisegError, match="--ids says what the objects are, --merge takes all for one"):
        score(late, ids="all", merge=True)


def test_predictions_per_object_are_held_to_the_same_objects(
    late: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    for one in (1, 2):
        for number in range(5):
            mask = np.array(Image.open(late / f"pred/dog/{number:05d}.png"))
            write_index_mask(late / f"own/dog/{one}/{number:05d}.png", (mask == one).astype(np.uint8))
    code, printed, _ = cli("--davis", "--pred", late / "own", "--gt", late / "gt", "--ids", "all", "--json")
    told = json.loads(printed)
    assert (code, [(o["frames"], o["j"]) for o in told["objects"]]) == (0, [(3, 1.0), (2, 0.75)])
    printed = cli("--davis", "--pred", late / "pred", "--gt", late / "gt")[1]
    assert "Objects that appear after the first frame, scored from there on: dog 2" in printed


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actiseg-bench", "evaluate", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), " ".join(printed.out.split()), " ".join(printed.err.split())

    return call


def test_evaluate_davis_prints_means_and_what_they_leave_out(
    clip: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    folders = ["--davis", "--pred", clip / "pred", "--gt", clip / "gt"]
    code, printed, _ = cli(*folders)
    assert code == 0
    assert printed.startswith("Scores × 100 J&F J F J_last")
    assert "clips 1, objects 2, object frames 8, short clips 0; void pixels: ignore" in printed
    assert "First and last frames are not scored" in printed
    assert json.loads(cli(*folders, "--json")[1])["scores"]["j"] == 15 / 16
    (clip / "pred" / "dog" / "00001.png").unlink()
    code, printed, error = cli(*folders)
    assert (code, printed) == (2, "")
    assert "1 mask file cannot be scored" in error
    assert "frames without prediction, scored as empty: 1" in cli(*folders, "--missing", "empty")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--davis", "--split-json", "a.json"], "--split-json does not go with --davis"),
        (["--set", "val.txt"], "--set goes with --davis"),
        (["--ids", "all"], "--ids goes with --davis"),
        (["--split-json", "a.json", "--merge"], "--merge goes with --davis or --manifest"),
        (["--davis", "--threshold", 128], "--threshold cuts masks of one object: it goes with --merge"),
        ([], "the six metrics need --split-json FILE or --manifest DIR; J and F need --davis"),
        (["--davis", "--void", "keep"], "void is one of ignore, background, got 'keep'"),
        (["--davis", "--resize", "linear"], "--resize is one of refuse, nearest, got 'linear'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    clip: Path, cli: Callable[..., tuple[int, str, str]], words: list[str], message: str
) -> None:
    code, printed, error = cli("--pred", clip / "pred", "--gt", clip / "gt", *words)
    assert (code, printed) == (2, "")
    assert message in error
