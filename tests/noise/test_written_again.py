"""Tables that another tool wrote again hold where no value changed, and are refused by name where one did."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import make_toy

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest.info import read_info
from actiseg_noise.manifest.schema import TABLES
from actiseg_noise.recipe import NoiseSpec, Recipe

RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)
NAMES = [table.name for table in TABLES]
SCHEMAS = {table.name: table.arrow() for table in TABLES}


def retype(change: Callable[[pa.DataType], pa.DataType]) -> Callable[[pa.Table], pa.Table]:
    """Return what casts every column to the type that ``change`` says, and lets every column be null."""

    def write(table: pa.Table) -> pa.Table:
        return table.cast(pa.schema([pa.field(f.name, change(f.type), nullable=True) for f in table.schema]))

    return write


def swap(before: pa.DataType, after: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """Return what casts the columns of one type to another."""
    return retype(lambda kind: after if kind == before else kind)


def nulls(table: pa.Table) -> pa.Table:
    """Write columns of nulls as pandas does."""
    for index, name in enumerate(table.column_names):
        if table.column(index).null_count == table.num_rows:
            table = table.set_column(index, name, pa.nulls(table.num_rows))
    return table


def halves(table: pa.Table) -> pa.Table:
    """Write whole numbers that may be null as pandas does: as double."""
    return retype_columns(table, lambda column: column.null_count and pa.types.is_integer(column.type), pa.float64())


def not_a_number(table: pa.Table) -> pa.Table:
    """Write whole numbers that may be null as double, and null as NaN."""
    table = halves(table)
    for index, field in enumerate(table.schema):
        if field.type == pa.float64() and table.column(index).null_count:
            filled = table.column(index).fill_null(float("nan"))
            table = table.set_column(index, field.name, filled)
    return table


def retype_columns(table: pa.Table, which: Callable[[pa.ChunkedArray], object], kind: pa.DataType) -> pa.Table:
    for index, name in enumerate(table.column_names):
        if which(table.column(index)):
            table = table.set_column(index, name, table.column(index).cast(kind))
    return table


def with_more_columns(table: pa.Table) -> pa.Table:
    """Write columns in another order, and others between them."""
    extra = pa.array(range(table.num_rows))
    reordered = table.select(sorted(table.column_names))
    return reordered.add_column(0, "__index_level_0__", extra).append_column("note", extra)


def through_pandas(table: pa.Table) -> pa.Table:
    return pa.Table.from_pandas(table.to_pandas())


def retype_strings_to_json(table: pa.Table) -> pa.Table:
    """Write text in a type of its own, as DuckDB writes JSON."""
    if not hasattr(pa, "json_"):
        pytest.skip("this version of pyarrow has no such type")
    for index, name in enumerate(table.column_names):
        if table.column(index).type == pa.string():
            arrays = [pa.ExtensionArray.from_storage(pa.json_(pa.string()), c) for c in table.column(index).chunks]
            table = table.set_column(index, name, pa.chunked_array(arrays, pa.json_(pa.string())))
    return table


WRITERS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "large strings": swap(pa.string(), pa.large_string()),
    "string views": swap(pa.string(), pa.string_view()),
    "dictionaries": swap(pa.string(), pa.dictionary(pa.int32(), pa.string())),
    "dictionaries of large strings": swap(pa.string(), pa.dictionary(pa.int32(), pa.large_string())),
    "bytes": swap(pa.string(), pa.binary()),
    "64-bit numbers": swap(pa.int32(), pa.int64()),
    "signed bytes of colours": swap(pa.uint8(), pa.int16()),
    "whole numbers as double": swap(pa.int32(), pa.float64()),
    "whole numbers as decimals": swap(pa.int64(), pa.decimal128(20)),
    "flags as numbers": swap(pa.bool_(), pa.int8()),
    "everything nullable": retype(lambda kind: kind),
    "columns of nulls": nulls,
    "nullable numbers as double": halves,
    "null as NaN": not_a_number,
    "more columns in another order": with_more_columns,
    "pandas": through_pandas,
    "a type of its own": retype_strings_to_json,
}


@pytest.mark.parametrize("name", WRITERS)
def test_tables_written_again_with_the_same_values_hold(built: Path, folder: Path, name: str) -> None:
    for table in NAMES:
        rows = pq.read_table(folder / f"{table}.parquet")
        again = WRITERS[name](rows)
        pq.write_table(again, folder / f"{table}.parquet", compression="snappy", row_group_size=5)
    manifest, before = actiseg_noise.read_manifest(folder), actiseg_noise.read_manifest(built)
    assert verify(manifest) == []
    for table in NAMES:
        assert manifest.table(table).equals(before.table(table))
        assert manifest.table(table).schema == SCHEMAS[table]
        assert {batch.schema for batch in manifest.iter_batches(table, rows=4)} == {SCHEMAS[table]}


@pytest.mark.parametrize("write", [through_pandas, nulls, retype_strings_to_json], ids=lambda write: write.__name__)
def test_a_manifest_of_text_written_again_holds(tmp_path: Path, write: Callable[[pa.Table], pa.Table]) -> None:
    """Its table of masks has no row, so no tool can guess a type."""
    folder = actiseg_noise.build(make_toy(), recipe="text-40", content="text", out=tmp_path / "m")
    for table in NAMES:
        pq.write_table(write(pq.read_table(folder / f"{table}.parquet")), folder / f"{table}.parquet")
    manifest = actiseg_noise.read_manifest(folder)
    assert verify(manifest) == []
    assert {name: manifest.table(name).schema for name in NAMES} == SCHEMAS


def test_a_folder_in_the_place_of_a_table_is_named_as_one(folder: Path) -> None:
    """As Spark writes tables."""
    path = folder / "samples.parquet"
    rows = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / "part-00000.parquet").write_bytes(rows)
    with pytest.raises(ManifestError, match=r"samples\.parquet: a folder stands where the table should be"):
        actiseg_noise.read_manifest(folder)


def test_columns_come_in_the_order_they_are_asked_for(built: Path, folder: Path) -> None:
    path = folder / "samples.parquet"
    pq.write_table(with_more_columns(pq.read_table(path)), path)
    names = ["noun", "clip_id", "sample_id"]
    for manifest in map(actiseg_noise.read_manifest, (built, folder)):
        assert manifest.table("samples", names).column_names == names
        assert next(manifest.iter_batches("samples", names)).schema.names == names


def test_duckdb_writes_a_table_that_holds(folder: Path) -> None:
    import duckdb

    for table in NAMES:
        path = folder / f"{table}.parquet"
        query = f"COPY (SELECT *, 1 AS more FROM '{path}') TO '{path}.new' (FORMAT parquet, ROW_GROUP_SIZE 4)"  # noqa: S608
        duckdb.sql(query)
        Path(f"{path}.new").replace(path)
    assert verify(actiseg_noise.read_manifest(folder)) == []


def replace_column(folder: Path, table: str, name: str, values: pa.Array) -> None:
    path = folder / f"{table}.parquet"
    stored = pq.read_table(path)
    pq.write_table(stored.set_column(stored.column_names.index(name), name, values), path)


def cells(folder: Path, table: str, name: str) -> list[object]:
    return list(pq.read_table(folder / f"{table}.parquet", columns=[name])[name].to_pylist())


@pytest.mark.parametrize(
    ("table", "column", "change", "kind"),
    [
        ("samples", "category_id", str, pa.string()),
        ("samples", "clip_id", lambda value: int(str(value)[4:]), pa.int64()),
        ("samples", "is_positive", str, pa.string()),
        ("masks", "iou", str, pa.string()),
        ("clips", "source_order", lambda value: value == 1, pa.bool_()),
    ],
)
def test_another_kind_of_value_is_refused_on_opening(
    folder: Path, table: str, column: str, change: Callable[[object], object], kind: pa.DataType
) -> None:
    expected = SCHEMAS[table].field(column).type
    replace_column(folder, table, column, pa.array([change(cell) for cell in cells(folder, table, column)], kind))
    with pytest.raises(
        ManifestError, match=rf"{table}\.parquet: the column '{column}' is {kind}, expected {expected}\."
    ):
        actiseg_noise.read_manifest(folder)


@pytest.mark.parametrize(
    ("table", "column", "value", "kind"),
    [
        ("samples", "object_id", 256, pa.int64()),
        ("samples", "object_id", -1, pa.int64()),
        ("samples", "category_id", 2**31, pa.int64()),
        ("samples", "category_id", 1.5, pa.float64()),
        ("samples", "category_id", Decimal("1.5"), pa.decimal128(12, 2)),
        ("samples", "is_positive", 2, pa.int8()),
        ("samples", "noun", b"\xff", pa.binary()),
    ],
)
def test_a_value_that_the_schema_cannot_hold_names_file_and_column(
    folder: Path, table: str, column: str, value: object, kind: pa.DataType
) -> None:
    others = pq.read_table(folder / f"{table}.parquet", columns=[column])[column].combine_chunks()[1:].cast(kind)
    replace_column(folder, table, column, pa.concat_arrays([pa.array([value], kind), others]))
    manifest = actiseg_noise.read_manifest(folder)
    for read in (lambda: manifest.table(table), lambda: list(manifest.iter_batches(table, [column]))):
        with pytest.raises(ManifestError, match=rf"{table}\.parquet: the column '{column}' is .*cannot hold"):
            read()


def test_a_null_where_none_may_be_is_a_finding(folder: Path) -> None:
    values = cells(folder, "samples", "category_id")
    replace_column(folder, "samples", "category_id", pa.array([float("nan"), *values[1:]], pa.float64()))
    (finding,) = [f for f in verify(actiseg_noise.read_manifest(folder)) if "category_id" in f.where]
    assert (finding.expected, finding.found) == ("no null", "None")


def test_a_column_that_is_there_twice_is_refused(folder: Path) -> None:
    path = folder / "clips.parquet"
    stored = pq.read_table(path)
    pq.write_table(stored.append_column("noun", stored["verb"]), path)
    with pytest.raises(ManifestError, match=r"clips\.parquet: the column 'noun' is there 2 times"):
        actiseg_noise.read_manifest(folder)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22\nsize 12345\n"


@pytest.mark.parametrize("name", ["manifest.json", "clips.parquet", "masks.parquet", "vocabulary.json"])
def test_a_pointer_of_git_lfs_is_named_as_one(folder: Path, name: str) -> None:
    (folder / name).write_text(POINTER)
    with pytest.raises(ManifestError, match=rf"{name}: a pointer of git-lfs .* git lfs pull"):
        _ = actiseg_noise.read_manifest(folder).vocabulary


@pytest.mark.parametrize("name", ["manifest.json", "vocabulary.json"])
def test_a_byte_order_mark_is_fine(folder: Path, name: str) -> None:
    (folder / name).write_text((folder / name).read_text("utf-8"), "utf-8-sig")
    manifest = actiseg_noise.read_manifest(folder)
    assert verify(manifest) == []
    assert manifest.info == read_info(folder)


def test_a_folder_of_manifests_names_them(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "data" / "train" / "toy-s0")
    with pytest.raises(ManifestError, match=r"no manifest\.json here.*; the manifests in it are train/toy-s0$"):
        actiseg_noise.read_manifest(tmp_path / "data")
    with pytest.raises(ManifestError, match=r"; the manifests in it are toy-s0$"):
        actiseg_noise.read_manifest(tmp_path / "data" / "train")
