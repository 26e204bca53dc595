"""What ``manifest.json`` says of its draws is held against the tables: prompts drawn again, counts, severity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from forging import edit_info, forge
from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.check.findings import Finding, Unchecked
from actiseg_noise.check.recount import recount
from actiseg_noise.check.verify import CHECKS, Subject, run_checks, verify
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import Clip

DILATE = {"kernel": 3, "unit": "px"}
RECIPE = Recipe(
    "toy-mix",
    (
        NoiseSpec("category_flip-v1", 0.4),
        NoiseSpec("noun_substitution-v1", 1.0),
        NoiseSpec("dilate-v1", 0.7, DILATE),
    ),
)


def verify_tables(manifest: Manifest) -> list[Finding]:
    """Return where the tables of a manifest, and what ``manifest.json`` says of them, do not agree."""
    return run_checks(Subject(manifest), [check for check in CHECKS if check.stage < 2])


def findings(folder: Path) -> list[Finding]:
    manifest = actiseg_noise.read_manifest(folder)
    assert verify_tables(manifest) == [], "the digests hold: only the draws can tell"
    return list(verify(manifest))


def unchecked(folder: Path) -> list[str]:
    return [item.what for item in verify(folder).unchecked]


def places(folder: Path) -> list[str]:
    return [finding.where for finding in findings(folder)]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("clean"),
        RECIPE,
        replace(RECIPE, exact_rate=True, temporal="clip"),
        replace(RECIPE, sequential=True, noises=(*RECIPE.noises, NoiseSpec("dilate-v1", 0.5, DILATE))),
    ],
    ids=["clean", "mixed", "exact, per clip", "one noise twice"],
)
def test_what_was_built_holds(toy: Toy, tmp_path: Path, recipe: Recipe) -> None:
    assert places(actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m")) == []


def test_what_only_the_dataset_can_tell_is_said(folder: Path, toy: Toy, tmp_path: Path) -> None:
    assert unchecked(folder) == [
        *("recipe", "dataset card", "split", "selection", "clean labels"),
        "which masks are noised, and how",
    ]
    text = actiseg_noise.build(toy, recipe="text-40", content="text", out=tmp_path / "text")
    assert unchecked(text) == ["run lengths", "dataset card", "split", "selection", "clean labels"]


def test_another_seed_does_not_draw_these_prompts(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["seed"] = data["recipe"]["seed"] = 1

    edit_info(folder, change)
    (finding,) = findings(folder)
    assert finding.where.startswith("samples.parquet, row clip_id='clip00")
    assert finding.expected.endswith("which is what seed and recipe draw")
    assert finding.more > 5


def test_a_forged_prompt_is_shown_beside_what_its_address_draws(folder: Path) -> None:
    before = pq.read_table(folder / "samples.parquet").to_pylist()[3]

    def change(row: dict[str, Any]) -> None:
        row.update(noisy_noun="zebra", noisy_expression="zebra")

    forge(folder, "samples", lambda rows: change(rows[3]))
    (finding,) = findings(folder)
    assert finding.where.endswith("column noisy_noun")
    assert (finding.found, finding.more) == ("'zebra'", 0)
    assert finding.comparison is not None
    lines = {line[:2]: line[2:] for line in finding.comparison.lines}
    assert lines["noun", "manifest"] == (before["noun"], "zebra", "◄")
    assert lines["", "draw"] == (before["expression"], before["noisy_expression"], "")
    assert lines["category", "both"][2] == ""


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["noises"][0].update(eligible=999, rate=None), "rate of category_flip-v1"),
        (lambda d: d["recipe"]["noise"][0].update(rate=0.5), "noises"),
    ],
)
def test_statements_that_contradict_each_other_need_no_draws(
    folder: Path, change: Callable[[dict[str, Any]], object], where: str
) -> None:
    edit_info(folder, change)
    assert f"manifest.json, {where}" in [f.where for f in verify_tables(actiseg_noise.read_manifest(folder))]


def restated_eligible(data: dict[str, Any], index: int) -> None:
    slot = data["noises"][index]
    slot["eligible"] += 5
    slot["rate"] = slot["realised"] / slot["eligible"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: restated_eligible(d, 0), "eligible of category_flip-v1"),
        (lambda d: restated_eligible(d, 2), "eligible of dilate-v1"),
        (lambda d: d["noises"][0].update(on_positives=0), "on_positives of category_flip-v1"),
        (lambda d: d["noises"][1].update(interval=[0, 1]), "interval of noun_substitution-v1"),
        (lambda d: d["severity"].update(harmful_positives=0.0), "severity harmful_positives"),
        (lambda d: d["severity"].update(median_iou=None), "severity median_iou"),
    ],
)
def test_an_edited_statement_is_named(folder: Path, change: Callable[[dict[str, Any]], object], where: str) -> None:
    edit_info(folder, change)
    assert places(folder) == [f"manifest.json, {where}"]


def test_prompts_of_the_datasets_own_form_are_left_to_the_dataset(tmp_path: Path) -> None:
    class Told(Toy):
        def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
            for clip in self.clips:
                yield replace(clip, objects=tuple(replace(o, template="see the {noun}") for o in clip.objects))

    toy = make_toy(seed=1)
    told = Told(toy.root, toy.clips, toy.masks)
    path = actiseg_noise.build(told, recipe="text-40", content="text", out=tmp_path / "m")
    (unclear,) = recount(actiseg_noise.read_manifest(path))
    assert isinstance(unclear, Unchecked)
    assert unclear.what.startswith("whether 34 prompts of the dataset's own form could be noised")
