"""What every registered noise owes the build; a newcomer is judged without being listed here."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest

from actiseg_noise.errors import ActisegError
from actiseg_noise.key import Key, Keys
from actiseg_noise.masks import Box
from actiseg_noise.noises.base import NOISES, FlagNoise, Label, MaskNoise, NarrationNoise, TextNoise
from actiseg_noise.noises.labels import LabelTable
from actiseg_noise.vocabulary import Vocabulary
from tools.pages.scenes import noised, view_of

Kind = TypeVar("Kind", TextNoise, MaskNoise, NarrationNoise, FlagNoise)
ALL = list(NOISES)
TEXT, MASK, NARRATION, FLAG = (
    [name for name in NOISES if NOISES[name].kind == kind] for kind in ("text", "mask", "narration", "flag")
)
VOCABULARY = Vocabulary(
    {1: ("cup", "mug"), 2: ("cleaver", "knife"), 3: ("onion",), 7: ("pan",), 8: ("left hand",), 9: ("right hand",)},
    {1: "cup", 2: "knife", 3: "onion", 7: "pan", 8: "left hand", 9: "right hand"},
)
LABELS = [Label(category, noun) for category, nouns in VOCABULARY.nouns.items() for noun in nouns]
TOLD = VOCABULARY.with_narrations({"cut onion": 3, "peel the onion": 1, "pour milk": 1, "wash the pan": 2, "stir": 1})
KEYS = [Key("conformance", i) for i in range(20)]
CANVAS = (480, 854)


def disc(height: int = 480, width: int = 854, radius: int = 40, centre: tuple[int, int] = (240, 400)) -> np.ndarray:
    """Return a filled circle."""
    rows, columns = np.ogrid[:height, :width]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def noise_of(kind: type[Kind], name: str) -> Kind:
    """Return a noise that is of this kind."""
    noise = NOISES[name]
    assert isinstance(noise, kind)
    return noise


# --- every noise


def test_every_noise_is_of_a_kind_that_is_judged_here() -> None:
    assert sorted(TEXT + MASK + NARRATION + FLAG) == sorted(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_id_has_a_version_and_the_texts_are_there(name: str) -> None:
    noise = NOISES[name]
    assert re.fullmatch(r"[a-z][a-z_]*-v[1-9][0-9]*", name)
    assert noise.noise_id == name
    assert noise.summary
    assert noise.source
    assert noise.apply.__doc__


@pytest.mark.parametrize("name", ALL)
def test_the_key_comes_first_and_options_are_keyword_only(name: str) -> None:
    parameters = list(inspect.signature(NOISES[name].apply).parameters.values())
    assert parameters[0].name == "key"
    noise = NOISES[name]
    positional = 3 if noise.kind in ("text", "narration") or (isinstance(noise, MaskNoise) and noise.needs) else 2
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[positional:])


# --- text


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("label", LABELS, ids=str)
def test_an_eligible_label_becomes_another_of_the_vocabulary(name: str, label: Label) -> None:
    noise = noise_of(TextNoise, name)
    parameters = noise.resolve(noise.defaults, VOCABULARY)
    if not noise.is_eligible(label, VOCABULARY, **parameters):
        return
    for key in KEYS:
        noisy = noise.apply(key, label, VOCABULARY, **parameters)
        assert noisy != label
        assert noisy.noun in VOCABULARY.nouns[noisy.category_id] or noisy.category_id == label.category_id


@pytest.mark.parametrize("name", [name for name in TEXT if noise_of(TextNoise, name).apply_all is not None])
@pytest.mark.parametrize(
    "nouns", [VOCABULARY.nouns, {1: ("cup", "cup", "mug"), 2: ("knife", "mug")}], ids=["", "twice"]
)
def test_many_labels_become_what_each_becomes(name: str, nouns: dict[int, tuple[str, ...]]) -> None:
    noise, vocabulary = noise_of(TextNoise, name), Vocabulary(nouns, dict.fromkeys(nouns, ""))
    assert noise.apply_all is not None
    parameters, table = noise.resolve(noise.defaults, vocabulary), LabelTable(vocabulary)
    labels = [Label(c, noun) for c in nouns for noun in (*nouns[c], "another") for _ in range(9)]
    labels = [label for label in labels if noise.is_eligible(label, vocabulary, **parameters)]
    parts = range(len(labels))
    keys = Keys(Key("conformance"), ["a"], [0] * len(parts), parts)
    numbers = table.numbers([label.category_id for label in labels], [label.noun for label in labels])
    noisy = noise.apply_all(keys, numbers, table, vocabulary, **parameters)
    assert [table.labels[number] for number in noisy] == [
        noise.apply(Key("conformance", "a", part), label, vocabulary, **parameters)
        for part, label in zip(parts, labels, strict=True)
    ]


@pytest.mark.parametrize("name", TEXT)
def test_the_same_key_gives_the_same_label(name: str) -> None:
    noise = noise_of(TextNoise, name)
    parameters = noise.resolve(noise.defaults, VOCABULARY)
    label = next(label for label in LABELS if noise.is_eligible(label, VOCABULARY, **parameters))
    first, second = ([noise.apply(key, label, VOCABULARY, **parameters) for key in KEYS] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", TEXT)
def test_the_key_chooses_where_there_is_a_choice(name: str) -> None:
    nouns = {c: tuple(f"noun {c} {i}" for i in range(9)) for c in range(9)}
    wide = Vocabulary(nouns, {c: str(c) for c in nouns})
    noise = noise_of(TextNoise, name)
    parameters = noise.resolve(noise.defaults, wide)
    label = Label(0, "noun 0 0")
    if noise.is_eligible(label, wide, **parameters):  # a dictionary may not know these nouns
        assert len({noise.apply(key, label, wide, **parameters) for key in KEYS}) > 3


@pytest.mark.parametrize("name", TEXT)
def test_there_is_a_label_that_no_other_can_replace(name: str) -> None:
    alone = Vocabulary({1: ("it",)}, {1: "it"})  # too short to be mistyped, and nothing is vaguer
    noise = noise_of(TextNoise, name)
    assert not noise.is_eligible(Label(1, "it"), alone, **noise.resolve(noise.defaults, alone))


# --- narrations


@pytest.mark.parametrize("name", NARRATION)
@pytest.mark.parametrize("narration", [*TOLD.narrations, "of no clip"])
def test_an_eligible_narration_becomes_another(name: str, narration: str) -> None:
    noise = noise_of(NarrationNoise, name)
    parameters = noise.resolve(noise.defaults, TOLD)
    if not noise.is_eligible(narration, TOLD, **parameters):
        return
    for key in KEYS:
        noisy = noise.apply(key, narration, TOLD, **parameters)
        assert noisy != narration
        assert noisy.strip() == noisy
        assert noisy


@pytest.mark.parametrize("name", NARRATION)
def test_the_key_alone_chooses_the_narration(name: str) -> None:
    noise = noise_of(NarrationNoise, name)
    wide = VOCABULARY.with_narrations({f"do{i} the onion": 1 + i % 3 for i in range(30)})
    parameters = noise.resolve(noise.defaults, wide)
    first, second = ([noise.apply(key, "do0 the onion", wide, **parameters) for key in KEYS] for _ in range(2))
    assert first == second
    assert len(set(first)) > 3


@pytest.mark.parametrize("name", NARRATION)
@pytest.mark.parametrize("pool", [{}, {"cut onion": 5}], ids=["no clip", "one narration"])
def test_a_narration_that_no_other_can_replace_is_not_eligible(name: str, pool: dict[str, int]) -> None:
    noise = noise_of(NarrationNoise, name)
    vocabulary = VOCABULARY.with_narrations(pool)
    assert not noise.is_eligible("cut onion", vocabulary, **noise.resolve(noise.defaults, vocabulary))


# --- flags


@pytest.mark.parametrize("name", FLAG)
def test_an_eligible_flag_becomes_the_other(name: str) -> None:
    noise = noise_of(FlagNoise, name)
    parameters = noise.resolve(noise.defaults)
    eligible = [flag for flag in (True, False) if noise.is_eligible(flag, **parameters)]
    assert eligible
    for flag in eligible:
        assert {noise.apply(key, flag, **parameters) for key in KEYS} == {not flag}


# --- masks


@pytest.mark.parametrize("name", MASK)
def test_the_defaults_resolve_to_json(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    for canvas in (CANVAS, (240, 400), (1080, 1920)):
        parameters = noise.resolve(dict(noise.defaults), *canvas)
        assert json.loads(json.dumps(parameters)) == parameters
        assert noise.reach(parameters) >= 0


@pytest.mark.parametrize("name", MASK)
def test_a_mask_keeps_its_shape_and_the_argument_its_pixels(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(dict(noise.defaults), *CANVAS)
    mask = disc()
    before = mask.copy()
    for key in KEYS[:5]:
        noisy = noised(noise, key, mask, parameters)
        assert noisy.shape == mask.shape
        assert noisy.dtype == np.bool_
        assert np.array_equal(mask, before)
        assert not np.shares_memory(noisy, mask) or np.array_equal(noisy, mask)


@pytest.mark.parametrize("name", MASK)
def test_the_same_key_gives_the_same_mask(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(dict(noise.defaults), *CANVAS)
    first, second = (noised(noise, KEYS[0], disc(), parameters) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", MASK)
def test_a_mask_changes(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(dict(noise.defaults), *CANVAS)
    assert any(not np.array_equal(noised(noise, key, disc(), parameters), disc()) for key in KEYS)


@pytest.mark.parametrize("name", MASK)
def test_nothing_is_painted_beyond_the_reach(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(dict(noise.defaults), *CANVAS)
    for key in KEYS[:5]:
        near = room_for(noise, key, parameters, noise.reach(parameters)).slices
        noisy = noised(noise, key, disc(), parameters)
        assert noisy.sum() == noisy[near].sum()


@pytest.mark.parametrize("name", MASK)
def test_what_is_drawn_is_anchored_to_the_object_not_to_the_crop(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(noise.defaults, *CANVAS)
    for key in KEYS[:5]:
        tight = room_for(noise, key, parameters, noise.reach(parameters) + 1)
        wide = Box(tight.top - 19, tight.left - 6, tight.bottom + 19, tight.right + 6)
        noisy = np.zeros(CANVAS, bool)
        noisy[tight.slices] = noised(noise, key, disc(), parameters, tight)
        assert np.array_equal(noisy[wide.slices], noised(noise, key, disc(), parameters, wide))


def room_for(noise: MaskNoise, key: Key, parameters: dict[str, Any], margin: int) -> Box:
    """Return the box of the disc and of what else the noise may paint, with a margin."""
    view = view_of(noise, key, disc())
    area = view.box if noise.area is None else view.box.union(noise.area(view, **parameters))
    return area.padded(margin, *CANVAS)


@pytest.mark.parametrize("name", MASK)
def test_a_noise_sees_what_it_needs_and_no_more(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(dict(noise.defaults), *CANVAS)
    positional = [p for p in inspect.signature(noise.apply).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert len(positional) == 2 + bool(noise.needs)
    for missing in noise.needs:
        poor = view_of(replace(noise, needs=noise.needs - {missing}, area=None), KEYS[0], disc(), Box(0, 0, *CANVAS))
        with pytest.raises(LookupError, match=f"needs=frozenset\\({{'{missing}'}}\\)"):
            noise.apply(KEYS[0], disc(), poor, **parameters)


@pytest.mark.parametrize("name", MASK)
def test_the_strength_is_an_option(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    assert noise.strength is None or noise.strength in noise.defaults


@pytest.mark.parametrize("name", MASK)
def test_an_option_that_is_no_number_of_its_kind_is_refused(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    for option, default in noise.defaults.items():
        for wrong in ("odd", -1, True) if not isinstance(default, bool) else ("odd", 7):
            with pytest.raises(ActisegError):
                noise.resolve({**noise.defaults, option: wrong}, *CANVAS)


@pytest.mark.parametrize("name", MASK)
def test_an_object_at_the_border_and_a_single_pixel_are_no_trouble(name: str) -> None:
    noise = noise_of(MaskNoise, name)
    parameters = noise.resolve(dict(noise.defaults), *CANVAS)
    for mask in (disc(centre=(0, 0)), disc(centre=(479, 853)), disc(radius=0), np.ones((1, 1), bool)):
        assert noised(noise, KEYS[0], mask, parameters).shape == mask.shape
