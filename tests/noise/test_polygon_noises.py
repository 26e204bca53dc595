"""The noises on polygons: tracing and drawing, vertex jitter, simplification."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely import LinearRing, Point

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.noises.polygons import redraw, trace
from actiseg_noise.noises.simplify import corner_indices, resolve_tolerance, simplified, simplify
from actiseg_noise.noises.vertex_jitter import NODES, interpolate, reach_of_jitter, resolve_jitter, vertex_jitter
from actiseg_noise.recipe import NoiseSpec, load_recipe

any_mask = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def parse(*rows: str) -> np.ndarray:
    """Return the mask of rows of ``#`` and ``.``."""
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def show(mask: np.ndarray) -> list[str]:
    """Return a mask as rows of ``#`` and ``.``."""
    return ["".join(".#"[int(pixel)] for pixel in row) for row in mask]


def wobbly(height: int = 240, width: int = 320, centre: tuple[int, int] = (110, 150), radius: float = 55) -> np.ndarray:
    """Return a disc with a wavy outline."""
    rows, columns = np.mgrid[:height, :width]
    angle = np.arctan2(rows - centre[0], columns - centre[1])
    distance = np.hypot(rows - centre[0], columns - centre[1])
    return distance <= radius * (1 + 0.12 * np.sin(3 * angle) + 0.06 * np.sin(7 * angle + 1))


def ring(thickness: int = 12) -> np.ndarray:
    """Return a ring with an island in its hole and a second part beside it."""
    rows, columns = np.mgrid[:200, :300]
    distance = np.hypot(rows - 100, columns - 100)
    mask = (distance <= 70) & (distance >= 70 - thickness)
    mask[90:110, 90:110] = True
    mask[80:120, 200:260] = True
    return mask


def count_parts_and_holes(mask: np.ndarray) -> tuple[int, int]:
    """Return the number of connected parts and of holes in them, the smallest specks left out."""
    parts = [(outer, [hole for hole in holes if cv2.contourArea(hole) > 50]) for outer, holes in trace(mask)]
    large = [holes for outer, holes in parts if cv2.contourArea(outer) > 50]
    return len(large), sum(map(len, large))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union."""
    return float((a & b).sum() / (a | b).sum())


# --- polygons


@given(any_mask, st.integers(0, 3))
def test_outlines_that_do_not_move_give_the_mask_back(mask: np.ndarray, reach: int) -> None:
    assert show(redraw(mask, lambda outline: outline, reach)) == show(mask)


def test_every_outline_moves_and_what_leaves_the_crop_is_lost() -> None:
    mask = parse("####...", "#..#...", "####..#", ".......")
    moved = redraw(mask, lambda outline: outline + np.array([2, 1], np.int32), 2)
    assert show(moved) == [".......", "..####.", "..#..#.", "..####."]


def test_a_thin_part_is_at_least_its_line() -> None:
    mask = parse("........", ".######.", ".######.", "........")
    flat = redraw(mask, lambda outline: outline * np.array([1, 0], np.int32), 0)
    assert show(flat) == ["........", ".######.", "........", "........"]


def test_a_hole_that_would_close_keeps_its_pixels() -> None:
    mask = parse("########", "########", "##....##", "##....##", "########", "########")

    def close_holes(outline: np.ndarray) -> np.ndarray:
        return outline if outline.min() == 0 else outline * 0 + 4

    assert show(redraw(mask, close_holes, 0)) == show(mask)


def test_an_island_in_a_hole_is_a_part_of_its_own() -> None:
    mask = parse("#######", "#.....#", "#..#..#", "#.....#", "#######")
    parts = sorted((len(outer), len(holes)) for outer, holes in trace(mask))
    assert [holes for _, holes in parts] == [0, 1]
    assert show(redraw(mask, lambda outline: outline, 0)) == show(mask)


# --- simplify


def test_a_bump_below_the_tolerance_goes_and_one_above_stays() -> None:
    low = parse("#####..", "#####..", "######.", "#####..", "#####..")
    high = parse("#####..", "#####..", "#######", "#####..", "#####..")
    assert show(simplify(Key(), low, tolerance_px=1.5)) == 5 * ["#####.."]
    assert show(simplify(Key(), high, tolerance_px=1.5))[2] == "#######"


def test_corners_of_a_staircase_are_the_ends_of_its_line() -> None:
    stairs = np.array([[0, 0], [2, 0], [2, 1], [4, 1], [4, 2], [6, 2], [6, 3], [8, 3], [8, 12], [0, 12]])
    assert corner_indices(stairs, 0.71) == [0, 7, 8, 9]  # the furthest steps are 6 / √73 = 0.702 off the line
    assert corner_indices(stairs, 0.69)[:2] == [0, 1]  # and of equally far ones the first is kept first


@given(any_mask, st.floats(0.5, 6))
def test_no_outline_point_is_further_than_the_tolerance(mask: np.ndarray, tolerance: float) -> None:
    for outer, holes in trace(mask):
        for outline in [outer, *holes]:
            corners = simplified(outline, tolerance)
            if len(corners) >= 4:
                line = LinearRing(corners.astype(float))
                assert max(line.distance(Point(*point)) for point in outline.tolist()) <= tolerance + 1e-9


@given(any_mask, st.integers(0, 40), st.booleans())
def test_corners_do_not_depend_on_where_and_which_way_an_outline_was_traced(
    mask: np.ndarray, start: int, backwards: bool
) -> None:
    for outer, _ in trace(mask):
        if len(np.unique(outer, axis=0)) == len(outer):  # no pixel twice: the topmost leftmost point is one point
            turned = np.roll(outer[::-1] if backwards else outer, start, axis=0)
            assert {*map(tuple, simplified(turned, 1.2))} == {*map(tuple, simplified(outer, 1.2))}


def test_the_larger_the_tolerance_the_fewer_corners() -> None:
    (outline, _), *_ = trace(wobbly())
    counts = [len(simplified(outline, tolerance)) for tolerance in (1, 2, 4, 8, 16)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 20
    assert counts[-1] >= 3


def test_a_knife_narrower_than_the_tolerance_stays_a_knife() -> None:
    knife = np.zeros((60, 200), bool)
    knife[25:33, 20:180] = True
    assert iou(knife, simplify(Key(), knife, tolerance_px=15)) > 0.95


@pytest.mark.parametrize("tolerance", [5, 10, 15])
@pytest.mark.parametrize("thickness", [3, 12, 30])
def test_simplified_rings_keep_their_hole_island_and_second_part(tolerance: int, thickness: int) -> None:
    assert count_parts_and_holes(simplify(Key(), ring(thickness), tolerance_px=tolerance)) == (3, 1)


# --- vertex jitter


@pytest.mark.parametrize("seed", range(5))
def test_a_jittered_thick_ring_keeps_its_hole_island_and_second_part(seed: int) -> None:
    assert count_parts_and_holes(vertex_jitter(Key(seed), ring(), sigma_px=2, spacing_px=8)) == (3, 1)


def test_the_field_has_unit_variance_at_nodes_and_between_them() -> None:
    field = Key("field").generator("x").standard_normal((NODES, NODES, 2))
    grid = np.stack(np.meshgrid(np.arange(64.0), np.arange(64.0)), axis=-1).reshape(-1, 2)
    for offset in ([0, 0], [0.5, 0.5], [0.25, 0.9]):
        assert interpolate(field, grid + offset).std(axis=0) == pytest.approx([1, 1], abs=0.05)
    assert np.array_equal(interpolate(field, grid).reshape(64, 64, 2), field)


def test_the_field_is_smooth_and_goes_on_beyond_its_edges() -> None:
    field = Key("field").generator("x").standard_normal((NODES, NODES, 2))
    line = np.stack([np.linspace(-70, 70, 14001), np.full(14001, -3.4)], axis=1)
    values = interpolate(field, line)
    assert np.abs(np.diff(values, axis=0)).max() < 0.1
    assert values[0] == pytest.approx(interpolate(field, line[:1] + NODES)[0])


def test_outlines_move_by_sigma_and_never_by_more_than_three() -> None:
    square = np.zeros((300, 300), bool)
    square[100:200, 100:200] = True
    steps = []
    for seed in range(60):
        noisy = vertex_jitter(Key(seed), square, sigma_px=4, spacing_px=500)  # one vector for the whole object
        rows, columns = np.nonzero(noisy)
        steps += [rows.min() - 100, columns.min() - 100]
    assert np.std(steps) == pytest.approx(4, rel=0.25)
    assert np.abs(steps).max() <= reach_of_jitter({"sigma_px": 4}) == 12


@pytest.mark.parametrize("move", [(1, 0), (0, 1), (37, 61), (-40, 93)])
@pytest.mark.parametrize(
    ("noise", "options"), [(vertex_jitter, {"sigma_px": 3.3, "spacing_px": 7.1}), (simplify, {"tolerance_px": 6.7})]
)
def test_a_moved_object_gets_the_moved_noisy_mask(noise, options: dict[str, float], move: tuple[int, int]) -> None:
    here, there = (np.roll(wobbly(), step, axis=(0, 1)) for step in ((0, 0), move))
    assert np.array_equal(
        np.roll(noise(Key("bias"), here, **options), move, axis=(0, 1)), noise(Key("bias"), there, **options)
    )


def test_a_change_on_one_side_leaves_the_jitter_of_the_other_nearly_as_it_was() -> None:
    """What is lost to a hand moves the centre of mass by a pixel or two, and the field with it."""
    whole = wobbly()
    bitten = whole.copy()
    bitten[60:100, 165:240] = False
    left = np.s_[:, :130]
    options = {"sigma_px": 3, "spacing_px": 12}
    noisy = vertex_jitter(Key("bias"), whole, **options)
    same = vertex_jitter(Key("bias"), bitten, **options)
    other = vertex_jitter(Key("other"), bitten, **options)
    assert (noisy ^ same)[left].sum() < 0.5 * (noisy ^ other)[left].sum()


def test_an_object_that_the_canvas_cuts_stays_at_its_border() -> None:
    cut = wobbly(centre=(0, 150))
    for seed in range(5):
        noisy = vertex_jitter(Key(seed), cut, sigma_px=3, spacing_px=8)
        middle = np.flatnonzero(cut[0])[12:-12]
        assert noisy[0, middle].all()
    free = wobbly(centre=(110, 150))
    rows = [np.nonzero(vertex_jitter(Key(seed), free, sigma_px=3, spacing_px=8))[0].min() for seed in range(5)]
    assert len(set(rows)) > 1


def test_neighbouring_sigmas_are_harder_noise() -> None:
    scores = [
        np.median([iou(wobbly(), vertex_jitter(Key(seed), wobbly(), sigma_px=s, spacing_px=8)) for seed in range(9)])
        for s in (2, 3, 4)
    ]
    assert all(hard < easy - 0.01 for easy, hard in pairwise(scores))


# --- the recipes


@pytest.mark.parametrize(("level", "share", "flips"), [("easy", 0.2, 0.2), ("medium", 0.25, 0.3), ("hard", 0.3, 0.4)])
def test_each_noise_of_coco_n_takes_the_same_share_of_masks(level: str, share: float, flips: float) -> None:
    flip, *masks = load_recipe(f"coco-n-{level}").noises
    assert flip == NoiseSpec("category_flip-v1", flips)
    left = 1.0
    for spec in masks:
        assert left * spec.rate == pytest.approx(share)
        left *= 1 - spec.rate


# --- options


def test_lengths_are_at_480_rows_unless_they_are_literal() -> None:
    options = {"sigma": 3, "spacing": 8, "unit": "480p"}
    assert resolve_jitter(options, 1080, 1920) == {"sigma_px": 6.75, "spacing_px": 18.0}
    assert resolve_jitter({**options, "unit": "px"}, 1080, 1920) == {"sigma_px": 3.0, "spacing_px": 8.0}
    assert resolve_tolerance({"tolerance": 10, "unit": "480p"}, 320, 240) == {"tolerance_px": 5.0}


@pytest.mark.parametrize(
    ("resolve", "options", "message"),
    [
        (resolve_jitter, {"sigma": 0, "spacing": 8, "unit": "px"}, "the option sigma must be a positive number, got 0"),
        (resolve_jitter, {"sigma": 3, "spacing": "8", "unit": "px"}, "option spacing must be a positive number"),
        (resolve_tolerance, {"tolerance": True, "unit": "px"}, "option tolerance must be a positive number, got True"),
        (resolve_tolerance, {"tolerance": 5, "unit": "cm"}, "expected 480p or px as the boundary's unit, got 'cm'"),
    ],
)
def test_an_option_that_is_no_length_is_refused(resolve, options: dict[str, object], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        resolve(options, 480, 854)
