"""Boxes of masks and their overlap, by hand, the empty ones too."""

from __future__ import annotations

import math

import pytest
import torch

from actiseg_bench.models.referformer.boxes import EPS, bounded, boxes_of, corners, generalized_iou

LEFT, RIGHT = (0.25, 0.5, 0.5, 1.0), (0.75, 0.5, 0.5, 1.0)  # the halves of the picture
WHOLE, NOTHING = (0.5, 0.5, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0)
CORNER = (0.125, 0.125, 0.25, 0.25)


def test_corners_are_left_top_right_bottom() -> None:
    low, high = corners(torch.tensor([(0.5, 0.25, 0.5, 0.25)]))
    assert (low.tolist(), high.tolist()) == ([[0.25, 0.125]], [[0.75, 0.375]])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (LEFT, LEFT, 1.0),
        (LEFT, RIGHT, 0.0),  # nothing shared, and the box around both has no gap
        (WHOLE, LEFT, 0.5),
        (LEFT, (0.5, 0.5, 0.5, 1.0), 1 / 3),  # .25 of .75 shared
        (CORNER, (0.875, 0.875, 0.25, 0.25), -0.875),  # opposite corners: 14 of 16 parts around them are neither's
        (NOTHING, NOTHING, 0.0),
        (NOTHING, CORNER, 0.0),  # the empty box lies on its corner
        (NOTHING, RIGHT, -0.5),  # half of what is around both is neither's
    ],
)
def test_giou_by_hand(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    pair = torch.tensor(first), torch.tensor(second)
    assert generalized_iou(*pair).item() == pytest.approx(expected, abs=1e-4)
    assert generalized_iou(*reversed(pair)).item() == pytest.approx(expected, abs=1e-4)


def test_the_small_number_stands_above_and_below_every_fraction() -> None:
    side = 1e-3  # an area of 1e-6, the small number itself
    tiny, other = torch.tensor([0.5, 0.5, side, side]).double(), torch.tensor([0.5, 0.5, 2 * side, side]).double()
    assert generalized_iou(tiny, other).item() == pytest.approx((1 + 1) / (2 + 1) - 1 / (2 + 1), abs=1e-6)
    assert EPS == 1e-6


def test_boxes_are_compared_one_by_one_and_leading_dimensions_broadcast() -> None:
    many, one = torch.tensor([[LEFT, WHOLE], [RIGHT, LEFT]]), torch.tensor([[LEFT], [WHOLE]])
    assert torch.allclose(generalized_iou(many, one), torch.tensor([[1, 0.5], [0.5, 0.5]]), atol=1e-5)


def test_an_empty_box_has_gradients_that_are_numbers() -> None:
    boxes = torch.tensor([NOTHING, CORNER], requires_grad=True)
    generalized_iou(boxes, torch.tensor([NOTHING, NOTHING])).sum().backward()
    assert boxes.grad is not None and torch.isfinite(boxes.grad).all()


def test_the_box_of_a_mask_goes_around_every_cell_above_zero() -> None:
    masks = [
        [[0, 0, 0, 0], [0, 1, 1, 0]],  # columns 1–2 of 4, row 1 of 2
        [[0.2, 0, 0, 0], [0, 0, 0, 1]],  # opposite corners; a little of a cell is enough
        [[0, 0, 0, 1], [0, 0, 0, 0]],  # a single cell
        [[0, 0, 0, 0], [0, 0, 0, 0]],  # never visible
    ]
    expected = [[0.5, 0.75, 0.5, 0.5], [0.5, 0.5, 1, 1], [0.875, 0.25, 0.25, 0.5], [0, 0, 0, 0]]
    assert boxes_of(torch.tensor(masks)).tolist() == expected
    assert boxes_of(torch.tensor(masks).view(2, 2, 2, 4)).tolist() == [expected[:2], expected[2:]]


def test_logits_are_the_published_inverse_of_their_sigmoid_and_bounded_at_its_ends() -> None:
    def published(p: torch.Tensor) -> torch.Tensor:
        return torch.log(p.clamp(1e-5, 1) / (1 - p).clamp(1e-5, 1))

    logits = torch.tensor([-math.inf, -30.0, -3.0, 0.0, 2.0, 30.0, math.inf], dtype=torch.float64)
    assert torch.allclose(bounded(logits), published(logits.sigmoid()), atol=2e-5)
    end = math.log(1 / 1e-5)
    assert bounded(logits).tolist() == pytest.approx([-end, -end, -3, 0, 2, end, end])
