"""Results and stored predictions: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_fakes import make_result, perfect, predict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actiseg_bench.results.predictions import (
    PredictedMask,
    PredictionError,
    frame_predictions,
    iter_predictions,
    predictions_digest,
    write_predictions,
)
from actiseg_bench.results.provenance import code_digest, find_provenance, peak_memory_mb
from actiseg_bench.results.result import ResultError, RunIdentity, read_result, write_result
from actiseg_bench.results.stored import read_results
from actiseg_noise.masks import decode_rle


def test_a_result_read_is_the_result_written(tmp_path: Path) -> None:
    result = make_result(losses=(0.5, 0.25), scores={"n_miou": None})
    path = write_result(tmp_path, result)
    assert path.name == "result.json"
    assert read_result(path) == result
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_failed_write_leaves_the_old_result(tmp_path: Path) -> None:
    write_result(tmp_path, make_result())
    with pytest.raises(ValueError, match="Out of range float"):
        write_result(tmp_path, make_result(scores={"giou": float("nan")}))
    assert read_result(tmp_path / "result.json") == make_result()
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 4}, "schema version 4, but this version reads 3. Upgrade"),
        ({"schema_version": 0}, "schema version 0, but this version reads 3. Make it again"),
        ({"schema_version": None}, "'schema_version' is missing"),
        ({"colour": "red"}, "unknown keys: colour"),
        ({"cost": {"train_s": 1.0, "eval_s": 1.0, "steps": 1}}, "cost: missing keys: peak_rss_mb"),
        ({"track": 3}, "track: expected a JSON object, got 3"),
        ({"scores": {"giou": 1.0}}, "the scores p_miou, .* are missing"),
    ],
)
def test_a_result_of_another_form_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = write_result(tmp_path, make_result())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ResultError, match=message):
        read_result(path)


def test_a_damaged_or_absent_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema')
    with pytest.raises(ResultError, match=r"result.json: malformed JSON"):
        read_result(tmp_path / "result.json")
    with pytest.raises(ResultError, match="other.json: the file is missing"):
        read_result(tmp_path / "other.json")


def test_results_of_a_folder_are_found_and_hidden_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("b", "a", ".partial"):
        (tmp_path / name).mkdir()
        write_result(tmp_path / name, make_result(strategy=name))
    assert [result.strategy for result in read_results(tmp_path)] == ["a", "b"]
    with pytest.raises(ResultError, match="no finished run here"):
        read_results(tmp_path / "empty")
    with pytest.raises(ResultError, match="no such folder"):
        read_results(tmp_path / "absent")


IDENTITY = RunIdentity("tiny", "gce", "faithful", 0, {"epochs": 3, "size": (96, 160)}, "t", "e", "w", "c")


def test_equal_identities_have_equal_keys_and_every_part_counts() -> None:
    assert IDENTITY.key() == replace(IDENTITY, config={"size": [96, 160], "epochs": 3}).key()
    changes = [{"model": "m"}, {"strategy": "s"}, {"variant": "v"}, {"seed": 1}, {"config": {}}]
    changes += [{name: "other"} for name in ("train_manifest", "eval_manifest", "start_weights", "score_code")]
    keys = {replace(IDENTITY, **change).key() for change in changes}
    assert len(keys | {IDENTITY.key()}) == len(changes) + 1


def test_a_stale_result_says_what_changed() -> None:
    old = make_result(config={"epochs": 3, "lr": 0.1})
    same = RunIdentity("tiny", "gce", "faithful", 0, {"epochs": 3, "lr": 0.1}, "train", "eval", "weights", "code")
    assert same.changes_since(old) == "its key"
    assert replace(same, config={"epochs": 4, "lr": 0.1}).changes_since(old) == "config.epochs"
    assert replace(same, train_manifest="x", score_code="y").changes_since(old) == "train labels, code"


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


def test_provenance_names_what_made_a_result() -> None:
    found = find_provenance(score_code="c", threads=2, start_weights="tiny", start_weights_digest="w")
    assert (found.code, found.numpy, found.device, found.threads) == (code_digest(), np.__version__, "cpu", 2)
    assert found.when.endswith("+00:00")
    assert peak_memory_mb() > 1
