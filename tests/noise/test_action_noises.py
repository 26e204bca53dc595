"""Noise on what makes the task action-based: whose narration the texts name, who is given as positive."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from action_toys import BOTH, DILATE, FLAG, FLIP, SWAP, TOY, built
from builds import KERNEL
from deposits import write_vost
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, make_clip, thing

import actiseg_noise
from actiseg_noise.building.build import find_thresholds
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.read import read_manifest
from actiseg_noise.manifest.records import ActionClipRow, ActionSampleRow
from actiseg_noise.recipe import NoiseSpec, Recipe, ad_hoc_recipe, load_recipe
from actiseg_noise.records import NOUN
from actiseg_noise.vocabulary import Vocabulary

Samples = list[ActionSampleRow]


def rows_of(toy: Toy, recipe: Recipe, **options: Any) -> tuple[list[ActionClipRow], Samples, list[Any]]:
    """Return the rows of clips, samples and masks."""
    request = make_request(toy, BuildOptions(recipe=recipe, **options))
    thresholds = find_thresholds(request) if recipe.exact_rate else None
    rows, _ = Worker(request.job(thresholds)).rows(request.iter_clips())
    return rows["clips"], rows["samples"], rows["masks"]  # type: ignore[return-value]


def samples_of(*noises: NoiseSpec, toy: Toy = TOY, **options: Any) -> Samples:
    return rows_of(toy, Recipe("toy", noises, **options))[1]


# --- flags


def test_a_flip_exchanges_the_flag_and_touches_nothing_else() -> None:
    plain, flipped = samples_of(NoiseSpec(FLAG, 0.0)), samples_of(NoiseSpec(FLAG, 1.0))
    assert [row.noisy_is_positive for row in plain] == [row.is_positive for row in plain]
    assert [row.noisy_is_positive for row in flipped] == [not row.is_positive for row in plain]
    assert {row.flag_noise for row in flipped} == {FLAG}
    assert [row[:-3] for row in flipped] == [row[:-3] for row in plain]
    assert len({row.is_positive for row in plain}) == 2


def test_masks_are_those_of_the_mask_noise_alone() -> None:
    dilate = NoiseSpec(DILATE, 0.5, KERNEL)
    with_flags, alone = (rows_of(TOY, Recipe("x", n))[2] for n in ((NoiseSpec(FLAG, 0.5), dilate), (dilate,)))
    assert with_flags == alone
    assert {row.mask_noise for row in alone} == {"none", DILATE}


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_rates_are_nested(one: float, other: float, seed: int) -> None:
    low, high = sorted((one, other))
    for noise in (FLAG, SWAP):
        few, many = (samples_of(NoiseSpec(noise, rate), seed=seed) for rate in (low, high))
        for row_of_few, row_of_many in zip(few, many, strict=True):
            is_clean = row_of_few.flag_noise == row_of_few.narration_noise == "none"
            assert is_clean or row_of_few == row_of_many


def test_adding_a_noise_changes_nobodys_draws() -> None:
    flip, swap, flag = NoiseSpec(FLIP, 0.4), NoiseSpec(SWAP, 0.4), NoiseSpec(FLAG, 0.3)
    together = samples_of(flag, flip, swap)
    assert [row.noisy_is_positive for row in together] == [row.noisy_is_positive for row in samples_of(flag)]
    assert [row.narration_noise for row in together] == [row.narration_noise for row in samples_of(swap)]
    nouns = [row.noisy_noun for row in rows_of(TOY, Recipe("text", (flip,)))[1]]
    assert [row.noisy_noun for row in together] == nouns


@pytest.mark.parametrize("noise", [FLAG, SWAP])
def test_exact_rates_are_exact(noise: str, tmp_path: Path) -> None:
    manifest = built(tmp_path, Recipe("toy", (NoiseSpec(noise, 0.35),), exact_rate=True))
    (slot,) = manifest.info.noises
    assert slot.realised == round(0.35 * slot.eligible)
    assert slot.eligible == (60 if noise == SWAP else manifest.info.counts["samples"])
    assert verify(manifest, dataset=TOY) == []


# --- narrations


def test_a_swap_is_of_the_whole_clip_and_harmful_whoever_is_positive() -> None:
    clips, samples, _ = rows_of(TOY, Recipe("toy", (NoiseSpec(SWAP, 0.4),)))
    told = {clip.clip_id: clip for clip in clips}
    for row in samples:
        clip = told[row.clip_id]
        is_swapped = clip.noisy_narration != clip.narration
        assert row.noisy_expression == f"{row.noun} used in the action of {clip.noisy_narration}"
        assert (row.narration_noise == SWAP) == row.is_harmful == is_swapped
        assert row.text_noise == "none"
    assert {clip.noisy_narration for clip in clips} <= {clip.narration for clip in TOY.clips}
    assert 10 < sum(clip.noisy_narration != clip.narration for clip in clips) < 40


def test_noun_and_narration_of_one_text_may_both_be_wrong() -> None:
    clips, samples, _ = rows_of(TOY, Recipe("toy", (NoiseSpec(SWAP, 1.0), NoiseSpec(FLIP, 1.0))))
    told = {clip.clip_id: clip.noisy_narration for clip in clips}
    for row in samples:
        assert row.noisy_expression == f"{row.noisy_noun} used in the action of {told[row.clip_id]}"
        assert (row.text_noise, row.narration_noise) == (FLIP, SWAP)


def test_the_pool_is_the_whole_split_whatever_is_selected() -> None:
    everything = rows_of(TOY, BOTH)
    for options in ({"limit": 7}, {"clips": ["clip003", "clip050"]}):
        some = rows_of(TOY, BOTH, **options)
        names = {clip.clip_id for clip in some[0]}
        for found, rows in zip(some, everything, strict=True):
            assert found == [row for row in rows if row.clip_id in names]


def test_narrations_come_as_often_as_clips_have_them() -> None:
    pool = Vocabulary({1: ("cup",)}, {1: "cup"}).with_narrations({"pour": 1, "cut": 3, "stir": 2})
    assert list(pool.narrations) == ["cut", "pour", "stir"]
    assert [pool.narration_of_other("pour", place) for place in range(pool.other_clips("pour"))] == [
        *("cut", "cut", "cut", "stir", "stir"),
    ]
    assert [pool.narration_of_other("cut", place) for place in range(3)] == ["pour", "stir", "stir"]
    assert [pool.narration_of_other("fold", place) for place in range(6)] == [*["cut"] * 3, "pour", "stir", "stir"]


def test_the_pool_has_a_digest_and_other_vocabularies_keep_theirs() -> None:
    plain = make_request(TOY, BuildOptions(recipe="text-40")).vocabulary
    swapping = make_request(TOY, BuildOptions(recipe=BOTH)).vocabulary
    assert plain.narrations == {}
    assert "narrations" not in plain.to_json()
    assert swapping.with_narrations({}).digest() == plain.digest() != swapping.digest()
    assert swapping.digest() != swapping.with_narrations({**swapping.narrations, "more": 1}).digest()
    again = Vocabulary.from_json(json.loads(json.dumps(swapping.to_json())))
    assert (again, again.digest()) == (swapping, swapping.digest())


def test_a_pool_in_a_vocabulary_file_goes_before_the_split_s(tmp_path: Path) -> None:
    pool = make_request(TOY, BuildOptions(recipe=BOTH)).vocabulary.with_narrations({"stir": 2, "fold": 1})
    path = tmp_path / "words.json"
    path.write_text(json.dumps(pool.to_json()))
    clips, _, _ = rows_of(TOY, Recipe("toy", (NoiseSpec(SWAP, 1.0),)), vocabulary=path)
    assert {clip.noisy_narration for clip in clips} == {"stir", "fold"}
    assert make_request(TOY, BuildOptions(recipe="text-40", vocabulary=path)).vocabulary.narrations == {}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"narration": "stir", "clips": 0}], r"narrations\[0\]\.clips: expected a whole number from 1 on, found 0"),
        ([{"narration": "stir", "clips": 1}] * 2, "the narration 'stir' stands twice"),
        ([{"clips": 1}], r"'narrations\[0\]\.narration' is missing"),
    ],
)
def test_a_pool_that_is_none_is_refused(rows: list[Any], message: str) -> None:
    data = Vocabulary({1: ("cup",)}, {1: "cup"}).to_json() | {"narrations": rows}
    with pytest.raises(ActisegError, match=message):
        Vocabulary.from_json(json.loads(json.dumps(data)))


def test_texts_of_the_dataset_s_own_form_keep_their_narration() -> None:
    """A sentence of a referring dataset does not hold the clip's narration: there is nothing to swap in it."""
    own, usual = replace(thing(1, 1), template=f"the {NOUN} on the left"), thing(2, 2)
    clips = [make_clip(name, [own, usual] if name == "a" else [own], 0) for name in "abc"]
    clips.append(make_clip("d", [usual], 0))
    _, samples, _ = rows_of(Toy(TOY.root, clips), Recipe("toy", (NoiseSpec(SWAP, 1.0),)))
    assert [(row.sample_id, row.narration_noise, row.is_harmful) for row in samples] == [
        ("a/1", "none", False),
        ("a/2", SWAP, True),
        ("b/1", "none", False),
        ("c/1", "none", False),
        ("d/2", SWAP, True),
    ]
    assert samples[0].noisy_expression == "the cup on the left"
    assert samples[1].noisy_expression == "knife used in the action of use things in d"


# --- what cannot be


@pytest.mark.parametrize(
    ("clips", "count"),
    [
        ([make_clip("a", [thing(1, 1)], 0)], "1 narration:"),
        ([make_clip(name, [thing(1, 1)], 0, narration="stir") for name in "abc"], "1 narration:"),
        ([make_clip(name, [replace(thing(1, 1), template="the one")], 0) for name in "ab"], "no narration:"),
        ([make_clip(name, [], 0) for name in "ab"], "no narration:"),
    ],
    ids=["one clip", "one narration", "own sentences", "no objects"],
)
def test_a_split_without_two_narrations_is_refused(clips: list[Any], count: str) -> None:
    toy = Toy(TOY.root, clips)
    with pytest.raises(
        ActisegError, match=f"recipe 'narration-20' swaps narrations, but .* of dataset 'toy' name {count}"
    ):
        make_request(toy, BuildOptions(recipe="narration-20"))
    make_request(toy, BuildOptions(recipe=Recipe("off", (NoiseSpec(SWAP, 0.0),))))


def test_an_evaluation_split_is_not_noised_unless_asked_for() -> None:
    for recipe in ("flag-20", "narration-20"):
        with pytest.raises(ActisegError, match="'val' is an evaluation split"):
            make_request(TOY, BuildOptions(recipe=recipe, split="val"))
        make_request(TOY, BuildOptions(recipe=recipe, split="val", allow_eval=True))


def test_vost_s_objects_are_all_positive_and_become_negative(tmp_path: Path) -> None:
    root = write_vost(tmp_path / "vost")
    manifest = read_manifest(actiseg_noise.build("vost", root=root, flag=1.0, out=tmp_path / "m"))
    rows = manifest.table("samples").to_pylist()
    assert {(row["is_positive"], row["noisy_is_positive"]) for row in rows} == {(True, False)}
    assert manifest.info.severity["wrong_flag_positives"] == 1.0
    assert verify(manifest, root=root) == []


def test_options_on_the_command_line_make_the_named_recipes() -> None:
    assert ad_hoc_recipe(flag=0.2).noises == load_recipe("flag-20").noises
    recipe = ad_hoc_recipe(flip=0.3, narration=0.4, flag=0.125, boundary=15)
    assert recipe.recipe_id == "flip-30+narration-40+flag-12.5+dilate-15"
    assert recipe.noises[1:2] == load_recipe("narration-40").noises
    with pytest.raises(ActisegError, match="--flag: expected a rate between 0 and 1, got 20; did you mean 0.2"):
        ad_hoc_recipe(flag=20)
