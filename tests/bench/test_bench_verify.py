"""``actiseg-bench verify``: what was written by hand into a finished folder is found, and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bench_fakes import PerfectRunner, run_grid

import actiseg_noise
from actiseg_bench.check import case, verify
from actiseg_bench.check.findings import RunFinding
from actiseg_bench.check.verify import verify_runs
from actiseg_bench.grid.run import RunSpec
from actiseg_bench.grid.tracks import Track, open_track
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.results.predictions import iter_predictions, write_predictions
from actiseg_bench.results.result import RunIdentity, read_result, result_digest, write_result
from actiseg_bench.training.checkpoint import save_networks
from actiseg_bench.training.config import RunConfig
from actiseg_noise.errors import ManifestError

GCE, CO = "mini-v1/text-40/tiny/gce-faithful/seed0", "mini-v1/text-40/tiny/co_teaching-faithful/seed0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, kitchen_root: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")

    def build(recipe: str) -> Path:
        place = folder / "manifests" / "kitchen" / "val" / f"{recipe}-s0"
        options = {"split": "val", "limit": 2, "allow_eval": True, "gate": False, "workers": 1}
        return actiseg_noise.build("kitchen", root=kitchen_root, recipe=recipe, out=place, **options)

    labels, roots = (build("text-40"), build("clean")), (kitchen_root, kitchen_root)
    track: Track = open_track(*labels, *roots, name="text-40", protocol="mini-v1")
    grid = [RunSpec(track, "tiny", name, "faithful", 0) for name in ("gce", "co_teaching")]
    assert not run_grid(grid, PerfectRunner(), folder).failed
    return folder


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(finished, tmp_path / "runs"))


def findings(folder: Path) -> list[tuple[str, str]]:
    return [(finding.where, finding.what) for finding in verify_runs(folder).findings]


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None], *, reseal: bool = True) -> None:
    """Edit a result; ``reseal`` makes its digest anew, so that only contradictions give the edit away."""
    path = folder / "result.json"
    data = json.loads(path.read_text("utf-8"))
    change(data)
    if reseal:
        data["result_digest"] = result_digest(data)
    path.write_text(json.dumps(data), "utf-8")


def key_of(data: dict[str, Any], **changes: Any) -> str:
    """Return the run key of a result's statements, changed as given."""
    track, provenance = data["track"], data["provenance"]
    identity = RunIdentity(
        *(data[name] for name in ("model", "strategy", "variant", "seed", "config")),
        *(track[name] for name in ("train_manifest", "eval_manifest")),
        *(provenance[name] for name in ("start_weights_digest", "score_code")),
        *(track[name] for name in ("train_images", "eval_images")),
    )
    return replace(identity, **changes).key()


def test_what_was_made_holds(finished: Path) -> None:
    verdict = verify_runs(finished)
    assert (verdict.runs, verdict.findings) == ((CO, GCE), ())
    assert verdict.unchecked == {("pictures", "give their folder: --root"): (CO, GCE)}
    assert verdict.summary() == [
        "2 runs: all checks passed: digest of the result, run key, folder, agreement of its statements, predictions, "
        "training labels, scores, counts, failure modes, object-frames, the 2 manifests they name that are at hand",
        "not checked of 2 of 2 runs: pictures (give their folder: --root)",
    ]


def test_the_summary_is_made_of_the_checks_that_ran(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "CHECKS", [check for check in verify.CHECKS if check.name == "run key"])
    passed, left, *none = verify_runs(finished).summary()
    assert (passed, none) == ("2 runs: all checks passed: run key", [])
    assert left.startswith("not checked of 2 of 2 runs: track.name, track.protocol, track.dataset, track.recipe, ")
    assert "scores, counts, failures, cost, losses, fits, selection, oracle, predictions, provenance.version" in left
    assert left.endswith("result_digest (stated by the result alone)")
    monkeypatch.setattr(verify, "CHECKS", [])
    assert verify_runs(finished).summary()[0] == "2 runs: nothing was checked"


def leaves(data: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value of a JSON object that is no object; an empty one is a value."""
    if isinstance(data, dict) and data:
        for name, value in data.items():
            yield from leaves(value, *way, name)
    else:
        yield way


def edited(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value / 2 if isinstance(value, float) and value else value + 1
    return {"x": 1} if isinstance(value, dict) else [*value, 0.5]


def edit(data: dict[str, Any], way: tuple[Any, ...]) -> None:
    """Put another value in the place of one."""
    inner = data
    for one in way[:-1]:
        inner = inner[one]
    inner[way[-1]] = edited(inner[way[-1]])


REFUSED = ["schema_version", "track.severity.median_iou", "fits", "selection", "oracle"]
"""Statements of which no reader takes the other value: of another version, or null made true."""
ALONE = [
    *("cost.train_s", "cost.eval_s", "cost.steps", "cost.peak_rss_mb", "losses", "provenance.version"),
    *("provenance.code", "provenance.python", "provenance.numpy", "provenance.torch", "provenance.device"),
    *("provenance.threads", "provenance.platform", "provenance.start_weights", "provenance.when"),
]
"""Statements that stand in a result alone: whoever edits them and makes the digest anew is not found."""


def findings_per_edit(runs: Path, *, reseal: bool) -> dict[str, list[str]]:
    """Edit every statement of a result, one at a time; return what is found of each."""
    shutil.rmtree(runs / CO)
    path = runs / GCE / "result.json"
    whole = path.read_text("utf-8")
    found = {}
    for way in leaves(json.loads(whole)):
        path.write_text(whole, "utf-8")
        rewrite(runs / GCE, lambda data, way=way: edit(data, way), reseal=reseal)  # type: ignore[misc]
        found[".".join(way)] = [what for _, what in findings(runs)]
    assert len(found) > 55
    return found


def test_an_edit_of_any_statement_is_found(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "CHECKS", [one for one in verify.CHECKS if one.covers == ("*",)])
    found = findings_per_edit(runs, reseal=False)
    assert {name: what for name, what in found.items() if what != ["digest of the result"]} == {
        name: ["result"] for name in REFUSED
    }


def test_with_the_digest_made_anew_what_stands_alone_is_not_found_and_all_else_is(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case, "verify", lambda _: [])  # the manifests are sound: once is enough
    found = findings_per_edit(runs, reseal=True)
    assert [name for name, what in found.items() if not what] == [*ALONE, "result_digest"]
    assert [name for name, what in found.items() if "result" in what] == REFUSED


def test_the_checks_say_of_themselves_what_they_find(finished: Path) -> None:
    """The names that they cover, beside the digest's, are all statements but those that stand alone."""
    covered = [name for check in verify.CHECKS for name in check.covers if name != "*"]
    left = verify.uncovered(json.loads((finished / GCE / "result.json").read_text("utf-8")), covered)
    assert {*left} == {name.partition(".")[0] if name.startswith("cost") else name for name in ALONE} | {
        *("fits", "selection", "oracle", "result_digest")
    }


def as_schema_2(folder: Path) -> None:
    """Write a result as an earlier version of this package did."""
    result = read_result(folder / "result.json")
    older = replace(result, schema_version=2, track=replace(result.track, train_images=None, eval_images=None))
    write_result(folder, replace(older, run_key=RunIdentity.of(older).key()))
    assert "images" not in (folder / "result.json").read_text()


def test_an_older_result_is_verified_and_what_it_alone_states_is_named(runs: Path) -> None:
    as_schema_2(runs / GCE)
    verdict = verify_runs(runs)
    assert verdict.findings == ()
    assert [(what, why) for what, why in verdict.unchecked if "schema 2" in why] == [
        ("digest of the result", "a result of schema 2 has none"),
        ("pictures", "a result of schema 2 has no digest of them"),
    ]
    (alone,) = [what for what, why in verdict.unchecked if why == "stated by the result alone"]
    assert alone.startswith("cost, losses, fits, selection, oracle, provenance.version, ")


def test_an_older_result_that_a_script_edited_is_found(runs: Path) -> None:
    as_schema_2(runs / GCE)
    rewrite(runs / GCE, lambda data: data["cost"].update(train_s=0.01), reseal=False)
    assert findings(runs) == [(GCE, "form of the result")]


def test_training_labels_that_are_not_at_hand_are_named_as_unchecked(runs: Path) -> None:
    shutil.rmtree(runs / "manifests" / "kitchen" / "val" / "text-40-s0")
    verdict = verify_runs(runs)
    assert verdict.findings == ()
    assert "training labels" not in verdict.checked
    assert "the 1 manifests they name that are at hand" in verdict.summary()[0]
    why = "no manifest with their digest below manifests/"
    assert verdict.unchecked["training labels", why] == (CO, GCE)


def test_with_their_folder_the_pictures_are_verified(finished: Path, kitchen_root: Path, tmp_path: Path) -> None:
    verdict = verify_runs(finished, root=kitchen_root)
    assert (verdict.findings, "pictures" in verdict.checked) == ((), True)
    root = Path(shutil.copytree(kitchen_root, tmp_path / "root"))
    picture = min((root / "val" / "images").rglob("*.jpg"))
    picture.write_bytes(picture.read_bytes() + b"\0")
    found = verify_runs(finished, root=root).findings
    assert [(f.where, f.what) for f in found] == [
        (where, f"{what} pictures") for where in (CO, GCE) for what in ("train", "eval")
    ]
    picture.unlink()
    assert all("is missing" in f.found for f in verify_runs(finished, root=root).findings)


def test_a_better_score_than_the_predictions_give_is_found(runs: Path) -> None:
    rewrite(runs / CO, lambda data: data["scores"].update(giou=0.99))
    (finding,) = verify_runs(runs).findings
    assert (finding.where, finding.what, finding.stated) == (CO, "giou", "0.99")
    assert float(finding.found) < 0.99


def test_the_score_of_two_networks_is_their_mean(runs: Path) -> None:
    """p-mIoU is 1 for one network and 0 for the other; to state the better one's is a finding."""
    rewrite(runs / CO, lambda data: data["scores"].update(p_miou=1.0))
    (finding,) = verify_runs(runs).findings
    assert (finding.stated, finding.found) == ("1", "0.5")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda data: data["failures"].update(missed=0.25), "failure mode missed"),
        (lambda data: data["counts"].update(tp=1), "count of tp"),
        (lambda data: data["track"].update(recipe="clean"), "track, recipe"),
        (lambda data: data["track"]["severity"].update(harmful_positives=0.9), "track, harmful_positives"),
        (lambda data: data["config"].update(steps=4), "run key"),
        (lambda data: data.update(seed=7), "run key; folder"),
        (lambda data: data.update(seed=7, run_key=key_of(data, seed=7)), "folder"),
        (lambda data: data.update(model="tinier"), "run key; folder"),
        (lambda data: data["track"].update(dataset="visor"), "track, dataset"),
        (lambda data: data["track"].update(train_images="0" * 32), "run key"),
        (lambda data: data["track"].update(name="clean"), "folder"),
        (lambda data: data["track"].update(protocol="full-v1"), "folder"),
        (lambda data: data["track"].update(name="../x"), "folder"),
        (lambda data: data.update(run_key="0" * 32), "run key"),
        (lambda data: data.update(predictions="0" * 32), "predictions.parquet"),
    ],
    ids=[
        *("failures", "counts", "recipe", "severity", "config", "seed", "seed and key", "model", "dataset"),
        *("pictures", "track", "protocol", "path", "key", "digest"),
    ],
)
def test_an_edited_statement_is_found_in_its_row_alone(runs: Path, change: Any, what: str) -> None:
    rewrite(runs / GCE, change)
    assert findings(runs) == [(GCE, one) for one in what.split("; ")]


def test_other_predictions_are_found_by_digest_and_by_score(runs: Path) -> None:
    shutil.copy(runs / CO / "predictions-2.parquet", runs / GCE / "predictions.parquet")
    found = findings(runs)
    assert {where for where, _ in found} == {GCE}
    what = {what for _, what in found}
    assert {"predictions.parquet", "p_miou", "giou", "count of fn", "object_frames.parquet"} <= what


def test_a_second_networks_predictions_are_verified_too(runs: Path) -> None:
    shutil.copy(runs / GCE / "predictions.parquet", runs / CO / "predictions-2.parquet")
    assert (CO, "predictions-2.parquet") in findings(runs)
    assert {where for where, _ in findings(runs)} == {CO}


def test_a_missing_predictions_file_is_a_finding(runs: Path) -> None:
    (runs / GCE / "predictions.parquet").unlink()
    found = verify_runs(runs).findings
    assert [(f.where, f.what) for f in found] == [(GCE, "predictions.parquet"), (GCE, "scores")]
    assert "the predictions file is missing" in found[0].found


def test_a_truncated_predictions_file_is_a_finding(runs: Path) -> None:
    path = runs / GCE / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    assert findings(runs) == [(GCE, "predictions.parquet"), (GCE, "scores")]


def test_predictions_with_damaged_bytes_inside_are_a_finding(runs: Path) -> None:
    path = runs / GCE / "predictions.parquet"
    data = bytearray(path.read_bytes())
    data[200:400] = bytes(200)
    path.write_bytes(data)
    assert findings(runs) == [(GCE, "predictions.parquet"), (GCE, "scores")]


def test_kept_networks_with_a_changed_byte_are_a_finding(runs: Path) -> None:
    path = runs / GCE / "checkpoint.safetensors"
    save_networks(path, [Tiny()], RunConfig(), "labels")
    verdict = verify_runs(runs)
    assert not verdict.findings and "kept networks" in verdict.checked
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    (finding,) = verify_runs(runs).findings
    assert (finding.where, finding.what) == (GCE, "checkpoint.safetensors")
    assert "damaged" in finding.found


def test_predictions_that_lack_rows_are_a_finding(runs: Path) -> None:
    path = runs / GCE / "predictions.parquet"
    rows = list(iter_predictions(path))
    write_predictions(path, rows[:-1])
    found = verify_runs(runs).findings
    assert [f.what for f in found] == ["predictions.parquet", "scores"]
    assert "found the end" in found[1].found


def test_an_edited_table_of_object_frames_is_found(runs: Path) -> None:
    path = runs / GCE / "object_frames.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index("leak"), "leak", [[9] * table.num_rows]), path)
    (finding,) = verify_runs(runs).findings
    assert (finding.what, finding.found) == ("object_frames.parquet", "other values in leak")


def test_clips_of_other_videos_are_found(runs: Path) -> None:
    path = runs / GCE / "object_frames.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "video_id", [["another"] * table.num_rows]), path)
    (finding,) = verify_runs(runs).findings
    assert (finding.stated, finding.found) == ("the videos of the clips", "other videos")
    pq.write_table(table.drop_columns(["video_id"]), path)  # as an older version wrote it
    assert not verify_runs(runs).findings


def test_a_missing_table_of_object_frames_is_found(runs: Path) -> None:
    (runs / GCE / "object_frames.parquet").unlink()
    assert findings(runs) == [(GCE, "object_frames.parquet")]


def test_a_damaged_result_is_a_finding_and_the_others_are_verified(runs: Path) -> None:
    (runs / GCE / "result.json").write_text("{")
    rewrite(runs / CO, lambda data: data["scores"].update(giou=0.99))
    assert findings(runs) == [(CO, "giou"), (GCE, "result")]


def test_evaluation_labels_that_were_edited_are_found(runs: Path) -> None:
    path = runs / "manifests" / "kitchen" / "val" / "clean-s0" / "samples.parquet"
    table = pq.read_table(path)
    column = table.schema.get_field_index("is_positive")
    flipped = [not value for value in table["is_positive"].to_pylist()]
    pq.write_table(table.set_column(column, table.schema.field(column), [flipped]), path)
    found = findings(runs)
    assert any(what.startswith("manifest, ") for _, what in found)
    assert (GCE, "giou") in found


def test_without_the_evaluation_labels_no_score_is_believed(runs: Path, finished: Path) -> None:
    shutil.rmtree(runs / "manifests" / "kitchen" / "val" / "clean-s0")
    assert findings(runs) == [(CO, "scores"), (GCE, "scores")]
    elsewhere = finished / "manifests" / "kitchen" / "val" / "clean-s0"
    assert verify_runs(runs, elsewhere).findings == ()


def test_evaluation_labels_that_are_none_are_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="manifest.json"):
        verify_runs(finished, tmp_path)


Cli = Callable[..., tuple[int, str]]


def test_the_command_says_that_all_holds(spoken: Cli, finished: Path) -> None:
    code, printed = spoken("verify", finished)
    assert (code, printed.split(":")[0], "all checks passed" in printed) == (0, "2 runs", True)


def test_the_command_names_the_row_and_exits_with_1(spoken: Cli, runs: Path) -> None:
    rewrite(runs / GCE, lambda data: data["scores"].update(giou=0.99))
    code, printed = spoken("verify", runs)
    assert code == 1
    assert GCE in printed
    assert "1 of 2 runs failed a check" in printed
    code, printed = spoken("verify", runs, "--json")
    (only,) = json.loads(printed)["findings"]
    assert (code, RunFinding(**only).what) == (1, "giou")


def test_a_folder_without_runs_is_bad_input(spoken: Cli, tmp_path: Path) -> None:
    code, printed = spoken("verify", tmp_path)
    assert (code, "no finished run here" in printed) == (2, True)
