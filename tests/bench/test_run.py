"""The grid: what is made, what is kept, and what a failure, Ctrl-C or a kill leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import FakeRunner, make_track, perfect, predict, run_grid

from actiseg_bench.grid.run import GridOutcome, OnProgress, Outcome, Reporter, RunSpec, make_grid
from actiseg_bench.results.predictions import write_predictions
from actiseg_bench.results.result import read_result
from actiseg_bench.results.stored import read_results
from actiseg_noise.borders.locks import locked
from actiseg_noise.errors import ActisegError, ActisegWarning

TRACKS = [make_track("clean", "clean labels"), make_track("text-40", "noisy labels")]


def grid(strategies: tuple[str, ...] = ("baseline", "gce"), seeds: int = 1) -> list[RunSpec]:
    return make_grid(TRACKS, strategies, "faithful", seeds, "tiny")


def names(found: GridOutcome) -> list[str]:
    return [f"{r.track.name} {r.strategy} {r.seed}" for r in found.results]


class Lines(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, spec: RunSpec, why: str) -> None:
        self.lines.append(f"{spec.name}: {why}")

    def end(self, spec: RunSpec, status: str, detail: str) -> None:
        self.lines.append(f"{spec.name} {status} {detail}")


def test_the_grid_is_references_then_seeds_tracks_strategies() -> None:
    assert [spec.name for spec in grid(seeds=2)] == [
        "reference start seed 0",
        "reference silent seed 0",
        "clean baseline-faithful seed 0",
        "clean gce-faithful seed 0",
        "text-40 baseline-faithful seed 0",
        "text-40 gce-faithful seed 0",
        "clean baseline-faithful seed 1",
        "clean gce-faithful seed 1",
        "text-40 baseline-faithful seed 1",
        "text-40 gce-faithful seed 1",
    ]


def test_every_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    place = tmp_path / "quick-v1" / "text-40" / "tiny" / "gce-faithful" / "seed0"
    assert sorted(p.name for p in place.iterdir()) == ["predictions.parquet", "result.json"]
    assert (tmp_path / "quick-v1" / "reference" / "tiny" / "start" / "seed0" / "result.json").is_file()
    assert len(read_results(tmp_path)) == 6


class Untidy(FakeRunner):
    """Its runs take 200 MiB each, in a cycle that nothing looks for as long as little is made."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        cycle: list[object] = [bytearray(b"x") * 200 * 2**20]
        cycle.append(cycle)
        return super().execute(spec, folder, on_progress)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is reset in /proc")
def test_the_peak_of_a_run_is_its_own_whatever_earlier_ones_left(tmp_path: Path) -> None:
    results = run_grid(grid(seeds=2), Untidy(), tmp_path).results
    peaks = [result.cost.peak_rss_mb for result in results]
    assert len(peaks) == 10
    assert max(peaks) < min(peaks) + 150


def test_a_result_carries_scores_cost_and_identity(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    result = read_result(tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0" / "result.json")
    assert (result.scores["p_miou"], result.scores["acc"], result.counts["object_frames"]) == (1, 1, 6)
    assert (result.config, result.losses, result.cost.steps) == ({"steps": 3}, (1.0, 0.5), 3)
    assert result.run_key == FakeRunner().identity(RunSpec(TRACKS[0], "tiny", "gce", "faithful", 0)).key()


def test_finished_runs_are_kept(tmp_path: Path) -> None:
    first, second = FakeRunner(), FakeRunner()
    a, b = run_grid(grid(), first, tmp_path), run_grid(grid(("baseline", "gce", "sce")), second, tmp_path)
    assert (len(first.made), a.kept) == (6, 0)
    assert second.made == ["clean sce-faithful seed 0", "text-40 sce-faithful seed 0"]
    assert b.kept == 6
    assert [r for r in b.results if r.strategy != "sce"] == a.results


def test_another_configuration_makes_a_run_again_and_says_why(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    reporter = Lines()
    found = run_grid(grid(), FakeRunner({"steps": 4}), tmp_path, reporter)
    assert found.kept == 0
    assert "clean gce-faithful seed 0: made again: config.steps changed" in reporter.lines
    assert {r.config["steps"] for r in read_results(tmp_path)} == {4}


def test_a_result_without_its_predictions_is_made_again(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    (tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0" / "predictions.parquet").unlink()
    again = FakeRunner()
    run_grid(grid(), again, tmp_path)
    assert again.made == ["clean gce-faithful seed 0"]


def test_a_result_whose_predictions_are_cut_short_is_made_again_and_says_why(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    path = tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0" / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    again, reporter = FakeRunner(), Lines()
    run_grid(grid(), again, tmp_path, reporter)
    assert again.made == ["clean gce-faithful seed 0"]
    (why,) = [line for line in reporter.lines if "again" in line]
    assert "predictions.parquet: not a readable predictions file" in why


def test_a_result_with_fewer_predictions_than_it_scored_is_made_again(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    path = tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0" / "predictions.parquet"
    write_predictions(path, list(predict(perfect()))[:5])
    again, reporter = FakeRunner(), Lines()
    run_grid(grid(), again, tmp_path, reporter)
    assert again.made == ["clean gce-faithful seed 0"]
    assert any("predictions of 5 of 6 object-frames" in line for line in reporter.lines)


def test_a_failure_is_reported_and_the_grid_goes_on(tmp_path: Path) -> None:
    runner = FakeRunner(fails={"clean gce-faithful seed 0": RuntimeError("boom")})
    reporter = Lines()
    found = run_grid(grid(), runner, tmp_path, reporter)
    assert found.failed == [("clean gce-faithful seed 0", "RuntimeError: boom")]
    assert names(found) == [
        "reference start 0",
        "reference silent 0",
        "clean baseline 0",
        "text-40 baseline 0",
        "text-40 gce 0",
    ]
    assert "clean gce-faithful seed 0 failed RuntimeError: boom" in reporter.lines
    note = tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0.failed.txt"
    assert "Traceback" in note.read_text()
    assert [p.name for p in note.parent.iterdir()] == ["seed0.failed.txt"]
    assert run_grid(grid(), FakeRunner(), tmp_path).failed == []
    assert not note.exists()


def test_a_users_mistake_is_reported_by_its_message_alone(tmp_path: Path) -> None:
    runner = FakeRunner(fails={"clean gce-faithful seed 0": ActisegError("no such weights")})
    assert run_grid(grid(), runner, tmp_path).failed == [("clean gce-faithful seed 0", "no such weights")]


def test_a_failed_remake_keeps_the_old_result(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    old = read_results(tmp_path)
    run_grid(grid(), FakeRunner({"steps": 4}, fails={spec.name: RuntimeError() for spec in grid()}), tmp_path)
    assert read_results(tmp_path) == old


def test_a_newer_result_fails_its_run_and_is_left_alone(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    path = tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0" / "result.json"
    path.write_text('{"schema_version": 99}')
    found = run_grid(grid(), FakeRunner(), tmp_path)
    assert [name for name, _ in found.failed] == ["clean gce-faithful seed 0"]
    assert "schema version 99" in found.failed[0][1]
    assert path.read_text() == '{"schema_version": 99}'


@pytest.mark.parametrize("text", ["", '{"schema_version": 1, "run_k', '{"schema_version": 1}', "[]"])
def test_a_damaged_result_is_made_again_and_says_why(tmp_path: Path, text: str) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    old = read_results(tmp_path)
    path = tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0" / "result.json"
    path.write_text(text)
    with pytest.warns(ActisegWarning, match=r"left out: .*result\.json: "):
        assert len(read_results(tmp_path)) == 5
    found = run_grid(grid(), again := FakeRunner(), tmp_path, reporter := Lines())
    assert (found.failed, again.made) == ([], ["clean gce-faithful seed 0"])
    assert any("result.json" in line and "again" in line for line in reporter.lines)
    assert [r.run_key for r in read_results(tmp_path)] == [r.run_key for r in old]


def test_results_on_other_evaluation_labels_are_not_lost(tmp_path: Path) -> None:
    for labels in ("first", "second"):
        track = replace(TRACKS[0], info=replace(TRACKS[0].info, protocol="own", eval_manifest=labels))
        run_grid(make_grid([track], ["gce"], "faithful", 1, "tiny"), FakeRunner(), tmp_path)
    found = sorted((r.track.eval_manifest, r.strategy) for r in read_results(tmp_path))
    assert found == [(labels, name) for labels in ("first", "second") for name in ("gce", "silent", "start")]


def test_ctrl_c_stops_the_grid_and_leaves_whole_runs_only(tmp_path: Path) -> None:
    runner = FakeRunner(fails={"clean gce-faithful seed 0": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        run_grid(grid(), runner, tmp_path)
    assert [r.strategy for r in read_results(tmp_path)] == ["baseline", "silent", "start"]
    assert not list(tmp_path.rglob("*.partial"))


def test_what_a_kill_left_is_cleaned_up(tmp_path: Path) -> None:
    run_grid(grid(), FakeRunner(), tmp_path)
    place = tmp_path / "quick-v1" / "clean" / "tiny" / "gce-faithful" / "seed0"
    room = place.with_name(".seed0.partial")
    (room / "new-1").mkdir(parents=True)
    place.rename(room / "old")
    again = FakeRunner()
    assert run_grid(grid(), again, tmp_path).kept == 6
    assert again.made == []
    assert [p.name for p in place.parent.iterdir()] == ["seed0"]


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from bench_fakes import FakeRunner, run_grid
from test_run import grid
from actiseg_noise.borders.locks import locked

class Slow(FakeRunner):
    def execute(self, spec, folder, on_progress):
        outcome = super().execute(spec, folder, on_progress)
        if spec.name == "text-40 baseline-faithful seed 0":
            print("in the middle", flush=True)
            time.sleep(60)
        return outcome

with locked(Path(sys.argv[1])):
    run_grid(grid(), Slow(), Path(sys.argv[1]))
"""


def test_kill_9_in_the_middle_loses_only_the_run_in_hand(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    with (
        pytest.raises(ActisegError, match=f"another run \\(process {process.pid}\\) is working here"),
        locked(tmp_path),
    ):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list(tmp_path.rglob("*.partial"))
    again = FakeRunner()
    with locked(tmp_path):
        assert run_grid(grid(), again, tmp_path).kept == 4
    assert again.made == ["text-40 baseline-faithful seed 0", "text-40 gce-faithful seed 0"]
    assert not list(tmp_path.rglob("*.partial"))


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(ActisegError, match=r"--out .*: cannot be written .*; use another --out"), locked(out):
            pass


def test_a_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path):
            assert (tmp_path / ".lock").read_text().split()[0] == str(os.getpid())
        assert not (tmp_path / ".lock").exists()
