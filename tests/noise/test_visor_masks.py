"""VISOR's deposit: objects, index masks and weight maps, as ActionVOS's preparation paints them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deposit_visor import CLASSES, entity, rectangle
from visor_actions import cell, cells, first_mask, first_weights, one_action, only_clip

from actiseg_noise.datasets.visor import Visor
from actiseg_noise.errors import ActisegError

# --- objects and masks


def test_objects_are_names_in_code_point_order_and_their_last_class_counts(tmp_path: Path) -> None:
    first = [entity("sponge", cell(0, 0)), entity("bag", cell(0, 1), class_id=7), entity("plate")]
    second = [
        entity("bag", cell(0, 1)),
        entity("crème fraîche", cell(2, 2)),
        entity("bin/garbage can/recycling bin", []),
    ]
    clip = only_clip(one_action(tmp_path, first, second, classes=(CLASSES["sponge"],)))
    assert [(o.object_id, o.noun, o.category_id, o.in_narration) for o in clip.objects] == [
        (1, "bag", 19, False),
        (2, "bin/garbage can/recycling bin", 18, False),
        (3, "crème fraîche", 113, False),
        (4, "sponge", 34, True),
    ]


def test_later_entities_cover_earlier_ones_and_one_name_is_one_object(tmp_path: Path) -> None:
    dataset = one_action(
        tmp_path,
        [
            entity("plate", cell(0, 0, 2, 4)),
            entity("bag", cell(1, 2, 3, 3)),
            entity("plate", cell(3, 4, 2, 2), id="0" * 32),
        ],
    )
    clip = only_clip(dataset)
    assert [o.noun for o in clip.objects] == ["bag", "plate"]
    assert cells(first_mask(dataset)) == [
        [2, 2, 2, 2, 0, 0, 0, 0],
        [2, 2, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 2, 2, 0, 0],
        [0, 0, 0, 0, 2, 2, 0, 0],
    ]


def test_polygons_of_an_entity_cut_holes_into_each_other(tmp_path: Path) -> None:
    dataset = one_action(tmp_path, [entity("plate", cell(0, 0, 5, 5), cell(1, 1, 3, 3), cell(2, 2))])
    assert cells(first_mask(dataset)) == [
        [1, 1, 1, 1, 1, 0, 0, 0],
        [1, 0, 0, 0, 1, 0, 0, 0],
        [1, 0, 1, 0, 1, 0, 0, 0],
        [1, 0, 0, 0, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],
    ]


def test_odd_polygons_are_drawn_as_the_published_scripts_draw_them(tmp_path: Path) -> None:
    polygons = [[], [[50.9, 60.2]], [[70, 80], [72, 80]], rectangle(-30_000, 1078.5, 2.9, 9_000)]
    bow = [[100, 100], [104, 104], [104, 100], [100, 104]]
    dataset = one_action(tmp_path, [entity("plate", *polygons), entity("bag", bow)], size="native")
    mask = first_mask(dataset)
    plate = {(0, 0), (60, 50), (80, 70), (80, 71), (80, 72)} | {(y, x) for y in (1078, 1079) for x in range(3)}
    assert set(map(tuple, np.argwhere(mask == 2).tolist())) == plate
    assert (mask[100:105, 100:105] == 1).astype(int).tolist() == [
        [1, 0, 0, 0, 1],
        [1, 1, 0, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 1, 0, 1, 1],
        [1, 0, 0, 0, 1],
    ]


def test_masks_are_854_by_480_unless_asked_for_as_they_are(tmp_path: Path) -> None:
    frame = [entity("plate", cell(0, 0))]
    small, native = one_action(tmp_path, frame), Visor(tmp_path, size="native")
    assert first_mask(small).shape == (480, 854)
    assert first_weights(small).shape == (480, 854)
    assert first_mask(native).shape == (1080, 1920)
    assert first_weights(native).shape == (1080, 1920)


def test_the_small_mask_has_the_columns_that_pillow_samples(tmp_path: Path) -> None:
    """The middle of new columns 213 and 640 lies exactly between two old ones; Pillow's sum of steps falls below."""
    lines = [entity("plate", [[479, 0], [479, 1079]]), entity("bag", [[480, 0], [480, 1079]])]
    dataset = one_action(tmp_path, [*lines, entity("milk", [[1439, 0], [1439, 1079]])])
    assert np.unique(np.argwhere(first_mask(dataset))[:, 1]).tolist() == [213, 640]


def test_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="--option size=480p: expected one of 854x480, native"):
        Visor(tmp_path, size="480p")


# --- weights


def test_weights_of_a_frame_with_contacts(tmp_path: Path) -> None:
    dataset = one_action(
        tmp_path,
        [
            entity("fridge", cell(0, 0, 3, 5)),  # narrated: 2, and 4 in the box of the plate
            entity("milk", cell(0, 6, 5)),  # neither narrated nor in the box: 3
            entity("bag", cell(2, 3, 3)),  # not narrated, but reaches into the box: paints nothing
            entity("plate", cell(2, 2, 2, 2)),  # in contact: 2 where nothing narrated was painted
            entity("left hand", rectangle(240, 640, 485, 660), touches="plate"),
        ],
        classes=(CLASSES["fridge"],),
    )
    expected = [
        [2, 2, 2, 2, 2, 1, 3, 1],
        [2, 2, 2, 2, 2, 1, 3, 1],
        [2, 2, 4, 4, 2, 1, 3, 1],
        [1, 1, 2, 2, 1, 1, 3, 1],
        [1, 1, 1, 1, 1, 1, 3, 1],
    ]
    assert cells(first_weights(dataset)) == expected
    assert first_weights(dataset).dtype == np.uint8
    assert cells(first_weights(Visor(tmp_path, size="native"))) == expected


def test_in_a_frame_without_contacts_negatives_are_those_of_the_clip(tmp_path: Path) -> None:
    """The bag is touched in the second frame, so it is positive in the first: it paints nothing there."""
    touching = [entity("left hand", cell(4, 0), touches="bag"), entity("bag", cell(4, 0))]
    first = [entity("fridge", cell(0, 0, 2, 2)), entity("milk", cell(1, 1, 2, 2)), entity("bag", cell(3, 3, 2, 2))]
    dataset = one_action(tmp_path, first, touching, classes=(CLASSES["fridge"],))
    assert cells(first_weights(dataset)) == [
        [2, 2, 1, 1, 1, 1, 1, 1],
        [2, 3, 3, 1, 1, 1, 1, 1],
        [1, 3, 3, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1, 1, 1],
    ]


def test_what_a_hand_holds_is_rounded_to_two_decimals_before_it_is_cut(tmp_path: Path) -> None:
    """So VISOR-HOS writes its polygons; the mask is cut at once."""
    plate = entity("plate", rectangle(600, 400, 699.996, 500))
    hand = entity("left hand", rectangle(500, 400, 595, 500), touches="plate")
    dataset = one_action(tmp_path, [plate, hand], size="native")
    assert first_weights(dataset)[450, 698:702].tolist() == [2, 2, 2, 1]
    assert first_mask(dataset)[450, 698:702].tolist() == [2, 2, 0, 0]


def test_a_later_narrated_object_paints_over_a_negative_one(tmp_path: Path) -> None:
    dataset = one_action(
        tmp_path, [entity("milk", cell(0, 0, 2, 2)), entity("fridge", cell(1, 1, 2, 2))], classes=(CLASSES["fridge"],)
    )
    assert [row[:4] for row in cells(first_weights(dataset))[:3]] == [
        [3, 3, 1, 1],
        [3, 2, 2, 1],
        [1, 2, 2, 1],
    ]
