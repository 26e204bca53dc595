"""Manifests with noise on flags or narrations: their schema, what is counted, found, compared and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
from action_toys import BOTH, DILATE, FLAG, FLIP, TOY, built
from builds import KERNEL
from forging import edit_info, forge

import actiseg_noise
from actiseg_noise.building.dry_run import dry_run
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import make_request
from actiseg_noise.check.verify import verify
from actiseg_noise.manifest.read import read_manifest
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.view.describe import describe_severity
from actiseg_noise.view.preview_clips import choose_rows
from actiseg_noise.view.preview_sheet import _lines
from actiseg_noise.vocabulary import Vocabulary


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
