"""What there is in the kitchen: categories, their nouns and looks, and the verbs. Data first, no drawing.

Sizes are pixels of a 240 x 400 picture; colours are RGB hex, several of them (``"aa0000/00aa00"``) where an
instance picks one. Nouns of one category that look the same are synonyms; the others are sub-types.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
HEIGHT, WIDTH, FRAMES = 240, 400, 3
SPLITS = {"pretrain": 500, "train": 240, "val": 60, "test": 120}  # number of videos; new ones come last

LOOK_ALIKE_SHARE = 0.10  # videos with two nouns of one category
FULL_NARRATION_SHARE = 0.40  # narrations that name the patient
SHARED_PATIENTS_SHARE = 0.60  # videos made so that both patients fit both verbs; chance makes it 0.77
DISTRACTOR_COUNTS = (0, 1, 1, 1, 2)  # drawn uniformly


@dataclass(frozen=True)
class Appearance:
    """How an instance is drawn: outline, size along x and y (px), candidate colours and surface."""

    shape: str
    length: int
    width: int
    body: tuple[str, ...]
    accent: str
    flesh: str
    material: str


@dataclass(frozen=True)
class KitchenCategory:
    """One class; ``looks`` maps each of its nouns to its look."""

    category_id: int
    name: str
    group: str
    looks: dict[str, Appearance]

    @property
    def nouns(self) -> tuple[str, ...]:
        """The words for this class."""
        return tuple(self.looks)


@dataclass(frozen=True)
class Verb:
    """One kind of action: what it is done to, with which tool or into which target, and how people write it."""

    verb_id: int
    name: str
    patients: tuple[str, ...]
    tools: tuple[str, ...]
    full: tuple[str, ...]
    short: tuple[str, ...]


# category | group | noun, shape, length, width, body colours, accent, flesh, material; …
_CATEGORIES = """
onion     | produce | onion bulb 58 54 d09038/c08030 8a5a20 f6ecd0 streaks; red_onion bulb 62 56 8c2458/9c2c64 5a1038 f0d0e4 streaks; shallot pointed 54 34 c87858 7a3c28 f2dce0 streaks
carrot    | produce | carrot taper 90 26 f07818 3c9030 f8a850 ribs; baby_carrot taper 58 20 f48a28 5aa83c fab468 ribs
tomato    | produce | tomato stemmed 54 52 d82018/e03020 2c7a28 f07868 gloss; plum_tomato stemmed 66 40 c81c20 2c7a28 f08878 gloss
potato    | produce | potato lump 72 54 b89058/c8a068 8a6838 f0dc98 mottle; sweet_potato lump 74 44 a84830 7a3020 f09040 mottle; spud lump 72 54 b89058/c8a068 8a6838 f0dc98 mottle
aubergine | produce | aubergine pear 94 44 482058/381848 3c7030 e8e0b0 gloss; eggplant pear 94 44 482058/381848 3c7030 e8e0b0 gloss
courgette | produce | courgette baton 100 28 3c7828/488430 a0a860 e4ecb0 streaks; zucchini baton 100 28 3c7828/488430 a0a860 e4ecb0 streaks
pepper    | produce | pepper lobed 66 58 d02818 3c8030 f09080 gloss; green_pepper lobed 66 58 389030 2a6024 b8dc90 gloss; yellow_pepper lobed 66 58 f0c020 3c8030 f8e498 gloss
lemon     | produce | lemon pointed 56 44 f4dc30 b8a020 fbf4b8 mottle; lime pointed 48 38 78b428 4a7818 dceca0 mottle
banana    | produce | banana crescent 94 30 f0d040 6a5020 fbf2cc smooth; plantain crescent 102 34 90a838 50581c f4e8b4 smooth
bread     | produce | bread loaf 92 54 c08848/b07838 e8c890 f6e6c4 mottle; baguette loaf 130 34 c89048 ecd098 f6e6c4 mottle; bun lump 56 54 c88840 e0b070 f6e6c4 mottle
bowl      | vessel  | bowl bowl 78 78 4878c8/e8e8e8/50a890/d8a040 f4f4f4 ffffff ceramic; mixing_bowl bowl 102 102 b0b8c0/c8ccd0 e0e4e8 ffffff brushed; salad_bowl bowl 92 92 b07840 8a5828 ffffff wood
pan       | vessel  | pan pan 84 84 303438/404448 181818 ffffff brushed; frying_pan pan 92 92 303438/5c2c28 181818 ffffff brushed; saucepan pan 70 70 b8bcc4 202428 ffffff brushed
pot       | vessel  | pot pot 88 88 c83830/2c6cb0/a8b0b8 303438 ffffff ceramic; casserole pot 96 80 e07028/387850 303438 ffffff ceramic
plate     | vessel  | plate plate 86 86 f0f0ec/d0e0e8/e8d8c0 6888b0 ffffff ceramic; dish plate 86 86 f0f0ec/d0e0e8/e8d8c0 6888b0 ffffff ceramic; saucer plate 60 60 f0f0ec/c8d8c8 a05870 ffffff ceramic
mug       | vessel  | mug mug 54 54 d84830/f0f0f0/3868a8/e8b830 f8f8f8 ffffff ceramic; cup mug 54 54 d84830/f0f0f0/3868a8/e8b830 f8f8f8 ffffff ceramic; teacup mug 44 44 f4ece4/b0d8d8 d090a8 ffffff ceramic
board     | vessel  | chopping_board board 116 76 c89858/b88448 6a4420 ffffff wood; cutting_board board 116 76 c89858/b88448 6a4420 ffffff wood; plastic_board board 110 74 58b088/e0e4e0/5890c8 ffffff ffffff smooth
knife     | tool    | knife knife 92 15 d0d8e0 282428 ffffff steel; cleaver cleaver 90 32 c8d0d8 5a3820 ffffff steel; bread_knife knife 106 14 d0d8e0 8a5828 ffffff steel
scissors  | tool    | scissors scissors 78 40 c8d0d8 d83028 ffffff steel; shears scissors 84 44 c8d0d8 2c2c30 ffffff steel
spoon     | tool    | spoon spoon 78 22 c0c8d0 c0c8d0 ffffff steel; wooden_spoon spoon 92 26 b88048 b88048 ffffff wood; ladle ladle 92 38 b0b8c0 303438 ffffff steel
peeler    | tool    | peeler peeler 64 30 d0d8e0 d84020 ffffff steel; vegetable_peeler peeler 64 30 d0d8e0 d84020 ffffff steel
spatula   | tool    | spatula spatula 90 30 303438 98a0a8 ffffff smooth; turner spatula 90 30 303438 98a0a8 ffffff smooth; fish_slice spatula 96 34 c0c8d0 202428 ffffff steel
sponge    | tool    | sponge sponge 46 32 f4d440 48a048 ffffff speckle; scourer sponge 44 34 48a048 2c7038 ffffff speckle
cloth     | tool    | cloth cloth 62 50 90c8e8/e8a0b0/f0e8d8 4870b0 ffffff weave; tea_towel cloth 70 52 f0f0f0/e8e0c8 c83830 ffffff weave; rag cloth 56 46 98a088/b09880 707860 ffffff weave
milk      | bottle  | milk bottle 84 36 f4f4f8 2868c8 ffffff smooth; milk_bottle bottle 84 36 f4f4f8 2868c8 ffffff smooth
oil       | bottle  | oil bottle 88 26 d8b020/c8a018 304820 f4d858 gloss; olive_oil bottle 88 28 586820 2c3410 b8b840 gloss
jar       | bottle  | jar jar 62 42 c04030/c87828 e8e0d0 e87060 gloss; jam_jar jar 62 42 781838 e8d8e8 a02850 gloss; pickle_jar jar 66 44 80a040 d8d8d0 b0cc70 gloss
left_hand | hand    | left_hand hand 60 40 e0ac88 606060 ffffff skin
right_hand| hand    | right_hand hand 60 40 e0ac88 606060 ffffff skin
"""  # noqa: E501

SKIN_TONES = ("f0c8a8", "e0ac88", "c88c64", "a06c48", "704830", "4c3020")
SLEEVES = ("", "", "384878", "a83838", "e8e4dc", "2c2c30", "4c7850", "b89048", "786098")

PRODUCE = [
    *("onion", "carrot", "tomato", "potato", "aubergine"),
    *("courgette", "pepper", "lemon", "banana", "bread"),
]
VESSELS = ["bowl", "pan", "pot", "plate", "mug", "board"]
TOOLS = ["knife", "scissors", "spoon", "peeler", "spatula", "sponge", "cloth"]
BOTTLES = ["milk", "oil", "jar"]

_CUT = ("cut {p}", "chop {p}", "slice {p}", "cut the {p}", "cut {p} with {t}")
_PEEL = ("peel {p}", "peel the {p}", "peel skin off {p}", "peel {p} with {t}")
_WASH = ("wash {p}", "rinse {p}", "wash the {p}", "rinse {p} under tap")
_TAKE = ("take {p}", "pick up {p}", "grab {p}", "move {p}", "get the {p}")
_TURN = ("turn {p}", "flip {p}", "turn over the {p}", "rotate {p}")
_STIR = ("stir {p}", "mix in {p}", "stir the {p}", "stir {p} with {t}")
_POUR = ("pour {p}", "pour from {p}", "pour {p} into {t}", "pour the {p}")
_WIPE = ("wipe {p}", "scrub {p}", "clean the {p}", "wipe {p} with {t}")


def _verbs() -> tuple[Verb, ...]:
    rows = [
        ("cut", PRODUCE, "knife scissors", _CUT, ("cut", "chop", "slice it", "cut it", "keep cutting")),
        ("peel", PRODUCE, "peeler knife", _PEEL, ("peel", "peel it", "keep peeling", "peel off skin")),
        ("wash", PRODUCE + VESSELS + TOOLS + BOTTLES, "", _WASH, ("wash", "rinse", "wash it", "rinse it")),
        ("take", PRODUCE + VESSELS + TOOLS + BOTTLES, "", _TAKE, ("take", "grab", "pick it up", "move it")),
        ("turn", PRODUCE + VESSELS + TOOLS + BOTTLES, "", _TURN, ("turn", "flip", "turn it", "flip it over")),
        (
            "stir",
            ["bowl", "pan", "pot", "mug"],
            "spoon spatula",
            _STIR,
            ("stir", "mix", "stir it", "keep stirring"),
        ),
        ("pour", [*BOTTLES, "mug"], "bowl pan pot", _POUR, ("pour", "pour it", "tip it in", "keep pouring")),
        ("wipe", PRODUCE[2:8] + VESSELS, "sponge cloth", _WIPE, ("wipe", "scrub", "wipe it", "keep wiping")),
    ]
    return tuple(
        Verb(i, name, tuple(patients), tuple(tools.split()), full, short)
        for i, (name, patients, tools, full, short) in enumerate(rows)
    )


def _category(category_id: int, line: str) -> KitchenCategory:
    name, group, nouns = (cell.strip() for cell in line.split("|"))
    looks = {}
    for entry in nouns.split(";"):
        noun, shape, length, width, body, accent, flesh, material = entry.split()
        look = Appearance(shape, int(length), int(width), tuple(body.split("/")), accent, flesh, material)
        looks[noun.replace("_", " ")] = look
    return KitchenCategory(category_id, name.replace("_", " "), group, looks)


CATEGORIES: tuple[KitchenCategory, ...] = tuple(
    _category(i, line) for i, line in enumerate(_CATEGORIES.strip().splitlines())
)
VERBS: tuple[Verb, ...] = _verbs()
CATEGORY_BY_NAME = {category.name: category for category in CATEGORIES}
VERB_BY_NAME = {verb.name: verb for verb in VERBS}


def rgb(code: str) -> tuple[int, int, int]:
    """Return the (red, green, blue) of ``"rrggbb"``, each 0..255."""
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)
