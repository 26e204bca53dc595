"""VISOR's deposit: the same clips as ActionVOS's preparation of it, and the rules they follow, one by one."""

from __future__ import annotations

import dataclasses
import gc
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_visor import (
    CLASSES,
    Deposit,
    Json,
    Polygon,
    action_row,
    annotated,
    entity,
    rectangle,
    write_images,
    write_visor,
)
from slow_visor import write_actionvos_layout

import actiseg_noise
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.actionvos import ActionVos
from actiseg_noise.datasets.visor import Visor, adapter
from actiseg_noise.datasets.visor import video as video_module
from actiseg_noise.datasets.visor.entities import corrections
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord

TABLES = "epic-kitchens-100-annotations"
VIDEO = "P01_107"


def clips_of(dataset: Any, split: str = "train") -> list[Clip]:
    return list(dataset.iter_clips(split, with_frames=True))


def cell(row: int, column: int, rows: int = 1, columns: int = 1) -> Polygon:
    """Return a polygon over cells of a 5×8 grid, 10 pixels inside them."""
    return rectangle(240 * column + 10, 216 * row + 10, 240 * (column + columns) - 10, 216 * (row + rows) - 10)


def cells(mask: np.ndarray) -> list[list[int]]:
    """Return the values in the middle of the cells of a 5×8 grid."""
    height, width = mask.shape
    rows = [int(height * (row + 0.5) / 5) for row in range(5)]
    return [[int(mask[y, int(width * (column + 0.5) / 8)]) for column in range(8)] for y in rows]


def one_action(
    root: Path, *frames: list[Json], split: str = "train", classes: tuple[int, ...] = (), **options: str
) -> Visor:
    """Write one action over these frames; a frame without anything is added to a lone one. Return the dataset."""
    shown = frames if len(frames) > 1 else (*frames, [])
    entries = [annotated(VIDEO, 10 * number, *entities) for number, entities in enumerate(shown, 1)]
    row = action_row(VIDEO, 0, 1, 1000, all_noun_classes=list(classes))
    return Visor(Deposit(train_rows=[row], **{split: {VIDEO: entries}}).write(root), **options)


def only_clip(dataset: Visor, split: str = "train") -> Clip:
    (clip,) = dataset.iter_clips(split, with_frames=True)
    return clip


def handboxes(dataset: Visor, split: str = "train") -> dict[str, bool | None]:
    return {item.noun: item.handbox for item in only_clip(dataset, split).objects}


# --- the same as ActionVOS's preparation


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ActionVos, Visor]:
    """Return one deposit in two layouts: as ActionVOS prepares it, and as it is."""
    folder = tmp_path_factory.mktemp("layouts")
    visor = Visor(write_visor(folder / "visor"))
    return ActionVos(write_actionvos_layout(visor.root, folder / "actionvos", visor.root / TABLES)), visor


@pytest.mark.parametrize("split", ["train", "val"])
def test_clips_are_those_of_actionvos(layouts: tuple[ActionVos, Visor], split: str) -> None:
    prepared, deposit = (clips_of(dataset, split) for dataset in layouts)
    assert [dataclasses.replace(c, frames=()) for c in deposit] == [dataclasses.replace(c, frames=()) for c in prepared]
    assert [[f.frame_id for f in c.frames] for c in deposit] == [[f.frame_id for f in c.frames] for c in prepared]
    assert {dataset.card.source for dataset in layouts} == {"visor"}


@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_and_weights_are_those_of_actionvos(layouts: tuple[ActionVos, Visor], split: str) -> None:
    prepared, deposit = layouts
    values = set()
    for theirs, ours in zip(clips_of(prepared, split), clips_of(deposit, split), strict=True):
        for their_frame, frame in zip(theirs.frames, ours.frames, strict=True):
            assert np.array_equal(prepared.read_index_mask(theirs, their_frame), deposit.read_index_mask(ours, frame))
            weights = deposit.weight_map(ours, frame)
            place = str(their_frame.mask_path).replace("Annotations_Sparse", "Weights_Sparse")
            assert np.array_equal(read_index_mask(prepared.root / place), weights)
            values.update(np.unique(weights).tolist())
    assert values == ({1, 2, 3, 4} if split == "train" else {1, 2, 3})


def test_vocabularies_are_the_same(layouts: tuple[ActionVos, Visor]) -> None:
    prepared, deposit = (list(dataset.iter_vocabulary(("train", "val"))) for dataset in layouts)
    assert deposit == prepared
    assert ObjectRecord(1, 18, "bin/garbage can/recycling bin", "bin/garbage can/recycling bin", True) in deposit


def test_both_layouts_build_one_manifest(layouts: tuple[ActionVos, Visor], tmp_path: Path) -> None:
    digests = set()
    for dataset in layouts:
        path = actiseg_noise.build(
            dataset, recipe="mixed-40-15", out=tmp_path / dataset.card.name, workers=1, gate=False
        )
        manifest = actiseg_noise.read_manifest(path)
        assert manifest.info.counts == {"clips": 6, "frames": 13, "samples": 36, "masks": 79}
        assert compare_with_dataset(manifest, root=dataset.root) == []
        digests.add(manifest.info.digest)
    assert len(digests) == 1


def scattered(rng: np.random.Generator, name: str, **fields: Any) -> Json:
    """Return an entity of up to three polygons, some crossing themselves, some outside the canvas."""
    polygons = []
    for _ in range(rng.integers(1, 4)):
        middle, spread = rng.uniform((300, 300), (900, 800)), rng.uniform(5, 160)
        polygons.append((middle + rng.normal(0, spread, (int(rng.integers(1, 9)), 2))).round(2).tolist())
    return entity(name, *polygons, **fields)


@pytest.mark.parametrize("split", ["train", "val"])
def test_random_frames_are_labelled_as_actionvos_does(split: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    names = sorted(CLASSES)
    frames = []
    for number in range(1, 11):
        shown = [name for name in rng.permutation(names).tolist() if rng.random() < 0.6]
        words = [*shown, "hand-not-in-contact", "none-of-the-above"]
        touch = {name: words[rng.integers(len(words))] for name in shown if "hand" in name or "glove" in name}
        worn = [None, "inconclusive", ["left hand"], ["right hand"], ["left hand", "rigth hand"]]
        fields = {name: {"touches": word} for name, word in touch.items()}
        for name in filter(lambda name: "glove" in name, shown):
            fields[name]["on_which_hand"] = worn[rng.integers(5)]
        frames.append(annotated(VIDEO, number, *(scattered(rng, name, **fields.get(name, {})) for name in shown)))
    rows = [action_row(VIDEO, n, 3 * n, 3 * n + 3, all_noun_classes=[2, 12]) for n in (1, 2, 3)]
    deposit = Visor(Deposit(train_rows=rows, **{split: {VIDEO: frames}}).write(tmp_path / "d"))
    prepared = ActionVos(write_actionvos_layout(deposit.root, tmp_path / "a", deposit.root))
    pairs = list(zip(clips_of(prepared, split), clips_of(deposit, split), strict=True))
    assert len(pairs) == 3
    for theirs, ours in pairs:
        assert ours.objects == theirs.objects
        for their_frame, frame in zip(theirs.frames, ours.frames, strict=True):
            assert np.array_equal(prepared.read_index_mask(theirs, their_frame), deposit.read_index_mask(ours, frame))
            place = str(their_frame.mask_path).replace("Annotations_Sparse", "Weights_Sparse")
            assert np.array_equal(read_index_mask(prepared.root / place), deposit.weight_map(ours, frame))


# --- which actions are clips


def test_an_action_becomes_a_clip(tmp_path: Path) -> None:
    clip = clips_of(Visor(write_visor(tmp_path)))[2]
    images = "GroundTruth-SparseAnnotations/rgb_frames/train/P01/P01_107"
    annotations = "GroundTruth-SparseAnnotations/annotations/train/P01_107.json"
    assert dataclasses.replace(clip, objects=()) == Clip(
        clip_id="00000003_P01_107_take_milk",
        address="P01_107/95-140/take/milk",
        video_id="P01_107",
        narration="take milk and",
        verb="take",
        noun="milk",
        objects=(),
        frames=(
            *(
                FrameRecord(f"frame_0000000{n + 2}", f"{images}/{name}", annotations, True, mask_key=name)
                for n, name in ((n, f"P01_107_frame_0000000{n}.jpg") for n in (100, 130))
            ),
        ),
        source_order=2,
        verb_class=0,
        noun_class=64,
        start_frame=95,
        stop_frame=140,
    )


def test_kept_actions_are_counted_in_the_order_of_the_mapping_and_of_narration_numbers(tmp_path: Path) -> None:
    dataset = Visor(write_visor(tmp_path))
    assert [clip.clip_id for clip in clips_of(dataset)] == [
        "00000001_P06_13_wash_plate",
        "00000002_P06_13_wear_glove",
        "00000003_P01_107_take_milk",
        "00000004_P01_107_close_fridge",
        "00000005_P01_107_put-into_bag:cereal",  # narration 10 comes after 3
        "00000006_P01_107_take_milk",
    ]
    assert [clip.clip_id[:15] for clip in clips_of(dataset, "val")] == ["00000001_P02_09", "00000002_P02_09"]


def test_the_same_action_narrated_twice_has_two_addresses(tmp_path: Path) -> None:
    addresses = [clip.address for clip in clips_of(Visor(write_visor(tmp_path)))]
    assert (addresses[2], addresses[5]) == ("P01_107/95-140/take/milk", "P01_107/95-140/take/milk/2")


def test_start_and_stop_frame_belong_to_the_action_and_one_frame_is_too_few(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, entity("plate", cell(0, 0))) for n in (10, 20, 30)]  # 12, 22, 32 in EPIC-KITCHENS
    rows = [
        action_row(VIDEO, n, *bounds) for n, bounds in enumerate([(12, 22), (13, 31), (33, 99), (22, 32), (12, 32)])
    ]
    clips = clips_of(Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path)))
    assert [[f.frame_id[-2:] for f in c.frames] for c in clips] == [["12", "22"], ["22", "32"], ["12", "22", "32"]]


def test_an_action_without_objects_is_dropped(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, entity("plate", *([cell(0, 0)] if n > 25 else []))) for n in (10, 20, 30, 40)]
    rows = [action_row(VIDEO, 0, 1, 22), action_row(VIDEO, 1, 1, 42)]
    (clip,) = clips_of(Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path)))
    assert (clip.clip_id[:8], clip.stop_frame) == ("00000001", 42)


def test_a_frame_that_the_mapping_lacks_is_in_no_action(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, entity("plate", cell(0, 0))) for n in (10, 20, 30)]
    deposit = Deposit(train={VIDEO: frames}, train_rows=[action_row(VIDEO, 0, 1, 99)], mapped={VIDEO: (30, 10)})
    clip = only_clip(Visor(deposit.write(tmp_path)))
    assert [f.frame_id[-2:] for f in clip.frames] == ["12", "32"]


def test_a_mapped_frame_that_the_annotations_lack_has_no_mask(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, 20, entity("plate", cell(1, 2)))]
    deposit = Deposit(train={VIDEO: frames}, train_rows=[action_row(VIDEO, 0, 1, 99)], mapped={VIDEO: (10, 20)})
    dataset = Visor(deposit.write(tmp_path))
    clip = only_clip(dataset)
    assert [(f.frame_id[-2:], f.is_annotated, f.mask_path is None) for f in clip.frames] == [
        ("12", False, True),
        ("22", True, False),
    ]
    with pytest.raises(DataError, match="frame_0000000012: the frame has no mask"):
        dataset.read_index_mask(clip, clip.frames[0])
    with pytest.raises(DataError, match="frame_0000000012: the frame has no mask"):
        dataset.weight_map(clip, clip.frames[0])


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
    assert cells(dataset.read_index_mask(clip, clip.frames[0])) == [
        [2, 2, 2, 2, 0, 0, 0, 0],
        [2, 2, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 2, 2, 0, 0],
        [0, 0, 0, 0, 2, 2, 0, 0],
    ]


def test_polygons_of_an_entity_cut_holes_into_each_other(tmp_path: Path) -> None:
    dataset = one_action(tmp_path, [entity("plate", cell(0, 0, 5, 5), cell(1, 1, 3, 3), cell(2, 2))])
    clip = only_clip(dataset)
    assert cells(dataset.read_index_mask(clip, clip.frames[0])) == [
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
    clip = only_clip(dataset)
    mask = dataset.read_index_mask(clip, clip.frames[0])
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
    clip = only_clip(small)
    assert small.read_index_mask(clip, clip.frames[0]).shape == (480, 854)
    assert small.weight_map(clip, clip.frames[0]).shape == (480, 854)
    assert native.read_index_mask(clip, clip.frames[0]).shape == (1080, 1920)
    assert native.weight_map(clip, clip.frames[0]).shape == (1080, 1920)


def test_the_small_mask_has_the_columns_that_pillow_samples(tmp_path: Path) -> None:
    """The middle of new columns 213 and 640 lies exactly between two old ones; Pillow's sum of steps falls below."""
    lines = [entity("plate", [[479, 0], [479, 1079]]), entity("bag", [[480, 0], [480, 1079]])]
    dataset = one_action(tmp_path, [*lines, entity("milk", [[1439, 0], [1439, 1079]])])
    clip = only_clip(dataset)
    assert np.unique(np.argwhere(dataset.read_index_mask(clip, clip.frames[0]))[:, 1]).tolist() == [213, 640]


def test_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActisegError, match="--option size=480p: expected one of 854x480, native"):
        Visor(tmp_path, size="480p")


# --- what hands touch


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
    clip = only_clip(dataset)
    expected = [
        [2, 2, 2, 2, 2, 1, 3, 1],
        [2, 2, 2, 2, 2, 1, 3, 1],
        [2, 2, 4, 4, 2, 1, 3, 1],
        [1, 1, 2, 2, 1, 1, 3, 1],
        [1, 1, 1, 1, 1, 1, 3, 1],
    ]
    assert cells(dataset.weight_map(clip, clip.frames[0])) == expected
    assert dataset.weight_map(clip, clip.frames[0]).dtype == np.uint8
    assert cells(Visor(tmp_path, size="native").weight_map(clip, clip.frames[0])) == expected


def test_in_a_frame_without_contacts_negatives_are_those_of_the_clip(tmp_path: Path) -> None:
    """The bag is touched in the second frame, so it is positive in the first: it paints nothing there."""
    touching = [entity("left hand", cell(4, 0), touches="bag"), entity("bag", cell(4, 0))]
    first = [entity("fridge", cell(0, 0, 2, 2)), entity("milk", cell(1, 1, 2, 2)), entity("bag", cell(3, 3, 2, 2))]
    dataset = one_action(tmp_path, first, touching, classes=(CLASSES["fridge"],))
    clip = only_clip(dataset)
    assert cells(dataset.weight_map(clip, clip.frames[0])) == [
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
    clip = only_clip(dataset)
    assert dataset.weight_map(clip, clip.frames[0])[450, 698:702].tolist() == [2, 2, 2, 1]
    assert dataset.read_index_mask(clip, clip.frames[0])[450, 698:702].tolist() == [2, 2, 0, 0]


def test_a_later_narrated_object_paints_over_a_negative_one(tmp_path: Path) -> None:
    dataset = one_action(
        tmp_path, [entity("milk", cell(0, 0, 2, 2)), entity("fridge", cell(1, 1, 2, 2))], classes=(CLASSES["fridge"],)
    )
    clip = only_clip(dataset)
    assert [row[:4] for row in cells(dataset.weight_map(clip, clip.frames[0]))[:3]] == [
        [3, 3, 1, 1],
        [3, 2, 2, 1],
        [1, 2, 2, 1],
    ]


# --- what is read when


def test_images_are_where_the_disk_has_them(tmp_path: Path) -> None:
    dataset = Visor(write_visor(tmp_path))
    clips = [clip for split in ("train", "val") for clip in clips_of(dataset, split)]
    paths = [str(frame.image_path) for clip in clips for frame in clip.frames]
    assert "GroundTruth-SparseAnnotations/rgb_frames/train/P01/P01_107/P01_107_frame_0000000200.jpg" in paths
    assert "GroundTruth-SparseAnnotations/rgb_frames/val/P02_09/P02_09_frame_0000000120.jpg" in paths
    assert all((tmp_path / path).is_file() for path in paths if path != "None")
    assert paths.count("None") == sum(len(clip.frames) for clip in clips if clip.video_id == "P06_13")


def test_images_in_one_folder_per_video_are_found_too(tmp_path: Path) -> None:
    dataset = one_action(tmp_path, [entity("plate", cell(0, 0))])
    write_images(tmp_path / f"GroundTruth-SparseAnnotations/rgb_frames/train/{VIDEO}", VIDEO, (10,))
    image = tmp_path / str(only_clip(dataset).frames[0].image_path)
    assert image.is_file()


def test_every_frame_is_painted_once_per_iteration_and_never_for_the_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    paint = video_module.touched_names
    monkeypatch.setattr(video_module, "touched_names", lambda *args: calls.append(args) or paint(*args))
    dataset = Visor(write_visor(tmp_path))
    assert len(list(dataset.iter_vocabulary(("train", "val")))) == 13
    assert calls == []
    shown = [frame.mask_key for clip in dataset.iter_clips("train", with_frames=False) for frame in clip.frames]
    assert (len(shown), len(set(shown)), len(calls)) == (13, 7, 7)


def test_at_most_two_videos_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that clips are made of, and the one that masks are read of."""
    made: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    class Counted(video_module.VideoAnnotations):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.add(self)

    monkeypatch.setattr(adapter, "VideoAnnotations", Counted)
    videos = [f"P01_{number:02d}" for number in range(6)]
    frames = {v: [annotated(v, n, entity("plate", cell(0, 0))) for n in (1, 2)] for v in videos}
    dataset = Visor(Deposit(train=frames, train_rows=[action_row(v, 0, 1, 9) for v in videos]).write(tmp_path))
    first = None
    for clip in dataset.iter_clips("train", with_frames=True):
        first = first or clip
        dataset.read_index_mask(first, first.frames[0])
        gc.collect()
        most = max(most, len(made))
    assert most == 2


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    dataset = one_action(tmp_path, [entity("plate", cell(0, 0))])
    clip = only_clip(dataset)
    dataset.read_index_mask(clip, clip.frames[0])
    one_action(tmp_path, [entity("plate", cell(2, 2)), entity("sponge", cell(3, 3))])
    with pytest.raises(
        DataError, match=r"P01_107\.json: clip '0.*milk', frame '.*12' has an object 'sponge', which is"
    ):
        dataset.read_index_mask(clip, clip.frames[0])
    frames = [annotated(VIDEO, 900, entity("plate", cell(2, 2)))]
    Deposit(train={VIDEO: frames}).write(tmp_path)
    with pytest.raises(DataError, match=r"P01_107\.json, frame 'P01_107_frame_0000000010\.jpg': no such frame"):
        dataset.weight_map(clip, clip.frames[0])


def test_an_export_has_the_masks_and_the_weights_that_actionvos_s_preparation_writes(tmp_path: Path) -> None:
    root = write_visor(tmp_path / "visor")
    slow = write_actionvos_layout(root, tmp_path / "slow", root / TABLES)
    folder = actiseg_noise.build("visor", root=root, recipe="clean", out=tmp_path / "m")
    report = export_actionvos(actiseg_noise.read_manifest(folder), tmp_path / "out", root=root)
    weights = sorted(
        path.relative_to(tmp_path / "out") for path in (tmp_path / "out" / "Weights_Sparse").rglob("*.png")
    )
    assert weights == sorted(path.relative_to(slow) for path in (slow / "Weights_Sparse" / "train").rglob("*.png"))
    assert len(weights) == report["counts"]["weights"] > 0
    for name in [*weights, *(Path("Annotations_Sparse", *path.parts[1:]) for path in weights)]:
        assert np.array_equal(read_index_mask(tmp_path / "out" / name), read_index_mask(slow / name)), name
