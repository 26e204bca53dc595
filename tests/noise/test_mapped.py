"""A table that is mapped says what the manifest says, and what lies in the cache folder is never trusted blindly."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import actiseg_noise
from actiseg_noise.errors import ManifestError
from actiseg_noise.manifest import mapped, write
from actiseg_noise.manifest.clips import FRAME_COLUMNS, MASK_COLUMNS, SAMPLE_COLUMNS
from actiseg_noise.manifest.mapped import MappedTable
from actiseg_noise.manifest.read import Manifest, read_manifest

COLUMNS = {"samples": SAMPLE_COLUMNS, "frames": FRAME_COLUMNS, "masks": MASK_COLUMNS}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mapped, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def manifest(tmp_path: Path, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manifest]:
    """A manifest whose tables have several row groups."""
    monkeypatch.setattr(write, "ROWS_PER_GROUP", 10)
    built = actiseg_noise.build(
        "kitchen", split="val", recipe="mixed-40-15", root=kitchen_root, limit=6, allow_eval=True, out=tmp_path / "m"
    )
    yield read_manifest(built)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.arrow"))


@pytest.mark.parametrize("name", COLUMNS)
def test_any_rows_are_those_of_the_manifest(manifest: Manifest, name: str) -> None:
    expected = manifest.table(name, COLUMNS[name])
    table = MappedTable(manifest, name, COLUMNS[name])
    for start, stop in ((0, 1), (8, 13), (3, expected.num_rows), (expected.num_rows - 1, expected.num_rows), (4, 4)):
        assert table.slice(start, stop).to_pylist() == expected.slice(start, stop - start).to_pylist()


def test_a_row_group_is_unpacked_once_and_by_whoever_needs_it(manifest: Manifest, cache: Path) -> None:
    table = MappedTable(manifest, "masks", MASK_COLUMNS)
    assert files(cache) == []
    table.slice(12, 13)
    (one,) = files(cache)
    made = one.stat().st_mtime_ns
    again = pickle.loads(pickle.dumps(table))  # noqa: S301 — what a process that loads is sent
    assert again.slice(12, 13).equals(table.slice(12, 13))
    assert [path.stat().st_mtime_ns for path in files(cache)] == [made]


def test_what_is_mapped_stays_on_the_disk_and_out_of_a_pickle(manifest: Manifest) -> None:
    table = MappedTable(manifest, "masks", MASK_COLUMNS)
    before = pa.total_allocated_bytes()
    fresh = MappedTable(manifest, "masks", MASK_COLUMNS)
    table.slice(0, 10)
    small = len(pickle.dumps(fresh))
    assert len(pickle.dumps(table)) == small
    del table
    fresh.slice(0, 10)
    assert pa.total_allocated_bytes() <= before + 1024


@pytest.mark.parametrize("content", [b"", b"ARROW1 and nothing more", b"x" * 5000])
def test_a_damaged_file_is_written_again(manifest: Manifest, cache: Path, content: bytes) -> None:
    expected = MappedTable(manifest, "masks", MASK_COLUMNS).slice(0, 5).to_pylist()
    (path,) = files(cache)
    path.write_bytes(content)
    assert MappedTable(manifest, "masks", MASK_COLUMNS).slice(0, 5).to_pylist() == expected
    assert path.stat().st_size > 5000


def test_a_cache_that_cannot_be_written_costs_time_alone(manifest: Manifest, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    expected = manifest.table("masks", MASK_COLUMNS).slice(0, 5).to_pylist()
    assert MappedTable(manifest, "masks", MASK_COLUMNS).slice(0, 5).to_pylist() == expected


def test_a_manifest_that_was_written_again_is_read_again(manifest: Manifest, cache: Path) -> None:
    MappedTable(manifest, "masks", MASK_COLUMNS).slice(0, 5)
    (path,) = manifest.files_of("masks")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ManifestError, match=r"masks\.parquet: not a readable Parquet file"):
        MappedTable(manifest, "masks", MASK_COLUMNS)
