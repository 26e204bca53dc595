"""Verify: an untouched manifest holds; an edited cell is named by row and column."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import forge
from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.check.findings import Finding
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.digest import RowDigest
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.recipe import NoiseSpec, Recipe

RECIPE = Recipe(
    "toy-mix",
    (
        NoiseSpec("category_flip-v1", 0.4),
        NoiseSpec("noun_substitution-v1", 1.0),
        NoiseSpec("dilate-v1", 0.7, {"kernel": 3, "unit": "px"}),
    ),
)
NOISES = [(spec.noise_id, spec.rate) for spec in RECIPE.noises]
DIGEST = "the digest of the masks, as it was"
SAMPLE = "samples.parquet, row clip_id='clip001', object_id=2"


def edit(
    folder: Path, table: str, change: Callable[[dict[str, Any]], None], *, row: int | None = None, reseal: bool = False
) -> dict[str, Any]:
    """Change one row of a table (the first that is sample clip001/2 or mask of it) and return it."""
    path = folder / f"{table}.parquet"
    stored = pq.read_table(path)
    rows = stored.to_pylist()
    index = row if row is not None else next(i for i, r in enumerate(rows) if r.get("sample_id") == "clip001/2")
    change(rows[index])
    if reseal:
        schema = next(t for t in TABLES if t.name == table)
        rows[index]["row_digest"] = RowDigest(schema)(list(rows[index].values()))
    pq.write_table(pa.Table.from_pylist(rows, schema=stored.schema), path)
    return rows[index]


def findings(folder: Path) -> list[Finding]:
    return verify(folder)


def places(folder: Path) -> list[str]:
    return [finding.where for finding in findings(folder)]


def test_an_untouched_manifest_holds(built: Path, toy: Toy) -> None:
    assert findings(built) == []
    assert compare_with_dataset(actiseg_noise.read_manifest(built), dataset=toy) == []


@pytest.mark.parametrize(
    "recipe", [Recipe("clean"), replace(RECIPE, exact_rate=True, temporal="clip", sequential=True)]
)
@pytest.mark.parametrize("options", [{}, {"limit": 4}, {"clips": ["clip003", "clip007"]}, {"vocabulary": "train"}])
def test_every_kind_of_manifest_holds(toy: Toy, tmp_path: Path, recipe: Recipe, options: dict[str, Any]) -> None:
    manifest = actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=recipe, out=tmp_path / "m", **options))
    assert verify(manifest) == []
    assert compare_with_dataset(manifest, dataset=toy) == []


def test_a_manifest_of_text_holds(toy: Toy, tmp_path: Path) -> None:
    path = actiseg_noise.build(toy, recipe="text-40", content="text", out=tmp_path / "m")
    assert findings(path) == []
    assert compare_with_dataset(actiseg_noise.read_manifest(path), dataset=toy) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("noisy_noun", "spoon"), ("is_positive", None), ("category_id", 77), ("expression", "é"), ("text_noise", "x-v1")],
)
def test_an_edited_label_is_named_by_row_and_column(folder: Path, column: str, value: object) -> None:
    def change(row: dict[str, Any]) -> None:
        row[column] = (not row[column]) if value is None else value

    edit(folder, "samples", change)
    assert f"{SAMPLE}, column {column}" in places(folder)


def test_the_first_edited_row_is_laid_out_clean_beside_noisy_and_the_others_counted(folder: Path) -> None:
    rows = pq.read_table(folder / "samples.parquet").to_pylist()
    for index in range(2, 12):
        edit(folder, "samples", lambda row: row.update(noisy_noun="zebra"), row=index)
    (first,) = findings(folder)
    assert first.where == f"samples.parquet, row {_key(rows[2])}, column noisy_noun"
    assert (first.more, len(first.others)) == (9, 5)
    assert first.others[0] == f"samples.parquet, row {_key(rows[3])}"
    assert first.comparison is not None
    assert first.comparison.header == ("", "clean", "noisy", "")
    assert ("noun", rows[2]["noun"], "zebra", "◄") in first.comparison.lines
    assert [line[0] for line in first.comparison.lines if line[-1]] == ["noun"]


def _key(row: dict[str, Any]) -> str:
    return f"clip_id={row['clip_id']!r}, object_id={row['object_id']}"


def test_an_edited_row_digest_is_named(folder: Path) -> None:
    edit(folder, "samples", lambda row: row.update(row_digest="00" * 16))
    assert places(folder) == [f"{SAMPLE}, column row_digest", "manifest digest"]


@pytest.mark.parametrize(
    ("table", "column", "value", "expected"),
    [
        ("samples", "row_digest", "é", "a digest of 32 hex digits"),
        ("samples", "text_noise", None, "no null"),
        ("frames", "clip_id", None, "no null"),
        ("masks", "row_digest", None, "a digest of 32 hex digits"),
        ("masks", "iou", float("nan"), "a number in [0, 1]"),
    ],
)
def test_a_cell_that_has_no_digest_is_named(
    folder: Path, table: str, column: str, value: object, expected: str
) -> None:
    path = folder / f"{table}.parquet"
    stored = pq.read_table(path)
    cells = stored[column].to_pylist()
    cells[1] = value
    index = stored.column_names.index(column)
    pq.write_table(stored.set_column(index, column, pa.array(cells, stored[column].type)), path)
    (finding,) = [found for found in findings(folder) if not found.where.startswith("manifest.json")]
    assert re.fullmatch(rf"{table}\.parquet, row clip_id=.*, column {column}", finding.where)
    assert (finding.expected, finding.found) == (expected, repr(value))


def test_an_edited_cell_with_its_row_digest_made_again_is_found(folder: Path) -> None:
    edit(folder, "samples", lambda row: row.update(noisy_noun="spoon"), reseal=True)
    assert places(folder) == ["samples.parquet, column noisy_noun", "manifest digest"]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("frames", "image_path", "elsewhere.jpg"), ("clips", "source_order", 11), ("masks", "would_erase", True)],
)
def test_the_column_of_an_edited_cell_that_is_no_label_is_named(
    folder: Path, table: str, column: str, value: object
) -> None:
    edit(folder, table, lambda row: row.update({column: value}), row=0)
    (finding,) = findings(folder)
    assert finding.where == f"{table}.parquet, column {column}"
    assert finding.advice.endswith("verify with --root names the row")


def test_edited_masks_are_named(folder: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        row.update(clean_area=row["clean_area"] + 1, clean_rle="0", iou=0.5)

    row = edit(folder, "masks", change)
    where = f"masks.parquet, row clip_id='clip001', frame_idx={row['frame_idx']}, object_id=2"
    assert f"{where}, clean_rle" in places(folder)
    assert f"{where}, column clean_area" in places(folder)
    assert "masks.parquet, column iou" in places(folder)


@pytest.mark.parametrize("column", ["noisy_area", "iou"])
def test_what_contradicts_a_run_length_code_is_named(folder: Path, column: str) -> None:
    row = edit(folder, "masks", lambda row: row.update({column: row[column] / 2 if column == "iou" else 1}))
    where = f"masks.parquet, row clip_id='clip001', frame_idx={row['frame_idx']}, object_id=2"
    assert f"{where}, {column}" in places(folder)


def test_an_edited_void_is_named(folder: Path) -> None:
    edit(folder, "frames", lambda row: row.update(void_rle="0"), row=0)
    assert places(folder) == [
        "frames.parquet, column void_rle",
        "frames.parquet, row clip_id='clip000', frame_idx=0, void_rle",
    ]


def test_a_missing_row_is_found(folder: Path) -> None:
    path = folder / "samples.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    assert "samples.parquet, rows" in places(folder)


def test_rows_out_of_order_are_named(folder: Path) -> None:
    path = folder / "clips.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(1), table.slice(0, 1)]), path)
    assert "clips.parquet, row clip_id='clip000'" in places(folder)


def test_another_vocabulary_is_found(folder: Path) -> None:
    path = folder / "vocabulary.json"
    data = json.loads(path.read_text())
    data["categories"][0]["nouns"].append("zebra")
    path.write_text(json.dumps(data))
    assert places(folder) == ["vocabulary.json, digest"]


def test_counts_that_do_not_add_up_are_found(folder: Path) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    data["noises"][0]["realised"] += 1
    data["counts"]["clips"] += 1
    path.write_text(json.dumps(data))
    where = ["realised category_flip-v1", "rate of category_flip-v1"]
    assert places(folder) == ["clips.parquet, rows", *(f"manifest.json, {name}" for name in where)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda d: d["noises"].pop(),
            [
                ("noises", "those that rows name, 'dilate-v1' among them", "38 rows of it"),
                ("noises", f"those of the recipe, {NOISES}", str(NOISES[:2])),
            ],
        ),
        (
            lambda d: d["noises"][0].update(requested=0.1),
            [("noises", f"those of the recipe, {NOISES}", str([("category_flip-v1", 0.1), *NOISES[1:]]))],
        ),
        (lambda d: d["tables"].update(masks="00"), [("digest of masks", "00", DIGEST)]),
        (lambda d: d.update(content="text"), [("content", "no masks where content is text", "68 masks")]),
        (lambda d: d.update(split="tran"), [("split", "one of train, val", "'tran'")]),
        (lambda d: d.update(seed=7), [("seed", "the recipe's, 0", "7")]),
        (
            lambda d: d["noises"][0].update(rate=0.39),
            [("rate of category_flip-v1", f"13 of 34, {13 / 34}", "0.39")],
        ),
    ],
    ids=["a noise less", "another rate asked for", "digest", "content", "split", "seed", "rate"],
)
def test_a_manifest_that_contradicts_itself_is_found(
    folder: Path, change: Callable[[dict[str, Any]], object], expected: list[tuple[str, str, str]]
) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    digest = data["tables"]["masks"]
    change(data)
    path.write_text(json.dumps(data))
    assert [(one.where, one.expected, one.found) for one in findings(folder)] == [
        (f"manifest.json, {where}", stated, digest if found is DIGEST else found) for where, stated, found in expected
    ]


def test_a_parquet_file_written_by_another_tool_holds(folder: Path) -> None:
    """The digest is over rows: other compression and row groups are no difference."""
    for path in folder.glob("*.parquet"):
        pq.write_table(pq.read_table(path), path, compression="snappy", row_group_size=3)
    assert findings(folder) == []


def test_rows_of_a_clip_that_is_not_listed_are_found_though_every_digest_fits(folder: Path) -> None:
    """Tables that agree with ``manifest.json``, and not with each other."""
    forge(folder, "clips", lambda rows: rows.pop(0))
    assert places(folder) == [f"{name}.parquet, clip_id='clip000'" for name in ("frames", "samples", "masks")]


def test_what_was_checked_and_what_was_not_is_said(built: Path, toy: Toy, folder: Path) -> None:
    passed = verify(built)
    first, *lines = str(passed).splitlines()
    names = "schema, counts, order, digests, run lengths, statements, references, draws, severity"
    assert first == f"all checks passed: {names}; digest {passed.digest}"
    assert lines[0] == "not checked, as no recipe 'toy-mix' is published with this version: recipe"
    assert lines[1] == "not checked, as 'toy' is no dataset that this version knows: dataset card"
    assert lines[2].startswith("not checked, as only the dataset can tell: split, selection, clean labels, which masks")
    whole = verify(built, dataset=toy)
    assert str(whole).splitlines()[0].endswith(f", draws, severity, the dataset; digest {passed.digest}")
    assert whole.to_json() == {
        "holds": True,
        "checked": [*passed.checked, "the dataset"],
        "not checked": [item.to_json() for item in passed.unchecked[:2]],
        "digest": passed.digest,
        "findings": [],
    }
    edit(folder, "samples", lambda row: row.update(noisy_noun="spoon"))
    failed = verify(folder, dataset=toy)
    text = str(failed)
    assert f"{SAMPLE}, column noisy_noun: expected row digest " in text
    assert "What to do: fetch the manifest again, or build it again." in text
    names = "schema, counts, order, digests, run lengths, statements, the dataset"
    assert f"2 findings: {names}; digest " in text
    assert text.endswith(
        "not checked, as what is above must be right first: references, recipe, dataset card, draws, severity"
    )
    assert json.loads(json.dumps(failed.to_json()))["findings"][0]["where"] == failed[0].where


def test_the_dataset_of_a_folder_is_opened_by_name(kitchen_root: Path, noisy_val: Path) -> None:
    findings = verify(noisy_val, kitchen_root)
    assert (findings, findings.checked[-1]) == ([], "the dataset")
    assert "not checked, for that pass the dataset's folder (--root): split" in verify(noisy_val).summary()


# --- with the dataset


def compare(folder: Path, toy: Toy) -> list[Finding]:
    return compare_with_dataset(actiseg_noise.read_manifest(folder), dataset=toy)


def test_the_first_differing_cell_is_named_with_both_values(folder: Path, toy: Toy) -> None:
    before = pq.read_table(folder / "samples.parquet").to_pylist()
    row = edit(folder, "samples", lambda row: row.update(noisy_noun="spoon"), reseal=True)
    old = next(r["noisy_noun"] for r in before if r["sample_id"] == row["sample_id"])
    (finding,) = compare(folder, toy)
    assert finding.where == f"{SAMPLE}, column noisy_noun"
    assert (finding.expected, finding.found) == (repr(old), "'spoon'")


def test_a_differing_mask_is_laid_out_in_pixels_and_boxes(folder: Path, toy: Toy) -> None:
    rows = pq.read_table(folder / "masks.parquet").to_pylist()
    index = next(i for i, row in enumerate(rows) if row["noisy_rle"])
    edit(folder, "masks", lambda row: row.update(noisy_rle=None, noisy_area=row["clean_area"], iou=1.0), row=index)
    edit(folder, "masks", lambda row: row.update(noisy_digest=row["clean_digest"]), row=index, reseal=True)
    (finding,) = compare(folder, toy)
    assert finding.where.endswith("column noisy_area")
    assert finding.comparison is not None
    lines = {line[:2]: line[2:] for line in finding.comparison.lines}
    clean, noisy = (f"{rows[index][f'{side}_area']} px" for side in ("clean", "noisy"))
    assert lines["area", "manifest"] == (clean, clean, "◄")
    box = lines["box", "manifest"]
    assert box[0] == box[1]
    assert re.fullmatch(r"x \d+–\d+, y \d+–\d+", box[0])
    assert lines["noise", "both"][1] == "dilate-v1"
    assert lines["noisy masks", ""][1] == f"IoU of the two {rows[index]['iou']:.4f}"
    assert ("", "dataset", clean, noisy, "") in finding.comparison.lines


def test_rows_that_differ_are_counted(folder: Path, toy: Toy) -> None:
    for index in (1, 4, 5):
        edit(folder, "samples", lambda row: row.update(noisy_noun="zebra"), row=index, reseal=True)
    path = folder / "clips.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(0, 3), table.slice(5)]), path)
    clips, samples = compare(folder, toy)
    assert (clips.where, clips.found, clips.more) == ("clips.parquet, row clip_id='clip003'", "no such row", 1)
    assert clips.others == ("clips.parquet, row clip_id='clip004'",)
    assert (samples.more, len(samples.others)) == (2, 2)


def test_another_version_of_the_dataset_is_said_first(built: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "card", replace(Toy.card, version="2"))
    (finding,) = compare(built, toy)
    assert finding.where == "manifest.json, dataset version"
    assert (finding.expected, finding.found) == ("'2', which is read here", "'1'")


def test_the_clean_labels_of_an_imported_manifest_are_compared(folder: Path, toy: Toy) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    data.update(noises=[], imported={"form": "a test"}, recipe=Recipe("imported-toy").to_json())
    path.write_text(json.dumps(data))
    assert compare(folder, toy) == [], "whatever its noisy labels are"
    edit(folder, "samples", lambda row: row.update(noun="zebra"), reseal=True)
    (finding,) = compare(folder, toy)
    assert finding.where == f"{SAMPLE}, column noun"


def test_an_imported_manifest_of_no_known_dataset_says_so(folder: Path) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    data.update(imported={"form": "a test"})
    path.write_text(json.dumps(data))
    with pytest.raises(ActisegError, match="imported from 'toy', which is no dataset that can be read again"):
        compare_with_dataset(actiseg_noise.read_manifest(folder))


def test_a_row_too_few_and_a_row_too_many_are_named(folder: Path, toy: Toy) -> None:
    path = folder / "clips.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 11), path)
    assert [(f.where, f.found) for f in compare(folder, toy)] == [
        ("clips.parquet, row clip_id='clip011'", "the table ends before it")
    ]
    pq.write_table(pa.concat_tables([table, table.slice(11)]), path)
    assert [(f.where, f.expected) for f in compare(folder, toy)] == [
        ("clips.parquet, row clip_id='clip011'", "no such row")
    ]


def test_a_changed_mask_on_disk_is_named(built: Path, toy: Toy) -> None:
    masks = make_toy(seed=1).masks
    path = "clip002/f001.png"
    masks[path][0, 0] = next(i.object_id for i in toy.clips[2].objects)
    (finding,) = compare(built, Toy(toy.root, toy.clips, masks))
    assert finding.where.startswith("masks.parquet, row clip_id='clip002', frame_idx=1, object_id=")


def test_another_vocabulary_of_the_dataset_is_found(built: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "iter_vocabulary", lambda self, splits: iter(self.clips[0].objects))
    assert [finding.where for finding in compare(built, toy)] == ["vocabulary (dataset), digest"]
