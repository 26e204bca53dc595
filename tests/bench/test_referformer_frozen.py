"""The method by our own small frozen numbers: the mini network filled from names, what it answers, what it pays.

The same code at the published sizes is compared with the published program in tests/real; these numbers hold it where
that program's are not at hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from referformer_method import clip, ellipse, every_loss, fill_network

from actiseg_bench.models.referformer.model import ReferFormerMini
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
    [[-0.07039, -0.07251, -0.04573], [-0.02494, -0.00718, 0.00051]],
    [[0.53791, 0.52847, 0.48528, 0.57042], [0.5395, 0.5244, 0.48828, 0.56077]],
    [0.2592, 0.5217],
    [[-0.21923, -0.22615, -0.20178], [-0.15615, -0.15382, -0.15329]],
    [-0.20111, -0.2056, -0.20998],
    {
        "loss_ce_0": 0.19235,
        "loss_bbox_0": 0.43367,
        "loss_giou_0": 0.60957,
        "loss_positive_labels_0": 0.02713,
        "loss_mask_0": 0.05642,
        "loss_dice_0": 0.40401,
        "loss_ce": 0.28622,
        "loss_bbox": 0.45384,
        "loss_giou": 0.67091,
        "loss_positive_labels": 0.01616,
        "loss_mask": 0.05716,
        "loss_dice": 0.40317,
    },
)
HAND = Case(
    (12, 1, 40, 56),
    "left hand",
    False,
    [[-0.07933, -0.06691, -0.0768]],
    [[0.53569, 0.52195, 0.49796, 0.55893]],
    [0.21447, 0.3833],
    [[-0.13164, -0.15153, -0.13908]],
    [-0.24966, -0.22869, -0.2463],
    {
        "loss_ce_0": 0.19405,
        "loss_bbox_0": 2.07481,
        "loss_giou_0": 1.51973,
        "loss_positive_labels_0": 0.18517,
        "loss_mask_0": 0.1131,
        "loss_dice_0": 0.98523,
        "loss_ce": 0.27886,
        "loss_bbox": 2.11453,
        "loss_giou": 1.5574,
        "loss_positive_labels": 0.23951,
        "loss_mask": 0.10516,
        "loss_dice": 0.98494,
    },
)


@pytest.fixture(scope="module")
def network() -> ReferFormerMini:
    made = ReferFormerMini().eval()
    fill_network(made)
    return made


def near(expected: Any) -> Any:
    return pytest.approx(expected, abs=EQUAL)


@pytest.mark.parametrize("case", [KNIFE, HAND], ids=["knife", "hand"])
@torch.no_grad()
def test_the_mini_network_answers_and_pays_as_it_did(case: Case, network: ReferFormerMini) -> None:
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
