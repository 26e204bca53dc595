"""The noises of annotators and tools, each on masks that a reader can check by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import Toy, make_clip, thing

from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import MASKS
from actiseg_noise.masks import Box, Rle, decode_rle
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.noises.boundary_walk import boundary_walk, resolve_walk, smoothed, walk
from actiseg_noise.noises.clicks import click, clicks, correlated, telling
from actiseg_noise.noises.drop_frames import draw_runs
from actiseg_noise.noises.keyframes import interpolate, key_positions, signed_distance
from actiseg_noise.noises.lag import earlier
from actiseg_noise.noises.merge_instances import partners
from actiseg_noise.noises.polygons import trace
from actiseg_noise.noises.split_instance import split_instance
from actiseg_noise.noises.superpixel import slic, superpixel, without_specks
from actiseg_noise.noises.view import Neighbours, Track, View
from actiseg_noise.recipe import NoiseSpec, Recipe


def parse(*rows: str) -> np.ndarray:
    """Return the mask of rows of ``#`` and ``.``."""
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def show(mask: np.ndarray) -> list[str]:
    """Return a mask as rows of ``#`` and ``.``."""
    return ["".join(".#"[int(pixel)] for pixel in row) for row in mask]


def disc(radius: int = 30, size: int = 120) -> np.ndarray:
    """Return a filled circle in the middle of a canvas."""
    rows, columns = np.ogrid[:size, :size]
    return (rows - size // 2) ** 2 + (columns - size // 2) ** 2 <= radius**2


def build(masks: list[np.ndarray], *specs: NoiseSpec, positives: tuple[int, ...] = (), **more: Any) -> list[np.ndarray]:
    """Return the noisy index masks of one clip's frames."""
    ids = sorted({int(value) for mask in masks for value in np.unique(mask)} - {0, 255})
    clip = make_clip("c", [thing(i, 1, positive=not positives or i in positives) for i in ids], frames=len(masks))
    arrays = {f"c/f{number:03d}.png": np.asarray(mask, np.uint8) for number, mask in enumerate(masks)}
    recipe = Recipe("toy", specs, **more)
    rows, _ = Worker(make_request(Toy(Path("toy"), [clip], arrays), BuildOptions(recipe=recipe)).job()).rows([clip])
    out = [np.where(mask == 255, 255, 0) for mask in map(np.asarray, masks)]
    for row in (dict(zip([c.name for c in MASKS.columns], row, strict=True)) for row in rows["masks"]):
        frame = out[row["frame_idx"]]
        code = row["clean_rle"] if row["noisy_rle"] is None else row["noisy_rle"]
        frame[decode_rle(Rle(*frame.shape, code, 0))] = row["object_id"]
    return out


def track_at(position: int, *seen: bool) -> Track:
    """Return an object that is in view in some frames."""
    box = Box(0, 0, 1, 1)
    return Track(position, [box if one else None for one in seen], lambda at: np.ones((1, 1), bool))


# --- clicks


def test_clicks_go_where_the_outline_turns() -> None:
    square = np.zeros((40, 60), bool)
    square[10:31, 10:51] = True
    ((outline, _),) = trace(square)
    corners = click(Key("k"), outline, 4, 0.0001, 0.0)
    assert sorted(map(tuple, corners.tolist())) == [(10, 10), (10, 30), (50, 10), (50, 30)]
    assert np.array_equal(clicks(Key("k"), square, clicks=4, sigma_px=0.0001, correlation=0.5), square)


def test_more_clicks_come_nearer_to_the_outline() -> None:
    mask = disc()
    lost = [int((mask ^ clicks(Key(0), mask, clicks=n, sigma_px=0.01, correlation=0.0)).sum()) for n in (4, 8, 16, 64)]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 10 * lost[-1]


def test_points_on_a_straight_side_are_never_clicked() -> None:
    ring = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [3, 2], [2, 2], [1, 2], [0, 2], [0, 1]])
    assert telling(ring, 9) == [0, 3, 5, 8]


def test_errors_go_along_with_those_before_and_keep_their_size() -> None:
    draws = Key("errors").generator("x").standard_normal((20_000, 2))
    for correlation in (0.0, 0.5, 0.9):
        errors = correlated(draws, correlation)
        assert errors.std() == pytest.approx(1, abs=0.05)
        assert np.corrcoef(errors[:-1, 0], errors[1:, 0])[0, 1] == pytest.approx(correlation, abs=0.03)
        assert abs(np.corrcoef(errors[:, 0], errors[:, 1])[0, 1]) < 0.05


def test_a_hole_is_clicked_too() -> None:
    ring = disc(40) & ~disc(20)
    noisy = clicks(Key(3), ring, clicks=30, sigma_px=1, correlation=0.7)
    assert not noisy[60, 60]
    assert noisy[60, 30]


# --- key frames


def test_key_frames_are_the_first_every_so_many_and_the_last_in_view() -> None:
    seen = (False, True, True, True, True, True, True, False, True)
    keys = [key_positions(track_at(position, *seen), 3) for position in (1, 2, 3, 4, 5, 6, 8)]
    assert keys == [(1, 1), (1, 4), (1, 4), (4, 4), (4, 6), (6, 6), (8, 8)]


def test_distances_are_negative_inside_and_half_a_pixel_at_the_outline() -> None:
    distances = signed_distance(parse(".....", ".....", "..#..", ".....", ".....")) / 16
    assert distances[2].tolist() == [1.5, 0.5, -0.5, 0.5, 1.5]


def test_distances_are_found_in_whole_numbers_whatever_opencv_was_built_with() -> None:
    mask = np.ones((200, 200), bool)
    mask[0, 0] = False
    down, right = np.indices(mask.shape)
    long, short = np.maximum(down, right), np.minimum(down, right)
    straight, diagonal, knight = 65536, 91750, 143976  # 1, 1.4 and 2.1969 in 1/65536
    steep = knight * (long - short) + diagonal * (2 * short - long)
    flat = knight * short + straight * (long - 2 * short)
    expected = np.rint(np.where(2 * short > long, steep, flat) / 4096).astype(int)  # in 1/16
    assert (8 - signed_distance(mask))[mask].tolist() == expected[mask].tolist()


def test_between_a_small_and_a_large_square_lies_the_middle_one() -> None:
    small, large = (np.zeros((24, 24), bool) for _ in range(2))
    small[10:14, 10:14], large[4:20, 4:20] = True, True
    middle = interpolate(small, large, 1, 2)
    assert (middle[12].sum(), middle[:, 12].sum()) == (10, 10)
    assert np.array_equal(middle, middle.T)


def test_an_object_that_moves_is_in_between_where_it_should_be() -> None:
    start, end, between = (np.zeros((10, 60), bool) for _ in range(3))
    start[3:7, 2:8], end[3:7, 50:56], between[3:7, 14:20] = True, True, True
    assert show(interpolate(start, end, 1, 4)) == show(between)


def test_key_frames_stay_clean_and_others_forget_what_happened_between() -> None:
    wide, narrow = np.zeros((20, 40), np.uint8), np.zeros((20, 40), np.uint8)
    wide[5:15, 5:35], narrow[5:15, 15:25] = 1, 1
    noisy = build([wide, narrow, wide, narrow, narrow], NoiseSpec("keyframes-v1", 1.0, {"every": 2}))
    assert [np.array_equal(a, b) for a, b in zip(noisy, (wide, wide, wide), strict=False)] == [True, True, True]
    assert np.array_equal(noisy[4], narrow)
    assert narrow.sum() < noisy[3].sum() < wide.sum()


# --- lag


def test_a_lag_takes_the_mask_of_earlier_frames_and_at_first_the_first() -> None:
    frames = [np.eye(6, dtype=np.uint8)[[place]] for place in range(6)]
    noisy = build(frames, NoiseSpec("lag-v1", 1.0, {"delay": 2}))
    assert [frame.argmax() for frame in noisy] == [0, 0, 0, 1, 2, 3]


def test_a_lag_does_not_reach_back_to_before_the_object_came_into_view() -> None:
    seen = (True, True, False, True, True, True)
    views = [View(1, Box(0, 0, 1, 1), Key(), track=track_at(position, *seen)) for position in (3, 4, 5)]
    assert [earlier(view, 2) for view in views] == [3, 3, 3]


def test_void_and_an_earlier_object_keep_their_pixels_from_a_lagging_one() -> None:
    frames = [np.array([[2, 2, 2, 0]]), np.array([[1, 255, 0, 2]])]
    noisy = build(frames, NoiseSpec("lag-v1", 1.0, {"delay": 1}))
    assert noisy[1].tolist() == [[1, 255, 2, 0]]


# --- boundary walk


def test_a_walk_that_only_goes_out_with_certainty_is_as_many_dilations() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[4, 4] = 1
    assert show(walk(Key(), mask, 2, 1.0, 1.0)) == [
        *(".........", ".........", "....#....", "...###..."),
        "..#####..",
        *("...###...", "....#....", ".........", "........."),
    ]
    assert walk(Key(), walk(Key(), mask, 2, 1.0, 1.0), 2, 0.0, 1.0).sum() == 1


def test_the_mean_way_of_a_walk_follows_from_its_chances() -> None:
    line = np.zeros((120, 400), np.uint8)
    line[60:] = 1
    heights = [walk(Key(seed), line, 100, 1.0, 0.05)[1:-1, 1:-1].sum(0).mean() - 59 for seed in range(3)]
    assert 5 < np.mean(heights) < 12  # 100 × 0.05 = 5, more where the outline is rough
    back = [walk(Key(seed), line, 100, 0.0, 0.05)[1:-1, 1:-1].sum(0).mean() - 59 for seed in range(3)]
    assert -12 < np.mean(back) < -5


def test_expansion_is_a_bias_and_half_is_none() -> None:
    mask = disc()
    areas = {
        expand: np.mean(
            [
                boundary_walk(
                    Key(s), mask, **resolve_walk({"steps": 80, "expand": expand, "flip": 0.05}, 480, 480)
                ).sum()
                for s in range(8)
            ]
        )
        for expand in (0.2, 0.5, 0.8)
    }
    assert areas[0.2] < 0.9 * mask.sum() < 1.1 * mask.sum() < areas[0.8]
    assert areas[0.5] == pytest.approx(mask.sum(), rel=0.1)


def test_smoothing_leaves_details_that_the_walk_did_not_touch() -> None:
    clean = np.zeros((20, 40), np.uint8)
    clean[5:15, 2:12] = 1
    clean[10, 12:38] = 1  # a wire, one pixel wide
    walked = clean.copy()
    walked[4, 6] = 1
    assert np.array_equal(smoothed(clean, walked)[:, 10:], clean[:, 10:])
    assert smoothed(clean, walked)[4, 6] == 0


def test_a_walk_at_1080_rows_is_that_at_480_scaled_up() -> None:
    options = {"steps": 180, "expand": 0.8, "flip": 0.05}
    assert resolve_walk(options, 1080, 1920) == {**resolve_walk(options, 480, 854), "scale": 2.25}
    assert resolve_walk(options, 240, 400)["steps"] == 90
    small, large = disc(40, 240), disc(90, 540)
    grown = [
        boundary_walk(Key(1), mask, **resolve_walk(options, rows, rows)).sum() / mask.sum()
        for mask, rows in ((small, 480), (large, 1080))
    ]
    assert grown[0] == pytest.approx(grown[1], rel=0.1)


def test_an_object_that_the_canvas_cuts_does_not_shrink_away_from_its_border() -> None:
    cut = np.zeros((80, 80), bool)
    cut[20:60, :50] = True
    for seed in range(3):
        noisy = boundary_walk(Key(seed), cut, **resolve_walk({"steps": 100, "expand": 0.0, "flip": 0.05}, 480, 480))
        assert noisy.sum() < cut.sum()
        assert noisy[35:45, 0].all()


# --- skipped frames


def test_runs_have_the_length_and_the_share_that_were_asked_for() -> None:
    skipped = np.array(draw_runs(Key("runs"), 20_000, 0.3, 5.0))
    starts = np.flatnonzero(np.diff(skipped.astype(int)) == 1)
    ends = np.flatnonzero(np.diff(skipped.astype(int)) == -1)
    lengths = ends[ends > starts[0]][: len(starts) - 1] - starts[:-1]
    assert skipped.mean() == pytest.approx(0.3, abs=0.03)
    assert lengths.mean() == pytest.approx(5, abs=0.5)


def test_runs_do_not_depend_on_how_many_frames_follow() -> None:
    assert draw_runs(Key("runs"), 50, 0.4, 3.0) == draw_runs(Key("runs"), 90, 0.4, 3.0)[:50]


@pytest.mark.parametrize("temporal", ["clip", "frame"])
def test_an_object_is_gone_in_runs_and_comes_back_as_it_was(temporal: str) -> None:
    frames = [np.array([[1, 2, 0]])] * 40
    noisy = build(frames, NoiseSpec("drop_frames-v1", 1.0, {"share": 0.5, "run": 4}), temporal=temporal)
    base = Key("noise", 0, "drop_frames-v1", 0, "toy-source", "c")
    for object_id, column in ((1, 0), (2, 1)):
        expected = draw_runs(base.child(object_id), 40, 0.5, 4.0)
        assert [frame[0, column] == 0 for frame in noisy] == expected
        assert 0 < sum(expected) < 40


# --- merged and split


def neighbours(mask: list[list[int]], hit: set[int], order: tuple[int, ...]) -> Neighbours:
    """Return the objects of a frame."""
    index_mask = np.array(mask, np.uint8)
    return Neighbours(index_mask, order, {}, frozenset(hit))


def test_borders_are_counted_in_both_directions() -> None:
    frame = neighbours([[1, 1, 2], [3, 0, 2], [3, 2, 2]], set(), (1, 2, 3))
    assert frame.borders == {(1, 2): 1, (1, 3): 1, (2, 3): 1}


def test_an_object_takes_the_one_that_it_touches_most() -> None:
    mask = [[2, 1, 1, 3], [0, 1, 1, 3]]
    assert partners(neighbours(mask, {1}, (1, 2, 3))) == {1: 3}


def test_no_object_is_in_two_pairs_and_only_later_ones_are_taken() -> None:
    row = [[1, 2, 3, 4]]
    assert partners(neighbours(row, {1, 2, 3, 4}, (1, 2, 3, 4))) == {1: 2, 3: 4}
    assert partners(neighbours(row, {2, 3}, (1, 2, 3, 4))) == {2: 3}
    assert partners(neighbours(row, {4}, (1, 2, 3, 4))) == {}


def test_merged_objects_are_one_and_the_other_is_gone() -> None:
    (noisy,) = build([np.array([[1, 1, 2, 0, 3, 255]])], NoiseSpec("merge_instances-v1", 1.0), positives=(1, 3))
    assert noisy.tolist() == [[1, 1, 1, 0, 3, 255]]
    (noisy,) = build([np.array([[1, 3, 2, 2]])], NoiseSpec("merge_instances-v1", 1.0), positives=(2,))
    assert noisy.tolist() == [[1, 2, 2, 2]]


def test_an_object_is_cut_at_its_waist() -> None:
    dumbbell = parse(
        *("####.......####", "####.......####", "###############", "####.......####", "####.......####"),
    )
    noisy = split_instance(Key(), dumbbell, cut="narrowest", lost=0.5)
    assert noisy[:, :4].all() != noisy[:, -4:].all()
    assert not (noisy & ~dumbbell).any()
    assert 0.25 <= 1 - noisy.sum() / dumbbell.sum() <= 0.5


@pytest.mark.parametrize("cut", ["narrowest", "line"])
@pytest.mark.parametrize("lost", [0.1, 0.25, 0.5])
def test_no_more_is_lost_than_was_asked_for(cut: str, lost: float) -> None:
    mask = disc()
    for seed in range(10):
        gone = 1 - split_instance(Key(seed), mask, cut=cut, lost=lost).sum() / mask.sum()
        assert lost / 2 - 0.03 <= gone <= lost


def test_a_line_is_drawn_and_the_waist_is_not() -> None:
    drawn = {
        cut: {split_instance(Key(seed), disc(), cut=cut, lost=0.5).tobytes() for seed in range(10)}
        for cut in ("line", "narrowest")
    }
    assert (len(drawn["line"]) > 5, len(drawn["narrowest"])) == (True, 1)


# --- superpixels


def test_regions_follow_an_edge_of_the_picture() -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, 27:] = 200
    labels = slic(picture, 8, 10)
    assert not set(labels[:, :27].ravel()) & set(labels[:, 27:].ravel())
    assert 20 <= len(np.unique(labels)) <= 32


def test_a_picture_of_one_colour_has_regions_of_a_grid() -> None:
    labels = slic(np.full((32, 64, 3), 90, np.uint8), 8, 10)
    assert np.array_equal(labels, np.kron(np.arange(32).reshape(4, 8), np.ones((8, 8), int)))


def slow_regions(picture: np.ndarray, side: int, compactness: int) -> list[list[int]]:
    """Return what ``slic`` does for sides that divide the picture, pixel by pixel, in numbers of any size."""
    down, across = picture.shape[0] // side, picture.shape[1] // side
    weight = 16 * compactness // side
    features = {
        (row, column): (weight * row, weight * column, *(16 * level for level in picture[row, column].tolist()))
        for row, column in np.ndindex(picture.shape[:2])
    }
    labels = {(row, column): row // side * across + column // side for row, column in features}
    for _ in range(5):
        regions: dict[int, list[tuple[int, ...]]] = {}
        for place, label in labels.items():
            regions.setdefault(label, []).append(features[place])
        seeds = {label: [sum(plane) // len(plane) for plane in zip(*regions[label], strict=True)] for label in regions}
        for (row, column), own in features.items():
            near_rows = range(max(row // side - 1, 0), min(row // side + 2, down))
            near_columns = range(max(column // side - 1, 0), min(column // side + 2, across))
            near = [label for r in near_rows for c in near_columns if (label := r * across + c) in seeds]
            labels[row, column] = min(near, key=lambda n: sum((a - b) ** 2 for a, b in zip(own, seeds[n], strict=True)))
    return [[labels[row, column] for column in range(picture.shape[1])] for row in range(picture.shape[0])]


def test_regions_without_a_pixel_stay_so_in_a_wide_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 2, (8, 480, 1), np.uint8).repeat(3, 2) * np.uint8(255)
    labels = slic(picture, 8, 100)
    assert len(np.unique(labels)) < 60
    assert labels.tolist() == slow_regions(picture, 8, 100)


def test_an_outline_beside_an_edge_snaps_to_it() -> None:
    picture = np.full((120, 160, 3), 60, np.uint8)
    picture[40:80, 50:110] = (190, 160, 90)
    mask = np.zeros((120, 160), bool)
    mask[42:79, 53:112] = True
    view = View(1, Box(0, 0, *mask.shape), Key(), read_image=lambda: picture)
    noisy = superpixel(Key(), mask, view, size_px=8, compactness=5, covered=0.5)
    snapped = np.zeros_like(mask)
    snapped[40:80, 50:110] = True
    assert (noisy ^ snapped).sum() < 0.2 * (mask ^ snapped).sum()


def test_specks_and_pinholes_join_what_is_around_them() -> None:
    mask = parse("#......", "..####.", "..#.##.", "..####.")
    assert show(without_specks(mask, 2)) == [".......", "..####.", "..####.", "..####."]


# --- options


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("clicks-v1", {"clicks": 2}, "the option clicks must be a whole number from 3 to 10,000, got 2"),
        ("clicks-v1", {"correlation": 1}, "the option correlation must be below 1"),
        ("clicks-v1", {"sigma": 0}, "the option sigma must be a positive number, got 0"),
        ("keyframes-v1", {"every": 1}, "the option every must be a whole number from 2"),
        ("lag-v1", {"delay": 0}, "the option delay must be a whole number from 1"),
        ("lag-v1", {"delay": 1.5}, "the option delay must be a whole number from 1 to 10,000, got 1.5"),
        ("boundary_walk-v1", {"expand": 1.2}, "the option expand must be a number from 0 to 1, got 1.2"),
        ("boundary_walk-v1", {"flip": 0}, "the option flip must be above 0"),
        ("boundary_walk-v1", {"flip": 1e-6}, "the option flip must be above 0.00001, got 1e-06"),
        ("drop_frames-v1", {"share": 1}, "the option share must be above 0 and below 1, got 1"),
        ("drop_frames-v1", {"share": 0.9, "run": 2}, "runs of 2 frames that make 0.9 of all leave gaps of 0.22 frames"),
        ("split_instance-v1", {"cut": "zigzag"}, "unknown cut 'zigzag'"),
        ("split_instance-v1", {"lost": 0.6}, "the option lost must be a number from 0 to 0.5, got 0.6"),
        ("superpixel-v1", {"size": 1}, r"regions of 1 \(480p\) are 1 px on a 480×854 canvas"),
        ("superpixel-v1", {"covered": 1.0}, "the option covered must be above 0 and below 1, got 1"),
    ],
)
def test_an_option_out_of_range_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    noise = NOISES[name]
    assert isinstance(noise, MaskNoise)
    with pytest.raises(ActisegError, match=message):
        noise.resolve({**noise.defaults, **options}, 480, 854)
