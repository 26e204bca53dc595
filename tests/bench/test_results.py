"""Results: what is written is read, what is damaged or of another form is refused, and where a run's folder is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_fakes import make_result

from actiseg_bench.models.weights import weights_name
from actiseg_bench.results.provenance import code_digest, find_provenance, peak_memory_mb
from actiseg_bench.results.result import ResultError, RunIdentity, read_result, write_result
from actiseg_bench.results.stored import read_results, run_folder
from actiseg_bench.results.typed import is_line
from actiseg_noise.errors import ActisegWarning, DataError


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


def test_provenance_names_what_made_a_result() -> None:
    found = find_provenance(score_code="c", threads=2, start_weights="tiny", start_weights_digest="w")
    assert (found.code, found.numpy, found.device, found.threads) == (code_digest(), np.__version__, "cpu", 2)
    assert found.when.endswith("+00:00")
    assert peak_memory_mb() > 1


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
