"""Write and read: what was written is what is read, and the documented digest is the digest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import edit_info
from hypothesis import example, given, settings
from hypothesis import strategies as st

import actiseg_noise
from actiseg_noise.errors import ManifestError, UnknownNameError
from actiseg_noise.manifest.arrays import to_array
from actiseg_noise.manifest.digest import RowDigest, TableDigest, compact_json, json_of_column, manifest_digest
from actiseg_noise.manifest.info import ManifestInfo, read_info
from actiseg_noise.manifest.schema import CLIPS, MASKS, SAMPLES, TABLES, Table
from actiseg_noise.manifest.write import ROWS_PER_GROUP, TableWriter
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.records import DatasetCard
from tools.pages import manifest as page

DOCS = Path(__file__).parents[2] / "docs" / "manifest.md"
RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)


VALUES = {
    "str": st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    "bool": st.booleans(),
    "uint8": st.integers(0, 255),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
}


def rows_of(table: Table) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Return a strategy of rows, sorted by key."""
    columns = [c for c in table.columns if c.name != "row_digest"]
    cells = (VALUES[c.type] | st.none() if c.null else VALUES[c.type] for c in columns)
    names = [c.name for c in table.columns]

    def key(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(row[names.index(name)] for name in table.sort_by)

    return st.lists(st.tuples(*cells), max_size=5, unique_by=key).map(lambda rows: sorted(rows, key=key))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_is_written_is_read(table: Table, tmp_path: Path) -> None:
    @settings(max_examples=40, deadline=None)
    @given(rows_of(table))
    def check(rows: list[tuple[Any, ...]]) -> None:
        sealed = [RowDigest(table).seal(row) for row in rows]
        writer = TableWriter(tmp_path, table)
        for row in sealed:
            names = (c.name for c in table.columns)
            writer.append(pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True))], schema=table.arrow()))
        writer.close()
        found = pq.read_table(tmp_path / table.file_name)
        assert [tuple(row.values()) for row in found.to_pylist()] == sealed
        assert found.schema == table.arrow()

    check()


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_arrays_are_those_of_pyarrow(kind: str) -> None:
    types = {"str": pa.string(), "bool": pa.bool_(), "float64": pa.float64(), "uint8": pa.uint8()}
    arrow_type = types.get(kind) or {"int32": pa.int32(), "int64": pa.int64()}[kind]

    @given(st.lists(VALUES[kind] | st.none()))
    def check(values: list[Any]) -> None:
        array = to_array(values, arrow_type)
        array.validate(full=True)
        assert array.equals(pa.array(values, arrow_type))

    check()


def test_row_groups_are_bounded_whatever_the_batches(tmp_path: Path) -> None:
    writer = TableWriter(tmp_path, CLIPS)
    row = dict.fromkeys((c.name for c in CLIPS.columns), "x")
    row |= dict.fromkeys(("verb_class", "noun_class", "start_frame", "stop_frame"))
    row |= {"redundant": False, "missing": False, "other": False, "source_order": 1, "row_digest": "00"}
    for size in (10, ROWS_PER_GROUP, 2 * ROWS_PER_GROUP, 5):
        writer.append(pa.RecordBatch.from_pylist([row] * size, schema=CLIPS.arrow()))
    writer.close()
    metadata = pq.read_metadata(tmp_path / "clips.parquet")
    assert metadata.num_rows == 3 * ROWS_PER_GROUP + 15
    assert max(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)) <= ROWS_PER_GROUP


def test_the_digest_does_not_depend_on_the_batches() -> None:
    rows = [RowDigest(CLIPS).seal((str(i), *"abcd", 1, None, 2, None, True, False, True, i, "é")) for i in range(5)]
    columns = {c.name: [row[i] for row in rows] for i, c in enumerate(CLIPS.columns)}
    whole, parts = TableDigest(CLIPS), TableDigest(CLIPS)
    whole.update(columns)
    for start, stop in ((0, 0), (0, 2), (2, 5)):
        parts.update({name: values[start:stop] for name, values in columns.items()})
    assert (whole.rows, whole.columns) == (parts.rows, parts.columns)


@given(rows_of(SAMPLES) | rows_of(MASKS))
def test_a_row_enters_its_digest_as_compact_json(rows: list[tuple[Any, ...]]) -> None:
    for row in rows:
        expected = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        assert compact_json(row) == expected
        assert compact_json(list(row)) == expected


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_a_column_enters_its_digest_as_compact_json(kind: str) -> None:
    @given(st.lists(VALUES[kind]) | st.lists(VALUES[kind] | st.none()))
    @example(["a", '"', "b"])
    @example(["a\\", "b\n"])
    @example(['","'])
    @example([""])
    def check(values: list[Any]) -> None:
        expected = json.dumps(values, ensure_ascii=False, separators=(",", ":"))[1:-1]
        assert json_of_column(values).decode() == expected

    check()


def test_what_is_no_number_enters_no_digest() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact_json([float("nan")])


def test_only_labels_enter_a_row_digest() -> None:
    row = ("c", *"abcd", 1, None, 2, None, True, False, True, 7, "address")
    moved = (*row[:12], 8, "address")
    renamed = (*row[:13], "another")
    digest = RowDigest(CLIPS)
    assert digest(row) == digest(moved)
    assert digest(row) != digest(renamed)
    assert RowDigest(SAMPLES)(row) != digest(row)


# --- reading


def test_a_manifest_is_read_whole_in_parts_and_in_batches(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(str(built))
    table = manifest.table("samples")
    assert table.schema == SAMPLES.arrow()
    some = manifest.table("samples", ["noisy_noun", "sample_id"])
    assert set(some.column_names) == {"noisy_noun", "sample_id"}
    batches = list(manifest.iter_batches("samples", rows=7))
    assert max(batch.num_rows for batch in batches) == 7
    assert pa.Table.from_batches(batches) == table
    assert manifest.path == built
    assert manifest.digest == manifest.info.digest
    assert manifest.vocabulary.nouns[2] == ("blade", "cleaver", "knife")


def test_pandas_reads_it_with_no_code_of_ours(built: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(built / "samples.parquet")
    assert (frame.text_noise != "none").sum() == read_info(built).noises[0].realised


def test_the_info_is_json_and_back(built: Path) -> None:
    info = read_info(built)
    assert ManifestInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


def test_a_name_that_is_none_comes_with_the_nearest(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    with pytest.raises(UnknownNameError, match=r"unknown table 'sample'\. Did you mean 'samples'\?"):
        manifest.table("sample")
    with pytest.raises(UnknownNameError, match=r"unknown column of samples: 'nuon'\. Did you mean 'noun'\?"):
        manifest.table("samples", ["nuon"])


def drop_column(folder: Path, name: str) -> None:
    """Remove a column of samples."""
    path = folder / "samples.parquet"
    pq.write_table(pq.read_table(path).drop_columns([name]), path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, r"m: no such folder; expected a manifest's"),
        (lambda f: (f / "manifest.json").unlink(), r"m: no manifest\.json here"),
        (lambda f: (f / "manifest.json").write_text("{"), r"manifest\.json: malformed JSON at line 1, column 2"),
        (lambda f: (f / "manifest.json").write_text("[]"), r"manifest\.json: expected a JSON object"),
        (
            lambda f: edit_info(f, lambda d: d.update(schema_version=3)),
            r"schema version 3, but .* Upgrade: pip install",
        ),
        (lambda f: edit_info(f, lambda d: d.pop("counts")), r"manifest\.json: the key 'counts' is missing"),
        (
            lambda f: edit_info(f, lambda d: d["counts"].pop("clips")),
            r"manifest\.json: the key 'counts\.clips' is missing",
        ),
        (lambda f: edit_info(f, lambda d: d.update(columns=[])), r"columns: expected an object, found \[\]"),
        (
            lambda f: edit_info(f, lambda d: d.update(content="masks")),
            r"content: expected one of full, text, recipe-only, found \"masks\"",
        ),
        (
            lambda f: edit_info(f, lambda d: d["selection"].update(limit="x")),
            r"selection\.limit: expected a whole number from 1 on, found \"x\"",
        ),
        (lambda f: edit_info(f, lambda d: d.update(schema_version=1.5)), r"must be a positive integer, got 1\.5"),
        (lambda f: (f / "masks.parquet").unlink(), r"the file masks\.parquet is listed in manifest\.json but missing"),
        (lambda f: (f / "masks.parquet").write_bytes(b"PAR1"), r"masks\.parquet: not a readable Parquet file"),
        (lambda f: drop_column(f, "noun"), r"samples\.parquet: the column 'noun' is missing"),
    ],
)
def test_a_damaged_manifest_is_refused(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(ManifestError, match=message):
        actiseg_noise.read_manifest(folder)


def test_damage_inside_a_table_names_the_file(folder: Path) -> None:
    path = folder / "clips.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(len(data) // 3) + data[4 + len(data) // 3 :])
    manifest = actiseg_noise.read_manifest(folder)
    with pytest.raises(ManifestError, match=r"clips\.parquet: not a readable Parquet file"):
        manifest.table("clips")
    with pytest.raises(ManifestError, match=r"clips\.parquet: not a readable Parquet file"):
        list(manifest.iter_batches("clips"))


def test_a_damaged_vocabulary_is_refused(folder: Path) -> None:
    (folder / "vocabulary.json").write_text("{}")
    with pytest.raises(ManifestError, match=r"vocabulary\.json: the key 'categories' is missing"):
        _ = actiseg_noise.read_manifest(folder).vocabulary


# --- the page


def test_the_page_is_up_to_date() -> None:
    assert DOCS.read_text("utf-8") == page.manifest_page(), "run: python -m tools.pages.manifest > docs/manifest.md"


def test_the_example_on_the_page_recomputes() -> None:
    text = DOCS.read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    subprocess.run([sys.executable, "-c", code[1]], check=True)
    stated = re.search(r'hexdigest\(\) == "([0-9a-f]{64})"', text)
    assert stated is not None
    assert stated[1] == page.example_digest()


def test_the_row_digests_on_the_page_are_those_of_its_rows() -> None:
    rows = re.findall(r"^\| (clips|samples) \| `(.+)` \| `([0-9a-f]{32})` \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 3
    for name, text, digest in rows:
        table = next(table for table in TABLES if table.name == name)
        row: list[Any] = [None] * len(table.columns)
        columns = [column.name for column in table.columns]
        for column, value in zip(table.label_columns, json.loads(text), strict=True):
            row[columns.index(column)] = value
        assert RowDigest(table)(row) == digest


def test_the_digest_of_nothing_is_known() -> None:
    empty = {table.name: TableDigest(table).rows for table in TABLES}
    assert manifest_digest(empty) == "b566082aa8d5538181a876086c0517ba0158164c852d3d0ccc217afd8456b292"


def test_a_dataset_card_without_what_only_people_read_is_a_card(built: Path) -> None:
    data = json.loads((built / "manifest.json").read_text("utf-8"))
    for key in ("size", "licence", "citation", "homepage", "how_to_get"):
        del data["dataset"][key]
    card = DatasetCard.from_json(ManifestInfo.from_json(data, "m").dataset)
    assert (card.name, card.licence) == (data["dataset"]["name"], "")
