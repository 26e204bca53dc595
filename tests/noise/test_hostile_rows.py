"""Rows and statements of strangers that hold together, with every digest made anew: each is a finding of ``verify``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import TOY_MIX, edit_info, forge

from actiseg_noise.check.verify import verify

RECIPE = TOY_MIX


def test_one_space_in_a_clean_prompt_does_not_stop_the_draws_of_the_others(folder: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["expression"] += " "
        for row in rows:
            row["noisy_expression"] = "left hand used in the action of nothing"

    forge(folder, "samples", change)
    (finding,) = verify(folder)
    assert finding.where.endswith("column noisy_expression")
    assert finding.more > 10


def test_a_category_that_the_vocabulary_lacks_is_a_finding(folder: Path) -> None:
    forge(folder, "samples", lambda rows: rows[3].update(category_id=2_147_483_647))
    (finding,) = verify(folder)
    assert finding.where.endswith("column category_id") and finding.found == "2147483647"
    assert finding.expected.endswith("in vocabulary.json")


def test_invented_imports_contradict_noises_that_were_drawn(folder: Path) -> None:
    edit_info(folder, lambda data: data.update(imported={"a": 1}))
    assert {finding.where for finding in verify(folder)} == {"manifest.json, recipe noise", "manifest.json, noises"}


def test_an_invented_use_is_a_finding(folder: Path) -> None:
    edit_info(folder, lambda data: data.update(uses={"x": "y"}))
    assert [finding.where for finding in verify(folder)] == ["manifest.json, uses"]


FIRST_MASK = "masks.parquet, row clip_id='clip000', frame_idx=0, object_id"
LAST_MASKS = "masks.parquet, row clip_id='clip011', frame_idx"
NO_SAMPLE = ("a row in samples.parquet of this object", "none")
INSIDE = "a path inside the dataset's root"
Said = tuple[str, str, str]
"""Where, what was expected, what was found."""


def said(folder: Path) -> list[Said]:
    return [(finding.where, finding.expected, finding.found) for finding in verify(folder)]


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    [
        (
            "samples",
            lambda rows: rows[0].update(sample_id="clip000/9"),
            [("samples.parquet, row clip_id='clip000', object_id=1, column sample_id", "'clip000/1'", "'clip000/9'")],
        ),
        (
            "masks",
            lambda rows: rows[0].update(sample_id="clip000/9"),
            [(f"{FIRST_MASK}=1, column sample_id", "'clip000/1'", "'clip000/9'")],
        ),
        (
            "masks",
            lambda rows: rows[0].update(frame_id="other"),
            [(f"{FIRST_MASK}=1, column frame_id", "'f000'", "'other'")],
        ),
        (
            "masks",
            lambda rows: rows[0].update(object_id=255),
            [
                (f"{FIRST_MASK}=255, column sample_id", "'clip000/255'", "'clip000/1'"),
                (f"{FIRST_MASK}=255", *NO_SAMPLE),
            ],
        ),
        (
            "masks",
            lambda rows: rows.remove(next(row for row in rows if row["mask_noise"] == "none")),
            [("masks.parquet, clip_id='clip000'", "2 rows (2 annotated frames × 1 objects)", "1")],
        ),
        (
            "frames",
            lambda rows: rows.pop(),
            [(f"{LAST_MASKS}=1, object_id=1, frame", "a row in frames.parquet", "none")],
        ),
        (
            "samples",
            lambda rows: rows.pop(),
            [
                (f"{LAST_MASKS}=0, object_id=3", *NO_SAMPLE),
                (f"{LAST_MASKS}=1, object_id=3", *NO_SAMPLE),
                ("masks.parquet, clip_id='clip011'", "4 rows (2 annotated frames × 2 objects)", "6"),
            ],
        ),
        ("clips", lambda rows: rows.clear(), [("clips.parquet, rows", "at least one", "0")]),
        (
            "samples",
            lambda rows: rows.clear(),
            [("samples.parquet, rows", "at least one", "0"), ("manifest.json, realised category_flip-v1", "13", "0")],
        ),
        (
            "frames",
            lambda rows: rows[0].update(image_path="/etc/passwd"),
            [("frames.parquet, row clip_id='clip000', frame_idx=0, column image_path", INSIDE, "'/etc/passwd'")],
        ),
        (
            "frames",
            lambda rows: rows[0].update(mask_path="../x.png"),
            [("frames.parquet, row clip_id='clip000', frame_idx=0, column mask_path", INSIDE, "'../x.png'")],
        ),
    ],
)
def test_rows_that_are_about_nothing_are_found_though_every_digest_fits(
    folder: Path, table: str, change: Callable[[list[dict[str, Any]]], object], expected: list[Said]
) -> None:
    forge(folder, table, change)
    assert said(folder) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda data: data["recipe"].update(id="clean", title=""),
            (
                "recipe noise",
                "[], as the recipe clean has it",
                '[{"noise": "category_flip-v1", "rate": 0.4}, {"noise": "noun…',
            ),
        ),
        (
            lambda data: data["recipe"].update(title="Ours"),
            ("recipe title", '"text-40 and mask-15 together", as the recipe mixed-40-15 has it', '"Ours"'),
        ),
        (
            lambda data: data["dataset"].update(licence="MIT"),
            ("dataset licence", '"Apache-2.0", as the dataset kitchen says', '"MIT"'),
        ),
        (
            lambda data: data["dataset"].update(title="Other"),
            (
                "dataset title",
                '"kitchen: a counter, two hands, two concurrent actions; draw…, as the dataset kitchen says',
                '"Other"',
            ),
        ),
        (
            lambda data: data["dataset"].update(citation="me"),
            ("dataset citation", '"this project (see CITATION.cff)", as the dataset kitchen says', '"me"'),
        ),
    ],
    ids=["noise", "recipe title", "licence", "dataset title", "citation"],
)
def test_what_no_digest_covers_is_held_against_what_is_published(
    noisy_val: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], expected: Said
) -> None:
    folder = Path(shutil.copytree(noisy_val, tmp_path / "m"))
    edit_info(folder, change)
    where, *values = expected
    assert said(folder) == [(f"manifest.json, {where}", *values)]


def test_a_recipe_without_its_title_is_the_published_one(noisy_val: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(noisy_val, tmp_path / "m"))
    edit_info(folder, lambda data: data["recipe"].update(title=""))
    assert said(folder) == []
