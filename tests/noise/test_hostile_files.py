"""Tables and files of strangers that are too large, of no text, or no files at all: refused by name, unread."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import TOY_MIX, forge

import actiseg_noise
from actiseg_noise.borders.images import frame_size, read_frame, read_index_mask, write_index_mask
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.building.workspace import check_output
from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError, DataError, ManifestError

RECIPE = TOY_MIX


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("samples", "expression", "a" * 70_000, r"'expression' has a text of 70,000 bytes; expected at most 65,536"),
        ("masks", "parameters", "[" * 70_000, r"'parameters' has a text of 70,000 bytes"),
        ("masks", "clean_rle", "0" * 9_000_000, r"'clean_rle' has a text of 9,000,000 bytes; expected at most 8,388"),
    ],
)
def test_a_text_that_is_too_long_is_refused_wherever_it_is_read(
    folder: Path, table: str, column: str, value: str, message: str
) -> None:
    forge(folder, table, lambda rows: rows[0].update({column: value}))
    for read in (verify, lambda path: list(actiseg_noise.read_manifest(path).iter_clips())):
        with pytest.raises(ManifestError, match=message):
            read(folder)


def test_a_text_that_is_no_utf8_names_its_column(folder: Path) -> None:
    path = folder / "clips.parquet"
    stored = pq.read_table(path)
    raw = pa.array([text.encode() + b"\xff" for text in stored["narration"].to_pylist()], pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    place = stored.schema.get_field_index("narration")
    pq.write_table(stored.set_column(place, stored.schema.field(place), text), path)
    with pytest.raises(ManifestError, match=r"clips\.parquet: the column 'narration' has a text that is no UTF-8"):
        verify(folder)


def test_a_column_that_unpacks_to_more_than_its_rows_can_hold_is_refused_before_it_is_read(folder: Path) -> None:
    path = folder / "clips.parquet"
    stored = pq.read_table(path)
    place = stored.schema.get_field_index("narration")
    texts = pa.array(["a" * 40_000_000, *stored["narration"].to_pylist()[1:]])
    pq.write_table(stored.set_column(place, stored.schema.field(place), texts), path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ManifestError, match=r"the column 'narration' unpacks to 40,\d+,\d+ bytes for 12 rows"):
        actiseg_noise.read_manifest(folder)


def test_a_table_of_far_more_rows_than_stated_is_refused_unread(folder: Path) -> None:
    path = folder / "samples.parquet"
    pq.write_table(pq.read_table(path).take([0] * 200_000), path)
    with pytest.raises(ManifestError, match=r"'samples' has 200,000 rows, but manifest\.json counts"):
        actiseg_noise.read_manifest(folder)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("frames", "height", -5), ("frames", "width", 10**9), ("samples", "object_id", 0), ("masks", "noisy_area", -1)],
)
def test_a_number_out_of_range_is_a_finding_and_no_reader_takes_it(
    folder: Path, table: str, column: str, value: int
) -> None:
    forge(folder, table, lambda rows: rows[0].update({column: value}))
    assert verify(folder)[0].where.endswith(f"column {column}")
    with pytest.raises(ManifestError, match=rf"the column '{column}' has {value}; expected a number in"):
        actiseg_noise.read_manifest(folder).table(table)


def test_a_pipe_in_the_place_of_a_file_does_not_hang(folder: Path) -> None:
    (folder / "vocabulary.json").unlink()
    os.mkfifo(folder / "vocabulary.json")
    with pytest.raises(ManifestError, match="a pipe or device stands where the file should be"):
        verify(folder)


def test_a_footer_whose_names_are_no_utf8_is_a_damaged_file(folder: Path) -> None:
    table = folder / "frames.parquet"
    content = table.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    table.write_bytes(content[:footer] + content[footer:].replace(b"frame_id", b"\xff\xferame_"))
    with pytest.raises(ManifestError, match=r"frames\.parquet: "):
        actiseg_noise.read_manifest(folder).table("frames")


def test_a_full_disk_names_the_table_that_was_written(folder: Path, tmp_path: Path) -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
    try:
        with pytest.raises(WriteError, match=r"(samples|masks)\S*: cannot be written \(no room to write"):
            actiseg_noise.publish(folder, out=tmp_path / "published")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    assert not (tmp_path / "published").exists()


def test_a_picture_of_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_index_mask(path, np.zeros((4, 6), np.uint8))
    os.truncate(path, 1 << 30)
    for read in (read_index_mask, read_frame, frame_size):
        with pytest.raises(DataError, match=r"mask.png: 1,073,741,824 bytes, expected .* of at most 536,870,912"):
            read(path)


def test_a_manifest_of_gigabytes_is_refused_unread(folder: Path) -> None:
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(10**11)
    with pytest.raises(ManifestError, match=r"100,000,000,000 bytes, expected a file of at most 67,108,864"):
        actiseg_noise.read_manifest(folder)


def test_what_a_kill_left_of_a_finished_build_goes_with_the_refusal_unless_it_is_in_use(folder: Path) -> None:
    room = folder.with_name(f".{folder.name}.partial")
    for content in ([], ["lock"]):
        room.mkdir(exist_ok=True)
        for name in content:
            (room / name).write_text("")
        with pytest.raises(ActisegError, match="the output exists"):
            check_output(folder, force=False)
        assert room.exists() == bool(content)
