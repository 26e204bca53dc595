"""Noises that work on pixels: what exactly each does to a mask."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.masks import Box
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.noises.cubic import resample
from actiseg_noise.noises.dilate_erode import dilate, dilate_or_erode, erode
from actiseg_noise.noises.drop_object import drop_object
from actiseg_noise.noises.elastic import elastic
from actiseg_noise.noises.scale_relative import scale_relative
from actiseg_noise.noises.shift import shift, steps_of_length
from actiseg_noise.noises.smooth_field import box_widths, smooth_field

KEYS = [Key("pixel noises", i) for i in range(24)]


def disc(radius: float, side: int) -> np.ndarray:
    """Return a filled circle in the middle of a square."""
    rows, columns = np.ogrid[:side, :side]
    return (rows - side // 2) ** 2 + (columns - side // 2) ** 2 <= radius**2


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return intersection over union."""
    return (a & b).sum() / (a | b).sum()


def areas_of_parts(mask: np.ndarray) -> list[int]:
    """Return the pixels of every connected part, ascending, without specks of a few pixels."""
    areas = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    return sorted(area for area in areas.tolist() if area > 5)


def resolved(name: str, height: int = 480, width: int = 854, **options: object) -> dict[str, Any]:
    """Return a noise's parameters on a canvas, for its defaults with some options changed."""
    noise = NOISES[name]
    assert isinstance(noise, MaskNoise)
    return noise.resolve({**noise.defaults, **options}, height, width)


# --- erosion


def test_erosion_by_three_loses_one_pixel_all_around_but_not_at_the_edge_of_the_canvas() -> None:
    mask = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1]], bool)
    left = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert erode(Key(), mask, kernel_px=3).astype(int).tolist() == left


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.sampled_from([3, 5, 7]))
def test_erosion_is_the_smallest_value_in_the_square(mask: np.ndarray, side: int) -> None:
    padded = np.pad(mask, side // 2, constant_values=True)
    expected = [[padded[r : r + side, c : c + side].all() for c in range(mask.shape[1])] for r in range(mask.shape[0])]
    assert erode(Key(), mask, kernel_px=side).tolist() == expected


def test_dilation_or_erosion_is_a_fair_coin() -> None:
    mask = disc(6, 21)
    grown, shrunk = dilate(Key(), mask, kernel_px=5), erode(Key(), mask, kernel_px=5)
    drawn = [dilate_or_erode(Key(i), mask, kernel_px=5) for i in range(400)]
    assert all(np.array_equal(noisy, grown) or np.array_equal(noisy, shrunk) for noisy in drawn)
    assert abs(sum(np.array_equal(noisy, grown) for noisy in drawn) - 200) < 5 * 10


# --- shift and drop


def test_a_shift_moves_the_mask_by_a_step_of_the_length() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 3:5] = True
    seen = set()
    for key in KEYS:
        rows, columns = np.nonzero(shift(key, mask, length_px=2.0))
        assert len(rows) == 2
        assert columns[1] - columns[0] == 1
        seen.add((int(rows[0]) - 4, int(columns[0]) - 3))
    assert seen <= set(steps_of_length(2.0))
    assert len(seen) > 6


def test_what_leaves_the_canvas_is_lost() -> None:
    mask = np.ones((3, 4), bool)
    moved = {str(shift(key, mask, length_px=1.0).astype(int).tolist()) for key in KEYS}
    assert "[[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]]" in moved
    assert "[[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]" in moved
    assert "[[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]" in moved


def test_the_steps_of_a_length_are_those_that_round_to_it() -> None:
    assert steps_of_length(1.0) == ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
    assert set(steps_of_length(2.4)) == {(a, b) for a in range(-2, 3) for b in range(-2, 3) if np.hypot(a, b) >= 2}


@pytest.mark.parametrize("length", [10.0, 22.5])
def test_shifts_go_in_all_directions_alike(length: float) -> None:
    steps = np.array(steps_of_length(length))
    assert np.abs(np.hypot(*steps.T) - length).max() <= 0.5
    sectors = Counter(np.floor(np.arctan2(*steps.T) / (2 * np.pi) * 12 + 0.5).astype(int) % 12)
    assert max(sectors.values()) <= 1.5 * min(sectors.values())
    assert steps.sum(axis=0).tolist() == [0, 0]


def test_a_dropped_object_is_gone() -> None:
    assert not drop_object(Key(), disc(3, 9)).any()


# --- in proportion to the size


def published(mask: np.ndarray, iterations: int, *, grows: bool) -> np.ndarray:
    """Return what ADELE's formula makes of a picture with one object, with OpenCV's own interpolation."""
    height, width = mask.shape
    ratio = (1000 / mask.sum()) ** 0.5
    size = round(width * ratio), round(height * ratio)
    small = (cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_CUBIC) > 0).astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    small = (cv2.dilate if grows else cv2.erode)(small, square, iterations=iterations)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) > 0
    return mask | back if grows else mask & back


@pytest.mark.parametrize("op", ["dilate", "erode"])
@pytest.mark.parametrize("radius", [9, 30, 70])
def test_the_change_is_the_published_one(op: str, radius: int) -> None:
    mask = disc(radius, 2 * radius + 1)
    mask[radius // 2 : radius, radius // 2 : radius] = False
    parameters = resolved("scale_relative-v1", op=op, iterations_min=3, iterations_max=3)
    margin = int(np.ceil(5 / (1000 / mask.sum()) ** 0.5))
    picture = np.pad(mask, margin)
    expected = published(picture, 3, grows=op == "dilate")
    assert not np.array_equal(expected, picture)
    assert iou(scale_relative(Key(), picture, **parameters), expected) > 0.99


@pytest.mark.parametrize(("op", "least", "most"), [("dilate", 0.57, 0.65), ("erode", 0.47, 0.57)])
def test_a_small_object_loses_as_large_a_share_as_a_big_one(op: str, least: float, most: float) -> None:
    """A disc of 1000 pixels has radius 17.8: four pixels more are an IoU of (17.8 / 21.8)² = .67, four less of .60.

    It is a little less, because squares reach further at the diagonals.
    """
    parameters = resolved("scale_relative-v1", op=op, iterations_min=4, iterations_max=4)
    for radius in (10, 25, 60, 150):
        mask = disc(radius, 4 * radius + 9)
        assert least < iou(mask, scale_relative(Key(), mask, **parameters)) < most


def test_iterations_and_operation_are_drawn_alike() -> None:
    mask = disc(40, 161)
    parameters = resolved("scale_relative-v1")
    areas = Counter(int(scale_relative(Key(i), mask, **parameters).sum()) for i in range(300))
    assert len(areas) == 6
    assert sum(count for area, count in areas.items() if area > mask.sum()) == pytest.approx(150, abs=45)
    assert all(abs(count - 50) < 5 * 6.5 for count in areas.values())


def test_an_object_cut_off_by_the_canvas_goes_on_beyond_it() -> None:
    whole = disc(60, 241)
    parameters = resolved("scale_relative-v1", op="erode", iterations_min=3, iterations_max=3)
    cut_off, complete = whole[120:], np.pad(whole[120:], ((40, 0), (0, 0)))
    assert scale_relative(Key(), cut_off, **parameters)[0].sum() > 80
    assert not scale_relative(Key(), complete, **parameters)[40].any()


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_resampling_to_the_same_size_changes_nothing(mask: np.ndarray) -> None:
    assert np.array_equal(resample(mask, *mask.shape), mask)


def test_resampling_is_opencvs() -> None:
    rng = np.random.default_rng(0)
    differing = pixels = 0
    for _ in range(60):
        height, width, new_height, new_width = rng.integers(1, 90, 4).tolist()
        mask = cv2.GaussianBlur(rng.random((height, width)), (0, 0), 2) > 0.5
        expected = cv2.resize(mask.view(np.uint8), (new_width, new_height), interpolation=cv2.INTER_CUBIC) > 0
        differing += np.count_nonzero(resample(mask, new_height, new_width) != expected)
        pixels += expected.size
    assert differing < pixels / 1000  # OpenCV's rounding of a value of exactly ½ depends on the processor


# --- elastic deformation


def test_the_field_is_noise_smoothed_by_a_gaussian() -> None:
    field = smooth_field(Key(), Box(-200, -200, 200, 200), 5.0)
    assert field.shape == (400, 400, 2)
    gaussian = 1 / 3**0.5 / (2 * np.pi**0.5 * 5)  # of uniform values in (-1, 1), smoothed along both axes
    assert field.std(axis=(0, 1)) == pytest.approx(gaussian, rel=0.1)
    assert abs(field.mean()) < gaussian / 10
    for distance in (3, 7, 12):
        correlation = np.corrcoef(field[:-distance, :, 0].ravel(), field[distance:, :, 0].ravel())[0, 1]
        assert correlation == pytest.approx(np.exp(-(distance**2) / (4 * 25)), abs=0.06)
    assert abs(np.corrcoef(field[..., 0].ravel(), field[..., 1].ravel())[0, 1]) < 0.06


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3, 5, 10, 22.5, 100])
def test_three_box_means_have_the_variance_of_the_gaussian(sigma: float) -> None:
    widths = box_widths(sigma)
    assert len(widths) == 3
    assert all(width % 2 == 1 for width in widths)
    assert sum(width**2 - 1 for width in widths) / 12 == pytest.approx(sigma**2, rel=0.12, abs=0.1)


def test_a_value_of_the_field_depends_on_its_place_alone() -> None:
    whole = smooth_field(Key(), Box(-150, -140, 150, 160), 4.0)
    part = smooth_field(Key(), Box(-20, 100, 41, 155), 4.0)
    assert np.array_equal(part, whole[130:191, 240:295])
    assert not np.array_equal(part, smooth_field(Key(1), Box(-20, 100, 41, 155), 4.0))


def test_elastic_displaces_by_alpha_and_sigma() -> None:
    """The boundary of a half plane, read along its columns, is displaced by about α / √3 / (2 √π σ)."""
    mask = np.zeros((200, 400), bool)
    mask[100:] = True
    spread = []
    for alpha in (100, 200):
        parameters = resolved("elastic-v1", alpha=alpha, sigma=10)
        edges = [elastic(key, mask, **parameters).argmax(axis=0) for key in KEYS[:6]]
        assert np.abs(np.array(edges) - 100).max() <= parameters["limit_px"]
        spread.append(np.std(edges))
    assert spread[0] == pytest.approx(100 / 3**0.5 / (2 * np.pi**0.5 * 10), rel=0.2)
    assert spread[1] / spread[0] == pytest.approx(2, rel=0.15)


def test_holes_and_parts_survive_an_elastic_deformation() -> None:
    mask = disc(40, 141)
    mask &= ~disc(15, 141)
    mask[5:20, 5:20] = True
    for key in KEYS[:8]:
        noisy = elastic(key, mask, **resolved("elastic-v1", sigma=10))
        assert areas_of_parts(noisy) == pytest.approx([225, 4316], rel=0.35)
        assert areas_of_parts(~noisy) == pytest.approx([709, 14631], rel=0.35)
        assert 0.8 < iou(noisy, mask) < 1


def test_an_elastic_deformation_is_scaled_with_the_canvas() -> None:
    small, large = resolved("elastic-v1", 480, 854), resolved("elastic-v1", 960, 1708)
    assert (large["sigma_px"], large["alpha_px"]) == (2 * small["sigma_px"], 4 * small["alpha_px"])
    assert large["limit_px"] == pytest.approx(2 * small["limit_px"], abs=1)
    literal = resolved("elastic-v1", 960, 1708, unit="px")
    assert literal == small


# --- options


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("erode-v1", {"kernel": 4}, "expected an odd number of pixels as the kernel, 3 or more, got 4"),
        (
            "shift-v1",
            {"length": 0.4},
            r"a shift of 0\.4 \(480p\) is 0\.4 px on a 480×854 canvas, which changes nothing",
        ),
        ("shift-v1", {"length": 900}, "is 900 px on a 480×854 canvas, which leaves nothing of any object"),
        ("shift-v1", {"length": float("inf")}, "the option length must be a positive number, got inf"),
        ("elastic-v1", {"alpha": 1, "sigma": 10}, r"alpha 1 and sigma 10 \(480p\) displace by 0\.065 px at most"),
        ("elastic-v1", {"sigma": 0}, "the option sigma must be a positive number, got 0"),
        ("scale_relative-v1", {"area": 10.5}, r"the option area must be a positive whole number, got 10\.5"),
        ("scale_relative-v1", {"area": 10**7}, "the area must be at most 1000000 pixels, got 10000000"),
        ("scale_relative-v1", {"iterations_min": 5}, "iterations_min is 5, more than iterations_max, which is 4"),
        ("scale_relative-v1", {"iterations_max": 32}, "is 32, more than the width of an object of 1000 pixels"),
        ("scale_relative-v1", {"op": "dilat"}, r"unknown op of scale_relative 'dilat'\. Did you mean 'dilate'"),
    ],
)
def test_options_that_make_no_noise_are_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        resolved(name, **options)
