"""Several runs at once: what comes out is what one after another gives; a process that dies takes one run with it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from bench_fakes import FakeRunner, make_track

from actiseg_bench.grid.jobs import at_once
from actiseg_bench.grid.run import GridOutcome, OnProgress, Outcome, Reporter, RunSpec, collect, make_grid, run_grid
from actiseg_bench.results.stored import read_results

GRID = make_grid([make_track("clean", "a"), make_track("text-40", "b")], ("baseline", "gce"), "faithful", 1, "tiny")


@dataclass
class Deadly(FakeRunner):
    """Kills its own process in one of the runs."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        if spec.name == "clean gce-faithful seed 0":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(spec, folder, on_progress)


@dataclass
class Broken(FakeRunner):
    """Raises in one of the runs."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        if spec.name == "text-40 baseline-faithful seed 0":
            raise RuntimeError("out of luck")
        return super().execute(spec, folder, on_progress)


class Steps(Reporter):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        self.seen.append(f"{spec.name} {done}/{total}")


def run(runner: FakeRunner, out: Path, jobs: int = 2) -> tuple[GridOutcome, list[str]]:
    reporter = Steps()
    return collect(GRID, at_once(GRID, runner, out, reporter, jobs), reporter), reporter.seen


def test_two_jobs_make_what_one_makes_in_the_same_order(tmp_path: Path) -> None:
    found, seen = run(FakeRunner(), tmp_path / "two")
    alone = run_grid(GRID, FakeRunner(), tmp_path / "one")
    assert [r.run_key for r in found.results] == [r.run_key for r in alone.results]
    assert (found.failed, found.kept) == ([], 0)
    assert {f"clean gce-faithful seed 0 {i}/3" for i in (1, 2, 3)} <= set(seen)
    assert len(read_results(tmp_path / "two")) == len(GRID)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    run_grid(GRID[:3], FakeRunner(), tmp_path)
    assert run(FakeRunner(), tmp_path)[0].kept == 3


def test_a_process_that_is_killed_fails_its_run_alone(tmp_path: Path) -> None:
    found, _ = run(Deadly(), tmp_path)
    assert found.failed == [("clean gce-faithful seed 0", "its process ended (exit code -9)")]
    assert len(found.results) == len(GRID) - 1


def test_an_error_is_told_and_its_traceback_kept(tmp_path: Path) -> None:
    found, _ = run(Broken(), tmp_path)
    assert found.failed == [("text-40 baseline-faithful seed 0", "RuntimeError: out of luck")]
    (note,) = tmp_path.rglob("*.failed.txt")
    assert "out of luck" in note.read_text()
