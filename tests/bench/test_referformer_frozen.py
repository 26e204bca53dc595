"""The method by our own small frozen numbers: a small network filled from names, what it answers, what it pays.

The same code at the published sizes is compared with the published program in tests/real; these numbers hold it where
that program's are not at hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from referformer_fakes import SmallReferFormer
from referformer_method import clip, ellipse, every_loss, fill_network

from actiseg_bench.models.referformer.text import tokenize

EQUAL = 1e-4


class Case(NamedTuple):
    """A clip (seed, frames, rows, columns), an expression, whether it is positive, and the last layer's answer."""

    clip: tuple[int, int, int, int]
    expression: str
    is_positive: bool
    logits: list[list[float]]  # [T, Q]
    boxes: list[list[float]]  # [T, 4], of query 0
    positives: list[float]  # [L]
    mask_means: list[list[float]]  # [T, Q]
    mask_cells: list[float]  # [Q], of frame 0, row 5, column 7
    losses: dict[str, float]  # with weights 1 + 3 · mask


KNIFE = Case(
    (11, 2, 48, 64),
    "knife used in the action of cut onion",
    True,
    [[-0.08311, -0.07318, -0.06234], [-0.02119, -0.0011, 0.00583]],
    [[0.53989, 0.53121, 0.48477, 0.56877], [0.53918, 0.53321, 0.4886, 0.56297]],
    [0.26238, 0.43799],
    [[-0.18808, -0.18778, -0.18348], [-0.13366, -0.12172, -0.12911]],
    [-0.22749, -0.22527, -0.21985],
    {
        "loss_ce_0": 0.19698,
        "loss_bbox_0": 0.43749,
        "loss_giou_0": 0.6138,
        "loss_positive_labels_0": 0.02696,
        "loss_mask_0": 0.05378,
        "loss_dice_0": 0.40301,
        "loss_ce": 0.28642,
        "loss_bbox": 0.4614,
        "loss_giou": 0.67234,
        "loss_positive_labels": 0.01915,
        "loss_mask": 0.05925,
        "loss_dice": 0.40384,
    },
)
HAND = Case(
    (12, 1, 40, 56),
    "left hand",
    False,
    [[-0.13991, -0.09729, -0.13016]],
    [[0.5368, 0.52539, 0.49029, 0.56774]],
    [0.21662, 0.32217],
    [[-0.16294, -0.1627, -0.15966]],
    [-0.27717, -0.25066, -0.2665],
    {
        "loss_ce_0": 0.19439,
        "loss_bbox_0": 2.0722,
        "loss_giou_0": 1.51979,
        "loss_positive_labels_0": 0.1858,
        "loss_mask_0": 0.10051,
        "loss_dice_0": 0.98473,
        "loss_ce": 0.26765,
        "loss_bbox": 2.12021,
        "loss_giou": 1.56011,
        "loss_positive_labels": 0.21867,
        "loss_mask": 0.09993,
        "loss_dice": 0.98469,
    },
)


@pytest.fixture(scope="module")
def network() -> SmallReferFormer:
    made = SmallReferFormer().eval()
    fill_network(made)
    return made


def near(expected: Any) -> Any:
    return pytest.approx(expected, abs=EQUAL)


@pytest.mark.parametrize("case", [KNIFE, HAND], ids=["knife", "hand"])
@torch.no_grad()
def test_the_mini_network_answers_and_pays_as_it_did(case: Case, network: SmallReferFormer) -> None:
    seed, frames, height, width = case.clip
    tokens = tokenize([case.expression], network.config.text)
    found = network.find(clip(seed, frames, height, width), tokens, torch.zeros(1, dtype=torch.int64))
    masks = network.draw(found, -1)

    assert found.logits[-1, 0].flatten().tolist() == near(sum(case.logits, []))
    assert found.boxes[-1, 0, :, 0].flatten().tolist() == near(sum(case.boxes, []))
    assert found.positives[:, 0].tolist() == near(case.positives)
    assert masks[0].mean((2, 3)).flatten().tolist() == near(sum(case.mask_means, []))
    assert masks[0, 0, :, 5, 7].tolist() == near(case.mask_cells)

    target, boxes = ellipse(frames, height, width, is_positive=case.is_positive)
    losses = every_loss(network, found, target, boxes, float(case.is_positive), 1 + 3 * target)
    assert losses == near(case.losses)
