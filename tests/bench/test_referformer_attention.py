"""Deformable attention: against loops over heads, levels and points, and at places that can be read off."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from actiseg_bench.models.referformer.deformable import DeformableAttention, sample_levels


def read_bilinearly(cells: Tensor, x: float, y: float) -> Tensor:
    """Return the value ``[d]`` of ``[rows, columns, d]`` at (x, y) in [0, 1]; what lies outside is 0."""
    rows, columns, depth = cells.shape
    x, y = x * columns - 0.5, y * rows - 0.5
    found = torch.zeros(depth)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < rows and 0 <= column < columns:
                found += (1 - abs(x - column)) * (1 - abs(y - row)) * cells[row, column]
    return found


def sample_in_loops(value: Tensor, shapes: list[tuple[int, int]], places: Tensor, weights: Tensor) -> Tensor:
    count, _, heads, depth = value.shape
    found = torch.zeros(count, places.shape[1], heads, depth)
    for n in range(count):
        for query in range(places.shape[1]):
            for head in range(heads):
                start = 0
                for level, (rows, columns) in enumerate(shapes):
                    cells = value[n, start : start + rows * columns, head].view(rows, columns, depth)
                    start += rows * columns
                    for point in range(places.shape[4]):
                        x, y = places[n, query, head, level, point].tolist()
                        share = weights[n, query, head, level, point]
                        found[n, query, head] += share * read_bilinearly(cells, x, y)
    return found.flatten(2)


def plain_attention(offset: tuple[float, float], heads: int = 1, points: int = 1) -> DeformableAttention:
    """Attention of a channel per head and one level, that reads the memory itself, at one offset, whatever is asked."""
    made = DeformableAttention(heads, 1, heads, points)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.value_proj.weight.copy_(torch.eye(heads))
        made.output_proj.weight.copy_(torch.eye(heads))
        made.sampling_offsets.bias.copy_(torch.tensor(offset).repeat(heads * points))
    return made


def test_sampling_is_the_weighted_sum_over_heads_levels_and_points() -> None:
    drawn = torch.Generator().manual_seed(3)
    shapes = [(2, 3), (1, 2), (4, 1)]
    value = torch.randn(2, 6 + 2 + 4, 2, 3, generator=drawn)
    places = torch.rand(2, 5, 2, 3, 4, 2, generator=drawn) * 1.6 - 0.3  # some outside the picture
    weights = torch.rand(2, 5, 2, 3, 4, generator=drawn)
    found = sample_levels(value, shapes, places, weights)
    assert found.shape == (2, 5, 2 * 3)
    assert torch.allclose(found, sample_in_loops(value, shapes, places, weights), atol=1e-5)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0.25, 0.25), 1.0),  # the middle of a cell
        ((0.75, 0.25), 2.0),
        ((0.25, 0.75), 4.0),
        ((0.5, 0.5), 3.75),  # between all four
        ((0.0, 0.25), 0.5),  # on the border: half a cell lies outside
        ((1.5, 0.5), 0.0),
    ],
)
def test_a_place_reads_the_cells_around_it(place: tuple[float, float], expected: float) -> None:
    value = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 4, 1, 1)  # one level of 2 × 2 cells
    places = torch.tensor(place).view(1, 1, 1, 1, 1, 2)
    assert sample_levels(value, [(2, 2)], places, torch.ones(1, 1, 1, 1, 1)).item() == pytest.approx(expected)


def test_places_are_read_exactly_where_values_are_in_half_precision() -> None:
    value = torch.arange(256.0).view(1, 256, 1, 1).bfloat16()
    place = torch.tensor([(201.5 / 256, 0.5)]).view(1, 1, 1, 1, 1, 2)  # bfloat16 would miss it by half a cell
    assert sample_levels(value, [(1, 256)], place, torch.ones(1, 1, 1, 1, 1)).item() == pytest.approx(201, abs=1e-3)


def test_offsets_from_a_point_are_in_cells_of_the_level() -> None:
    memory = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 4, 1)  # one row of four cells
    attention = plain_attention((1.0, 0.0))
    points = torch.tensor([[[0.125, 0.5], [0.625, 0.5]]])  # the first cell, the third
    assert attention(torch.zeros(1, 2, 1), points, memory, [(1, 4)]).flatten().tolist() == pytest.approx([20, 40])


def test_offsets_from_a_box_are_in_half_boxes_over_the_number_of_points() -> None:
    memory = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 4, 1)
    attention = plain_attention((1.0, 0.0), points=2)  # both points read the same place
    boxes = torch.tensor([[[0.125, 0.5, 1.0, 1.0], [0.125, 0.5, 2.0, 1.0]]])  # 1 / 2 · 1.0 · 0.5: one cell; then two
    assert attention(torch.zeros(1, 2, 1), boxes, memory, [(1, 4)]).flatten().tolist() == pytest.approx([20, 30])


def test_the_points_of_a_head_share_an_attention_of_sum_one() -> None:
    attention = plain_attention((0.0, 0.0), points=3)
    with torch.no_grad():
        attention.attention_weights.bias.copy_(torch.tensor([5.0, -1.0, 0.0]))
    found = attention(torch.zeros(1, 1, 1), torch.tensor([[[0.5, 0.5]]]), torch.full((1, 1, 1), 7.0), [(1, 1)])
    assert found.item() == pytest.approx(7)


def test_at_first_every_head_looks_in_a_direction_of_its_own() -> None:
    attention = DeformableAttention(4, 1, heads=4, points=2)
    attention.reset_parameters()
    offsets = attention.sampling_offsets.bias.view(4, 2, 2).detach()  # [heads, points, (x, y)]
    expected = [[[1, 0], [2, 0]], [[0, 1], [0, 2]], [[-1, 0], [-2, 0]], [[0, -1], [0, -2]]]
    assert torch.allclose(offsets, torch.tensor(expected).float(), atol=1e-6)


def test_attention_to_no_level_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one level"):
        sample_levels(torch.zeros(1, 0, 1, 1), [], torch.zeros(1, 1, 1, 0, 1, 2), torch.zeros(1, 1, 1, 0, 1))
