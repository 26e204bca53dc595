"""A part of a picture or of a mask is what it is in the whole, whatever the sizes are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actiseg_bench.data.coverage import coverage
from actiseg_bench.data.cuts import Span, aligned, average, read_patches, resize_part, show_picture, whole
from actiseg_bench.data.scales import Cut
from actiseg_noise.errors import DataError
from actiseg_noise.masks import Box, Rle, encode_rle

SIDES = st.tuples(st.integers(2, 60), st.integers(1, 70))  # as stored, resized
TIMES = st.integers(1, 4)


@st.composite
def spans(draw: st.DrawFn, side: int) -> Span:
    start = draw(st.integers(0, side - 1))
    return Span(start, draw(st.integers(start + 1, side)))


@st.composite
def cuts(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], Cut]:
    """Draw the size of a picture, its size in training, and a cut of that."""
    (height, rows), (width, columns) = draw(SIDES), draw(SIDES)
    times = draw(TIMES)  # sides with a common factor, as real ones have
    size = (rows * times, columns * times)
    tall, wide = draw(spans(size[0])), draw(spans(size[1]))
    shown = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    cut = Cut(tall.start, wide.start, tall.stop - tall.start, wide.stop - wide.start, shown)
    return (height * times, width * times), size, cut


def blob(canvas: tuple[int, int], seed: int) -> np.ndarray:
    """Draw a bool mask with holes and rough edges somewhere on a canvas."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(canvas, bool)
    for _ in range(3):
        top, left = (rng.integers(0, side) for side in canvas)
        bottom, right = (rng.integers(start, side + 1) for start, side in zip((top, left), canvas, strict=True))
        mask[top:bottom, left:right] = rng.random((bottom - top, right - left)) < rng.choice([0.7, 1.0])
    return mask


def code(mask: np.ndarray) -> Rle:
    return encode_rle(mask, Box(0, 0, *mask.shape), *mask.shape)


@settings(max_examples=150, deadline=None)
@given(case=cuts(), seed=st.integers(0, 10**6))
def test_a_part_of_a_resized_picture_is_the_part_of_the_whole_one(
    case: tuple[tuple[int, int], tuple[int, int], Cut], seed: int
) -> None:
    stored, size, cut = case
    picture = np.random.default_rng(seed).integers(0, 256, (*stored, 3), dtype=np.uint8)
    rows, columns = Span(cut.top, cut.top + cut.rows), Span(cut.left, cut.left + cut.columns)
    resized = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    expected = resized[rows.start : rows.stop, columns.start : columns.stop]
    assert np.array_equal(resize_part(picture, size, rows, columns), expected)


def test_a_picture_of_which_one_side_grows_is_resized_whole() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 26, 3), dtype=np.uint8)
    whole = cv2.resize(picture, (10, 6), interpolation=cv2.INTER_AREA)
    assert np.array_equal(resize_part(picture, (6, 10), Span(0, 1), Span(5, 6)), whole[:1, 5:6])


@settings(max_examples=150, deadline=None)
@given(case=cuts(), seed=st.integers(0, 10**6))
def test_a_mask_read_where_it_is_seen_is_the_part_of_the_whole_one(
    case: tuple[tuple[int, int], tuple[int, int], Cut], seed: int
) -> None:
    stored, size, cut = case
    mask = blob(stored, seed)
    resized = coverage(code(mask), size, 1)
    seen = np.zeros(size, np.uint8)
    rows, columns = slice(cut.top, cut.top + cut.rows), slice(cut.left, cut.left + cut.columns)
    (patch,) = read_patches([code(mask)], size, cut)
    if patch is not None:
        seen[slice(*patch.rows), slice(*patch.columns)] = patch.values
    assert np.array_equal(seen[rows, columns], resized[rows, columns])
    if patch is not None:
        window = (resized[rows, columns] / np.float32(255)).astype(np.float32)
        expected = cv2.resize(window, cut.size[::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(average(patch.values, patch.rows, patch.columns, cut, cut.size) - expected).max() < 3e-6


def test_a_mask_of_which_one_side_grows_is_resized_whole() -> None:
    mask = np.zeros((10, 39), bool)
    mask[4:6, 27:37] = True
    seen = np.zeros((58, 30), np.uint8)
    (patch,) = read_patches([code(mask)], (58, 30))
    assert patch is not None
    seen[slice(*patch.rows), slice(*patch.columns)] = patch.values
    assert np.array_equal(seen, cv2.resize(mask.view(np.uint8) * 255, (30, 58), interpolation=cv2.INTER_AREA))


def test_a_part_can_stand_alone_where_the_grid_of_pixels_begins_anew() -> None:
    wanted = Span(5, 9), Span(0, 108)
    assert aligned((1080, 1920), (480, 856), wanted) == [
        (Span(9, 27), Span(4, 12)),  # 9 pixels become 4
        (Span(0, 480), Span(0, 214)),  # 240 become 107
    ]
    assert aligned((7, 7), (5, 7), (Span(2, 3), Span(2, 3))) == [(Span(0, 7), Span(0, 5)), (Span(2, 3), Span(2, 3))]
    whole = [(Span(0, 5), Span(0, 10)), (Span(0, 8), Span(0, 4))]  # one side grows
    assert aligned((5, 8), (10, 4), (Span(2, 3), Span(2, 3))) == whole


def test_several_masks_are_read_in_one_pass_and_a_wrong_one_is_named() -> None:
    masks = [blob((30, 40), seed) for seed in range(4)] + [np.zeros((30, 40), bool)]
    patches = read_patches([code(mask) for mask in masks], (30, 40))
    assert patches[4] is None
    for mask, patch in zip(masks[:4], patches[:4], strict=True):
        seen = np.zeros((30, 40), np.uint8)
        assert patch is not None
        seen[slice(*patch.rows), slice(*patch.columns)] = patch.values
        assert np.array_equal(seen > 0, mask)
    wrong = Rle(30, 40, code(masks[0]).counts[:-1], 5)
    with pytest.raises(DataError, match="run lengths .* (do not fill a canvas of 40×30|are no code)"):
        read_patches([code(masks[1]), wrong], (30, 40))


def test_a_picture_is_shown_mirrored() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (27, 36, 3), dtype=np.uint8)
    cut = Cut(2, 3, 8, 10, (12, 16))
    plain, mirrored = (show_picture(picture, (12, 16), cut, is_mirrored=it) for it in (False, True))
    assert torch.allclose(mirrored, plain.flip(-1), atol=1e-6)
    assert not torch.equal(mirrored, plain)
    assert (
        show_picture(picture, (27, 36), whole((27, 36))).mul(255).round().to(torch.uint8).permute(1, 2, 0).tolist()
        == picture.tolist()
    )
