"""Results and stored predictions: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_fakes import fake_manifest, make_result, perfect, predict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actiseg_bench.models.weights import weights_name
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
from actiseg_bench.results.provenance import code_digest, find_provenance, peak_memory_mb
from actiseg_bench.results.result import ResultError, RunIdentity, read_result, write_result
from actiseg_bench.results.stored import read_results, run_folder
from actiseg_bench.results.typed import is_line
from actiseg_bench.scoring.measure import measure
from actiseg_bench.scoring.object_frames import read_object_frames, write_object_frames
from actiseg_noise.errors import ActisegError, ActisegWarning, DataError
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
    changes += [{"eval_images": "e"}, {"eval_images": "e", "train_images": "t"}]
    keys = {replace(IDENTITY, **change).key() for change in changes}
    assert len(keys | {IDENTITY.key()}) == len(changes) + 1


def test_a_stale_result_says_what_changed() -> None:
    old = make_result(config={"epochs": 3, "lr": 0.1})
    same = RunIdentity("tiny", "gce", "faithful", 0, {"epochs": 3, "lr": 0.1}, "train", "eval", "weights", "code")
    assert RunIdentity.of(old) == same
    assert same.changes_since(old) == "its key"
    assert replace(same, config={"epochs": 4, "lr": 0.1}).changes_since(old) == "config.epochs"
    assert replace(same, train_manifest="x", score_code="y").changes_since(old) == "train labels, code"
    assert replace(same, train_images="x", eval_images="y").changes_since(old) == "train pictures, evaluation pictures"


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


def test_provenance_names_what_made_a_result() -> None:
    found = find_provenance(score_code="c", threads=2, start_weights="tiny", start_weights_digest="w")
    assert (found.code, found.numpy, found.device, found.threads) == (code_digest(), np.__version__, "cpu", 2)
    assert found.when.endswith("+00:00")
    assert peak_memory_mb() > 1


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


BAD: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda d: d["scores"].update(giou="x"), "scores.giou: expected a finite number, got 'x'"),
    (lambda d: d["scores"].update(giou=float("nan")), "scores.giou: expected a finite number, got nan"),
    (lambda d: d["scores"].update(giou=1.5), r"scores.giou: expected a number in \[0, 1\], got 1.5"),
    (lambda d: d["scores"].update(giou=True), "scores.giou: expected a finite number, got True"),
    (lambda d: d["scores"].update(giou=10**400), "scores.giou: expected a finite number, got a number of 1329 bits"),
    (lambda d: d["cost"].update(train_s="x"), "cost.train_s: expected a finite number, got 'x'"),
    (lambda d: d["cost"].update(steps=1.5), "cost.steps: expected a whole number, got 1.5"),
    (lambda d: d["cost"].update(steps=-1), r"cost.steps: expected a number in \[0, 1e\+12\], got -1"),
    (lambda d: d.update(seed="x"), "seed: expected a whole number, got 'x'"),
    (lambda d: d.update(seed=None), "seed: expected a whole number, got None"),
    (lambda d: d.update(seed=-1), r"seed: expected a number in \[0, "),
    (lambda d: d.update(config="x"), "config: expected a JSON object, got 'x'"),
    (lambda d: d["config"].update(rate=float("inf")), "config.rate: expected a finite number, got inf"),
    (lambda d: d["config"].update(deep=deep(30)), "config: nested more than 16 levels deep"),
    (lambda d: d["track"].update(eval_manifest=5), "track.eval_manifest: expected one line of printable text"),
    (lambda d: d["track"].update(name="a\x1b[31m"), r"track.name: expected one line .*, got 'a\\x1b\[31m'"),
    (lambda d: d["track"].update(name="a\nb"), "track.name: expected one line"),
    (lambda d: d["track"].update(name="\u202egpj"), "track.name: expected one line"),
    (lambda d: d["track"].update(name="a" * 5000), "track.name: expected one line"),
    (lambda d: d["track"].update(severity=[1]), "track.severity: expected a JSON object, got a list of 1"),
    (lambda d: d["track"].update(severity={"a\nb": 1}), "track.severity: expected keys of one line"),
    (lambda d: d["track"].update(train_manifest=None), "track.train_manifest: expected a value, not null"),
    (lambda d: d["track"].pop("eval_images"), "track: missing keys: eval_images"),
    (lambda d: d.update(losses="x"), "losses: expected a list, got 'x'"),
    (lambda d: d.update(losses=[1, "x"]), r"losses\[1\]: expected a finite number, got 'x'"),
    (lambda d: d.update(fits=[{"step": 1}]), r"fits\[0\]: missing keys: fit_clean, fit_given"),
    (lambda d: d.update(fits=[{"step": None, "fit_given": 1, "fit_clean": 1}]), r"fits\[0\].step: expected a number"),
    (lambda d: d.update(selection=[{"samples": 1}]), r"selection\[0\].samples: expected a JSON object, got 1"),
    (lambda d: d.update(selection=[{"samples": {}}]), r"selection\[0\].samples: missing keys: precision, recall"),
    (lambda d: d.update(predictions="+" * 1000), "predictions: expected the digests of 64 networks at most"),
    (
        lambda d: d.update(selection=[{"samples": {"precision": 1, "recall": 0, "f1": 0}}]),
        r"selection\[0\].samples: unknown keys: f1",
    ),
    (
        lambda d: d.update(selection=[{"samples": {"precision": 1, "recall": 0, "auroc": 1.5}}]),
        r"selection\[0\].samples.auroc: expected a number in \[0, 1\], got 1.5",
    ),
    (
        lambda d: d.update(selection=[{"samples": {"precision": 2, "recall": 0}}]),
        r"selection\[0\].samples.precision: exp",
    ),
    (
        lambda d: d.update(fits=[{"step": 1, "fit_given": -1, "fit_clean": 1}]),
        r"fits\[0\].fit_given: expected a number in",
    ),
    (lambda d: d["failures"].update(missed=1e300), "failures.missed: expected a number in"),
    (
        lambda d: d["track"]["severity"].update(median_iou=7),
        r"track.severity.median_iou: expected a number in \[0, 1\]",
    ),
    (lambda d: d["counts"].pop("object_frames"), "counts: missing keys: object_frames"),
    (lambda d: d["counts"].update(tp=-1), r"counts.tp: expected a number in \[0, 1e\+12\], got -1"),
    (lambda d: d.update(provenance=None), "provenance: expected a JSON object, got None"),
    (lambda d: d.update(oracle=3), "oracle: expected one line"),
    (lambda d: d.update(schema_version=True), "the key 'schema_version' is missing"),
    (lambda d: d.pop("result_digest"), "result_digest: expected a digest"),
]


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else 0


@pytest.mark.parametrize(("change", "message"), BAD)
def test_a_statement_of_a_wrong_type_or_range_is_refused_by_file_and_key(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = write_result(tmp_path, make_result())
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ResultError, match=rf"result\.json: {message}"):
        read_result(path)


def test_results_that_cannot_be_read_are_named_and_left_out(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_result(tmp_path / name, make_result(strategy=name))
    (tmp_path / "b" / "result.json").write_text("[" * 200_000)
    with pytest.warns(ActisegWarning, match=r"left out: .*b/result\.json: malformed JSON, nested too deeply"):
        found = read_results(tmp_path)
    assert ([result.strategy for result in found], [name for name, _ in found.failed]) == (["a"], [str(tmp_path / "b")])
    (tmp_path / "a" / "result.json").write_text("[]")
    with pytest.raises(ResultError, match=r"a/result\.json: expected a JSON object"):
        read_results(tmp_path)


def test_a_result_of_the_schema_before_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    older = replace(make_result(), schema_version=2)
    path = write_result(tmp_path, older)
    text = path.read_text()
    assert "result_digest" not in text
    assert "images" not in text
    assert read_result(path) == older
    write_result(tmp_path, read_result(path))
    assert path.read_text() == text
    path.write_text(json.dumps({**json.loads(text), "track": {**json.loads(text)["track"], "eval_images": "x"}}))
    with pytest.raises(ResultError, match="track: unknown keys: eval_images"):
        read_result(path)


NO_NAME = "cannot be the name of a file or folder"
NO_LINE = "expected one line of printable text"
GROUP = "protocol, or digest of the evaluation labels"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("..", NO_NAME),
        ("a/b", NO_NAME),
        ("a\\b", NO_NAME),
        ("", NO_NAME),
        ("a\nb", NO_LINE),
        ("\x1b[31m", NO_LINE),
        ("a" * 5000, NO_LINE),
        (".hidden", "is a hidden name"),
    ],
)
@pytest.mark.parametrize("what", [GROUP, "track", "model", "strategy"])
def test_a_name_that_leads_elsewhere_is_no_folder_of_a_run(tmp_path: Path, name: str, what: str, message: str) -> None:
    track, given = make_result().track, {"model": "tiny", "strategy": "gce-faithful", what: name}
    track = replace(track, protocol=given.get(GROUP, track.protocol), name=given.get("track", track.name))
    with pytest.raises(DataError, match=f"^{what}: .*{message}"):
        run_folder(track, given["model"], given["strategy"], 0, tmp_path)


@pytest.mark.parametrize("digest", ["a/b", "a\\b", "a\nb", "\x1b[31m"])
def test_a_digest_that_leads_elsewhere_is_no_folder_of_a_run(tmp_path: Path, digest: str) -> None:
    track = replace(make_result().track, protocol="own", eval_manifest=digest)
    with pytest.raises(DataError, match=f"^{GROUP}: .*({NO_NAME}|{NO_LINE})"):
        run_folder(track, "tiny", "gce-faithful", 0, tmp_path)


@pytest.mark.parametrize(
    ("digest", "group"), [("..", "own-.%2E"), ("", "own-"), (".hidden", "own-.hidde"), ("a" * 5000, "own-aaaaaa")]
)
def test_of_a_digest_six_characters_name_the_folder(tmp_path: Path, digest: str, group: str) -> None:
    track = replace(make_result().track, protocol="own", eval_manifest=digest)
    found = run_folder(track, "tiny", "gce-faithful", 0, tmp_path)
    assert found == tmp_path / group / "clean" / "tiny" / "gce-faithful" / "seed0"


def test_names_are_those_of_folders_on_any_system(tmp_path: Path) -> None:
    track = replace(make_result().track, name="a:b?")
    assert run_folder(track, "tiny", "gce", 0, tmp_path).relative_to(tmp_path).parts[1] == "a%3Ab%3F"


def test_a_file_far_larger_than_a_result_is_not_read(tmp_path: Path) -> None:
    path = write_result(tmp_path, make_result())
    with path.open("ab") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(ResultError, match="16,777,217 bytes, expected 16,777,216 at most"):
        read_result(path)


def test_folders_that_link_to_each_other_are_walked_once(tmp_path: Path) -> None:
    write_result(tmp_path / "a", make_result())
    for name in ("b", "c", "d"):
        (tmp_path / name).symlink_to(tmp_path)
    assert len(read_results(tmp_path)) == 1


@pytest.mark.parametrize("text", ["a\u00a0b", "\u3000", "naïve 漢字", "👩\u200d🍳"])
def test_text_of_any_script_is_a_line(text: str) -> None:
    assert is_line(text)


def test_the_name_of_a_weights_file_is_one_line_of_text() -> None:
    assert weights_name(Path("a/gce.safetensors")) == "gce"
    assert is_line(weights_name(Path("a/b\n\udcff.safetensors")))


def test_selection_may_have_a_base_rate_and_a_ranking_and_need_not(tmp_path: Path) -> None:
    old = {"samples": {"precision": 0.5, "recall": None}}
    new = {"samples": {"precision": 0.5, "recall": None, "base_rate": 0.4, "auroc": 0.7}}
    path = write_result(tmp_path, make_result(selection=(old, new)))
    assert read_result(path).selection == (old, new)
