"""J and F per object: means over frames, and over the positive objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench_fakes import fake_manifest, perfect, predict
from bench_fakes import frames as object_frames

from actiseg_bench.metrics.davis import boundary_f, jaccard
from actiseg_bench.metrics.object_scores import ObjectScore, mean_scores, object_scores
from actiseg_bench.scoring.measure import measure

HALF = perfect() | {("a", 0): [[1, 0, 2, 2], [0, 0, 0, 0]], ("a", 1): [[0, 0, 0, 2], [0, 3, 0, 0]]}
TRUTH = {0: [[1, 1, 2, 2], [0, 0, 3, 0]], 1: [[1, 0, 0, 2], [0, 3, 3, 0]]}


def test_every_object_has_the_mean_of_j_and_f_over_its_frames_as_davis_defines_them() -> None:
    found = measure(fake_manifest(), predict(HALF), failures=False, objects=True).evaluation.objects
    assert [(one.clip, one.object_id, one.is_positive, one.frames) for one in found] == [
        ("a", 1, True, 2),
        ("a", 2, True, 2),
        ("a", 3, False, 2),
    ]
    for one in found:
        pairs = [(np.array(HALF["a", t]) == one.object_id, np.array(TRUTH[t]) == one.object_id) for t in (0, 1)]
        assert one.j == np.mean([jaccard(*pair) for pair in pairs])
        assert one.f == pytest.approx(np.mean([boundary_f(*pair) for pair in pairs]))
        assert one.j_and_f == (one.j + one.f) / 2
    hand, _, knife = found
    assert (hand.iou, hand.j_volume) == (1 / 4, 1 / 3)
    assert (knife.iou, knife.j_volume) == (1 / 4, 1 / 3)


def test_a_frame_without_the_object_and_its_prediction_counts_1_and_not_in_the_iou() -> None:
    own = object_frames(object_id=[1, 1], frame_idx=[0, 1], gt_area=[0, 4], pred_area=[0, 2], intersection=[0, 2])
    with pytest.raises(ValueError, match="boundary pixels were not counted"):
        object_scores(own, ["a"])
    none_and_some = np.array([0, 3])
    edges = dict.fromkeys(("pred_boundary", "pred_near", "gt_boundary", "gt_near"), none_and_some)
    (one,) = object_scores(replace(own, **edges), ["a"])
    assert (one.j, one.f, one.iou, one.j_volume) == ((1 + 1 / 2) / 2, 1, 1 / 2, 1 / 2)


def test_means_are_over_positive_objects_and_none_where_there_is_none() -> None:
    one = ObjectScore("a", 1, True, 2, 0.5, 1.0, None, None)
    other = ObjectScore("a", 2, True, 2, 1.0, 1.0, 0.25, 0.5)
    negative = ObjectScore("a", 3, False, 2, 0.0, 0.0, 0.0, 0.0)
    assert mean_scores([one, other, negative]) == {"j_and_f": 0.875, "j": 0.75, "f": 1.0, "j_volume": 0.25}
    assert mean_scores([negative]) == {"j_and_f": None, "j": None, "f": None, "j_volume": None}


def test_the_other_numbers_are_the_same_with_and_without_them() -> None:
    without, beside = (measure(fake_manifest(), predict(HALF), objects=flag).evaluation for flag in (False, True))
    told = beside.to_json()
    assert set(told) - set(without.to_json()) == {"j_and_f", "objects"}
    assert without.to_json() == {name: told[name] for name in without.to_json()}
