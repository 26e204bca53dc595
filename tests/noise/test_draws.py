"""What decides a draw: its address and the rate; never order, company, worker count or selection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, make_clip, make_toy, thing

from actiseg_noise.building.build import find_thresholds
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.exact import smallest
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.plan import Tally
from actiseg_noise.building.request import Request, make_request
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.recipe import NoiseSpec, Recipe, load_recipe

TOY = make_toy(clips=60, frames=3)
FLIP, NOUN, DILATE = "category_flip-v1", "noun_substitution-v1", "dilate-v1"
KERNEL = {"kernel": 3, "unit": "px"}

Rows = dict[str, list[dict[str, Any]]]


def rows_of(request: Request, thresholds: list[float] | None = None) -> tuple[Rows, Tally]:
    """Return a request's rows by column name, and its draws."""
    rows, tally = Worker(request.job(thresholds)).rows(request.iter_clips())
    names = {table.name: [column.name for column in table.columns] for table in TABLES}
    return {t: [dict(zip(names[t], row, strict=True)) for row in found] for t, found in rows.items()}, tally


def build(toy: Toy, *noises: NoiseSpec, **options: Any) -> Rows:
    """Return the rows of an ad hoc recipe."""
    recipe = Recipe("toy", noises, **options)
    request = make_request(toy, BuildOptions(recipe=recipe))
    return rows_of(request, find_thresholds(request) if recipe.exact_rate else None)[0]


def mixed(seed: int = 0, **options: Any) -> Recipe:
    """Return a recipe of all three noises, with rates that leave something clean."""
    noises = (NoiseSpec(FLIP, 0.4), NoiseSpec(NOUN, 0.5), NoiseSpec(DILATE, 0.5, KERNEL))
    return Recipe("toy", noises, seed, **options)


def without(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return rows without some columns."""
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 59), min_size=1), st.integers(0, 9))
def test_a_subset_of_the_clips_has_the_rows_it_has_among_all(chosen: set[int], seed: int) -> None:
    names = sorted(f"clip{i:03d}" for i in chosen)
    everything, _ = rows_of(make_request(TOY, BuildOptions(recipe=mixed(seed))))
    some, _ = rows_of(make_request(TOY, BuildOptions(recipe=mixed(seed), clips=names)))
    for table, rows in everything.items():
        assert some[table] == [row for row in rows if row["clip_id"] in names]


def test_the_first_clips_have_the_rows_they_have_among_all() -> None:
    everything, _ = rows_of(make_request(TOY, BuildOptions(recipe=mixed())))
    some, _ = rows_of(make_request(TOY, BuildOptions(recipe=mixed(), limit=7)))
    assert some["samples"] == [row for row in everything["samples"] if row["clip_id"] < "clip007"]


@settings(max_examples=10, deadline=None)
@given(st.randoms())
def test_the_order_of_objects_in_the_source_changes_nothing(random: Any) -> None:
    clips = [replace(clip, objects=tuple(random.sample(clip.objects, len(clip.objects)))) for clip in TOY.clips]
    shuffled = Toy(TOY.root, clips, TOY.masks)
    assert (
        rows_of(make_request(shuffled, BuildOptions(recipe=mixed())))[0]
        == rows_of(make_request(TOY, BuildOptions(recipe=mixed())))[0]
    )


def test_the_same_clip_under_another_name_has_the_same_draws() -> None:
    """The address names the clip, not its folder: two layouts of one source agree."""
    renamed = Toy(TOY.root, [replace(clip, clip_id=f"x/{clip.clip_id}") for clip in TOY.clips], TOY.masks)
    one, other = (rows_of(make_request(toy, BuildOptions(recipe=mixed())))[0]["samples"] for toy in (TOY, renamed))
    assert without(one, "clip_id", "sample_id", "row_digest") == without(other, "clip_id", "sample_id", "row_digest")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_adding_a_noise_changes_nobodys_draws(order: tuple[int, ...]) -> None:
    text, mask = load_recipe("text-40"), NoiseSpec(DILATE, 0.5, KERNEL)
    noises = (*text.noises, mask)
    together = build(TOY, *(noises[i] for i in order))
    assert together["samples"] == build(TOY, *text.noises)["samples"]
    assert together["masks"] == build(TOY, mask)["masks"]


def test_strength_never_enters_a_draw() -> None:
    weak, strong = (build(TOY, NoiseSpec(DILATE, 0.5, {"kernel": k, "unit": "px"}))["masks"] for k in (3, 5))
    assert [row["mask_noise"] for row in weak] == [row["mask_noise"] for row in strong]


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_rates_are_nested(one: float, other: float, seed: int) -> None:
    low, high = sorted((one, other))
    few, many = (build(TOY, NoiseSpec(FLIP, rate), seed=seed)["samples"] for rate in (low, high))
    for row_of_few, row_of_many in zip(few, many, strict=True):
        assert row_of_few["text_noise"] == "none" or row_of_few == row_of_many


def test_rate_zero_changes_nothing_and_rate_one_everything() -> None:
    clean, flipped = (build(TOY, NoiseSpec(FLIP, rate))["samples"] for rate in (0.0, 1.0))
    assert all(row["noisy_expression"] == row["expression"] and row["text_noise"] == "none" for row in clean)
    assert all(row["noisy_category_id"] != row["category_id"] for row in flipped)
    assert all(row["noisy_expression"].startswith(f"{row['noisy_noun']} used in the action of ") for row in flipped)


def test_another_seed_draws_otherwise() -> None:
    one, other = (build(TOY, NoiseSpec(FLIP, 0.5), seed=seed)["samples"] for seed in (0, 1))
    assert [row["text_noise"] for row in one] != [row["text_noise"] for row in other]


def test_substitution_is_for_samples_that_were_not_flipped() -> None:
    rows = build(TOY, *load_recipe("text-40").noises)["samples"]
    for row in rows:
        has_another = len({"onion", "left hand"} & {row["noun"]}) == 0
        if row["text_noise"] == "none":
            assert not has_another
        assert (row["text_noise"] == NOUN) <= (row["noisy_category_id"] == row["category_id"])
    assert {row["text_noise"] for row in rows} == {"none", FLIP, NOUN}


def test_positive_flags_are_never_noised() -> None:
    rows = build(TOY, NoiseSpec(FLIP, 1.0))["samples"]
    assert [row["is_positive"] for row in rows] == [item.is_positive for clip in TOY.clips for item in clip.objects]


def test_a_flip_is_harmful_and_a_substitution_only_where_it_names_a_neighbour() -> None:
    knife, cleaver, alone = thing(1, 2, noun=0), thing(2, 2, noun=1), thing(1, 1, noun=0)
    toy = Toy(TOY.root, [make_clip("a", [knife, cleaver], 0), make_clip("b", [alone], 0)])
    for row in build(toy, NoiseSpec(FLIP, 1.0))["samples"]:
        assert row["is_harmful"]
    for seed in range(20):
        rows = build(toy, NoiseSpec(NOUN, 1.0), seed=seed)["samples"]
        assert [row["is_harmful"] for row in rows] == [
            rows[0]["noisy_noun"] == "cleaver",
            rows[1]["noisy_noun"] == "knife",
            False,
        ]


def test_negatives_and_hidden_objects_are_never_perturbed() -> None:
    rows = build(TOY, NoiseSpec(DILATE, 1.0, KERNEL))
    positive = {row["sample_id"] for row in rows["samples"] if row["is_positive"]}
    for row in rows["masks"]:
        is_eligible = row["sample_id"] in positive and row["clean_area"] > 0
        assert (row["mask_noise"] == DILATE) == is_eligible


def test_per_clip_an_object_is_hit_in_every_frame_or_in_none() -> None:
    rows = build(TOY, NoiseSpec(DILATE, 0.5, KERNEL), temporal="clip")["masks"]
    hits: dict[str, set[str]] = {}
    for row in rows:
        if row["clean_area"] and row["sample_id"]:
            hits.setdefault(row["sample_id"], set()).add(row["mask_noise"])
    assert all(len(found) == 1 for found in hits.values())
    assert len({next(iter(found)) for found in hits.values()}) == 2


def test_per_frame_some_object_is_hit_in_one_frame_only() -> None:
    rows = build(TOY, NoiseSpec(DILATE, 0.5, KERNEL))["masks"]
    hits: dict[str, set[str]] = {}
    for row in rows:
        if row["clean_area"]:
            hits.setdefault(row["sample_id"], set()).add(row["mask_noise"])
    assert any(len(found) == 2 for found in hits.values())


# --- exact rates


@given(st.lists(st.floats(0, 1, exclude_max=True), unique=True), st.floats(0, 1), st.integers(0, 5))
def test_the_threshold_parts_off_the_smallest(uniforms: list[float], rate: float, gaps: int) -> None:
    threshold = smallest(np.array([*uniforms, *[np.nan] * gaps]), rate)
    taken = sorted(u for u in uniforms if u < threshold)
    assert taken == sorted(uniforms)[: round(rate * len(uniforms))]


@pytest.mark.parametrize("temporal", ["frame", "clip"])
@pytest.mark.parametrize("sequential", [False, True])
def test_exact_rates_are_exact_slot_after_slot(temporal: str, sequential: bool) -> None:
    spec = NoiseSpec(DILATE, 0.3, KERNEL)
    noises = (NoiseSpec(FLIP, 0.4), spec, NoiseSpec(NOUN, 0.25), spec)
    recipe = Recipe("toy", noises, exact_rate=True, temporal=temporal, sequential=sequential)
    request = make_request(TOY, BuildOptions(recipe=recipe))
    _, tally = rows_of(request, find_thresholds(request))
    expected = [round(n.rate * eligible) for n, eligible in zip(noises, tally.eligible, strict=True)]
    assert tally.realised == expected
    assert all(tally.eligible)


def test_exact_rates_take_what_the_plain_ones_take_first() -> None:
    plain = {r["sample_id"] for r in build(TOY, NoiseSpec(FLIP, 0.4))["samples"] if r["text_noise"] != "none"}
    exact_rows = build(TOY, NoiseSpec(FLIP, 0.4), exact_rate=True)["samples"]
    exact = {r["sample_id"] for r in exact_rows if r["text_noise"] != "none"}
    assert plain <= exact or exact <= plain


# --- input that is not what it should be


def test_clips_out_of_order_are_refused() -> None:
    toy = Toy(TOY.root, TOY.clips[::-1], TOY.masks)
    with pytest.raises(DataError, match=r"split 'train': clip 'clip058' comes after 'clip059'; clip ids must ascend"):
        list(make_request(toy).iter_clips())


def test_two_clips_of_one_address_are_refused() -> None:
    toy = Toy(TOY.root, [make_clip("a", []), make_clip("b", [], address="a")])
    with pytest.raises(DataError, match="clip 'b': another clip has the address 'a'"):
        list(make_request(toy).iter_clips())


@pytest.mark.parametrize(
    ("ids", "message"),
    [((1, 1), r"clip 'a': object ids must ascend"), ((0, 1), r"object ids are 1–255"), ((255,), "255 means void")],
)
def test_bad_object_ids_are_refused(ids: tuple[int, ...], message: str) -> None:
    toy = Toy(TOY.root, [make_clip("a", [thing(i, 1) for i in ids], 0)])
    with pytest.raises(DataError, match=message):
        build(toy)


def test_a_category_that_the_vocabulary_lacks_is_refused() -> None:
    toy = Toy(TOY.root, [make_clip("a", [replace(thing(1, 1), category_id=77)], 0)])
    with pytest.raises(DataError, match=r"clip 'a': category 77 \('cup'\) is not in the vocabulary \(dataset\)"):
        build(toy, NoiseSpec(FLIP, 0.5))
    build(toy)


def test_masks_of_two_sizes_in_a_clip_are_refused() -> None:
    masks = {"a/f000.png": np.zeros((4, 6), np.uint8), "a/f001.png": np.zeros((6, 4), np.uint8)}
    with pytest.raises(
        DataError, match=r"clip 'a', mask a/f001\.png: the mask is 4×6, but .* are 6×4 \(width×height\)"
    ):
        build(Toy(TOY.root, [make_clip("a", [thing(1, 1)])], masks))


def test_an_id_that_the_clip_does_not_list_is_refused() -> None:
    masks = {"a/f000.png": np.full((4, 6), 9, np.uint8)}
    with pytest.raises(DataError, match=r"mask a/f000\.png: holds ids \[9\], but the clip's objects are \[1\]"):
        build(Toy(TOY.root, [make_clip("a", [thing(1, 1)], 1)], masks))


def test_a_clip_without_objects_and_an_object_never_seen_have_rows() -> None:
    masks = {f"{name}/f000.png": np.zeros((4, 6), np.uint8) for name in ("a", "b: ü/1")}
    toy = Toy(TOY.root, [make_clip("a", [], 1), make_clip("b: ü/1", [thing(3, 1)], 1)], masks)
    rows = build(toy, NoiseSpec(FLIP, 1.0), NoiseSpec(DILATE, 1.0, KERNEL))
    assert [row["clip_id"] for row in rows["clips"]] == ["a", "b: ü/1"]
    assert [row["sample_id"] for row in rows["masks"]] == ["b: ü/1/3"]
    assert (rows["masks"][0]["clean_area"], rows["masks"][0]["iou"], rows["masks"][0]["mask_noise"]) == (0, 1.0, "none")
    assert len(rows["frames"]) == 2


def test_a_noise_that_is_none_on_a_canvas_is_refused() -> None:
    with pytest.raises(Exception, match=r"noise 1 \(dilate-v1\): a kernel of 9 \(480p\) is 1 px on a 24×32 canvas"):
        build(TOY, NoiseSpec(DILATE, 1.0, {"kernel": 9, "unit": "480p"}))
