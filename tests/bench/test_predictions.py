"""Stored predictions and tables of object-frames: what is written is read, and what is damaged is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_fakes import fake_manifest, perfect, predict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actiseg_bench.results import predictions
from actiseg_bench.results.predictions import (
    PredictedMask,
    PredictionError,
    count_rows,
    frame_predictions,
    iter_predictions,
    predictions_digest,
    write_predictions,
)
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import read_object_frames, write_object_frames
from actiseg_noise.errors import ActisegError
from actiseg_noise.masks import decode_rle


def test_predictions_read_are_the_predictions_written(tmp_path: Path) -> None:
    rows = list(predict(perfect()))
    digest = write_predictions(tmp_path / "p.parquet", rows)
    assert list(iter_predictions(tmp_path / "p.parquet")) == rows
    assert digest == predictions_digest(rows)
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]


def test_any_reader_of_parquet_sees_the_columns(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", predict(perfect()))
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.slice(1, 1).to_pylist() == [
        {
            "clip_id": "a",
            "frame_idx": 0,
            "object_id": 2,
            "height": 2,
            "width": 4,
            "area": 2,
            "rle": table["rle"][1].as_py(),
            "positive_score": 0.5,
        }
    ]


def test_the_digest_follows_the_rows_not_the_file(tmp_path: Path) -> None:
    rows = list(predict(perfect()))
    other = [*rows[:-1], replace(rows[-1], positive_score=None)]
    digests = {write_predictions(tmp_path / f"{i}.parquet", part) for i, part in enumerate([rows, rows, other])}
    assert len(digests) == 2


@settings(deadline=None, max_examples=50)
@given(arrays(np.uint8, (5, 7), elements=st.integers(0, 3)))
def test_an_index_mask_survives_its_rows(mask: np.ndarray) -> None:
    back = np.zeros_like(mask)
    for row in frame_predictions("a", 0, mask, {1: None, 2: 0.5, 3: 1.0}):
        back[decode_rle(row.mask)] = row.object_id
    assert back.tolist() == mask.tolist()


def test_ids_of_no_object_are_refused() -> None:
    with pytest.raises(PredictionError, match=r"a frame 0: ids \[9\] are none of the clip's objects"):
        list(frame_predictions("a", 0, np.array([[1, 9]], np.uint8), {1: 0.5}))


def test_rows_out_of_order_leave_no_file(tmp_path: Path) -> None:
    rows = list(predict(perfect()))
    with pytest.raises(PredictionError, match="must ascend"):
        write_predictions(tmp_path / "p.parquet", rows[::-1])
    with pytest.raises(PredictionError, match="must ascend"):
        write_predictions(tmp_path / "p.parquet", [rows[0], rows[0]])
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    path.write_text("no parquet")
    with pytest.raises(PredictionError, match="not a readable predictions file"):
        next(iter_predictions(path))
    pq.write_table(pa.table({"clip_id": ["a"]}), path)
    with pytest.raises(PredictionError, match=r"the columns area, frame_idx, .* are missing"):
        next(iter_predictions(path))
    write_predictions(path, predict(perfect()))
    table = pq.read_table(path)
    pq.write_table(table.append_column("rle", table["rle"]), path)
    with pytest.raises(PredictionError, match="the columns rle stand twice"):
        next(iter_predictions(path))


def test_run_lengths_that_contradict_the_area_are_refused(tmp_path: Path) -> None:
    first = next(iter(predict(perfect())))
    write_predictions(tmp_path / "p.parquet", [replace(first, mask=replace(first.mask, area=7))])
    with pytest.raises(PredictionError, match="a frame 0 object 1: the area is 7, but the run lengths cover 2 pixels"):
        next(iter_predictions(tmp_path / "p.parquet"))


def test_many_rows_pass_through_several_batches(tmp_path: Path) -> None:
    first = next(iter(predict(perfect())))
    rows = [PredictedMask("a", frame, 1, first.mask) for frame in range(5000)]
    write_predictions(tmp_path / "p.parquet", rows)
    assert sum(1 for _ in iter_predictions(tmp_path / "p.parquet")) == 5000


def with_column(path: Path, name: str, values: pa.Array) -> Path:
    """Write good predictions with one column replaced."""
    write_predictions(path, predict(perfect()))
    table = pq.read_table(path)
    place = table.schema.get_field_index(name)
    pq.write_table(table.set_column(place, name, values), path)
    return path


ROWS = sum(1 for _ in predict(perfect()))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("area", pa.array(["x"] * ROWS), "column area: expected int64, found string"),
        ("rle", pa.array([b"0"] * ROWS), "column rle: expected string, found binary"),
        ("clip_id", pa.array([["a"]] * ROWS), "column clip_id: expected string, found list"),
        ("rle", pa.array([None] * ROWS, pa.string()), "column rle: a value is missing"),
        ("height", pa.array([None] * ROWS, pa.int32()), "column height: a value is missing"),
        ("height", pa.array([-2] * ROWS, pa.int32()), "a frame 0 object 1: a mask of 4×-2 pixels"),
        ("height", pa.array([10**9] * ROWS, pa.int32()), "a frame 0 object 1: a mask of 4×1000000000 pixels"),
        ("height", pa.array([3] * ROWS, pa.int32()), "a frame 0 object 1: run lengths .* do not fill"),
        ("rle", pa.array(["\0" * 40] * ROWS), "a frame 0 object 1: run lengths .* are no code"),
        ("rle", pa.array([""] * ROWS), "a frame 0 object 1: run lengths ''.* are no code"),
        ("rle", pa.array(["é" * 9] * ROWS), "a frame 0 object 1: run lengths .* are no code"),
        ("rle", pa.array(["0" * 20_000_000] * ROWS), "column rle: 7 rows hold 140,000,000 bytes"),
        ("area", pa.array([-1] * ROWS, pa.int64()), "the area is -1, but the run lengths cover 2 pixels"),
        ("positive_score", pa.array([float("nan")] * ROWS, pa.float32()), "positive_score: expected a number in"),
    ],
)
def test_predictions_of_bad_values_are_refused(tmp_path: Path, name: str, values: pa.Array, message: str) -> None:
    with pytest.raises(PredictionError, match=message):
        list(iter_predictions(with_column(tmp_path / "p.parquet", name, values)))


def test_predictions_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    codes = pa.array([b"\xff\xfe"] * ROWS, pa.binary())
    texts = pa.Array.from_buffers(pa.string(), len(codes), codes.buffers())
    with pytest.raises(PredictionError, match=r"not a readable predictions file .*UTF8"):
        list(iter_predictions(with_column(tmp_path / "p.parquet", "clip_id", texts)))


def test_a_row_group_larger_than_memory_should_be_is_refused_by_its_footer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_predictions(tmp_path / "p.parquet", predict(perfect()))
    monkeypatch.setattr(predictions, "MAX_GROUP_BYTES", 100)
    with pytest.raises(PredictionError, match=r"a row group unpacks to [\d,]+ bytes, expected 100 at most"):
        count_rows(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("intersection", pa.array(["x"]), "column intersection: expected int64, found string"),
        ("is_hand", pa.array([1]), "column is_hand: expected bool, found int64"),
        ("clip_id", pa.array([None], pa.string()), "column clip_id: a value is missing"),
        ("leak", pa.array([None], pa.int64()), "column leak: a value is missing"),
        ("leak", None, "leak"),
        ("clip_id", pa.array([1]), "column clip_id: expected string, found int64"),
        ("clip_id", None, "clip_id"),
    ],
)
def test_a_table_of_object_frames_of_bad_values_is_refused(
    tmp_path: Path, name: str, values: pa.Array | None, message: str
) -> None:
    found = measure(fake_manifest(), predict(perfect()))
    path = tmp_path / "object_frames.parquet"
    write_object_frames(path, found.clips, found.frames)
    assert read_object_frames(path)[0] == found.clips
    table = pq.read_table(path).slice(0, 1)
    place = table.schema.get_field_index(name)
    pq.write_table(table.remove_column(place) if values is None else table.set_column(place, name, values), path)
    with pytest.raises(ActisegError, match=f"not a readable table of object-frames .*{message}"):
        read_object_frames(path)
