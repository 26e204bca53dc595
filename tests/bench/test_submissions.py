"""Submissions: one row as a small file, what another person's folder takes of it, and what can be verified of it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from bench_fakes import PerfectRunner, run_grid
from places_fakes import grid_of, labels

from actiseg_bench.check.findings import WITHOUT
from actiseg_bench.check.verify import verify_runs
from actiseg_bench.grid import submission
from actiseg_bench.grid.collect import CollectError, collect_runs
from actiseg_bench.grid.run import RunSpec
from actiseg_bench.grid.submission import (
    NewerSubmissionError,
    read_submission,
    write_submission,
)
from actiseg_bench.grid.submittable import SubmissionError, list_submittable, table_digest
from actiseg_bench.grid.tracks import open_track
from actiseg_bench.report.leaderboard import leaderboard
from actiseg_bench.report.sums import read_sums
from actiseg_bench.results.result import json_digest, read_result, result_digest
from actiseg_bench.results.stored import read_results
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
ROW = "mini-v1/text-40/tiny/gce-faithful"
TWO = "mini-v1/text-40/tiny/co_teaching-faithful"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Path:
    """The runs of three strategies, two seeds each, with their labels."""
    folder = tmp_path_factory.mktemp("mine")
    assert not run_grid(grid_of(labels(folder, kitchen_root)), PerfectRunner(), folder).failed
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(whole, tmp_path / "mine"))


@pytest.fixture(scope="module")
def submitted(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mail") / "gce.json"
    write_submission(path, list_submittable(whole / ROW))
    return path


@pytest.fixture(scope="module")
def without_gce(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another person's folder, which lacks the row that is submitted."""
    folder = Path(shutil.copytree(whole, tmp_path_factory.mktemp("theirs") / "runs"))
    shutil.rmtree(folder / ROW)
    return folder


def seal(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a submission and make all its digests anew."""
    data = json.loads(path.read_text())
    change(data)
    for run in data["runs"]:
        run["result"]["result_digest"] = result_digest(run["result"])
    del data["digest"]
    path.write_text(json.dumps({**data, "digest": json_digest(data)}))


def test_a_row_is_one_small_file_that_says_all_of_its_runs(whole: Path, submitted: Path) -> None:
    found = read_submission(submitted)
    assert [run.result for run in found.runs] == list(read_results(whole / ROW))
    assert [list(run.tables) for run in found.runs] == [["object_frames.parquet"]] * 2
    files = [path for path in (whole / ROW).rglob("*") if path.name in ("result.json", "object_frames.parquet")]
    assert submitted.stat().st_size < 1.5 * sum(path.stat().st_size for path in files)
    assert "predictions.parquet" not in submitted.read_text()


def test_another_leaderboard_takes_it_and_has_the_numbers_of_one_that_has_all(
    whole: Path, without_gce: Path, submitted: Path, tmp_path: Path
) -> None:
    found = collect_runs([without_gce, submitted], tmp_path / "all")
    assert (found.runs, found.submitted, found.without_labels) == (8, 2, ())
    (mine,), (full,) = leaderboard(tmp_path / "all"), leaderboard(whole)
    (block,), (expected,) = mine.blocks, full.blocks
    assert block.compared
    assert [(r.values | {"positive_ap": None}, r.best, r.to_best) for r in block.rows] == [
        (r.values | {"positive_ap": None}, r.best, r.to_best) for r in expected.rows
    ]
    assert {row.name: row.submitted for row in block.rows if row.submitted} == {"gce-faithful": 2}
    assert "p_jf_volume" in {name for row in block.rows for name, value in row.values.items() if value.mean is not None}


def test_videos_can_be_drawn_of_a_submitted_run(whole: Path, submitted: Path, tmp_path: Path) -> None:
    collect_runs([submitted], tmp_path / "all")
    for mine, theirs in zip(read_results(tmp_path / "all").runs, read_results(whole / ROW).runs, strict=True):
        one, other = read_sums(mine), read_sums(theirs)
        assert one is not None
        assert other is not None
        assert one.videos == other.videos != ()
        assert np.array_equal(one.top, other.top)


def test_two_networks_have_two_tables(whole: Path, tmp_path: Path) -> None:
    write_submission(tmp_path / "co.json", list_submittable(whole / TWO / "seed0"))
    found = collect_runs([tmp_path / "co.json"], tmp_path / "all")
    assert found.submitted == 1
    names = sorted(path.name for path in (tmp_path / "all" / TWO / "seed0").iterdir())
    assert names == ["object_frames-2.parquet", "object_frames.parquet", "result.json", "submitted.json"]


@pytest.mark.parametrize("form", ["table", "md", "csv", "latex", "html", "json"])
def test_every_form_of_the_table_marks_the_row(
    without_gce: Path, submitted: Path, tmp_path: Path, form: str, cli: Cli
) -> None:
    collect_runs([without_gce, submitted], tmp_path / "all")
    words = ["--json"] if form == "json" else ["--format", form]
    code, printed, told = cli("leaderboard", tmp_path / "all", *words)
    assert code == 0, told
    plain = " ".join(printed.split())
    if form == "csv":
        rows = {line.split(",")[4]: line for line in printed.splitlines()}
        place = printed.splitlines()[0].split(",").index("submitted")
        assert [rows[name].split(",")[place] for name in ("gce", "baseline")] == ["2", "0"]
    elif form == "json":
        rows = {row["strategy"]: row["submitted"] for row in json.loads(printed)[0]["blocks"][0]["rows"]}
        assert rows == {"silent": 0, "start": 0, "baseline": 0, "co_teaching": 0, "gce": 2}
    else:
        sign = r"\S{}" if form == "latex" else "§"
        assert f"gce{sign}" in plain
        assert f"baseline{sign}" not in plain
        assert "submitted: predictions not at hand" in plain


def test_verify_says_what_it_checked_without_predictions_and_what_it_could_not(
    without_gce: Path, submitted: Path, tmp_path: Path
) -> None:
    collect_runs([without_gce, submitted], tmp_path / "all")
    verdict = verify_runs(tmp_path / "all")
    assert verdict.findings == ()
    runs = (f"{ROW}/seed0", f"{ROW}/seed1")
    assert verdict.unchecked["predictions", WITHOUT] == runs
    assert verdict.unchecked["scores, counts, failure modes, object-frames", WITHOUT] == runs
    assert "scores, counts and failure modes from the submitted tables" in verdict.checked
    assert "truth in the submitted tables" in verdict.checked
    collect_runs([submitted], tmp_path / "bare")
    why = "their evaluation labels are not at hand: give --eval-manifest DIR"
    assert verify_runs(tmp_path / "bare").unchecked["truth in the submitted tables", why] == runs
    labels_of = without_gce / "manifests" / "kitchen" / "val" / "clean-s0"
    assert "truth in the submitted tables" in verify_runs(tmp_path / "bare", labels_of).checked


def change_column(path: Path, name: str, value: Any) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, [[value] * table.num_rows]), path)


def test_verify_finds_a_table_that_was_changed_after_it_came(
    submitted: Path, without_gce: Path, tmp_path: Path
) -> None:
    collect_runs([without_gce, submitted], tmp_path / "all")
    place = tmp_path / "all" / ROW / "seed0"
    change_column(place / "object_frames.parquet", "gt_area", 7)
    found = {(one.where, one.what) for one in verify_runs(tmp_path / "all").findings}
    assert {where for where, _ in found} == {f"{ROW}/seed0"}
    assert {"object_frames.parquet", "giou", "failure mode boundary_loss"} & {what for _, what in found}
    (place / "object_frames.parquet").unlink()
    assert verify_runs(tmp_path / "all").findings


def test_verify_finds_objects_that_the_labels_do_not_have(submitted: Path, without_gce: Path, tmp_path: Path) -> None:
    """Whoever makes scores and all digests anew is found where the truth of the table is not that of the labels."""
    path = Path(shutil.copy(submitted, tmp_path / "forged.json"))

    def forge(data: dict[str, Any]) -> None:
        table = data["runs"][0]["tables"][0]
        place = tmp_path / "object_frames.parquet"
        place.write_bytes(base64.b64decode(table["base64"]))
        change_column(place, "frame_idx", 77)
        table["base64"] = base64.b64encode(place.read_bytes()).decode()
        table["digest"] = table_digest(place.read_bytes())
        clips = len(set(pq.read_table(place)["clip_id"].to_pylist()))
        data["runs"][0]["result"]["counts"]["frames"] = clips

    seal(path, forge)
    collect_runs([without_gce, path], tmp_path / "all")
    (finding,) = verify_runs(tmp_path / "all").findings
    assert (finding.where, finding.stated) == (f"{ROW}/seed0", "the objects of the evaluation labels")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"giou": 1.0', '"giou": 0.9'),
        ('"train_s": 0.0', '"train_s": 0.5'),
        ('"when": "now"', '"when": "then"'),
        ('"name": "object_frames.parquet"', '"name": "other.parquet"'),
    ],
)
def test_a_submission_that_was_edited_is_refused(submitted: Path, tmp_path: Path, old: str, new: str) -> None:
    text = submitted.read_text()
    assert old in text
    (tmp_path / "edited.json").write_text(text.replace(old, new, 1))
    with pytest.raises(
        SubmissionError, match=r"edited\.json: it was edited or damaged: its digest is of other content"
    ):
        collect_runs([tmp_path / "edited.json"], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_scores_that_do_not_follow_from_the_tables_are_refused(submitted: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(submitted, tmp_path / "better.json"))
    seal(path, lambda data: data["runs"][1]["result"]["scores"].update(n_miou=0.25))
    with pytest.raises(
        SubmissionError, match=r"better\.json: runs\[1\]: scores\.n_miou: the result states 0\.25, its ta"
    ):
        collect_runs([path], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def set_to(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_to("format", "other"), "no submission: 'format' is not"),
        (set_to("schema_version", "1"), "schema_version: expected a whole number"),
        (set_to("schema_version", 0), "schema_version: expected 1, got 0"),
        (set_to("more", 1), "unknown keys: more"),
        (lambda data: data["runs"].append(data["runs"][0]), "a noise seed and training seed stand twice"),
        (
            lambda data: data["runs"][0]["tables"].clear(),
            r"runs\[0\]\.tables: expected a list of 1, one of each network",
        ),
        (lambda data: data["runs"][0]["tables"][0].update(base64="%"), r"tables\[0\]\.base64: no base64"),
        (lambda data: data["runs"][0]["tables"][0].update(base64=3), r"tables\[0\]\.base64: no base64"),
        (
            lambda data: data["runs"][0]["tables"][0].update(base64="AAAA"),
            r"tables\[0\]\.digest: the table has another",
        ),
        (lambda data: data["runs"][0]["tables"][0].update(name="../x"), r"name: expected 'object_frames.parquet'"),
        (lambda data: data["runs"][0]["result"].update(seed="0"), r"runs\[0\]\.result: seed: expected a whole number"),
        (lambda data: data["runs"][0]["result"]["track"].update(name="clean"), "expected the runs of one row, found 2"),
    ],
)
def test_a_file_of_another_shape_is_refused_and_the_place_named(
    submitted: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = Path(shutil.copy(submitted, tmp_path / "odd.json"))
    seal(path, change)
    with pytest.raises(ActisegError, match=message):
        read_submission(path)


def test_a_table_that_is_no_parquet_is_refused(submitted: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(submitted, tmp_path / "odd.json"))
    wrong = {"base64": "AAAA", "digest": table_digest(b"\0\0\0")}
    seal(path, lambda data: data["runs"][0]["tables"][0].update(wrong))
    with pytest.raises(SubmissionError, match=r"runs\[0\]: .*not a readable table of object-frames"):
        collect_runs([path], tmp_path / "all")


def test_a_newer_schema_is_named(submitted: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(submitted, tmp_path / "new.json"))
    seal(path, set_to("schema_version", 2))
    with pytest.raises(NewerSubmissionError, match=r"schema 2, but this version reads 1\. Upgrade: pip install -U"):
        read_submission(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1, "format": 2}', "\x00\x01"])
def test_no_submission_at_all_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SubmissionError):
        read_submission(tmp_path / "x.json")


def test_the_size_is_bounded_both_ways(
    whole: Path, submitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MOST_BYTES", 10_000)
    with pytest.raises(SubmissionError, match="expected 10,000 at most in a submission: submit fewer"):
        write_submission(tmp_path / "x.json", list_submittable(whole / ROW))
    with pytest.raises(SubmissionError, match="at most 10,000, which is read whole"):
        read_submission(submitted)


def test_runs_of_several_rows_are_not_one_submission(whole: Path) -> None:
    with pytest.raises(SubmissionError, match="expected the runs of one strategy on one track, found 5"):
        list_submittable(whole)


@pytest.mark.parametrize("damage", ["edited", "predictions", "other predictions", "table"])
def test_a_run_that_is_not_what_it_says_cannot_be_submitted(copy: Path, damage: str) -> None:
    place = copy / ROW / "seed0"
    if damage == "edited":
        text = (place / "result.json").read_text()
        (place / "result.json").write_text(text.replace('"train_s": 0.0', '"train_s": 0.5'))
    elif damage == "predictions":
        (place / "predictions.parquet").unlink()
    elif damage == "other predictions":
        shutil.copy(copy / TWO / "seed0" / "predictions-2.parquet", place / "predictions.parquet")
    else:
        shutil.copy(copy / TWO / "seed0" / "object_frames-2.parquet", place / "object_frames.parquet")
    expected = {
        "edited": "it was edited: its digest is of other statements",
        "predictions": "the predictions file is missing",
        "other predictions": r"predictions\.parquet: digest .*, the result states",
        "table": r"the result states .*, its table of object-frames gives",
    }
    with pytest.raises(SubmissionError, match=expected[damage]):
        list_submittable(copy / ROW)


def test_a_run_with_its_predictions_goes_before_the_same_one_submitted(
    whole: Path, submitted: Path, tmp_path: Path
) -> None:
    both = collect_runs([submitted, whole], tmp_path / "both")
    assert (both.runs, both.equal, both.submitted) == (8, 2, 0)
    collect_runs([submitted], tmp_path / "later")
    later = collect_runs([whole], tmp_path / "later")
    assert (later.runs, later.added, later.submitted) == (8, 8, 0)
    assert not (tmp_path / "later" / ROW / "seed0" / "submitted.json").exists()
    assert (tmp_path / "later" / ROW / "seed0" / "predictions.parquet").is_file()


def test_a_submitted_row_can_be_collected_and_submitted_again(submitted: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    inside = Path(shutil.copy(submitted, tmp_path / "one" / "mail.json"))
    collect_runs([inside], tmp_path / "one")
    assert collect_runs([tmp_path / "one"], tmp_path / "two").submitted == 2
    write_submission(tmp_path / "again.json", list_submittable(tmp_path / "two"))
    assert (tmp_path / "again.json").read_bytes() == submitted.read_bytes()


def test_a_submission_that_contradicts_a_run_at_hand_is_refused_with_both_places(
    whole: Path, submitted: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(submitted, tmp_path / "other.json"))
    seal(path, lambda data: data["runs"][0]["result"].update(predictions="0" * 32))
    with pytest.raises(CollectError, match="two different results of one run") as error:
        collect_runs([whole, path], tmp_path / "all")
    assert f"{whole / ROW / 'seed0'} and {path}: runs[0]" in str(error.value)


def test_submit_and_collect_as_they_are_typed(whole: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "gce.json"
    code, printed, told = cli("submit", whole / ROW, "--out", out)
    assert (code, told) == (0, "")
    assert f"{out}: 2 runs, {out.stat().st_size:,} bytes." in " ".join(printed.split())
    code, printed, _ = cli("submit", whole / ROW, "--out", out, "--json")
    assert (code, json.loads(printed)["runs"]) == (0, 2)
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _, told = cli("submit", whole / ROW, "--out", tmp_path / "thesis.txt")
    assert code == 2
    assert "thesis.txt: exists and is no submission" in told
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    code, printed, _ = cli("collect", out, "--out", tmp_path / "all")
    assert code == 0
    assert "From submissions, their predictions not at hand: 2." in " ".join(printed.split())
    code, printed, _ = cli("verify", tmp_path / "all")
    assert code == 0
    assert f"not checked of 2 of 2 runs: predictions ({WITHOUT})" in " ".join(printed.split())


def test_the_run_of_a_submission_is_made_again_by_who_runs_there(submitted: Path, whole: Path, tmp_path: Path) -> None:
    """``run`` needs predictions: the row is reproduced, and is no submission any more."""
    collect_runs([submitted], tmp_path / "all")
    out = tmp_path / "all"
    path = out / ROW / "seed0" / "result.json"
    before = read_result(path)
    shutil.copytree(whole / "manifests", out / "manifests")
    folder = out / "manifests" / "kitchen" / "val"
    track = open_track(
        folder / "text-40-s0", folder / "clean-s0", name="text-40", protocol="mini-v1", with_pictures=False
    )
    run_grid([RunSpec(track, "tiny", "gce", "faithful", 0)], PerfectRunner(), out)
    assert read_result(path).predictions == before.predictions
    assert not read_results(out / ROW / "seed0").runs[0].is_submitted
