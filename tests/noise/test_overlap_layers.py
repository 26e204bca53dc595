"""Objects whose masks overlap are divided among clips of the same frames."""

from __future__ import annotations

import numpy as np

from actiseg_noise.datasets.layers import MOST_OBJECTS, divide_into_layers, find_overlaps, layer_name

LEFT = np.array([[1, 1, 0, 0]], bool)
MIDDLE = np.array([[0, 1, 1, 0]], bool)
RIGHT = np.array([[0, 0, 0, 1]], bool)


def test_masks_that_share_a_pixel_are_found() -> None:
    assert find_overlaps([LEFT, MIDDLE, RIGHT]) == {(0, 1)}


def test_masks_that_only_touch_do_not_overlap() -> None:
    assert find_overlaps([MIDDLE, RIGHT]) == set()


def test_no_masks_have_no_overlaps() -> None:
    assert find_overlaps([]) == set()


def test_objects_that_never_meet_are_one_layer() -> None:
    assert divide_into_layers([3, 1, 2], set()) == [(3, 1, 2)]


def test_an_object_goes_to_the_first_layer_where_it_meets_none() -> None:
    assert divide_into_layers([1, 2, 3, 4], {(1, 2), (1, 3), (2, 3), (3, 4)}) == [(1, 4), (2,), (3,)]


def test_a_layer_has_as_many_objects_as_an_index_mask_has_ids() -> None:
    layers = divide_into_layers(range(MOST_OBJECTS + 1), set())
    assert [len(layer) for layer in layers] == [MOST_OBJECTS, 1]


def test_a_single_layer_has_the_name_of_its_video_and_several_sort() -> None:
    assert layer_name("v", 0, 1) == "v"
    names = [layer_name("v", place, 11) for place in range(11)]
    assert names == sorted(names)
    assert names[0] == "v~01"
