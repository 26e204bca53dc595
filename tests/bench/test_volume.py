"""Volumetric J&F and the ranking of positive scores: by hand, against slow references, and out of stored tables."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from bench_fakes import fake_manifest, frames, make_result, perfect, predict
from hypothesis import given, settings
from hypothesis import strategies as st

from actiseg_bench.metrics.davis import boundary, boundary_f, count_boundary
from actiseg_bench.metrics.failure_modes import ObjectFrames
from actiseg_bench.metrics.ranking import average_precision
from actiseg_bench.metrics.volume import volume_scores
from actiseg_bench.report.extras import extras_reader, read_extras
from actiseg_bench.results.networks import PREDICTIONS_NAME
from actiseg_bench.results.predictions import PredictionError, write_predictions
from actiseg_bench.results.stored import StoredRun
from actiseg_bench.scoring.measure import count_boundaries, measure
from actiseg_bench.scoring.object_frames import FILE_NAME, read_object_frames, write_object_frames
from actiseg_bench.scoring.positive_scores import read_positive_scores


def counted(**changes: list[float]) -> ObjectFrames:
    """Two frames of one visible positive object of 100 pixels whose boundary of 40 is found, changed as given."""
    edges = {name: [40, 40] for name in ("pred_boundary", "pred_near", "gt_boundary", "gt_near")}
    return frames(**{"object_id": [1, 1], "frame_idx": [0, 1], **edges, **changes})


def test_a_flawless_volume_scores_1() -> None:
    assert volume_scores(counted()) == {"p_j_volume": 1, "p_f_volume": 1, "p_jf_volume": 1}


def test_a_frame_weighs_what_it_shows() -> None:
    """A frame of 10 pixels that is missed, beside one of 100: J is 100 / 110, where the mean over frames says .5."""
    found = volume_scores(counted(intersection=[100, 0], pred_area=[100, 0], gt_area=[100, 10]))
    assert found["p_j_volume"] == pytest.approx(100 / 110)


def test_f_divides_what_was_summed() -> None:
    """40 of 80 predicted boundary pixels are right, 40 of 50 true ones are found: F = 2 · .5 · .8 / 1.3."""
    found = volume_scores(counted(pred_near=[40, 0], gt_boundary=[40, 10], gt_near=[40, 0]))
    assert found["p_f_volume"] == pytest.approx(2 * 0.5 * 0.8 / 1.3)
    assert found["p_jf_volume"] == pytest.approx((1 + 2 * 0.5 * 0.8 / 1.3) / 2)


def test_objects_weigh_alike_and_a_clip_has_its_own() -> None:
    two = counted(object_id=[1, 2], intersection=[100, 0], pred_area=[100, 0], gt_area=[100, 900], pred_near=[40, 0])
    assert volume_scores(two)["p_j_volume"] == 0.5
    other_clip = counted(clip_idx=[0, 1], intersection=[100, 0], pred_area=[100, 0], gt_area=[100, 900])
    assert volume_scores(other_clip)["p_j_volume"] == 0.5


def test_negatives_and_objects_that_nobody_saw_are_left_out() -> None:
    assert volume_scores(counted(is_positive=[True, False], intersection=[100, 0]))["p_j_volume"] == 1
    unseen = counted(object_id=[1, 2], intersection=[100, 0], pred_area=[100, 0], gt_area=[100, 0])
    assert volume_scores(unseen)["p_j_volume"] == 1
    assert set(volume_scores(counted(is_positive=[False, False])).values()) == {None}


def test_without_boundary_pixels_there_is_j_alone() -> None:
    found = volume_scores(frames())
    assert (found["p_j_volume"], found["p_f_volume"], found["p_jf_volume"]) == (1, None, None)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_boundary_pixels_of_a_crop_are_those_of_the_whole_frame(seed: int) -> None:
    """Blobs anywhere, at the edges too: counted around each object as in the whole picture."""
    rng = np.random.default_rng(seed)
    gt, pred = (np.kron(rng.integers(0, 4, (3, 4)), np.ones((8, 9), int)).astype(np.uint8) for _ in range(2))
    for object_id, counts in zip((1, 2, 3, 4), count_boundaries(pred, gt, [1, 2, 3, 4]), strict=True):
        one, other = pred == object_id, gt == object_id
        assert (counts.predicted, counts.true) == (boundary(one).sum(), boundary(other).sum())
        assert counts == count_boundary(one, other)
        if counts.predicted and counts.true:
            precision, recall = counts.predicted_near / counts.predicted, counts.true_near / counts.true
            both = precision + recall
            assert boundary_f(one, other) == pytest.approx(2 * precision * recall / both if both else 0)


def test_boundary_pixels_are_stored_and_an_older_table_is_read_without(tmp_path: Path) -> None:
    found = measure(fake_manifest(), predict(perfect()))
    assert volume_scores(found.frames)["p_jf_volume"] == 1
    path = tmp_path / "o.parquet"
    write_object_frames(path, found.clips, found.frames, found.videos)
    _, again = read_object_frames(path)
    assert all(np.array_equal(getattr(again, f.name), getattr(found.frames, f.name)) for f in fields(ObjectFrames))
    old = pq.read_table(path).drop_columns(["pred_boundary", "pred_near", "gt_boundary", "gt_near"])
    pq.write_table(old, path)
    _, older = read_object_frames(path)
    assert older.gt_boundary is None
    assert volume_scores(older) == volume_scores(replace(found.frames, gt_near=None))


def stored(folder: Path, **scores: float | None) -> StoredRun:
    """A run of one network: perfect masks, and a positive score for each object of clip a."""
    folder.mkdir(exist_ok=True)
    rows = [replace(row, positive_score=scores.get(f"object_{row.object_id}", 0.5)) for row in predict(perfect())]
    found = measure(fake_manifest(), rows)
    write_predictions(folder / PREDICTIONS_NAME, rows)
    write_object_frames(folder / FILE_NAME, found.clips, found.frames, found.videos)
    return StoredRun(folder, make_result())


def test_the_extras_of_a_run_come_from_the_files_beside_it(tmp_path: Path) -> None:
    """Objects 1 and 2 of clip a take part, 3 is ranked between them; clip b has a flag and is not scored."""
    run = stored(tmp_path, object_1=0.9, object_2=0.1, object_3=0.4)
    assert read_extras(run) == {
        "p_miou_ungated": None,
        "p_j_volume": 1,
        "p_f_volume": 1,
        "p_jf_volume": 1,
        "positive_ap": pytest.approx((1 + 2 / 3) / 2),
    }
    assert extras_reader([run])(run.result) == read_extras(run)


def test_a_network_without_scores_has_no_average_precision(tmp_path: Path) -> None:
    extras = read_extras(stored(tmp_path, object_2=None))
    assert (extras["positive_ap"], extras["p_jf_volume"]) == (None, 1)


def test_extras_that_cannot_be_read_are_undefined(tmp_path: Path) -> None:
    run = stored(tmp_path)
    (tmp_path / PREDICTIONS_NAME).write_bytes(b"PAR1")
    with pytest.raises(PredictionError, match="not a readable predictions file"):
        read_positive_scores(tmp_path / PREDICTIONS_NAME)
    assert set(extras_reader([run])(run.result).values()) == {None}
    assert set(extras_reader([])(run.result).values()) == {None}


def test_predictions_that_lack_a_scored_sample_are_refused(tmp_path: Path) -> None:
    run = stored(tmp_path)
    kept = [row for row in predict(perfect()) if row.object_id != 2]
    write_predictions(tmp_path / PREDICTIONS_NAME, kept)
    with pytest.raises(PredictionError, match="no score of a object 2"):
        read_extras(run)


def test_average_precision_of_a_ranking_by_hand() -> None:
    """From the top: right, wrong, right, wrong. Precision 1 at recall .5 and 2/3 at recall 1."""
    ranked = average_precision(np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False]))
    assert ranked == pytest.approx((1 + 2 / 3) / 2)


def test_a_constant_score_gives_the_share_of_positives() -> None:
    assert average_precision(np.full(10, 0.5), np.arange(10) < 3) == pytest.approx(0.3)


def test_average_precision_needs_a_positive() -> None:
    assert average_precision(np.array([0.5]), np.array([False])) is None
    assert average_precision(np.zeros(0), np.zeros(0, bool)) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_average_precision_is_that_of_every_threshold_by_itself(samples: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([s for s, _ in samples], float), np.array([p for _, p in samples])
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        kept = positive[scores >= threshold]
        now = kept.sum() / max(1, positive.sum())
        total, recall = total + (now - recall) * kept.mean(), now
    found = average_precision(scores, positive)
    assert found is None if not positive.any() else found == pytest.approx(total)


def test_a_threshold_that_moves_every_score_the_same_way_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    scores, positive = rng.random(50), rng.random(50) < 0.4
    assert average_precision(scores, positive) == average_precision(np.log(scores), positive)
