"""The six ActionVOS metrics against hand-drawn frames and against a slow reference written from the prose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actiseg_bench.metrics.actionvos import (
    METRICS,
    ActionVosScores,
    ObjectFrameCounts,
    actionvos_scores,
    count_object_frames,
    count_pairs,
    is_hand,
)
from actiseg_noise.errors import DataError


def one(pred: list[list[int]], gt: list[list[int]], *, positive: bool) -> ActionVosScores:
    """Score object 1 of one frame."""
    counts = count_object_frames(np.array(pred, np.uint8), np.array(gt, np.uint8), [1])
    return actionvos_scores(ObjectFrameCounts.gather([(counts, [positive], 0)]))


NOTHING = [[0, 0, 0, 0]]
LEFT_HALF = [[1, 1, 0, 0]]
MIDDLE = [[0, 1, 1, 0]]


def slow_reference(frames: list[tuple[np.ndarray, np.ndarray, dict[int, bool]]]) -> dict[str, float | int | None]:
    """The prose of the metric's description, one boolean mask at a time."""
    ious: dict[bool, list[float]] = {True: [], False: []}
    inter, union = {True: 0, False: 0}, {True: 0, False: 0}
    gious, tally = [], {"tp": 0, "tn": 0, "fp": 0, "fn": 0}
    for pred, gt, objects in frames:
        for object_id, positive in objects.items():
            p, g = pred == object_id, gt == object_id
            i, u = int((p & g).sum()), int((p | g).sum())
            if u:
                ious[positive].append(i / u)
                inter[positive] += i
                union[positive] += u
            if positive:
                gious.append(i / u if u else 1.0)
                wanted = bool(g.any())
            else:
                gious.append(0.0 if p.any() else 1.0)
                wanted = False
            tally[("t" if bool(p.any()) == wanted else "f") + ("p" if p.any() else "n")] += 1
    total = sum(tally.values())

    def ratio(a: float, b: float) -> float | None:
        return a / b if b else None

    return {
        "p_miou": ratio(sum(ious[True]), len(ious[True])),
        "n_miou": ratio(sum(ious[False]), len(ious[False])),
        "p_ciou": ratio(inter[True], union[True]),
        "n_ciou": ratio(inter[False], union[False]),
        "giou": ratio(sum(gious), len(gious)),
        "acc": ratio(tally["tp"] + tally["tn"], total),
        **tally,
    }


index_masks = arrays(np.uint8, (4, 5), elements=st.integers(0, 3))
frames = st.lists(
    st.tuples(index_masks, index_masks, st.dictionaries(st.integers(1, 3), st.booleans(), max_size=3)), max_size=5
)


@settings(deadline=None, max_examples=200)
@given(frames)
def test_scores_equal_the_slow_reference(clip: list[tuple[np.ndarray, np.ndarray, dict[int, bool]]]) -> None:
    parts = [(count_object_frames(p, g, list(ids)), list(ids.values()), 0) for p, g, ids in clip]
    scores, expected = actionvos_scores(ObjectFrameCounts.gather(parts)), slow_reference(clip)
    for name, value in expected.items():
        assert getattr(scores, name) == (value if value is None else pytest.approx(value)), name


@given(arrays(np.uint8, (2, 4, 3)))
def test_pairs_of_ids_are_counted_pixel_by_pixel(masks: np.ndarray) -> None:
    expected = np.zeros((256, 256), np.int64)
    for predicted, true in zip(*masks.reshape(2, -1), strict=True):
        expected[predicted, true] += 1
    assert np.array_equal(count_pairs(masks[0].T, masks[1].T), expected)


def test_more_pixels_than_a_float32_can_count_are_counted() -> None:
    mask = np.zeros((4100, 4100), np.uint8)
    mask[0, 0] = 255
    assert count_pairs(mask, mask)[[0, 255], [0, 255]].tolist() == [4100 * 4100 - 1, 1]


@given(index_masks, index_masks)
def test_counts_are_those_of_one_boolean_mask_at_a_time(pred: np.ndarray, gt: np.ndarray) -> None:
    kept = np.where(gt == 3, 0, pred)
    for void, seen in ((None, pred), (3, kept)):
        expected = [[((seen == k) & (gt == k)).sum(), (seen == k).sum(), (gt == k).sum()] for k in (1, 2)]
        assert count_object_frames(pred, gt, [1, 2], void).tolist() == expected


@pytest.mark.parametrize(
    ("positive", "frame", "giou", "cell", "miou"),
    [
        (True, (NOTHING, NOTHING), 1, "tn", None),
        (True, (LEFT_HALF, NOTHING), 0, "fp", 0),
        (True, (NOTHING, LEFT_HALF), 0, "fn", 0),
        (True, (MIDDLE, LEFT_HALF), 1 / 3, "tp", 1 / 3),
        (False, (NOTHING, NOTHING), 1, "tn", None),
        (False, (LEFT_HALF, NOTHING), 0, "fp", 0),
        (False, (NOTHING, LEFT_HALF), 1, "tn", 0),
        (False, (MIDDLE, LEFT_HALF), 0, "fp", 1 / 3),
    ],
)
def test_each_cell_of_the_table(
    positive: bool, frame: tuple[list[list[int]], list[list[int]]], giou: float, cell: str, miou: float | None
) -> None:
    scores = one(*frame, positive=positive)
    assert scores.giou == pytest.approx(giou)
    assert {name: getattr(scores, name) for name in ("tp", "tn", "fp", "fn")} == {
        name: int(name == cell) for name in ("tp", "tn", "fp", "fn")
    }
    own, other = ("p", "n") if positive else ("n", "p")
    assert getattr(scores, f"{own}_miou") == (miou if miou is None else pytest.approx(miou))
    assert getattr(scores, f"{own}_ciou") == (miou if miou is None else pytest.approx(miou))
    assert getattr(scores, f"{other}_miou") is None


def test_cumulative_iou_weighs_pixels_where_mean_iou_weighs_object_frames() -> None:
    pred = np.array([[1, 1, 1, 1, 1, 1], [2, 0, 0, 0, 0, 0]], np.uint8)
    gt = np.array([[1, 1, 1, 1, 1, 1], [0, 2, 0, 0, 0, 0]], np.uint8)
    counts = ObjectFrameCounts.gather([(count_object_frames(pred, gt, [1, 2]), [True, True], 0)])
    scores = actionvos_scores(counts)
    assert scores.p_miou == pytest.approx(1 / 2)
    assert scores.p_ciou == pytest.approx(6 / 8)


def test_an_empty_set_has_no_scores_and_no_crash() -> None:
    scores = actionvos_scores(ObjectFrameCounts.gather([]))
    assert [getattr(scores, name) for name in METRICS] == [None] * 6
    assert (scores.tp, scores.tn, scores.fp, scores.fn) == (0, 0, 0, 0)


def test_a_split_without_negatives_has_no_negative_scores() -> None:
    scores = one(LEFT_HALF, LEFT_HALF, positive=True)
    assert (scores.n_miou, scores.n_ciou) == (None, None)
    assert (scores.p_miou, scores.giou, scores.acc) == (1, 1, 1)


def test_void_pixels_are_left_out_of_the_prediction() -> None:
    pred, gt = np.array([[1, 1, 1, 1]], np.uint8), np.array([[1, 1, 255, 255]], np.uint8)
    assert count_object_frames(pred, gt, [1]).tolist() == [[2, 4, 2]]
    assert count_object_frames(pred, gt, [1], void_id=255).tolist() == [[2, 2, 2]]


def test_the_highest_object_id_is_counted() -> None:
    mask = np.array([[0, 255]], np.uint8)
    assert count_object_frames(mask, mask, [255, 7]).tolist() == [[1, 1, 1], [0, 0, 0]]


def test_masks_of_other_size_or_type_are_refused() -> None:
    mask = np.zeros((2, 3), np.uint8)
    with pytest.raises(DataError, match=r"prediction uint8 \[3, 2\] and ground truth uint8 \[2, 3\]"):
        count_object_frames(mask.T, mask, [1])
    with pytest.raises(DataError, match="expected two uint8"):
        count_object_frames(mask.astype(np.int64), mask, [1])  # type: ignore[arg-type]


def test_counts_that_contradict_each_other_are_refused() -> None:
    ones = np.ones(2, np.int64)
    with pytest.raises(ValueError, match="larger than one of its two masks"):
        ObjectFrameCounts(ones * 2, ones, ones, np.ones(2, bool), np.zeros(2, np.int32))
    with pytest.raises(ValueError, match="one length"):
        ObjectFrameCounts(ones, ones, ones, np.ones(3, bool), np.zeros(2, np.int32))


def test_a_subset_is_scored_alone() -> None:
    pred = np.array([[1, 1, 2, 0]], np.uint8)
    gt = np.array([[1, 1, 2, 2]], np.uint8)
    counts = ObjectFrameCounts.gather([(count_object_frames(pred, gt, [1, 2]), [True, True], 0)])
    hands = is_hand(["left hand", "onion"])
    assert actionvos_scores(counts.select(hands)).p_miou == 1
    assert actionvos_scores(counts.select(~hands)).p_miou == pytest.approx(1 / 2)


def test_hands_are_known_by_their_noun() -> None:
    assert is_hand(["left hand", "right_hand", "Left-Hand", "hand blender", "onion"]).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]
