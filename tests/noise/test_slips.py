"""Slips of people who describe what they see: the wrong side, the wrong verb, a vague word, a typing error."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from deposits import write_vost
from dictionaries import ARTIFACT, FOOD, SENSES, write_wordnet
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, make_clip

import actiseg_noise
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key
from actiseg_noise.manifest.read import read_manifest
from actiseg_noise.noises import wordnet
from actiseg_noise.noises.base import NOISES, Label, NarrationNoise, TextNoise
from actiseg_noise.noises.typo import QWERTY
from actiseg_noise.noises.verb_swap import Actions
from actiseg_noise.noises.wordnet import VARIABLE
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe
from actiseg_noise.records import ObjectRecord
from actiseg_noise.vocabulary import Vocabulary

SIDE, VERB, VAGUE, TYPO = "side_swap-v1", "verb_swap-v1", "vague-v1", "typo-v1"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "noises.json").read_text())
NOUNS = {
    1: ("onion", "red onion"),
    2: ("knife", "bread knife"),
    3: ("mug",),
    4: ("glove", "left glove", "right glove"),
    5: ("left hand",),
    6: ("right hand",),
    7: ("jalapeño",),
    8: ("it",),
}
WORDS = Vocabulary(NOUNS, {category: nouns[0] for category, nouns in NOUNS.items()})
POOL = {"cut onion": 4, "chop the onion": 2, "peel the red onions": 3, "wash an onion": 1, "wash mug": 5, "pour it": 2}
VERBS = {"cut onion": "cut", "chop the onion": "cut", "peel the red onions": "peel"}
TOLD = WORDS.with_narrations(POOL, VERBS)


class People(Toy):
    """A toy whose vocabulary is that of this file."""

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        for category_id, nouns in NOUNS.items():
            for noun in nouns:
                yield ObjectRecord(1, category_id, nouns[0], noun, True)


def thing(object_id: int, category_id: int, noun: str, positive: bool = True) -> ObjectRecord:
    return ObjectRecord(object_id, category_id, NOUNS[category_id][0], noun, positive)


def people(clips: int = 40) -> People:
    """Return clips with two hands, and a knife that a narration of the pool is told of; no frames."""
    told = [text for text, count in POOL.items() for _ in range(count)]
    objects = [
        thing(1, 5, "left hand"),
        thing(2, 6, "right hand", False),
        thing(3, 2, "bread knife"),
        thing(4, 3, "mug"),
    ]
    texts = [told[number % len(told)] for number in range(clips)]
    return People(
        Path("people"),
        [
            make_clip(f"clip{number:03d}", objects, 0, narration=text, verb=VERBS.get(text, text.split()[0]))
            for number, text in enumerate(texts)
        ],
    )


def becomes(
    noise_id: str, noun: str, category_id: int, *, key: object = 0, words: Vocabulary = WORDS, **given: Any
) -> Any:
    """Return the label that a text noise gives, None where the noun is not eligible."""
    noise = NOISES[noise_id]
    assert isinstance(noise, TextNoise)
    options = noise.resolve({**noise.defaults, **given}, words)
    label = Label(category_id, noun)
    return noise.apply(Key(str(key)), label, words, **options) if noise.is_eligible(label, words, **options) else None


def tells(narration: str, *, key: object = 0, words: Vocabulary = TOLD, **given: Any) -> str | None:
    """Return the narration that a verb swap gives, None where it is not eligible."""
    noise = NOISES[VERB]
    assert isinstance(noise, NarrationNoise)
    options = noise.resolve({**noise.defaults, **given}, words)
    return (
        noise.apply(Key(str(key)), narration, words, **options)
        if noise.is_eligible(narration, words, **options)
        else None
    )


def rows_of(*noises: NoiseSpec, toy: Toy | None = None, seed: int = 0) -> dict[str, list[Any]]:
    request = make_request(toy or people(), BuildOptions(recipe=Recipe("toy", noises, seed=seed), content="text"))
    return Worker(request.job()).rows(request.iter_clips())[0]


# --- sides


@pytest.mark.parametrize(
    ("noun", "category_id", "other"),
    [
        ("left hand", 5, Label(6, "right hand")),
        ("right hand", 6, Label(5, "left hand")),
        ("left glove", 4, Label(4, "right glove")),
        ("Left drawer", 3, Label(3, "Right drawer")),  # the vocabulary has no right one
        ("glove", 4, None),
        ("copyright", 3, None),  # not a word of its own
        ("left or right hand", 5, None),
    ],
)
def test_sides_are_exchanged_where_a_noun_has_one(noun: str, category_id: int, other: Label | None) -> None:
    assert becomes(SIDE, noun, category_id) == other


def test_the_wrong_side_is_harmful_within_a_category_too() -> None:
    clip = make_clip("a", [thing(1, 4, "left glove"), thing(2, 5, "left hand"), thing(3, 2, "knife")], 0)
    rows = rows_of(NoiseSpec(SIDE, 1.0), toy=People(Path("people"), [clip]))["samples"]
    assert [(row.noisy_noun, row.noisy_category_id, row.is_harmful) for row in rows] == [
        ("right glove", 4, True),
        ("right hand", 6, True),
        ("knife", 2, False),
    ]


# --- verbs


@pytest.mark.parametrize(
    ("narration", "phrase", "rest", "category_id"),
    [
        ("cut onion", "cut", "onion", 1),
        ("peel the red onions", "peel", "the red onions", 1),
        ("Pour from a mug  into it", "Pour from", "a mug  into it", 3),
        ("take it to the mug", "take", "it to the mug", 8),  # the vocabulary's noun
        ("put spring onion", "put", "spring onion", 1),  # no verb "put spring"
        ("turn the large mug over", "turn", "the large mug over", 3),
        ("keep stirring an onion", "keep stirring", "an onion", 1),
        ("peel skin off onion", "peel skin off", "onion", 1),
        ("onion", "onion", "", None),
        ("stir well", "stir well", "", None),
        ("", "", "", None),
    ],
)
def test_a_narration_is_taken_apart(narration: str, phrase: str, rest: str, category_id: int | None) -> None:
    told = Actions(TOLD, any_verb=False).take_apart(narration)
    assert (told.phrase, told.rest, told.category_id) == (phrase, rest, category_id)


def test_verbs_are_drawn_as_often_as_clips_tell_them_of_the_thing() -> None:
    counts = Counter(tells("fry the red onion", key=i) for i in range(6000))
    shares = {"cut": 4, "chop": 2, "peel": 3, "wash": 1}
    assert set(counts) == {f"{verb} the red onion" for verb in shares}
    for verb, share in shares.items():
        assert abs(counts[f"{verb} the red onion"] - 600 * share) < 5 * (600 * share) ** 0.5


def test_another_word_for_the_same_action_is_no_other_verb() -> None:
    assert {tells("cut onion", key=i) for i in range(99)} == {"peel onion", "wash onion"}
    assert {tells("cut onion", key=i, words=WORDS.with_narrations(POOL)) for i in range(99)} == {
        *("chop onion", "peel onion", "wash onion"),
    }


def test_verbs_of_one_class_are_one_action() -> None:
    told = [("cut", 3), ("chop", 3), ("peel", 4), ("slice", -1), ("dice", None)]
    onion = [thing(1, 1, "onion")]
    clips = [make_clip(v, onion, 0, narration=f"{v} onion", verb=v, verb_class=c) for v, c in sorted(told, key=str)]
    request = make_request(People(Path("people"), clips), BuildOptions(recipe=Recipe("toy", (NoiseSpec(VERB, 0.5),))))
    words = request.vocabulary
    assert words.verbs["cut onion"] == words.verbs["chop onion"] == "verb class 3"
    assert (words.verbs["slice onion"], words.verbs["dice onion"]) == ("slice", "dice")
    assert {tells("cut onion", key=i, words=words) for i in range(99)} == {"peel onion", "slice onion", "dice onion"}


def test_a_thing_without_another_verb_takes_any_where_that_is_asked_for() -> None:
    assert tells("wash mug") is None
    assert {tells("wash mug", key=i, any_verb=True) for i in range(99)} == {
        "chop mug",
        "cut mug",
        "peel mug",
        "pour mug",
    }
    assert tells("stir well", any_verb=True) is None  # nothing else is told without a thing
    with pytest.raises(ActisegError, match="any_verb: expected true or false, got 1"):
        tells("wash mug", any_verb=1)


def test_pronouns_take_verbs_told_with_pronouns() -> None:
    nouns = Vocabulary({1: ("onion",)}, {1: "onion"}).with_narrations({"pour it": 1, "tip it in": 1, "peel onion": 1})
    assert tells("pour it out", words=nouns) is None
    assert tells("pour it out", words=nouns, any_verb=True) == "tip it out"


def test_verbs_of_the_split_are_in_the_vocabulary_of_its_manifest(tmp_path: Path) -> None:
    recipe = Recipe("toy", (NoiseSpec(VERB, 0.5),))
    manifest = read_manifest(actiseg_noise.build(people(), recipe=recipe, content="text", out=tmp_path / "m"))
    stored = manifest.vocabulary
    assert stored.verbs == {text: VERBS.get(text, text.split()[0]) for text in sorted(POOL)}
    assert stored.digest() != stored.with_narrations(stored.narrations).digest()
    assert Vocabulary.from_json(json.loads(json.dumps(stored.to_json()))) == stored
    assert verify(manifest, dataset=people()) == []
    path = tmp_path / "words.json"
    path.write_text(json.dumps(stored.to_json()))
    asked = BuildOptions(recipe="narration-20", vocabulary=path, content="text")
    assert make_request(people(), asked).vocabulary.verbs == {}  # only where a noise asks for them


def test_a_verb_of_a_vocabulary_must_be_a_text() -> None:
    data = json.loads(json.dumps(TOLD.to_json()))
    data["narrations"][0]["verb"] = 3
    with pytest.raises(ActisegError, match=r"narrations\[0\]\.verb: expected a text"):
        Vocabulary.from_json(data)


def test_a_split_whose_narrations_have_one_verb_a_thing_is_refused() -> None:
    toy = People(Path("people"), [make_clip(n, [thing(1, 3, "mug")], 0, narration=f"wash {n}") for n in ("mug", "it")])
    with pytest.raises(ActisegError, match="none of the 2 narrations in split 'train' of dataset 'toy' can take it"):
        make_request(toy, BuildOptions(recipe=Recipe("toy", (NoiseSpec(VERB, 0.5),)), content="text"))


def test_vost_s_actions_swap_verbs(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "vost")
    request = make_request("vost", BuildOptions(root=root, recipe="narration-20"))
    actions = Actions(request.vocabulary, any_verb=True)
    assert all(actions.take_apart(text).category_id is not None for text in request.vocabulary.narrations)


# --- vague words


def test_vague_words_are_uniform_and_none_is_a_noun_of_another_category() -> None:
    counts = Counter(becomes(VAGUE, "mug", 3, key=i) for i in range(3000))
    assert set(counts) == {Label(3, word) for word in ("object", "something", "thing")}  # "it" is a noun here
    assert all(abs(count - 1000) < 5 * 1000**0.5 for count in counts.values())
    assert becomes(VAGUE, "it", 8) is None


@pytest.mark.parametrize(
    ("noun", "category_id", "word"),
    [("bread knife", 2, "knife"), ("left hand", 5, "hand"), ("mug", 3, None), ("chef's mug", 2, None)],
)
def test_the_head_of_a_noun_is_its_last_word(noun: str, category_id: int, word: str | None) -> None:
    assert becomes(VAGUE, noun, category_id, level="head") == (word and Label(category_id, word))


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A dictionary that knows what is a kind of what."""
    more = [(FOOD, ("food",), "eaten"), (FOOD, ("vegetable", "veggie"), "edible"), (FOOD, ("onion",), "bulb")]
    more += [
        (3, ("abstraction",), "no thing"),
        (ARTIFACT, ("drinking_vessel",), "cup or mug"),
        (FOOD, ("Bermuda",), ""),
    ]
    others = [sense for sense in SENSES if sense[1][0] != "mug"] + [(ARTIFACT, ("mug",), "cylindrical")]
    up = {"vegetable": "food", "onion": "vegetable", "mug": "drinking_vessel", "drinking_vessel": "abstraction"}
    monkeypatch.setenv(VARIABLE, str(write_wordnet(tmp_path / "kinds", [*more, *others], up)))
    wordnet._load.cache_clear()
    yield
    wordnet._load.cache_clear()


@pytest.mark.usefixtures("kinds")
def test_a_parent_is_what_the_dictionary_says_a_thing_is_a_kind_of() -> None:
    assert {becomes(VAGUE, "onions", 1, key=i, level="parent") for i in range(9)} == {Label(1, "vegetable")}
    assert {becomes(VAGUE, "onion", 1, key=i, level="parent", depth=8).noun for i in range(99)} == {"vegetable", "food"}
    assert {becomes(VAGUE, "mug", 3, key=i, level="parent", depth=8).noun for i in range(9)} == {"drinking vessel"}
    assert becomes(VAGUE, "knife", 2, level="parent") is None
    words = Vocabulary(NOUNS | {9: ("vegetable",)}, dict.fromkeys([*NOUNS, 9], ""))
    assert becomes(VAGUE, "onion", 1, level="parent", words=words) is None  # another category's noun


@pytest.mark.usefixtures("kinds")
def test_the_dictionary_is_named_only_where_it_is_used() -> None:
    noise = NOISES[VAGUE]
    assert isinstance(noise, TextNoise)
    used = [noise.uses(noise.resolve({"level": level, "depth": 1}, WORDS)) for level in ("thing", "parent")]
    assert used[0] == {}
    assert "data.noun" in used[1]["wordnet"]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"level": "parents"}, "Did you mean 'parent'"), ({"depth": 0}, "depth: expected .* 1 to 8, got 0")],
)
def test_what_is_no_level_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ActisegError, match=message):
        becomes(VAGUE, "mug", 3, **options)


def test_a_vague_word_is_harmful_only_where_it_is_another_object_s_noun() -> None:
    clip = make_clip("a", [thing(1, 2, "bread knife"), thing(2, 2, "knife"), thing(3, 5, "left hand")], 0)
    rows = rows_of(NoiseSpec(VAGUE, 1.0, {"level": "head"}), toy=People(Path("people"), [clip]))["samples"]
    assert [(row.noisy_noun, row.is_harmful) for row in rows] == [("knife", True), ("knife", False), ("hand", False)]


# --- typing errors


def test_keys_touch_each_other() -> None:
    assert sorted(QWERTY) == [chr(code) for code in range(ord("a"), ord("z") + 1)]
    assert all(key in QWERTY[other] and key != other for key, others in QWERTY.items() for other in others)
    assert all(list(others) == sorted(set(others)) for others in QWERTY.values())


def test_a_typing_error_is_one_of_four_kinds_equally_often() -> None:
    kinds = {
        "substituted": {"nug", "jug", "kug", "myg", "mhg", "mjg", "mig", "muf", "mut", "muy", "muh", "mub", "muv"},
        "exchanged": {"umg", "mgu"},
        "omitted": {"ug", "mg", "mu"},
        "doubled": {"mmug", "muug", "mugg"},
    }
    counts = Counter(becomes(TYPO, "mug", 3, key=i).noun for i in range(8000))
    assert set(counts) == set().union(*kinds.values())
    for words in kinds.values():
        assert abs(sum(counts[word] for word in words) - 2000) < 5 * 2000**0.5
        expected = 2000 / len(words)
        assert all(abs(counts[word] - expected) < 5 * expected**0.5 for word in words)


def test_an_error_never_gives_a_noun_of_the_vocabulary() -> None:
    near = sorted({becomes(TYPO, "mug", 3, key=i).noun for i in range(2000)})
    words = Vocabulary({3: ("mug",), 9: tuple(near[1:])}, {3: "mug", 9: ""})
    assert {becomes(TYPO, "mug", 3, key=i, words=words).noun for i in range(50)} == {near[0]}
    assert becomes(TYPO, "mug", 3, words=Vocabulary({3: ("mug",), 9: tuple(near)}, {3: "mug", 9: ""})) is None


def test_strength_is_how_many_words_have_an_error() -> None:
    sentence = ["large", "red", "green", "onion", "of", "me"]
    for strength in (1, 2, 3, 9):
        for i in range(30):
            words = becomes(TYPO, "large red/green onion of me", 1, key=i, strength=strength).noun
            changed = [a != b for a, b in zip(words.replace("/", " ").split(), sentence, strict=True)]
            assert sum(changed) == min(strength, 4)
            assert changed[4:] == [False, False]
    for wrong in (0, 1.0, True, "2"):
        with pytest.raises(ActisegError, match="strength: expected how many words"):
            becomes(TYPO, "mug", 3, strength=wrong)


@pytest.mark.parametrize("noun", ["jalapeño", "cre\u0300me frai\u0302che", "Ölkanne", "дыня", "it"])
def test_letters_beyond_ascii_stay_whole(noun: str) -> None:
    for i in range(200):
        label = becomes(TYPO, noun, 7, key=i)
        if noun == "it":
            assert label is None
            continue
        assert label.noun != noun
        assert label.noun.encode().decode() == label.noun
        assert [c for c in label.noun if c in "\u0300\u0302"] == [c for c in noun if c in "\u0300\u0302"]
        for accented in ("e\u0300", "i\u0302"):
            assert label.noun.count(accented) == noun.count(accented)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.integers(1, 3), st.integers(0, 9))
def test_any_text_that_is_eligible_becomes_another_that_is_not_empty(noun: str, strength: int, key: int) -> None:
    label = becomes(TYPO, noun, 1, key=key, strength=strength)
    assert label is None or (label.noun.strip() and label.noun != noun and label.category_id == 1)


# --- what all of them owe


SPECS = [
    (SIDE, {}),
    (VERB, {}),
    (VERB, {"any_verb": True}),
    (VAGUE, {}),
    (VAGUE, {"level": "head"}),
    (TYPO, {}),
    (TYPO, {"strength": 2}),
]
NAMES = [f"{noise_id} {json.dumps(options)}" for noise_id, options in SPECS]


@pytest.mark.parametrize(("noise_id", "options"), SPECS, ids=NAMES)
def test_rates_are_nested(noise_id: str, options: dict[str, Any]) -> None:
    none, few, many = (rows_of(NoiseSpec(noise_id, rate, options))["samples"] for rate in (0.0, 0.3, 0.8))
    hits = [0, 0]
    for clean, of_few, of_many in zip(none, few, many, strict=True):
        hits[0] += of_few[:-1] != clean[:-1]
        hits[1] += of_many[:-1] != clean[:-1]
        assert of_few in (of_many, clean)
    assert 0 < hits[0] < hits[1]


@pytest.mark.parametrize(("noise_id", "options"), SPECS, ids=NAMES)
def test_the_digest_is_golden(noise_id: str, options: dict[str, Any], tmp_path: Path) -> None:
    recipe = Recipe("golden", (NoiseSpec(noise_id, 0.5, options),))
    manifest = read_manifest(actiseg_noise.build(people(), recipe=recipe, content="text", out=tmp_path / "m"))
    assert manifest.digest == GOLDEN[f"{noise_id} {json.dumps(options)}"]
    assert verify(manifest, dataset=people()) == []


# --- the recipes made of them

LEVELS = ("human-easy", "human-medium", "human-hard")


def test_levels_have_the_same_noises_each_harder_than_the_one_before() -> None:
    easy, medium, hard = ([(s.noise_id, s.options.get("level")) for s in load_recipe(name).noises] for name in LEVELS)
    assert easy == medium == hard
    for low, high in pairwise(map(load_recipe, LEVELS)):
        for spec, harder in zip(low.noises, high.noises, strict=True):
            assert spec.rate < harder.rate
            for option in ("sigma", "every", "length", "kernel", "lost", "share"):
                assert spec.options.get(option, 0) < harder.options.get(option, 1)
            for option in ("delay", "steps", "expand"):
                assert spec.options.get(option, 0) <= harder.options.get(option, 0)
            assert spec.options.get("clicks", 2) > harder.options.get("clicks", 1)


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_builds_on_kitchen_within_the_gate(name: str, kitchen_root: Path, tmp_path: Path) -> None:
    where = {"root": kitchen_root, "split": "val", "allow_eval": True}
    path = actiseg_noise.build("kitchen", recipe=name, limit=30, out=tmp_path / "m", **where)
    manifest = read_manifest(path)
    assert {slot.realised > 0 for slot in manifest.info.noises if slot.requested * slot.eligible > 20} <= {True}
    assert len({row["text_noise"] for row in manifest.table("samples").to_pylist()}) >= 4
    assert verify(manifest) == []
