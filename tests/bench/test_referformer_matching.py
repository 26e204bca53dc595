"""Which query learns an object, and what it then pays: costs and losses by hand and in loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from actiseg_bench.losses import dice, focal
from actiseg_bench.models.referformer.boxes import generalized_iou
from actiseg_bench.models.referformer.criterion import (
    Answer,
    box_losses,
    class_loss,
    detection_loss,
    mask_losses,
    of_queries,
    published_losses,
)
from actiseg_bench.models.referformer.matcher import (
    Coefficients,
    class_cost,
    dice_score,
    focal_cost,
    match_costs,
)

LN2 = math.log(2)
NOTHING = Coefficients(0, 0, 0, 0, 0)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clip_of(frames: int = 2, queries: int = 3) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return scores, boxes and masks of all queries, and boxes and masks of an object."""
    return (
        drawn(frames, queries),
        drawn(frames, queries, 4, seed=1).sigmoid(),
        drawn(frames, queries, 4, 5, seed=2),
        drawn(frames, 4, seed=3).sigmoid(),
        (drawn(frames, 4, 5, seed=4) > 0).float(),
    )


def test_calling_an_even_query_the_object_costs_the_difference_of_two_focal_terms() -> None:
    assert class_cost(torch.zeros(1)).item() == pytest.approx((0.25 - 0.75) * 0.25 * LN2, abs=1e-6)
    assert class_cost(torch.tensor([9.0])) < class_cost(torch.zeros(1)) < class_cost(torch.tensor([-9.0]))


def test_the_mask_cost_is_the_focal_loss_of_every_query() -> None:
    logits, target = drawn(3, 20), (drawn(20, seed=1) > 0).float()
    expected = torch.stack([focal(row, target).mean() for row in logits])
    assert torch.allclose(focal_cost(logits, target), expected, atol=1e-6)


def test_a_cell_that_an_object_half_covers_costs_half_of_both() -> None:
    logits = drawn(2, 1)
    zero, half, one = (focal_cost(logits, torch.tensor([share])) for share in (0.0, 0.5, 1.0))
    assert torch.allclose(half, (zero + one) / 2, atol=1e-7)


def test_the_dice_score_by_hand() -> None:
    logits = torch.tensor([[50.0, 50, -50, -50], [0, 0, 0, 0], [-50, -50, -50, -50]])
    target = torch.tensor([1.0, 1, 0, 0])
    assert dice_score(logits, target).tolist() == pytest.approx([5 / 5, 3 / 5, 1 / 3], abs=1e-6)
    assert dice_score(logits[2:], torch.zeros(4)).item() == pytest.approx(1)


def test_a_cost_is_the_sum_of_its_five_terms_over_the_frames() -> None:
    logits, boxes, masks, target_boxes, target_masks = clip_of()
    found = match_costs(logits, boxes, masks, target_boxes, target_masks, Coefficients())
    for query in range(3):
        expected = 0.0
        for t in range(2):  # class and boxes: means over frames
            expected += 2 * class_cost(logits[t, query]).item() / 2
            expected += 5 * (boxes[t, query] - target_boxes[t]).abs().sum().item() / 2
            expected -= 2 * generalized_iou(boxes[t, query], target_boxes[t]).item() / 2
        one = masks[None, :, query]  # a mask: all frames as one picture
        expected += 2 * focal(one, target_masks[None]).mean().item()
        expected -= 5 * (1 - dice(one, target_masks[None]).item())
        assert found[query].item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("term", Coefficients._fields)
def test_every_term_alone_finds_the_query_that_is_right_in_it(term: str) -> None:
    logits, boxes, masks, target_boxes, target_masks = clip_of()
    logits[:, 1], boxes[:, 1], masks[:, 1] = 9.0, target_boxes, 9 * (2 * target_masks - 1)
    costs = match_costs(logits, boxes, masks, target_boxes, target_masks, NOTHING._replace(**{term: 1.0}))
    assert int(costs.argmin()) == 1


def test_the_query_that_drew_the_object_learns_it() -> None:
    logits, boxes, masks, _, _ = clip_of()
    for query in range(3):
        wanted = (masks[:, query] > 0).float()
        costs = match_costs(logits, boxes, masks, boxes[:, query], wanted, Coefficients())
        assert int(costs.argmin()) == query


def test_an_object_that_is_never_visible_has_finite_costs() -> None:
    logits, boxes, masks, _, _ = clip_of()
    costs = match_costs(logits, boxes, masks, torch.zeros(2, 4), torch.zeros(2, 4, 5), Coefficients())
    assert torch.isfinite(costs).all()


def test_the_class_loss_sums_over_queries_and_averages_over_frames() -> None:
    even = torch.zeros(1, 2, 3)
    assert class_loss(even, torch.tensor([2])).item() == pytest.approx((0.25 + 0.75 + 0.75) * 0.25 * LN2, abs=1e-6)
    sure = torch.tensor([[[-30.0, -30, 30], [-30, -30, 30]]])
    assert class_loss(sure, torch.tensor([2])).item() == pytest.approx(0, abs=1e-6)
    assert class_loss(sure, torch.tensor([0])).item() == pytest.approx(0.25 * 30 + 0.75 * 30, abs=1e-4)


def test_box_losses_are_means_over_frames() -> None:
    boxes = torch.tensor([[[0.25, 0.5, 0.5, 1.0], [0.5, 0.5, 1.0, 1.0]]])
    target = torch.tensor([[[0.25, 0.5, 0.5, 1.0], [0.25, 0.5, 0.5, 1.0]]])
    near, apart = box_losses(boxes, target)
    assert near.tolist() == pytest.approx([(0 + 0.75) / 2])
    assert apart.tolist() == pytest.approx([(0 + 0.5) / 2], abs=1e-4)


def test_mask_losses_are_divided_by_the_frames_and_weights_move_the_focal_one_alone() -> None:
    masks, target = drawn(2, 3, 4, 4), (drawn(2, 3, 4, 4, seed=1) > 0).float()
    weights = 1 + 4 * target
    plain, overlap = mask_losses(masks, target)
    weighed, same = mask_losses(masks, target, weights)
    assert torch.allclose(plain, focal(masks, target).mean((1, 2, 3)) / 3)
    assert torch.allclose(weighed, (weights * focal(masks, target)).mean((1, 2, 3)) / 3)
    assert torch.allclose(overlap, dice(masks, target) / 3)
    assert torch.equal(same, overlap)


def test_what_a_layer_learns_beside_masks_is_weighted_as_its_costs_are() -> None:
    logits, boxes, target = drawn(2, 3, 4), drawn(2, 3, 4, 4, seed=1).sigmoid(), drawn(2, 3, 4, seed=2).sigmoid()
    queries = torch.tensor([3, 0])
    near, apart = box_losses(torch.stack([boxes[0, :, 3], boxes[1, :, 0]]), target)
    expected = 2 * class_loss(logits, queries) + 5 * near + 2 * apart
    assert torch.allclose(detection_loss(logits, boxes, target, queries, Coefficients()), expected)


def test_the_published_losses_are_of_the_matched_query_and_means_over_the_batch() -> None:
    answer = Answer(drawn(2, 3, 4), drawn(2, 3, 4, 4, seed=1).sigmoid(), drawn(2, 3, 4, 5, 6, seed=2), drawn(2, seed=3))
    queries, boxes = torch.tensor([3, 0]), drawn(2, 3, 4, seed=4).sigmoid()
    masks, positive = (drawn(2, 3, 5, 6, seed=5) > 0).float(), torch.tensor([1.0, 0.0])
    found = published_losses(answer, queries, boxes, masks, positive)
    near, apart = box_losses(of_queries(answer.boxes, queries), boxes)
    pixels, overlap = mask_losses(of_queries(answer.masks, queries), masks)
    probability = answer.positives.sigmoid()
    miss = torch.stack([1 - probability[0], probability[1]])
    focal_by_hand = torch.tensor([0.25, 0.75]) * miss**2 * -torch.log1p(-miss)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {
            "loss_ce": class_loss(answer.logits, queries).mean().item(),
            "loss_bbox": near.mean().item(),
            "loss_giou": apart.mean().item(),
            "loss_positive_labels": focal_by_hand.mean().item(),
            "loss_mask": pixels.mean().item(),
            "loss_dice": overlap.mean().item(),
        },
        abs=1e-6,
    )


def test_a_matched_query_is_read_in_every_frame() -> None:
    values = torch.arange(2 * 3 * 4).view(2, 3, 4)  # [N, T, Q]
    assert of_queries(values, torch.tensor([1, 3])).tolist() == [[1, 5, 9], [15, 19, 23]]
