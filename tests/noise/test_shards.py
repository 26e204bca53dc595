"""Shards: a table in several files is the same table, with the same digest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import edit_info
from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest import write
from actiseg_noise.manifest.schema import SAMPLES, TABLES
from actiseg_noise.manifest.write import ManifestWriter, TableWriter
from actiseg_noise.recipe import NoiseSpec, Recipe

RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)


@pytest.fixture
def sharded(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the manifest again, every ten rows a shard of their own."""
    monkeypatch.setattr(write, "ROWS_PER_GROUP", 10)
    manifest = actiseg_noise.read_manifest(built)
    folder = tmp_path / "sharded"
    folder.mkdir()
    with ManifestWriter(folder, shard_bytes=1) as writer:
        for table in TABLES:
            for batch in manifest.iter_batches(table.name, rows=7):
                writer.append(table.name, batch)
        for name in ("manifest.json", "vocabulary.json"):
            shutil.copy(built / name, folder / name)
    edit_info(folder, lambda data: data.update(files=sizes(folder)))
    return folder


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != "manifest.json"}


def test_shards_are_named_as_hubs_name_them(sharded: Path) -> None:
    rows = actiseg_noise.read_manifest(sharded).info.counts
    count = -(-rows["samples"] // 10)
    assert count == 4
    names = [path.name for path in sorted(sharded.glob("samples*"))]
    assert names == [f"samples-0000{i}-of-00004.parquet" for i in range(4)]
    assert [pq.read_metadata(sharded / name).num_rows for name in names] == [10, 10, 10, rows["samples"] - 30]


def test_shards_are_read_in_order_as_one_table(built: Path, sharded: Path) -> None:
    whole, parts = actiseg_noise.read_manifest(built), actiseg_noise.read_manifest(sharded)
    for table in TABLES:
        assert parts.table(table.name) == whole.table(table.name)
        batches = list(parts.iter_batches(table.name, rows=4))
        assert max(batch.num_rows for batch in batches) == 4
        assert pa.Table.from_batches(batches) == whole.table(table.name)
    some = parts.table("masks", ["iou", "sample_id"])
    assert set(some.column_names) == {"iou", "sample_id"}
    assert parts.digest == whole.digest
    assert verify(parts) == []


def test_a_table_without_rows_is_one_empty_shard(tmp_path: Path) -> None:
    writer = TableWriter(tmp_path, SAMPLES, shard_bytes=1)
    writer.close()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["samples-00000-of-00001.parquet"]
    assert pq.read_table(tmp_path / "samples-00000-of-00001.parquet").schema == SAMPLES.arrow()


def test_a_large_bound_keeps_row_groups_in_one_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "ROWS_PER_GROUP", 10)
    manifest = actiseg_noise.read_manifest(actiseg_noise.build(make_toy(), recipe=RECIPE, out=tmp_path / "m"))
    writer = TableWriter(tmp_path, SAMPLES, shard_bytes=1_000_000)
    writer.append(manifest.table("samples").to_batches()[0])
    writer.close()
    assert pq.read_metadata(tmp_path / "samples-00000-of-00001.parquet").num_row_groups == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda files: files.pop("samples-00002-of-00004.parquet"),
            r"all of samples-00000-of-00003\.parquet …, got sam",
        ),
        (lambda files: files.update({"samples.parquet": 1}), r"the table 'samples' are samples\.parquet or all of"),
        (lambda files: files.pop("samples-00002-of-00004.parquet"), r"samples-00002-of-00004\.parquet is missing"),
        (lambda files: files.update({"samples.parquet": 1}), r": a whole table and shards of one"),
        (lambda files: files.update({"samples-00000-of-00003.parquet": 1}), r": shards of 3 and of 4"),
        (
            lambda files: files.update({"samples-00004-of-00004.parquet": 1}),
            r"samples-00004-of-00004\.parquet is beyond the last of 4, as they count from 0",
        ),
        (
            lambda files: files.update({"samples-2-of-4.parquet": files.pop("samples-00002-of-00004.parquet")}),
            r"samples-2-of-4\.parquet should be samples-00002-of-00004\.parquet",
        ),
        (lambda files: files.update({"../samples.parquet": 1}), r"files of the manifest's folder, not '\.\./samples"),
        (lambda files: files.update({"/etc/passwd": 1}), r"files of the manifest's folder, not '/etc/passwd'"),
        (lambda files: files.update({"..": 1}), r"files of the manifest's folder, not '\.\.'"),
        (lambda files: files.update({"a\\b": 1}), r"files of the manifest's folder, not"),
        (
            lambda files: files.update({"notes.txt": "1"}),
            r"files\.notes\.txt: expected a whole number from 0 on, found \"1\"",
        ),
    ],
)
def test_files_that_are_not_a_whole_manifest_inside_its_folder_are_refused(
    sharded: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit_info(sharded, lambda data: change(data["files"]))
    with pytest.raises(ManifestError, match=message):
        actiseg_noise.read_manifest(sharded)


def test_a_damaged_shard_is_named(sharded: Path) -> None:
    (sharded / "masks-00001-of-00007.parquet").write_bytes(b"PAR1")
    with pytest.raises(ManifestError, match=r"masks-00001-of-00007\.parquet: not a readable Parquet file"):
        actiseg_noise.read_manifest(sharded)


def test_a_shard_that_is_gone_or_renamed_is_named(sharded: Path) -> None:
    name = "samples-00001-of-00004.parquet"
    (sharded / name).rename(sharded / "samples-00004-of-00004.parquet")
    expected = f"{name} is listed in manifest.json but missing, and samples-00004-of-00004.parquet is there"
    with pytest.raises(ManifestError, match=expected):
        actiseg_noise.read_manifest(sharded)
    (sharded / "samples-00004-of-00004.parquet").unlink()
    with pytest.raises(ManifestError, match=f"{name} is listed in manifest.json but missing; fetch it again"):
        actiseg_noise.read_manifest(sharded)


@pytest.mark.parametrize("name", ["samples-00004-of-00005.parquet", "samples.parquet", "masks-7-of-9.parquet"])
def test_a_file_of_a_table_that_is_not_listed_is_refused(sharded: Path, name: str) -> None:
    shutil.copy(sharded / "samples-00000-of-00004.parquet", sharded / name)
    with pytest.raises(ManifestError, match=f"the file {name} is there, but manifest.json does not list it"):
        actiseg_noise.read_manifest(sharded)


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a table's file be closed after ten rows."""
    for name in ("ROWS_PER_GROUP", "ROWS_PER_FILE"):
        monkeypatch.setattr(write, name, 10)


@pytest.mark.usefixtures("small_files")
def test_a_build_of_many_rows_is_shards_with_the_digest_of_one_file(built: Path, toy: Toy, tmp_path: Path) -> None:
    parts = actiseg_noise.read_manifest(actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "parts"))
    whole = actiseg_noise.read_manifest(built)
    assert [path.name for path in parts.files_of("samples")] == [f"samples-0000{i}-of-00004.parquet" for i in range(4)]
    assert len(parts.files_of("clips")) == 2
    assert sorted(path.name for path in parts.path.iterdir()) == sorted([*parts.info.files, "manifest.json"])
    assert (parts.digest, parts.info.tables, parts.info.columns) == (
        whole.digest,
        whole.info.tables,
        whole.info.columns,
    )
    assert verify(parts) == []
    assert actiseg_noise.diff(parts, whole).is_equal


def test_a_build_of_few_rows_is_one_file_a_table_byte_for_byte(
    built: Path, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "ROWS_PER_FILE", actiseg_noise.read_manifest(built).info.counts["masks"])
    again = actiseg_noise.build(toy, recipe=RECIPE, out=tmp_path / "again")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in built.iterdir()
    }


def test_a_file_is_closed_by_its_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "BYTES_PER_FILE", 1)
    monkeypatch.setattr(write, "ROWS_PER_GROUP", 10)
    parts = actiseg_noise.read_manifest(actiseg_noise.build(make_toy(), recipe=RECIPE, out=tmp_path / "parts"))
    assert len(parts.files_of("samples")) == 4
