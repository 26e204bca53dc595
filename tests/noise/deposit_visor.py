"""VISOR deposits in the official layout, with the names, the fields and the irregularities that the real one has.

No real annotation file was at hand: keys and values follow the deposit's own README and the code that reads it
(VISOR-VIS, VISOR-VOS, VISOR-HOS). Frames are 1920×1080; VISOR's frame number n is EPIC-KITCHENS' n + 2.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

from PIL import Image

from actiseg_noise.datasets.visor.actions import COLUMNS

Polygon = list[list[float]]
Json = dict[str, Any]

SPARSE = "GroundTruth-SparseAnnotations"
HEADER = (*COLUMNS[:1], "participant_id", COLUMNS[1], *(f"{at}_timestamp" for at in ("narration", "start", "stop")))
HEADER = (*HEADER, *COLUMNS[2:])
CLASSES = {
    "bag": 19,
    "bin/garbage can/recycling bin": 18,
    "crème fraîche": 113,
    "cupboard": 3,
    "fridge": 12,
    "gloves": 60,
    "left glove": 303,
    "left hand": 300,
    "milk": 64,
    "plate": 2,
    "right glove": 304,
    "right hand": 301,
    "rubber glove": 60,
    "sponge": 34,
}


def rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    """Return a polygon; filled, its last row and column are included."""
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def entity(name: str, *polygons: Any, touches: str | None = None, **fields: Any) -> Json:
    """Return one entry of a frame's ``annotations``.

    Args:
        touches: the name of another entity of the frame, or one of the release's words.
    """
    found: Json = {"id": entity_id(name), "name": name, "class_id": CLASSES[name], "exhaustive": "y"}
    if touches is not None:
        found["in_contact_object"] = entity_id(touches) if touches in CLASSES else touches
    return found | {"segments": list(polygons)} | fields


def entity_id(name: str) -> str:
    """Return 32 hex digits."""
    return md5(name.encode(), usedforsecurity=False).hexdigest()


def image_name(video: str, number: int) -> str:
    """Return VISOR's name of a frame."""
    return f"{video}_frame_{number:010d}.jpg"


def annotated(video: str, number: int, *entities: Json) -> Json:
    """Return one entry of ``video_annotations``."""
    name, part = image_name(video, number), f"{video}_seq_00001"
    path = f"{video}/Part_001/{part}/frame_{number:010d}/frame_{number:010d}.jpg"
    image = {"image_path": path, "name": name, "subsequence": part, "video": video}
    return {"image": image, "annotations": list(entities)}


def action_row(video: str, number: int, start: int, stop: int, **cells: Any) -> dict[str, str]:
    """Return one row of an EPIC-KITCHENS table; frames are EPIC-KITCHENS' own."""
    row = {
        "narration_id": f"{video}_{number}",
        "participant_id": video.partition("_")[0],
        "video_id": video,
        "narration_timestamp": "00:00:00.560",
        "start_timestamp": "00:00:00.00",
        "stop_timestamp": "00:00:01.89",
        "start_frame": start,
        "stop_frame": stop,
        "narration": "take milk and",
        "verb": "take",
        "verb_class": 0,
        "noun": "milk",
        "noun_class": 64,
        "all_nouns": ["milk"],
        "all_noun_classes": [64],
    }
    return {key: str(value) for key, value in (row | cells).items()}


@dataclass
class Deposit:
    """What is written: annotations per split and video, rows per table, and which videos frame_mapping.json has.

    Attributes:
        mapped: video → VISOR's frame numbers, in the order of frame_mapping.json. None: those that are annotated.
    """

    train: dict[str, list[Json]] = field(default_factory=dict)
    val: dict[str, list[Json]] = field(default_factory=dict)
    train_rows: list[dict[str, str]] = field(default_factory=list)
    val_rows: list[dict[str, str]] = field(default_factory=list)
    mapped: dict[str, Sequence[int]] | None = None

    def write(self, root: Path, tables: str = ".", annotations: str = "annotations") -> Path:
        """Write the deposit without images; return its root."""
        for split, videos in (("train", self.train), ("val", self.val)):
            folder = root / SPARSE / annotations / split
            folder.mkdir(parents=True, exist_ok=True)
            for video, frames in videos.items():
                text = json.dumps({"video_annotations": frames}, ensure_ascii=False)
                (folder / f"{video}.json").write_text(text, encoding="utf-8")
        (root / "frame_mapping.json").write_text(json.dumps(self._mapping()), encoding="utf-8")
        (root / tables).mkdir(parents=True, exist_ok=True)
        write_table(root / tables / "EPIC_100_train.csv", self.train_rows)
        write_table(root / tables / "EPIC_100_validation.csv", self.val_rows)
        return root

    def _mapping(self) -> dict[str, dict[str, str]]:
        mapped: Mapping[str, Iterable[int]] = self.mapped or {
            video: [int(entry["image"]["name"][-14:-4]) for entry in frames]
            for video, frames in (self.train | self.val).items()
        }
        return {
            video: {image_name(video, n): f"frame_{n + 2:010d}.jpg" for n in numbers}
            for video, numbers in mapped.items()
        }


def write_table(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write an EPIC-KITCHENS table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, HEADER)
        writer.writeheader()
        writer.writerows(rows)


def write_images(folder: Path, video: str, numbers: Iterable[int]) -> None:
    """Write grey frames of full size."""
    folder.mkdir(parents=True)
    for number in numbers:
        Image.new("RGB", (1920, 1080), (90, 90, 90)).save(folder / image_name(video, number))


def write_visor(root: Path) -> Path:
    """Write both splits, one with images in the participant's folder, one with images in ActionVOS's layout."""
    deposit = Deposit(
        train={"P01_107": fridge_frames(), "P06_13": glove_frames(), "P09_02": fridge_frames("P09_02")},
        val={"P02_09": unsure_frames()},
        # Rows are in no order, P09_02 has none, and VISOR's val split is in EPIC-KITCHENS' train table.
        train_rows=[*fridge_rows(), *unsure_rows()],
        val_rows=glove_rows(),
        # Neither are the videos in order; P03_111 belongs to the test split; P01_107's last frame is not mapped.
        mapped={
            "P06_13": (128, 181, 240),
            "P02_09": (40, 90, 120),
            "P03_111": (7, 8),
            "P09_02": (100, 130),
            "P01_107": (100, 130, 160, 200),
        },
    )
    deposit.write(root, tables="epic-kitchens-100-annotations")
    write_images(root / SPARSE / "rgb_frames/train/P01/P01_107", "P01_107", (100, 130, 160, 200))
    write_images(root / SPARSE / "rgb_frames/val/P02_09", "P02_09", (40, 90, 120))
    return root


def fridge_frames(video: str = "P01_107") -> list[Json]:
    """Return frames of hands without gloves: overlaps, holes, two milks, degenerate and outlying polygons."""
    door, hole = rectangle(900.0, 40.5, 1700.9, 1000.25), rectangle(1000, 100, 1300, 400)
    fridge = entity("fridge", door, hole)  # the hole is a polygon of its own
    bin_ = entity("bin/garbage can/recycling bin", rectangle(-40.75, 800, 200, 1200), exhaustive="n")
    first = annotated(
        video,
        100,
        fridge,
        bin_,
        entity("right hand", rectangle(1400, 500, 1520, 700), touches="milk"),
        # Of these two parts only the first is near the hand.
        entity("milk", rectangle(1526, 450, 1600, 640), rectangle(300, 100, 360, 200)),
        entity("crème fraîche", rectangle(1580, 600, 1650, 660)),
    )
    second = annotated(
        video,
        130,
        entity("milk", rectangle(1200, 500, 1260, 600)),
        entity("milk", rectangle(1400, 500, 1460, 600), id="0" * 32),  # two entities of one name
        fridge | {"segments": [door, []]},
        entity("right hand", rectangle(1250, 560, 1350, 700), touches="milk"),
        entity("left hand", touches="hand-not-in-contact"),  # listed, nowhere drawn
        entity("bag", [[700.0, 700.0], [760.0, 700.0]]),  # a polygon of two points
        entity("plate"),
    )
    third = annotated(video, 160, fridge, entity("left hand", rectangle(700, 300, 899, 500), touches="fridge"))
    fourth = annotated(
        video,
        200,
        entity("cupboard", [[100, 100], [500, 500], [500, 100], [100, 500]]),  # crosses itself
        entity("right hand", rectangle(450, 200, 700, 260), touches="inconclusive"),
        entity("left hand", rectangle(480, 300, 700, 420), touches="cupboard"),
    )
    unmapped = annotated(video, 300, fridge)
    return [third, first, unmapped, fourth, second]


def fridge_rows() -> list[dict[str, str]]:
    """Return actions that share frames, repeat themselves, have one frame, or none."""
    box = {"verb": "put-into", "verb_class": 5, "noun": "bag:cereal", "noun_class": 19}
    named = {"narration": "put milk into bag", "all_nouns": ["bag:cereal", "milk"], "all_noun_classes": [19, 64]}
    close = {"narration": "close fridge", "verb": "close", "verb_class": 4, "noun": "fridge", "noun_class": 12}
    return [
        action_row("P01_107", 10, 102, 140, **box, **named),
        action_row("P01_107", 2, 95, 140),
        action_row("P01_107", 12, 95, 140),
        action_row("P01_107", 3, 150, 202, **close, all_nouns=["fridge"], all_noun_classes=[12]),
        action_row("P01_107", 4, 195, 205),
        action_row("P01_107", 5, 400, 500),
        action_row("P77_01", 0, 1, 1000),
    ]


def glove_frames() -> list[Json]:
    """Return frames of gloves: worn with and without a visible hand, lying about, badly spelt, saying nothing."""
    sponge, plate = entity("sponge", rectangle(400, 400, 500, 480)), entity("plate", rectangle(880, 610, 1100, 700))
    worn = annotated(
        "P06_13",
        128,
        plate,
        sponge,
        entity("left hand", rectangle(300, 500, 340, 560), touches="left glove"),
        # The glove belongs to the left hand, and what the glove touches counts.
        entity("left glove", rectangle(330, 420, 398, 520), on_which_hand=["left hand"], touches="sponge"),
        # No right hand is annotated: the glove is the hand.
        entity("right glove", rectangle(800, 600, 880, 700), on_which_hand=["right hand"], touches="plate"),
    )
    lying = annotated(
        "P06_13",
        181,
        entity("rubber glove", rectangle(600, 600, 700, 700)),  # says neither who wears it nor what it touches
        entity("left hand", rectangle(500, 600, 599, 700), touches="rubber glove"),
        entity("right hand", rectangle(1500, 600, 1599, 700), touches="7" * 32),  # no such id
        plate,
    )
    badly_spelt = annotated(
        "P06_13",
        240,
        entity(
            "rubber glove", rectangle(600, 600, 700, 700), on_which_hand=["left hand", "rigth hand"], touches="plate"
        ),
        entity(
            "left glove", rectangle(100, 100, 150, 150), on_which_hand="inconclusive", touches="glove-not-in-contact"
        ),
        entity("right glove", rectangle(200, 100, 250, 150), on_which_hand=None, in_contact_object=None),
        entity("plate", rectangle(705, 610, 800, 700)),
        sponge,
    )
    return [badly_spelt, lying, worn]


def glove_rows() -> list[dict[str, str]]:
    """Return one action over the three frames, and one over two of them."""
    wash = {"narration": "wash plate", "verb": "wash", "verb_class": 2, "noun": "plate", "noun_class": 2}
    return [
        action_row("P06_13", 1, 1, 300, **wash, all_nouns=["plate"], all_noun_classes=[2]),
        action_row("P06_13", 7, 150, 300, narration="put gloves on", verb="wear", noun="glove", all_noun_classes=[]),
    ]


def unsure_frames() -> list[Json]:
    """Return frames of val: one has an inconclusive hand, so that the other hand's contact does not count either."""
    plate, hand = entity("plate", rectangle(600, 600, 800, 700)), rectangle(500, 600, 599, 700)
    return [
        annotated("P02_09", 40, plate, entity("left hand", hand, touches="plate")),
        annotated("P02_09", 120, entity("sponge", rectangle(0, 0, 50, 50)), entity("milk", rectangle(60, 0, 90, 50))),
        annotated(
            "P02_09",
            90,
            entity("sponge", rectangle(900, 600, 1000, 700)),
            entity("left hand", hand, touches="sponge"),
            entity("right hand", rectangle(1001, 600, 1100, 700), touches="none-of-the-above"),
        ),
    ]


def unsure_rows() -> list[dict[str, str]]:
    """Return actions of the val video."""
    return [action_row("P02_09", 0, 1, 100), action_row("P02_09", 1, 92, 122, narration="open milk", verb="open")]
