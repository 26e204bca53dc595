"""The three noises: what exactly they do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.noises.base import Label
from actiseg_noise.noises.category_flip import category_flip, has_another_category
from actiseg_noise.noises.dilate_erode import dilate, kernel_px, resolve_kernel
from actiseg_noise.noises.noun_substitution import has_another_noun, noun_substitution
from actiseg_noise.vocabulary import Vocabulary

VOCABULARY = Vocabulary({1: ("cup", "mug"), 4: ("knife",), 9: ("bin", "garbage", "trash")}, {1: "", 4: "", 9: ""})


def test_flips_are_uniform_over_the_other_categories_then_over_their_nouns() -> None:
    counts = Counter(category_flip(Key(i), Label(4, "knife"), VOCABULARY) for i in range(6000))
    assert set(counts) == {Label(1, n) for n in ("cup", "mug")} | {Label(9, n) for n in ("bin", "garbage", "trash")}
    for label, count in counts.items():
        expected = 3000 / len(VOCABULARY.nouns[label.category_id])
        assert abs(count - expected) < 5 * expected**0.5


def test_substitutions_are_uniform_over_the_other_nouns() -> None:
    counts = Counter(noun_substitution(Key(i), Label(9, "trash"), VOCABULARY) for i in range(2000))
    assert set(counts) == {Label(9, "bin"), Label(9, "garbage")}
    assert abs(counts[Label(9, "bin")] - 1000) < 5 * 1000**0.5


def test_eligibility() -> None:
    assert has_another_category(Label(4, "knife"), VOCABULARY)
    assert not has_another_noun(Label(4, "knife"), VOCABULARY)
    assert has_another_noun(Label(1, "cup"), VOCABULARY)


def test_dilation_by_three_grows_one_pixel_all_around() -> None:
    mask = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], bool)
    grown = [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert dilate(Key(), mask, kernel_px=3).astype(int).tolist() == grown


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.sampled_from([3, 5, 7]))
def test_dilation_is_the_largest_value_in_the_square(mask: np.ndarray, side: int) -> None:
    half = side // 2
    padded = np.pad(mask, half)
    expected = [[padded[r : r + side, c : c + side].any() for c in range(mask.shape[1])] for r in range(mask.shape[0])]
    assert dilate(Key(), mask, kernel_px=side).tolist() == expected


@pytest.mark.parametrize(
    ("kernel", "height", "width", "side"),
    [
        (9, 480, 854, 9),
        (9, 240, 400, 5),  # 4.5 → 5
        (15, 240, 400, 7),  # 7.5 → 7
        (21, 240, 400, 11),  # 10.5 → 11
        (9, 1080, 1920, 21),  # 20.25 → 21
        (15, 1920, 1080, 33),  # 33.75 → 33
        (16 - 1, 320, 320, 11),  # 10 lies between 9 and 11: up
    ],
)
def test_a_kernel_is_scaled_by_the_short_side_to_the_nearest_odd_number(
    kernel: int, height: int, width: int, side: int
) -> None:
    assert kernel_px(kernel, height, width) == side


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 14, "unit": "px"}, "expected an odd number of pixels as the kernel, 3 or more, got 14"),
        ({"kernel": 15.0, "unit": "px"}, r"odd number of pixels as the kernel, 3 or more, got 15\.0"),
        ({"kernel": True, "unit": "px"}, "odd number of pixels as the kernel, 3 or more, got True"),
        ({"kernel": 15, "unit": "480"}, "expected 480p or px as the boundary's unit, got '480'"),
        ({"kernel": 1, "unit": "px"}, "is 1 px on a 480×854 canvas, which changes nothing"),
    ],
)
def test_a_kernel_that_is_none_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        resolve_kernel(options, 480, 854)
