"""Position encodings of pixels and words."""

from __future__ import annotations

import math

import pytest
import torch

from actiseg_bench.models.referformer.positions import pixel_positions, sines, word_positions

CPU = torch.device("cpu")
TURN = 2 * math.pi


def encoding(place: float, width: int) -> list[float]:
    """Return sine and cosine in turn; pair p has the frequency 10000^(-2p/width)."""
    angles = [place / 10000 ** (2 * pair / width) for pair in range(width // 2)]
    return [f(angle) for angle in angles for f in (math.sin, math.cos)]


def test_a_place_is_sines_and_cosines_at_falling_frequencies() -> None:
    found = sines(torch.tensor([0.0, math.pi / 2]), 4)
    assert found[0].tolist() == [0, 1, 0, 1]
    assert found[1].tolist() == pytest.approx([1, 0, math.sin(math.pi / 200), math.cos(math.pi / 200)], abs=1e-6)


def test_the_first_half_of_a_pixel_says_its_row_the_second_its_column() -> None:
    found = pixel_positions(2, 3, 8, CPU)
    assert found.shape == (6, 8)
    for row in range(2):
        for column in range(3):
            expected = encoding((row + 0.5) / 2 * TURN, 4) + encoding((column + 0.5) / 3 * TURN, 4)
            assert found[3 * row + column].tolist() == pytest.approx(expected, abs=1e-5)


def test_the_words_of_an_expression_go_to_a_full_turn_whatever_its_length() -> None:
    found = word_positions(torch.tensor([[False, False, False, True], [False, False, False, False]]), 4)
    for n, length in enumerate((3, 4)):
        for word in range(length):
            assert found[n, word].tolist() == pytest.approx(encoding((word + 1) / length * TURN, 4), abs=1e-5)
