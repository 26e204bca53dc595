"""Noisy flags and narrations in the formats of others: what is exported comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from action_toys import BOTH, FLAG, FLIP, TOY, built
from deposits import save_mask
from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.exchange.export_refvos import export_refvos
from actiseg_noise.exchange.import_prompts import PromptPairs
from actiseg_noise.exchange.import_trees import TreePairs, find_noisy_tree
from actiseg_noise.exchange.import_write import write_import
from actiseg_noise.exchange.published_prompts import PublishedFiles
from actiseg_noise.manifest.read import Manifest, read_manifest
from actiseg_noise.recipe import NoiseSpec, Recipe


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
