"""Scoring folders of PNGs and stored predictions: the numbers, and what bad input is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bench_fakes import FakeManifest, fake_manifest, perfect, predict
from PIL import Image

from actiseg_bench.results.predictions import PredictedMask, PredictionError
from actiseg_bench.scoring.actionvos_folders import evaluate_folders
from actiseg_bench.scoring.evaluation import Evaluation
from actiseg_bench.scoring.mask_folders import Rules
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.per_clip import write_per_clip
from actiseg_noise import read_manifest
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.masks import empty_rle

NAME = "00000001_P01_01_cut_onion:red"


def entry(**changes: object) -> dict[str, object]:
    objects = {"1": {"name": "left hand", "positive": 1}, "2": {"name": "onion", "positive": 1}}
    return {
        "seq_id": 1,
        "video": "P01_01",
        "verb": "cut",
        "noun": "onion:red",
        "object_classes": objects | {"3": {"name": "knife", "positive": 0}},
        "sparse_frames": ["frame_1.jpg"],
    } | changes


def save(folder: Path, mask: list[list[int]], name: str = "frame_1.png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(mask, np.uint8))
    image.putpalette([value for i in range(256) for value in (i, 0, 0)])
    image.save(folder / name)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """One clip, one frame: the hand is half found, the onion is found, the knife is left alone."""
    (tmp_path / "split.json").write_text(json.dumps([entry()]))
    save(tmp_path / "gt" / NAME, [[1, 1, 2, 2], [0, 0, 3, 0]])
    save(tmp_path / "pred" / NAME, [[1, 0, 2, 2], [0, 0, 0, 0]])
    return tmp_path


def score(folder: Path, **options: object):
    return evaluate_folders(folder / "pred", folder / "gt", folder / "split.json", **options)  # type: ignore[arg-type]


def score_predictions(*given: object, **options: object) -> Evaluation:
    return measure(*given, **options).evaluation  # type: ignore[arg-type]


def test_folders_are_scored_with_hands_and_objects_apart(layout: Path) -> None:
    found = score(layout)
    assert found.scores.p_miou == pytest.approx((1 / 2 + 1) / 2)
    assert found.scores.acc == 1
    assert (found.p_miou_hands, found.p_miou_objects) == (pytest.approx(1 / 2), 1)
    assert found.counts_dict() == {
        "clips": 1,
        "frames": 1,
        "object_frames": 3,
        "flagged_clips": 0,
        "tp": 2,
        "tn": 1,
        "fp": 0,
        "fn": 0,
    }


def test_positive_and_negative_objects_have_rows_of_their_own_in_the_table_per_clip(layout: Path) -> None:
    found = score(layout, objects=True)
    write_per_clip(layout / "table.csv", found)
    header, *rows = [line.split(",") for line in (layout / "table.csv").read_text().splitlines()]
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["clip_id"], row["object_id"], row["is_positive"]) for row in told] == [
        (NAME, "1", "1"),
        (NAME, "2", "1"),
        (NAME, "3", "0"),
    ]
    assert [(row["p_iou"], row["n_iou"], row["j"], row["frames"]) for row in told] == [
        ("0.5", "", "0.5", "1"),
        ("1.0", "", "1.0", "1"),
        ("", "0.0", "0.0", "1"),
    ]


@pytest.mark.parametrize("flag", ["redundant", "missing", "other"])
def test_flagged_entries_are_skipped_unless_asked_for(layout: Path, flag: str) -> None:
    (layout / "split.json").write_text(json.dumps([entry(), entry(seq_id=2, **{flag: True})]))
    found = score(layout)
    assert (found.clips, found.flagged_clips) == (1, 1)
    with pytest.raises(DataError, match="00000002"):
        score(layout, keep_flagged=True)


def test_a_folder_without_the_video_in_its_name_is_found(layout: Path) -> None:
    for side in ("gt", "pred"):
        (layout / side / NAME).rename(layout / side / "00000001_cut_onion:red")
    assert score(layout).scores.acc == 1


def test_void_is_ignored_or_background_as_asked(layout: Path) -> None:
    save(layout / "gt" / NAME, [[1, 255, 2, 2], [0, 0, 3, 0]])
    save(layout / "pred" / NAME, [[1, 1, 2, 2], [0, 0, 0, 0]])
    assert score(layout).p_miou_hands == 1
    assert score(layout, void="background").p_miou_hands == pytest.approx(1 / 2)
    with pytest.raises(ActisegError, match="void is one of ignore, background, got 'keep'"):
        score(layout, void="keep")


def test_255_is_an_object_where_the_split_says_so(layout: Path) -> None:
    objects = {"255": {"name": "onion", "positive": 1}}
    (layout / "split.json").write_text(json.dumps([entry(object_classes=objects)]))
    save(layout / "gt" / NAME, [[255, 0]])
    save(layout / "pred" / NAME, [[255, 255]])
    assert score(layout).scores.p_miou == pytest.approx(1 / 2)


def test_missing_masks_are_counted_and_listed(layout: Path) -> None:
    frames = [f"frame_{i}.jpg" for i in range(1, 14)]
    (layout / "split.json").write_text(json.dumps([entry(sparse_frames=frames)]))
    with pytest.raises(DataError, match=r"(?s)24 mask files cannot be scored.*frame_2.png: the ground.* and 14 more"):
        score(layout)


def test_a_mask_of_another_size_is_refused(layout: Path) -> None:
    save(layout / "pred" / NAME, [[1, 0, 2]])
    with pytest.raises(DataError, match=r"frame_1.png: the mask is 1×3, its ground truth is 2×4"):
        score(layout)


def test_ids_of_no_object_are_refused(layout: Path) -> None:
    save(layout / "pred" / NAME, [[1, 0, 2, 9], [0, 0, 255, 0]])
    with pytest.raises(DataError, match=r"ids \[9, 255\] are none of the clip's objects \[1, 2, 3\]"):
        score(layout)


def two_frames(layout: Path) -> None:
    """List a second frame, as VOST's split in ActionVOS's layout does for images without mask."""
    (layout / "split.json").write_text(json.dumps([entry(sparse_frames=["frame_1.jpg", "frame_2.jpg"])]))


def test_a_frame_without_ground_truth_is_left_out_when_asked_and_said(layout: Path) -> None:
    two_frames(layout)
    with pytest.raises(DataError, match=r"(?s)2 mask files cannot be scored\..*--skip-missing leaves frames without"):
        score(layout)
    found = score(layout, rules=Rules(skip_missing=True))
    assert (found.frames, found.scores) == (1, score_one_frame(layout))
    told = found.allowed["no_ground_truth"]
    assert (told["count"], told["first"][0].endswith("frame_2.png: the ground truth is missing")) == (1, True)


def score_one_frame(layout: Path):
    (layout / "split.json").write_text(json.dumps([entry()]))
    return score(layout).scores


def test_a_split_without_any_ground_truth_is_no_score(layout: Path) -> None:
    (layout / "split.json").write_text(json.dumps([entry(sparse_frames=["frame_7.jpg"])]))
    with pytest.raises(DataError, match="no frame that it lists has a ground truth"):
        score(layout, rules=Rules(skip_missing=True))


def test_a_frame_without_prediction_is_empty_when_asked_and_said(layout: Path) -> None:
    two_frames(layout)
    save(layout / "gt" / NAME, [[1, 1, 2, 2], [0, 0, 3, 0]], "frame_2.png")
    with pytest.raises(DataError, match=r"(?s)1 mask file cannot be scored\..*--missing empty"):
        score(layout)
    found = score(layout, rules=Rules(missing="empty"))
    assert found.scores.p_miou == pytest.approx((1 / 2 + 1 + 0 + 0) / 4)
    assert found.scores.fn == 2
    assert found.allowed["no_prediction"]["count"] == 1


def test_a_mask_of_another_size_is_resized_when_asked_and_said(layout: Path) -> None:
    save(layout / "pred" / NAME, [[1, 1, 0, 0, 2, 2, 2, 2], [1, 1, 0, 0, 2, 2, 2, 2], [0] * 8, [0] * 8])
    found = score(layout, rules=Rules(resize="nearest"))
    assert found.scores.p_miou == pytest.approx((1 / 2 + 1) / 2)
    assert "the mask is 4×8, its ground truth is 2×4" in found.allowed["other_size"]["first"][0]


def test_ids_of_no_object_are_background_when_asked_and_said(layout: Path) -> None:
    save(layout / "pred" / NAME, [[1, 9, 2, 2], [0, 0, 255, 0]])
    found = score(layout, rules=Rules(unknown_ids="background"))
    assert found.scores.p_miou == pytest.approx((1 / 2 + 1) / 2)
    assert "ids [9, 255]" in found.allowed["unknown_ids"]["first"][0]


def test_only_ten_masks_of_a_kind_are_listed_and_all_are_counted(layout: Path) -> None:
    frames = [f"frame_{i}.jpg" for i in range(1, 14)]
    (layout / "split.json").write_text(json.dumps([entry(sparse_frames=frames)]))
    told = score(layout, rules=Rules(skip_missing=True)).allowed["no_ground_truth"]
    assert (told["count"], len(told["first"])) == (12, 10)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ActisegError, match="--missing is one of refuse, empty, got 'skip'"):
        Rules(missing="skip")
    with pytest.raises(ActisegError, match="--unknown-ids is one of refuse, background, got 'drop'"):
        Rules(unknown_ids="drop")


def test_a_split_without_negatives_has_no_score_for_them(layout: Path) -> None:
    objects = {"1": {"name": "left hand", "positive": 1}, "2": {"name": "onion", "positive": 1}}
    (layout / "split.json").write_text(json.dumps([entry(object_classes=objects)]))
    save(layout / "gt" / NAME, [[1, 1, 2, 2], [0, 0, 0, 0]])
    found = score(layout)
    assert (found.scores.n_miou, found.scores.n_ciou) == (None, None)
    assert found.scores.p_miou == pytest.approx((1 / 2 + 1) / 2)


def test_a_truncated_or_coloured_mask_is_refused(layout: Path) -> None:
    path = layout / "pred" / NAME / "frame_1.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    with pytest.raises(DataError, match=r"frame_1.png: not a readable PNG"):
        score(layout)
    Image.new("RGB", (4, 2)).save(path)
    with pytest.raises(DataError, match="found mode RGB"):
        score(layout)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "malformed JSON at line 1, column 2"),
        ("{}", "expected a list of entries, got dict"),
        ('[{"seq_id": 1}]', "entry 0: the key 'verb' is missing"),
        (json.dumps([entry(object_classes={"0": {"name": "x", "positive": 1}})]), "object id 0 is outside 1–255"),
        (json.dumps([entry(seq_id="one")]), "entry 0: invalid literal"),
        (json.dumps([3]), "entry 0"),
    ],
)
def test_a_malformed_split_is_refused(layout: Path, text: str, message: str) -> None:
    (layout / "split.json").write_text(text)
    with pytest.raises(DataError, match=message):
        score(layout)


def test_absent_inputs_are_named(layout: Path) -> None:
    with pytest.raises(DataError, match=r"--pred .*nowhere: no such folder"):
        evaluate_folders(layout / "nowhere", layout / "gt", layout / "split.json")
    with pytest.raises(DataError, match=r"other.json: the file is missing"):
        evaluate_folders(layout / "pred", layout / "gt", layout / "other.json")


def test_a_split_may_begin_with_a_byte_order_mark(layout: Path) -> None:
    (layout / "split.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([entry()]).encode())
    assert score(layout).scores.acc == 1


def test_clips_may_be_called_as_predict_calls_them(layout: Path) -> None:
    (layout / "pred" / NAME).rename(layout / "pred" / NAME.replace(":", "%3A"))
    assert score(layout).scores.acc == 1


def test_suffixes_in_capitals_are_found_on_both_sides(layout: Path) -> None:
    for side in ("pred", "gt"):
        (layout / side / NAME / "frame_1.png").rename(layout / side / NAME / "frame_1.PNG")
    assert score(layout).scores.acc == 1


def test_a_folder_above_the_clips_is_met_with_the_right_one(layout: Path) -> None:
    (layout / "masks").mkdir()
    (layout / "pred").rename(layout / "masks" / "val")
    with pytest.raises(DataError, match=r"--pred .*masks has no folder of a clip. Did you mean .*masks/val\?"):
        evaluate_folders(layout / "masks", layout / "gt", layout / "split.json")


def test_an_object_that_no_frame_shows_is_named(layout: Path) -> None:
    objects = {"1": {"name": "left hand", "positive": 1}, "7": {"name": "pot", "positive": 1}}
    (layout / "split.json").write_text(json.dumps([entry(object_classes=objects)]))
    save(layout / "gt" / NAME, [[1, 1, 0, 0]])
    save(layout / "pred" / NAME, [[1, 1, 0, 0]])
    found = score(layout)
    assert found.never_visible == (f"{NAME} 7",)
    assert found.to_json()["objects_never_visible"] == [f"{NAME} 7"]
    assert (found.scores.p_miou, found.scores.tn) == (1, 1)  # silence about it is right, p-mIoU does not count it


def test_perfect_predictions_score_one_and_flagged_clips_are_left_out() -> None:
    found = score_predictions(fake_manifest(), predict(perfect()))
    assert (found.scores.p_miou, found.scores.giou, found.scores.acc) == (1, 1, 1)
    assert (found.scores.n_miou, found.clips, found.frames, found.flagged_clips) == (0, 1, 2, 1)
    assert score_predictions(fake_manifest(), predict(perfect()), keep_flagged=True).frames == 3


def test_stored_predictions_give_the_numbers_of_the_drawing() -> None:
    masks = perfect() | {("a", 0): [[1, 0, 2, 2], [0, 0, 0, 0]], ("a", 1): [[0, 0, 0, 2], [0, 3, 0, 0]]}
    found = score_predictions(fake_manifest(), predict(masks))
    assert found.p_miou_hands == pytest.approx((1 / 2 + 0) / 2)
    assert found.p_miou_objects == 1
    assert found.scores.p_ciou == pytest.approx((1 + 2 + 0 + 1) / (2 + 2 + 1 + 1))
    assert found.scores.n_ciou == pytest.approx(1 / 3)
    assert (found.scores.tp, found.scores.tn, found.scores.fp, found.scores.fn) == (3, 1, 1, 1)
    assert found.scores.giou == pytest.approx((1 / 2 + 1 + 1 + 0 + 1 + 0) / 6)


def test_void_pixels_of_a_manifest_are_ignored_or_background() -> None:
    masks = perfect() | {("b", 0): [[1, 1, 1, 1], [0, 0, 0, 1]]}
    scored = {
        void: score_predictions(fake_manifest(), predict(masks), keep_flagged=True, void=void)
        for void in ("ignore", "background")
    }
    assert scored["ignore"].scores.p_miou == 1
    assert scored["background"].scores.p_miou == pytest.approx((4 + 4 / 5) / 5)


def test_predictions_that_lack_a_row_or_have_one_more_are_refused() -> None:
    rows = list(predict(perfect()))
    with pytest.raises(PredictionError, match="expected a frame 0 object 2, found a frame 0 object 3"):
        score_predictions(fake_manifest(), [rows[0], *rows[2:]])
    with pytest.raises(PredictionError, match="expected b frame 0 object 1, found the end"):
        score_predictions(fake_manifest(), rows[:-1])
    with pytest.raises(PredictionError, match="expected the end, found z frame 0 object 1"):
        score_predictions(fake_manifest(), [*rows, rows[-1].__class__("z", 0, 1, rows[-1].mask)])


def test_a_manifest_without_masks_cannot_be_scored() -> None:
    full = fake_manifest()
    text = FakeManifest(full.tables | {"masks": full.tables["masks"].slice(0, 0)})
    with pytest.raises(ManifestError, match="carries no masks"):
        score_predictions(text, [])


def test_a_prediction_of_another_size_is_refused() -> None:
    rows = list(predict({**perfect(), ("a", 0): [[1, 1]]}))
    with pytest.raises(PredictionError, match="a frame 0 object 1: prediction 1×2 and ground truth 2×4 differ"):
        score_predictions(fake_manifest(), rows)


def test_predictions_of_the_given_masks_are_perfect_by_the_given_labels_alone(noisy_val: Path) -> None:
    manifest = read_manifest(noisy_val)

    def rows() -> Iterator[PredictedMask]:
        for clip in manifest.iter_clips():
            flags = {sample.object_id: sample.noisy_is_positive for sample in clip.samples}
            for frame in clip.frames:
                height, width = frame.size or (0, 0)
                for object_id, mask in frame.masks.items():
                    given = mask.noisy if flags[object_id] else empty_rle(height, width)
                    assert given is not None
                    yield PredictedMask(clip.clip_id, frame.frame_idx, object_id, given)

    given = measure(manifest, rows(), labels="noisy", failures=False).evaluation.scores
    clean = measure(manifest, rows(), failures=False).evaluation.scores
    ious = [
        mask.iou
        for clip in manifest.iter_clips()
        for frame in clip.frames
        for sample in clip.samples
        if sample.is_positive and (mask := frame.masks[sample.object_id]).clean_area + mask.noisy_area
    ]
    assert (given.p_miou, given.acc, given.n_miou) == (1, 1, 0)
    assert clean.p_miou == pytest.approx(np.mean(ious))
    assert clean.p_miou is not None and clean.p_miou < 0.95
