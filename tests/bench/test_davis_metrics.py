"""DAVIS's J and F: drawings a reader can check, and an independent slow reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actiseg_bench.metrics.davis import boundary, boundary_f, jaccard, tolerance_px


def draw(*rows: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in row] for row in rows])


def slow_boundary(mask: np.ndarray) -> set[tuple[int, int]]:
    """Pixel by pixel: the last row and column look along themselves, the corner never counts."""
    height, width = mask.shape
    found = set()
    for y in range(height):
        for x in range(width):
            last_row, last_column = y == height - 1, x == width - 1
            if last_row and last_column:
                continue
            ahead = []
            if not last_column:
                ahead.append((y, x + 1))
            if not last_row:
                ahead.append((y + 1, x))
            if not last_row and not last_column:
                ahead.append((y + 1, x + 1))
            if any(mask[place] != mask[y, x] for place in ahead):
                found.add((y, x))
    return found


def slow_f(pred: np.ndarray, gt: np.ndarray, radius: int) -> float:
    """Every pixel of one boundary against every pixel of the other."""
    one, two = slow_boundary(pred), slow_boundary(gt)
    if not one and not two:
        return 1.0
    if not one or not two:
        return 0.0

    def near(these: set[tuple[int, int]], those: set[tuple[int, int]]) -> float:
        hits = sum(any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in those) for y, x in these)
        return hits / len(these)

    precision, recall = near(one, two), near(two, one)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_the_boundary_lies_half_a_pixel_towards_the_origin() -> None:
    square = draw("....", ".##.", ".##.", "....")
    assert np.array_equal(boundary(square), draw("###.", "#.#.", "###.", "...."))


def test_an_object_cut_by_the_frame_has_no_boundary_there() -> None:
    assert np.array_equal(boundary(draw("..##", "..##")), draw(".#..", ".#.."))
    assert not boundary(draw("##", "##")).any()


@pytest.mark.parametrize(("height", "width", "radius"), [(480, 854, 8), (1080, 1920, 18), (240, 400, 4), (12, 16, 1)])
def test_the_tolerance_is_008_of_the_diagonal_rounded_up(height: int, width: int, radius: int) -> None:
    assert tolerance_px(height, width) == radius == math.ceil(0.008 * math.sqrt(height**2 + width**2))


def test_two_empty_masks_agree_and_one_alone_is_wrong() -> None:
    empty, square = draw("....", "....", "...."), draw("....", ".##.", "....")
    assert (jaccard(empty, empty), boundary_f(empty, empty)) == (1, 1)
    assert (jaccard(square, empty), boundary_f(square, empty)) == (0, 0)
    assert (jaccard(empty, square), boundary_f(empty, square)) == (0, 0)


def test_a_mask_that_fills_the_frame_has_no_boundary_to_miss() -> None:
    full, empty, half = draw("##", "##"), draw("..", ".."), draw("#.", "#.")
    assert (jaccard(full, empty), boundary_f(full, empty)) == (0, 1)
    assert boundary_f(full, half) == 0


def test_a_shift_within_the_tolerance_is_a_full_hit_and_beyond_it_none() -> None:
    gt, pred = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    gt[:, 10:], pred[:, 13:] = True, True
    assert boundary_f(pred, gt, 3) == 1
    assert boundary_f(pred, gt, 2) == 0
    assert jaccard(pred, gt) == 27 / 30


def test_a_disk_reaches_a_knight_s_move_only_with_radius_three() -> None:
    gt, pred = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    gt[4:, 4:], pred[6:, 5:] = True, True
    for radius in (1, 2, 3):
        assert boundary_f(pred, gt, radius) == pytest.approx(slow_f(pred, gt, radius))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.05, 0.95))
def test_any_two_masks_score_as_the_slow_reference_says(seed: int, radius: int, share: float) -> None:
    import cv2

    random = np.random.default_rng(seed)
    height, width = random.integers(1, 24, 2).tolist()
    noise = random.random((2, height, width)).astype(np.float32)
    pred, gt = (cv2.blur(one, (3, 3)).reshape(height, width) < share for one in noise)
    assert set(zip(*map(np.ndarray.tolist, np.nonzero(boundary(gt))), strict=True)) == slow_boundary(gt)
    assert boundary_f(pred, gt, radius) == pytest.approx(slow_f(pred, gt, radius), abs=1e-12)
    assert boundary_f(pred, gt, radius) == pytest.approx(boundary_f(gt, pred, radius), abs=1e-12)
    assert boundary_f(gt, gt, radius) == 1
