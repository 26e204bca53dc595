"""Noise on what makes the task action-based: whose narration the texts name, who is given as positive."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deposits import save_mask, write_vost
from forging import edit_info, forge
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, make_clip, make_toy, thing

import actiseg_noise
from actiseg_noise.building.build import find_thresholds
from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.dry_run import dry_run
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.exchange.export_refvos import export_refvos
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_trees import TreePairs, find_noisy_tree
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.manifest.records import ActionClipRow, ActionSampleRow
from actiseg_noise.recipe import NoiseSpec, Recipe, ad_hoc_recipe, load_recipe
from actiseg_noise.records import NOUN
from actiseg_noise.view.describe import describe_severity
from actiseg_noise.view.preview_clips import choose_rows
from actiseg_noise.view.preview_sheet import _lines
from actiseg_noise.vocabulary import Vocabulary

TOY = make_toy(clips=60, frames=1)
FLAG, SWAP, FLIP, DILATE = "flag_flip-v1", "narration_swap-v1", "category_flip-v1", "dilate-v1"
KERNEL = {"kernel": 3, "unit": "px"}
BOTH = Recipe("both", (NoiseSpec(SWAP, 0.4), NoiseSpec(FLAG, 0.3)))

Samples = list[ActionSampleRow]


def rows_of(toy: Toy, recipe: Recipe, **options: Any) -> tuple[list[ActionClipRow], Samples, list[Any]]:
    """Return the rows of clips, samples and masks."""
    request = make_request(toy, BuildOptions(recipe=recipe, **options))
    thresholds = find_thresholds(request) if recipe.exact_rate else None
    rows, _ = Worker(request.job(thresholds)).rows(request.iter_clips())
    return rows["clips"], rows["samples"], rows["masks"]  # type: ignore[return-value]


def samples_of(*noises: NoiseSpec, toy: Toy = TOY, **options: Any) -> Samples:
    return rows_of(toy, Recipe("toy", noises, **options))[1]


def built(tmp_path: Path, recipe: Recipe = BOTH, toy: Toy = TOY, **options: Any) -> Manifest:
    return read_manifest(actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m", **options))


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


# --- the manifest


def test_only_these_noises_make_a_manifest_of_schema_2(tmp_path: Path) -> None:
    plain = read_manifest(actiseg_noise.build(TOY, recipe="flip-40", content="text", out=tmp_path / "plain"))
    manifest = built(tmp_path, content="text")
    assert (plain.info.schema_version, manifest.info.schema_version) == (1, 2)
    assert set(plain.info.severity) < set(manifest.info.severity)
    added = set(manifest.table("samples").column_names) - set(plain.table("samples").column_names)
    assert added == {"narration_noise", "noisy_is_positive", "flag_noise"}
    assert pq.read_schema(plain.path / "samples.parquet").names == plain.table("samples").column_names


def test_a_manifest_of_schema_1_says_that_no_flag_and_no_narration_is_noised(tmp_path: Path) -> None:
    plain = read_manifest(actiseg_noise.build(TOY, recipe="flip-40", content="text", out=tmp_path / "plain"))
    rows = plain.table("samples", ["flag_noise", "noisy_is_positive", "is_positive", "noun"]).to_pylist()
    assert list(rows[0]) == ["flag_noise", "noisy_is_positive", "is_positive", "noun"]
    assert all(row["noisy_is_positive"] == row["is_positive"] and row["flag_noise"] == "none" for row in rows)
    assert plain.table("samples", ["narration_noise"]).num_rows == plain.info.counts["samples"]
    (batch,) = plain.iter_batches("clips", ["noisy_narration"])
    assert batch.column("noisy_narration").to_pylist() == [clip.narration for clip in TOY.clips]
    for clip in plain:
        assert clip.narrated("noisy") == clip.narration
        assert [sample.flag("noisy") for sample in clip.samples] == [sample.flag("clean") for sample in clip.samples]


def test_what_was_built_holds_and_is_counted(tmp_path: Path) -> None:
    recipe = Recipe("mix", (NoiseSpec(FLIP, 0.3), *BOTH.noises, NoiseSpec(DILATE, 0.5, KERNEL), NoiseSpec(FLAG, 0.5)))
    manifest = built(tmp_path, recipe)
    assert verify(manifest, dataset=TOY) == []
    rows = manifest.table("samples").to_pylist()
    _, swap, first, _, second = manifest.info.noises
    swapped = {row["clip_id"] for row in rows if row["narration_noise"] != "none"}
    assert (swap.unit, swap.eligible, swap.realised) == ("clip", 60, len(swapped))
    assert swap.on_positives == len({r["clip_id"] for r in rows if r["is_positive"]} & swapped)
    flipped = [row for row in rows if row["flag_noise"] != "none"]
    assert (first.unit, first.eligible, second.eligible) == ("sample", len(rows), len(rows) - first.realised)
    assert first.realised + second.realised == len(flipped)
    assert first.on_positives + second.on_positives == sum(row["is_positive"] for row in flipped)
    positives = sum(row["is_positive"] for row in rows)
    lost = sum(row["is_positive"] and not row["noisy_is_positive"] for row in rows)
    assert manifest.info.severity["wrong_flag_positives"] == lost / positives
    told = sum(row["is_positive"] and row["clip_id"] in swapped for row in rows)
    assert manifest.info.severity["wrong_narration_positives"] == told / positives


def test_a_dry_run_counts_the_draws(tmp_path: Path) -> None:
    plan = dry_run(make_request(TOY, BuildOptions(recipe=BOTH, out=tmp_path / "m")))
    _, flag = (slot := built(tmp_path).info.noises)
    assert plan["1 narration_swap-v1"] == f"{slot[0].realised} of 60 clips"
    assert plan["2 flag_flip-v1"] == f"{flag.realised} of {flag.eligible} samples"


def test_a_forged_flag_is_found(tmp_path: Path) -> None:
    manifest = built(tmp_path)
    row = next(i for i, r in enumerate(manifest.table("samples").to_pylist()) if r["flag_noise"] == "none")
    forge(manifest.path, "samples", lambda rows: rows[row].update(noisy_is_positive=not rows[row]["is_positive"]))
    finding = verify(manifest.path)[0]
    assert finding.where.endswith("column noisy_is_positive")
    assert "which is what seed and recipe draw" in finding.expected
    assert finding.comparison is not None
    assert ("positive", "manifest") in [line[:2] for line in finding.comparison.lines]


def test_categories_that_a_vocabulary_file_lacks_are_no_finding_where_no_noun_is_drawn(tmp_path: Path) -> None:
    vocabulary = Vocabulary({1: ("cup",)}, {1: "cup"}, "mine.json")
    for recipe in ("clean", "flag-20"):
        out = actiseg_noise.build(TOY, recipe=recipe, vocabulary=vocabulary, content="text", out=tmp_path / recipe)
        assert verify(out) == []


def test_a_forged_narration_is_found(tmp_path: Path) -> None:
    manifest = built(tmp_path)
    forge(manifest.path, "clips", lambda rows: rows[0].update(noisy_narration="use things in clip059"))
    finding = verify(manifest.path)[0]
    assert finding.where == "clips.parquet, row clip_id='clip000', column noisy_narration"
    assert finding.found == "'use things in clip059'"


def test_a_pool_that_is_not_the_split_s_is_found(tmp_path: Path) -> None:
    manifest = built(tmp_path)
    other = manifest.vocabulary.with_narrations({**manifest.vocabulary.narrations, "stir": 1})
    (manifest.path / "vocabulary.json").write_text(json.dumps(other.to_json()))
    assert verify(manifest.path)[0].where == "vocabulary.json, digest"
    edit_info(manifest.path, lambda data: data.update(vocabulary={"origin": other.origin, "digest": other.digest()}))
    assert "vocabulary (dataset), digest" in [finding.where for finding in verify(manifest.path, dataset=TOY)]


def test_counts_severity_and_schema_that_are_not_so_are_found(tmp_path: Path) -> None:
    manifest = built(tmp_path)
    severity = manifest.info.severity
    edit_info(manifest.path, lambda data: data.update(severity=severity | {"wrong_flag_positives": 0.0}))
    assert [f.where for f in verify(manifest.path)] == ["manifest.json, severity wrong_flag_positives"]
    edit_info(
        manifest.path,
        lambda data: data.update(
            severity={k: severity[k] for k in ("harmful_positives", "median_iou", "wrong_flag_positives")}
        ),
    )
    assert [f.where for f in verify(manifest.path)] == ["manifest.json, severity wrong_narration_positives"]
    edit_info(manifest.path, lambda data: data.update(severity=severity))
    assert verify(manifest.path) == []
    plain = read_manifest(actiseg_noise.build(TOY, recipe="clean", content="text", out=tmp_path / "plain"))
    edit_info(
        plain.path,
        lambda data: data.update(
            recipe=BOTH.to_json(), noises=json.loads((manifest.path / "manifest.json").read_text())["noises"]
        ),
    )
    assert "manifest.json, schema_version" in [finding.where for finding in verify(plain.path)]


def test_a_diff_sees_flags_and_narrations_across_schemas(tmp_path: Path) -> None:
    clean = actiseg_noise.build(TOY, recipe="clean", content="text", out=tmp_path / "clean")
    manifest = built(tmp_path, content="text")
    rows = manifest.table("samples").to_pylist()
    found = actiseg_noise.diff(clean, manifest)
    flipped = sum(row["flag_noise"] != "none" for row in rows)
    assert found.tables["samples"].columns["noisy_is_positive"] == flipped
    assert found.to_json()["flags"] == {"changed": flipped, "common": len(rows)}
    assert found.tables["clips"].columns == {"noisy_narration": manifest.info.noises[0].realised}
    assert actiseg_noise.diff(clean, clean).is_equal


def test_inspect_and_severity_say_it_in_words(tmp_path: Path) -> None:
    manifest = built(tmp_path, content="text")
    share = {s.name.strip(): s for s in actiseg_noise.inspect(manifest).observed.actions}
    severity = manifest.info.severity
    assert share["positives given as negative"].share == severity["wrong_flag_positives"]
    assert share["of positives"].share == severity["wrong_narration_positives"]
    assert share["another flag"].count == manifest.info.noises[1].realised
    text = describe_severity(manifest.info)
    assert f"{severity['wrong_flag_positives']:.1%} given as negative" in text
    assert f"{severity['wrong_narration_positives']:.1%} with another clip's narration" in text


def test_a_preview_shows_both_narrations_and_who_is_given_another_flag(tmp_path: Path) -> None:
    manifest = built(tmp_path)
    for row in choose_rows(manifest, limit=20):
        lines = ["".join(text for text, _ in words) for words, _ in _lines(row)]
        is_swapped = row.clip.noisy_narration != row.clip.narration
        assert (f"  → “{row.clip.noisy_narration}”  harmful" in lines) == is_swapped
        for words, of_positives in (("given as negative", True), ("given as positive", False)):
            flipped = [s for s in row.clip.samples if s.flag_noise != "none" and s.is_positive == of_positives]
            assert sum(line.endswith(words) for line in lines) == len(flipped)


# --- export and import


def labels(manifest: Manifest) -> list[tuple[Any, ...]]:
    """Return what is given of every sample, in the order of the dataset's own list."""
    order = {row["clip_id"]: row for row in manifest.table("clips").to_pylist()}
    return sorted(
        (
            order[row["clip_id"]]["source_order"],
            row["object_id"],
            *(
                row[name]
                for name in ("is_positive", "noisy_is_positive", "expression", "noisy_expression", "noisy_noun")
            ),
            *(row["is_harmful"], row["narration_noise"] != "none", row["flag_noise"] != "none"),
            order[row["clip_id"]]["noisy_narration"],
        )
        for row in manifest.table("samples").to_pylist()
    )


def test_exported_flags_and_narrations_come_back_from_the_pair_of_files(tmp_path: Path) -> None:
    manifest = built(tmp_path, Recipe("mix", (NoiseSpec(FLIP, 0.3), *BOTH.noises)), content="text")
    export_actionvos(manifest, tmp_path / "x")
    pair = [
        tmp_path / f"x/ImageSets/train_{kind}.json" for kind in ("meta_expressions_promptaction", "objects_category")
    ]
    again = read_manifest(write_import(PromptPairs(PublishedFiles(*pair), "train"), tmp_path / "again"))
    places = {order: place for place, order in enumerate(sorted(clip.source_order for clip in TOY.clips))}
    assert labels(again) == [(places[order], *rest) for order, *rest in labels(manifest)]
    assert again.info.schema_version == 2
    assert again.info.severity == manifest.info.severity
    assert verify(again) == []


def test_exported_flags_come_back_beside_the_clean_tree(tmp_path: Path) -> None:
    toy = make_toy(clips=6, scale=10)
    manifest = built(tmp_path, Recipe("flags", (NoiseSpec(FLAG, 0.5),)), toy)
    for side in ("clean", "noisy"):
        export_actionvos(manifest, tmp_path / side, labels=side)
    assert "positive_org" not in (tmp_path / "clean/ImageSets/train_objects_category.json").read_text()
    pairs = TreePairs(tmp_path / "clean", find_noisy_tree(tmp_path / "noisy", "train"), "train")
    again = read_manifest(write_import(pairs, tmp_path / "again"))
    flags = [[row[2:4] for row in labels(one)] for one in (manifest, again)]
    assert flags[0] == flags[1]
    assert {row["flag_noise"] for row in again.table("samples").to_pylist()} == {"none", "imported"}
    assert verify(again, root=tmp_path / "clean") == []


def test_flags_that_differ_and_do_not_say_what_was_clean_are_refused(tmp_path: Path) -> None:
    manifest = built(tmp_path, Recipe("flags", (NoiseSpec(FLAG, 0.5),)), make_toy(clips=6, scale=10))
    for side in ("clean", "noisy"):
        export_actionvos(manifest, tmp_path / side, labels=side)
    for path in (tmp_path / "noisy/ImageSets").glob("train_*.json"):
        text = path.read_text().replace(', "positive_org": 1', "").replace(', "positive_org": 0', "")
        path.write_text(text)
    pairs = TreePairs(tmp_path / "clean", find_noisy_tree(tmp_path / "noisy", "train"), "train")
    with pytest.raises(ActisegError, match=r"objects do not fit: .*object \d: positive [01] and [01]"):
        write_import(pairs, tmp_path / "again")


def test_a_manifest_of_schema_1_is_exported_without_a_word_of_clean_flags(tmp_path: Path) -> None:
    manifest = read_manifest(actiseg_noise.build(TOY, recipe="flip-40", content="text", out=tmp_path / "m"))
    export_actionvos(manifest, tmp_path / "x")
    for path in (tmp_path / "x/ImageSets").iterdir():
        assert "positive_org" not in path.read_text()


@pytest.mark.parametrize("side", ["clean", "noisy"])
def test_a_referring_export_is_of_the_objects_that_are_given_as_positive(tmp_path: Path, side: str) -> None:
    manifest = built(tmp_path, Recipe("flags", (NoiseSpec(FLAG, 0.5),)), content="text")
    report = export_refvos(manifest, tmp_path / "x", labels=side)
    name = {"clean": "is_positive", "noisy": "noisy_is_positive"}[side]
    flags = manifest.table("samples", [name])[name].to_pylist()
    assert report["counts"]["expressions"] == sum(flags)
    assert report["counts"]["negative_objects_left_out"] == len(flags) - sum(flags)


def test_weight_maps_of_clips_with_another_flag_are_counted(tmp_path: Path) -> None:
    """They are of the clean flags, and an object's weight tells which it is."""
    toy = make_toy(clips=6, scale=10)
    clips = [
        replace(
            clip, frames=tuple(replace(frame, weight_path=f"weights/{clip.clip_id}.png") for frame in clip.frames[:1])
        )
        for clip in toy.clips
    ]
    root = tmp_path / "root"
    for clip in clips:
        save_mask(root / f"weights/{clip.clip_id}.png", toy.masks[str(clip.frames[0].mask_path)])
    recipe = Recipe("flags", (NoiseSpec(FLAG, 0.3),))
    manifest = built(tmp_path, recipe, Toy(root, clips, toy.masks))
    flipped = {row["clip_id"] for row in manifest.table("samples").to_pylist() if row["flag_noise"] != "none"}
    assert 0 < len(flipped) < len(clips)
    noisy, clean = (export_actionvos(manifest, tmp_path / side, labels=side, root=root) for side in ("noisy", "clean"))
    assert noisy["counts"]["weights_of_other_flags"] == len(flipped)
    assert "weights_of_other_flags" not in clean["counts"]
    assert noisy["counts"]["weights"] == clean["counts"]["weights"] == len(clips)


@pytest.mark.parametrize(("told", "schema_version"), [("use things in clip001", 2), ("use Things in clip001", 1)])
def test_an_imported_narration_is_a_swapped_one_where_it_is_another_clip_s(
    tmp_path: Path, told: str, schema_version: int
) -> None:
    """Prompts of another spelling stay what they were: another text, not harmful."""
    manifest = built(tmp_path, Recipe("clean"), content="text")
    for side in ("clean", "noisy"):
        export_actionvos(manifest, tmp_path / side)
    path = tmp_path / "noisy/ImageSets/train_meta_expressions_promptaction.json"
    data = json.loads(path.read_text())
    (folder,) = (name for name, clip in data["videos"].items() if "in clip000" in clip["expressions"]["0"]["exp"])
    for entry in data["videos"][folder]["expressions"].values():
        entry["exp"] = entry["exp"].replace("use things in clip000", told)
    path.write_text(json.dumps(data))
    pair = (path, path.with_name("train_objects_category.json"))
    again = read_manifest(write_import(PromptPairs(PublishedFiles(*pair), "train"), tmp_path / "again"))
    rows = [row for row in again.table("samples").to_pylist() if row["clip_id"] == folder]
    is_swapped = schema_version == 2
    assert again.info.schema_version == schema_version
    assert {(row["text_noise"], row["is_harmful"]) for row in rows} == {
        ("none" if is_swapped else "imported", is_swapped)
    }
    assert {row["expression"] != row["noisy_expression"] for row in rows} == {True}
