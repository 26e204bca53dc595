"""Failure modes on masks that a reader can count. A canvas of 60×80 has a diagonal of 100 and a band of 2."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_fakes import fake_manifest, frames, perfect, predict

from actiseg_bench.metrics.actionvos import actionvos_scores
from actiseg_bench.metrics.failure_modes import (
    ObjectFrames,
    band_px,
    boundary_errors,
    failure_modes,
    measure_frame,
)
from actiseg_bench.results.predictions import PredictedMask, PredictionError
from actiseg_bench.scoring import measure as measure_module
from actiseg_bench.scoring import truth as truth_module
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import read_object_frames, read_videos, write_object_frames
from actiseg_noise.errors import ActisegError

CANVAS = (60, 80)


def block(rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(CANVAS, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


SQUARE = block((20, 30), (20, 30))


def test_the_band_is_two_hundredths_of_the_diagonal() -> None:
    assert band_px(*CANVAS) == 2.0
    assert band_px(1080, 1920) == pytest.approx(44.06, abs=0.01)


def test_a_rim_outside_the_object_is_leakage() -> None:
    grown = block((19, 31), (19, 31))
    assert boundary_errors(grown, SQUARE, 2.0) == (144 - 100, 0)


def test_what_lies_beyond_the_band_is_no_leakage() -> None:
    far = SQUARE | block((20, 30), (40, 50))
    assert boundary_errors(far, SQUARE, 2.0) == (0, 0)


def test_a_rim_inside_the_object_is_loss() -> None:
    shrunk = block((21, 29), (21, 29))
    assert boundary_errors(shrunk, SQUARE, 2.0) == (0, 100 - 64)


def test_a_hole_in_the_middle_is_no_boundary_loss() -> None:
    pierced = SQUARE & ~block((24, 26), (24, 26))
    assert boundary_errors(pierced, SQUARE, 2.0) == (0, 0)


def test_a_frame_is_measured_object_by_object() -> None:
    gt = np.zeros(CANVAS, np.uint8)
    gt[SQUARE] = 1
    gt[block((40, 50), (40, 50))] = 2
    pred = np.zeros(CANVAS, np.uint8)
    pred[block((19, 31), (19, 31))] = 1  # one pixel too wide
    pred[block((0, 10), (0, 10))] = 2  # somewhere else
    pred[block((20, 25), (25, 30))] = 3  # an object that is not there takes a corner of the first
    first, second, third = measure_frame(pred, gt, [1, 2, 3])
    assert first[:5] == (75, 119, 100, 44, 25 - 9)  # of the corner, nine pixels are further inside than the band
    assert second == (0, 100, 100, 0, 100 - 36, 0.0)
    assert third[:3] == (0, 25, 0)
    assert third[5] == pytest.approx(25 / 100)


def test_a_flawless_prediction_has_no_failure() -> None:
    assert failure_modes(frames()) == {
        "boundary_leakage": 0.0,
        "boundary_loss": 0.0,
        "mislocalization": 0.0,
        "identity_substitution": 0.0,
        "missed": 0.0,
    }


def test_boundary_errors_are_relative_to_the_object() -> None:
    found = failure_modes(frames(leak=[50, 0], loss=[0, 20]))
    assert (found["boundary_leakage"], found["boundary_loss"]) == (0.25, 0.1)


def test_a_prediction_that_barely_touches_is_mislocalized() -> None:
    assert failure_modes(frames(intersection=[9, 100]))["mislocalization"] == 0.5


def test_a_prediction_that_fits_another_object_better_is_a_substitution() -> None:
    assert failure_modes(frames(intersection=[50, 100], other_iou=[0.4, 0.9]))["identity_substitution"] == 0.5


def test_silence_is_missed_and_nothing_else() -> None:
    found = failure_modes(frames(pred_area=[0, 100], intersection=[0, 100]))
    assert (found["missed"], found["mislocalization"]) == (0.5, 0.0)


def test_negatives_and_hidden_objects_are_left_out() -> None:
    assert failure_modes(frames(is_positive=[True, False], intersection=[100, 0]))["mislocalization"] == 0.0
    nobody = failure_modes(frames(is_positive=[False, False]))
    assert set(nobody.values()) == {None}


def test_object_frames_are_stored_and_come_back(tmp_path: Path) -> None:
    write_object_frames(tmp_path / "o.parquet", ["a"], frames())
    clips, found = read_object_frames(tmp_path / "o.parquet")
    assert clips == ["a"]
    assert all(np.array_equal(getattr(found, f.name), getattr(frames(), f.name)) for f in fields(ObjectFrames))


def test_the_video_of_every_clip_is_stored_where_it_is_known(tmp_path: Path) -> None:
    two = frames(clip_idx=[0, 1])
    write_object_frames(tmp_path / "o.parquet", ["v_a", "v_b"], two, {"v_a": "v", "v_b": "v", "not scored": "w"})
    assert read_videos(tmp_path / "o.parquet") == {"v_a": "v", "v_b": "v"}
    assert read_object_frames(tmp_path / "o.parquet")[0] == ["v_a", "v_b"]
    write_object_frames(tmp_path / "old.parquet", ["v_a", "v_b"], two)
    assert read_videos(tmp_path / "old.parquet") is None


def test_a_damaged_table_of_object_frames_is_named(tmp_path: Path) -> None:
    (tmp_path / "o.parquet").write_bytes(b"PAR1")
    with pytest.raises(ActisegError, match=r"o\.parquet: not a readable table of object-frames"):
        read_object_frames(tmp_path / "o.parquet")


def test_one_pass_gives_scores_object_frames_and_failure_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks are decoded and measured frame by frame as they come, each of them once; those of flagged clips are not."""
    manifest, done = fake_manifest(), []

    def spy(module: Any, name: str, event: str) -> None:
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **options: (done.append(event), original(*args, **options))[1])

    def rows() -> Iterator[PredictedMask]:
        for row in predict(perfect()):
            done.append(f"{row.clip_id}{row.frame_idx}·{row.object_id}")
            yield row

    spy(measure_module, "paint_rles", "prediction decoded")
    spy(truth_module, "paint_rles", "truth decoded")
    spy(measure_module, "measure_frame", "measured")
    spy(measure_module, "failure_modes", "failures")
    spy(measure_module, "evaluate_object_frames", "scores")
    found = measure(manifest, rows())
    once = ["prediction decoded", "truth decoded", "measured"]
    assert done == [
        *("a0·1", "a0·2", "a0·3", "a1·1", *once),  # the next frame's first row says that this one ends
        *("a1·2", "a1·3", "b0·1", *once),
        *("scores", "failures"),
    ]
    assert found.clips == ["a"]
    assert found.videos == {"a": "video of a", "b": "video of b"}
    assert found.frames.object_id.tolist() == [1, 2, 3, 1, 2, 3]
    assert found.frames.frame_idx.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.evaluation.scores == actionvos_scores(found.frames.counts)
    assert found.evaluation.failures == failure_modes(found.frames)
    assert found.evaluation.failures["missed"] == 0.0


def test_boundaries_are_left_out_where_no_failure_modes_are_asked_for() -> None:
    closely, quickly = (measure(fake_manifest(), predict(perfect()), failures=asked) for asked in (True, False))
    assert quickly.evaluation.scores == closely.evaluation.scores
    assert quickly.evaluation.failures == {} != closely.evaluation.failures


def test_boundary_pixels_are_left_out_where_no_table_is_stored() -> None:
    stored, scored = (measure(fake_manifest(), predict(perfect()), volumes=asked) for asked in (True, False))
    assert scored.evaluation.to_json() == stored.evaluation.to_json()
    assert stored.frames.gt_boundary is not None
    assert scored.frames.gt_boundary is None


def test_stored_masks_that_share_a_pixel_are_refused() -> None:
    first, second, *others = predict(perfect())
    both = [first, replace(second, mask=first.mask), *others]
    with pytest.raises(PredictionError, match="a frame 0: two masks of one frame share a pixel"):
        measure(fake_manifest(), both)
