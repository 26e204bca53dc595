"""VISOR's deposit: what hands touch, and who is positive by it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from deposit_visor import CLASSES, Deposit, action_row, annotated, entity, rectangle, write_visor
from visor_actions import cell, clips_of, handboxes, one_action, only_clip

from actiseg_noise.datasets.visor import Visor
from actiseg_noise.datasets.visor.entities import corrections


def test_what_is_visible_in_the_box_of_an_object_in_contact_is_touched(tmp_path: Path) -> None:
    dataset = one_action(
        tmp_path,
        [
            entity("sponge", rectangle(520, 420, 540, 440)),  # wholly covered by the plate
            entity("plate", rectangle(500, 400, 600, 500)),
            entity("left hand", rectangle(450, 400, 495, 500), touches="plate"),
            entity("bag", rectangle(599, 300, 700, 401)),  # one pixel of the box, its last row and column left out
            entity("milk", rectangle(600, 300, 700, 499)),  # in the plate's last column, which the box has not
            entity("right hand", rectangle(1500, 900, 1600, 1000)),  # a hand is touched by being there
        ],
    )
    assert handboxes(dataset) == {
        "bag": True,
        "left hand": True,
        "milk": False,
        "plate": True,
        "right hand": True,
        "sponge": False,
    }


def test_the_hand_itself_is_listed_even_where_it_is_not_drawn(tmp_path: Path) -> None:
    frames = [entity("left hand")], [entity("left hand", cell(0, 0)), entity("plate", cell(4, 4))]
    assert handboxes(one_action(tmp_path, *frames)) == {"left hand": True, "plate": False}


@pytest.mark.parametrize(("gap", "is_near"), [(10, True), (11, False)])
def test_only_the_parts_near_the_hand_are_in_contact(gap: int, is_near: bool, tmp_path: Path) -> None:
    near, far = rectangle(500 + gap, 400, 600, 500), rectangle(1200, 400, 1300, 500)
    dataset = one_action(
        tmp_path,
        [
            entity("left hand", rectangle(450, 400, 500, 500), touches="plate"),
            entity("plate", near, far),
            entity("bag", rectangle(1210, 410, 1220, 420)),  # on the part that is far from the hand
        ],
    )
    assert handboxes(dataset) == {"bag": False, "left hand": True, "plate": is_near}


@pytest.mark.parametrize(("left", "touched"), [(0, True), (-1, False)])
def test_a_box_that_begins_outside_the_canvas_is_empty_as_in_actionvos(
    left: int, touched: bool, tmp_path: Path
) -> None:
    hand = entity("left hand", rectangle(90, 400, 120, 500), touches="plate")
    dataset = one_action(tmp_path, [entity("plate", rectangle(left, 400, 100, 500)), hand])
    assert handboxes(dataset) == {"left hand": True, "plate": touched}


@pytest.mark.parametrize("word", ["hand-not-in-contact", "none-of-the-above", "inconclusive", "f" * 32, None])
def test_a_hand_that_names_no_entity_of_the_frame_touches_nothing(word: str | None, tmp_path: Path) -> None:
    hand = entity("left hand", cell(1, 1), in_contact_object=word)
    assert handboxes(one_action(tmp_path, [hand, entity("plate", cell(1, 1))])) == {"left hand": True, "plate": False}


def test_a_hand_may_say_nothing_and_entities_need_no_id(tmp_path: Path) -> None:
    hand, plate = entity("left hand", cell(1, 1)), entity("plate", cell(1, 1))
    del plate["id"]
    assert handboxes(one_action(tmp_path, [hand, plate])) == {"left hand": True, "plate": False}


@pytest.mark.parametrize(
    ("worn", "with_hand", "expected"),
    [
        (["left hand"], True, {"plate"}),  # the glove belongs to the hand, and the glove's link counts
        (["right hand"], True, {"left glove", "plate"}),  # another hand's: it is touched, and touches for that hand
        (None, True, {"left glove"}),
        ("inconclusive", True, {"left glove", "plate"}),  # nobody's hand: a hand by itself
        (["left hand", "rigth hand"], True, {"plate"}),
        (["left hand"], False, {"plate"}),  # the hand cannot be seen: the glove is the hand
        (["left hand", "rigth hand"], False, {"plate"}),
        (None, False, set()),
    ],
)
def test_gloves_are_hands_where_they_are_worn(
    worn: object, with_hand: bool, expected: set[str], tmp_path: Path
) -> None:
    hand = [entity("left hand", rectangle(450, 400, 495, 500), touches="left glove")] if with_hand else []
    glove = entity("left glove", rectangle(500, 400, 595, 500), touches="plate", on_which_hand=worn)
    dataset = one_action(tmp_path, [*hand, glove, entity("plate", rectangle(600, 400, 700, 500))])
    assert {name for name, touched in handboxes(dataset).items() if touched} - {"left hand"} == expected


def test_a_glove_without_contact_fields_is_an_object(tmp_path: Path) -> None:
    hand = entity("left hand", rectangle(450, 400, 495, 500), touches="rubber glove")
    dataset = one_action(tmp_path, [hand, entity("rubber glove", rectangle(500, 400, 600, 500))])
    assert handboxes(dataset) == {"left hand": True, "rubber glove": True}


def test_only_gloves_are_worn(tmp_path: Path) -> None:
    bag = entity("bag", rectangle(500, 400, 595, 500), touches="plate", on_which_hand=["left hand"])
    dataset = one_action(tmp_path, [bag, entity("plate", rectangle(600, 400, 700, 500))])
    assert handboxes(dataset) == {"bag": False, "plate": False}


def test_of_two_entities_with_one_id_the_first_is_meant(tmp_path: Path) -> None:
    frame = [
        entity("left hand", cell(1, 1), touches="plate"),
        entity("plate", rectangle(300, 300, 310, 310)),
        entity("bag", rectangle(320, 300, 330, 310), id=entity("plate")["id"]),
    ]
    assert handboxes(one_action(tmp_path, frame)) == {"bag": False, "left hand": True, "plate": True}


UNSURE = {
    "a hand": entity("right hand", cell(3, 3), touches="inconclusive"),
    "a worn glove": entity("right glove", cell(3, 3), touches="none-of-the-above", on_which_hand=["right hand"]),
    "a glove on two hands": entity("gloves", cell(3, 3), touches="plate", on_which_hand=["left hand", "rigth hand"]),
}


@pytest.mark.parametrize("unsure", UNSURE)
@pytest.mark.parametrize(("split", "touched"), [("train", True), ("val", False)])
def test_in_val_a_frame_with_an_unsure_hand_has_no_contacts(
    split: str, touched: bool, unsure: str, tmp_path: Path
) -> None:
    frame = [entity("left hand", cell(1, 1), touches="plate"), entity("plate", cell(1, 1)), UNSURE[unsure]]
    assert handboxes(one_action(tmp_path, frame, split=split), split)["plate"] is touched


def test_links_that_are_wrong_in_the_release_are_corrected(tmp_path: Path) -> None:
    name = "P02_03_frame_0000003199.jpg"
    right = corrections()[name]["right hand"]
    frame = annotated(
        "P02_03",
        3199,
        entity("right hand", cell(1, 1), touches="plate"),
        entity("plate", cell(1, 1)),
        entity("sponge", rectangle(310, 250, 320, 260), id=right),  # also near the hand
    )
    frames = [frame, annotated("P02_03", 3200)]
    deposit = Deposit(train={"P02_03": frames}, train_rows=[action_row("P02_03", 0, 1, 9999)])
    flags = handboxes(Visor(deposit.write(tmp_path)))
    assert frame["image"]["name"] == name
    assert flags == {"plate": False, "right hand": True, "sponge": True}
    assert (len(corrections()), sum(map(len, corrections().values()))) == (11, 16)


def test_the_release_and_its_corrected_copy_give_the_same_clips(tmp_path: Path) -> None:
    """As VISOR-HOS corrects: gloves that say nothing say null, two words are both hands."""
    plain = Visor(write_visor(tmp_path))
    before = clips_of(plain)
    weights = [plain.weight_map(clip, frame) for clip in before for frame in clip.frames]
    changes = 0
    for path in sorted((tmp_path / "GroundTruth-SparseAnnotations/annotations").rglob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        for item in (item for frame in data["video_annotations"] for item in frame["annotations"]):
            if "glove" in item["name"] and "on_which_hand" not in item:
                item |= {"on_which_hand": None, "in_contact_object": None}
                changes += 1
            if len(item.get("on_which_hand") or "") == 2:
                item["on_which_hand"] = ["left hand", "right hand"]
                changes += 1
        corrected = Path(str(path).replace("/annotations/", "/annotations_corrected/"))
        corrected.parent.mkdir(parents=True, exist_ok=True)
        corrected.write_text(json.dumps(data), "utf-8")
    after = clips_of(plain)
    assert changes == 2
    assert {frame.mask_path for clip in before for frame in clip.frames}.isdisjoint(
        frame.mask_path for clip in after for frame in clip.frames
    )
    assert [clip.objects for clip in after] == [clip.objects for clip in before]
    again = [plain.weight_map(clip, frame) for clip in after for frame in clip.frames]
    assert all(map(np.array_equal, weights, again))


def test_positive_is_touched_or_narrated(tmp_path: Path) -> None:
    frame = [
        entity("left hand", cell(1, 1), touches="plate"),
        entity("plate", cell(1, 1)),
        entity("bag", cell(3, 3)),
        entity("milk", cell(4, 4)),
    ]
    clip = only_clip(one_action(tmp_path, frame, classes=(CLASSES["bag"], CLASSES["plate"], 299)))
    assert [(o.noun, o.handbox, o.in_narration, o.is_positive) for o in clip.objects] == [
        ("bag", False, True, True),
        ("left hand", True, False, True),
        ("milk", False, False, False),
        ("plate", True, True, True),
    ]
