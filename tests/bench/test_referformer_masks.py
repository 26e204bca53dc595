"""Dynamic mask heads: against one convolution stack per query, and with convolutions a reader can apply by eye."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from actiseg_bench.models.referformer import ReferFormerConfig
from actiseg_bench.models.referformer.mask_head import Controller, draw_masks, relative

SMALL = ReferFormerConfig(width=6, mask_width=1, controller_width=2)


def coordinates(centre: Tensor, height: int, width: int, size: tuple[int, int]) -> Tensor:
    """Lay out the way from every stride-4 cell's middle to a centre in pixels, ``[2, height, width]``: x, y."""
    ways = torch.zeros(2, height, width)
    for row in range(height):
        for column in range(width):
            ways[0, row, column] = centre[0] * size[1] - (4 * column + 2)
            ways[1, row, column] = centre[1] * size[0] - (4 * row + 2)
    return ways


def draw_one_by_one(
    features: Tensor, written: list[tuple[Tensor, Tensor]], centres: Tensor, size: tuple[int, int]
) -> Tensor:
    """Copy the features for every query, put its coordinates behind them, and convolve."""
    drawn = torch.zeros(*centres.shape[:2], *features.shape[2:])
    for n, feature in enumerate(features):
        for k, centre in enumerate(centres[n]):
            x = torch.cat([feature, coordinates(centre, *feature.shape[1:], size)])[None]
            for i, (weight, bias) in enumerate(written):
                x = F.conv2d(F.relu(x) if i else x, weight[n, k][:, :, None, None], bias[n, k])
            drawn[n, k] = x[0, 0]
    return drawn


def test_masks_are_what_a_convolution_stack_per_query_draws() -> None:
    drawn = torch.Generator().manual_seed(5)
    features = torch.randn(2, 3, 4, 5, generator=drawn)  # 2 frames, 3 channels
    sizes = [(5, 4), (4, 4), (4, 1)]
    written = [
        (torch.randn(2, 3, o, i, generator=drawn), torch.randn(2, 3, o, generator=drawn)) for i, o in sizes
    ]  # 3 queries
    centres = torch.rand(2, 3, 2, generator=drawn)
    found = draw_masks(features, written, centres, (16, 20))
    assert found.shape == (2, 3, 4, 5)
    assert torch.allclose(found, draw_one_by_one(features, written, centres, (16, 20)), atol=1e-4)


def test_coordinates_are_pixels_from_the_middle_of_a_cell_to_the_centre() -> None:
    assert relative(torch.tensor([0.5]), 4, 16).tolist() == [6, 2, -2, -6]
    assert relative(torch.tensor([[0.0], [1.0]]), 2, 7).tolist() == [[-2, -6], [5, 1]]  # a picture of 7 px: 2 cells


def test_features_come_before_the_way_across_and_the_way_down() -> None:
    features = torch.full((1, 1, 2, 2), 100.0)
    zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1, 1)
    expected = {0: [[100, 100], [100, 100]], 1: [[2, -2], [2, -2]], 2: [[6, 6], [2, 2]]}
    for channel, cells in expected.items():
        first = torch.zeros(1, 1, 1, 3)
        first[..., channel] = 1
        layers = [(first, zero + 50), (one, zero - 50)]  # in between nothing is negative, so ReLU changes nothing
        found = draw_masks(features, layers, torch.tensor([[[0.5, 1.0]]]), (8, 8))
        assert found[0, 0].tolist() == cells


def test_a_state_writes_all_weights_and_then_all_biases() -> None:
    controller = Controller(SMALL)
    with torch.no_grad():
        controller.layers[-1].weight.zero_()  # type: ignore[operator]
        controller.layers[-1].bias.copy_(torch.arange(17.0))  # type: ignore[operator]
    (first, a), (second, b), (third, c) = controller.parameters_of(torch.randn(1, 6))
    assert first[0].tolist() == [[0, 1, 2], [3, 4, 5]]  # one feature and two coordinates → 2
    assert second[0].tolist() == [[6, 7], [8, 9]]
    assert third[0].tolist() == [[10, 11]]
    assert [x[0].tolist() for x in (a, b, c)] == [[12, 13], [14, 15], [16]]


def test_the_published_controller_writes_2153_numbers() -> None:
    with torch.device("meta"):
        assert Controller(ReferFormerConfig()).layers[-1].out_features == 258 * 8 + 8 * 8 + 8 + 8 + 8 + 1


@pytest.mark.parametrize("size", [(8, 8), (6, 7)])
def test_a_mask_depends_on_its_own_frame_and_query_alone(size: tuple[int, int]) -> None:
    drawn = torch.Generator().manual_seed(7)
    features = torch.randn(2, 1, 2, 2, generator=drawn)
    controller = Controller(SMALL)
    states, centres = torch.randn(2, 3, 6, generator=drawn), torch.rand(2, 3, 2, generator=drawn)
    together = draw_masks(features, controller.parameters_of(states), centres, size)
    alone = draw_masks(features[1:], controller.parameters_of(states[1:, 2:]), centres[1:, 2:], size)
    assert torch.allclose(together[1, 2], alone[0, 0], atol=1e-5)
