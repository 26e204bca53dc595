"""``inspect``: what ``manifest.json`` says, and what the rows say by themselves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq
import pytest
from toys import Toy

import actiseg_noise
from actiseg_noise.cli import main
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.view.inspection import inspect
from actiseg_noise.view.observed import Prompt, Share, count_prompts, observe
from actiseg_noise.vocabulary import Vocabulary

VOCABULARY = Vocabulary({1: ("cup", "mug"), 3: ("onion",), 300: ("left hand",)}, {1: "cup", 3: "onion", 300: "hand"})
PROMPTS = [
    Prompt(1, "cup", 3, "onion", True),
    Prompt(1, "cup", 1, "mug", True),
    Prompt(1, "mug", 1, "mug", False),
    Prompt(3, "onion", 3, "onion", False),
    Prompt(300, "left hand", 1, "cup", True),
    Prompt(300, "left hand", 300, "left hand", True),
]
RECIPE = Recipe(
    "toy-mix",
    (
        NoiseSpec("category_flip-v1", 0.4),
        NoiseSpec("noun_substitution-v1", 1.0),
        NoiseSpec("dilate-v1", 0.7, {"kernel": 3, "unit": "px"}),
    ),
)


def test_prompts_are_counted_as_a_reader_would() -> None:
    assert [(share.name.strip(), share.count, share.total) for share in count_prompts(PROMPTS, VOCABULARY)] == [
        ("flipped to another category", 2, 6),
        ("of hands", 1, 2),
        ("of other objects", 1, 4),
        ("of positives", 2, 4),
        ("of negatives", 0, 2),
        ("unflipped, noun changed", 1, 4),
        ("category with several nouns", 1, 2),
        ("category with one noun", 0, 2),
        ("changed in any way", 3, 6),
    ]


def test_a_share_has_the_margin_of_a_95_percent_interval() -> None:
    assert Share("flips", 22, 131).row() == ("flips", "22 of 131", "16.8%", "±6.4%")
    assert Share("flips", 70, 70).row() == ("flips", "70 of 70", "100.0%", "")
    assert Share("flips").row() == ("flips", "–", "–", "")


def test_what_is_observed_is_what_the_build_counted(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    observed = observe(manifest)
    flips, nouns, dilations = manifest.info.noises
    shares = {share.name.strip(): share for share in observed.prompts}
    assert (shares["flipped to another category"].count, shares["of positives"].count) == (
        flips.realised,
        flips.on_positives,
    )
    assert shares["category with several nouns"].row()[1:3] == (f"{nouns.realised} of {nouns.realised}", "100.0%")
    rows = pq.read_table(built / "masks.parquet").to_pylist()
    masks = {share.name: share for share in observed.masks}
    assert masks["changed"].count == sum(row["clean_digest"] != row["noisy_digest"] for row in rows)
    assert masks["changed"].total == sum(row["clean_area"] > 0 for row in rows)
    assert masks["changed by a neighbour alone"].count == sum(row["changed_by_neighbour"] for row in rows)
    ious = [row["iou"] for row in rows if row["mask_noise"] == "dilate-v1"]
    assert observed.ious == {"dilate-v1": (dilations.realised, median(ious))}


def test_masks_that_were_erased_and_those_that_were_kept_are_told_apart(toy: Toy, tmp_path: Path) -> None:
    erode = Recipe("big", (NoiseSpec("erode-v1", 1.0, {"kernel": 15, "unit": "px"}),))
    kept = observe(actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=erode, out=tmp_path / "kept")))
    gone = observe(
        actiseg_noise.read_manifest(
            actiseg_noise.build(toy, recipe=erode.altered(allow_erase=True), out=tmp_path / "gone")
        )
    )
    counts = [{share.name.split(",")[0]: share.count for share in found.masks} for found in (kept, gone)]
    assert counts[0]["kept as it was"] == counts[1]["erased"] > 0
    assert counts[0]["erased"] == counts[1]["kept as it was"] == 0


def test_a_manifest_without_recipe_shows_what_its_rows_hold(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "m"
    copy.mkdir()
    for path in built.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    data = json.loads((copy / "manifest.json").read_text())
    data.update(noises=[], recipe=Recipe("imported-toy").to_json(), imported={"form": "a test"})
    (copy / "manifest.json").write_text(json.dumps(data))
    titles = [section.title for section in inspect(actiseg_noise.read_manifest(copy)).sections(5)]
    assert "Noise" not in titles
    assert "Observed in the rows: prompts" in titles
    assert "IoU with the clean mask: dilate-v1" in titles


def test_a_manifest_of_text_has_no_table_of_masks(toy: Toy, tmp_path: Path) -> None:
    path = actiseg_noise.build(toy, recipe="text-40", content="text", out=tmp_path / "m")
    titles = [section.title for section in inspect(actiseg_noise.read_manifest(path)).sections(5)]
    assert "Observed in the rows: prompts" in titles
    assert "Observed in the rows: masks of visible objects" not in titles


def test_the_command_prints_the_same_shares_as_tables_and_as_json(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["actiseg-noise", "inspect", str(built), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        return capsys.readouterr().out

    share = json.loads(run("--json"))["observed"]["prompts"]["flipped to another category"]
    assert f"{share['count']} of {share['total']}" in run()
