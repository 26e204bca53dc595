"""A grid whose machine is taken back: finished runs are kept, runs at work go on from their checkpoints."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bench_fakes import FakeRunner, make_track

import actiseg_noise
from actiseg_bench.grid.jobs import at_once
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import list_runs, make_plan, make_runs
from actiseg_bench.grid.run import GridOutcome, OnProgress, Outcome, Reporter, RunSpec, collect, make_grid
from actiseg_bench.grid.shards import Shard
from actiseg_bench.grid.tracks import open_track
from actiseg_noise.borders import drafts
from actiseg_noise.borders.preemption import PreemptedError, deferred, preemptible, preemption


class Preempting(Reporter):
    """Asks this process to stop when a run has made so many steps."""

    def __init__(self, strategy: str = "", at: int = 0) -> None:
        self.strategy, self.at = strategy, at
        self.steps: list[tuple[str, int]] = []

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        self.steps.append((spec.strategy, done))
        if (spec.strategy, done) == (self.strategy, self.at):
            os.kill(os.getpid(), signal.SIGTERM)


def options(out: Path, labels: Path, root: Path) -> RunOptions:
    return RunOptions(
        manifest=labels,
        eval_manifest=labels,
        root=root,
        out=out,
        strategy=("baseline", "elr"),
        steps=4,
        weights="none",
        threads=1,
        device="cpu",
    )


def scores(outcome: GridOutcome) -> list[tuple[str, str, tuple[float, ...]]]:
    return [(one.strategy, one.predictions, one.losses) for one in outcome.results]


def test_a_run_at_work_goes_on_from_its_checkpoint_to_the_same_predictions(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    whole = make_runs(options(tmp_path / "whole", noisy_val, kitchen_root), actiseg_noise.build)
    asked = options(tmp_path / "part", noisy_val, kitchen_root)
    first, second = Preempting("elr", at=3), Preempting()
    with pytest.raises(PreemptedError, match="SIGTERM after step 3 of 4"), preemptible():
        make_runs(asked, actiseg_noise.build, first)
    assert first.steps[-1] == ("elr", 3)
    assert not list(asked.out.rglob("*.failed.txt"))
    part = make_runs(asked, actiseg_noise.build, second)
    assert second.steps == [("elr", 4)]
    assert part.kept == len(part.results) - 1
    assert scores(part) == scores(whole)
    assert not [path for path in asked.out.rglob(".*") if path.is_dir()], "nothing unfinished is left"


def test_a_part_of_a_grid_goes_on_from_its_checkpoint_on_another_machine(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = options(tmp_path, noisy_val, kitchen_root)
    names = [spec.name for spec in list_runs(make_plan(whole), [open_track(noisy_val, noisy_val, with_pictures=False)])]
    index = next(i for i in (1, 2) if any(" elr" in name for name in Shard(i, 2).choose(names)))
    asked = replace(whole, shard=f"{index}/2")
    first, second = Preempting("elr", at=3), Preempting()
    with pytest.raises(PreemptedError, match="SIGTERM after step 3 of 4"), preemptible():
        make_runs(asked, actiseg_noise.build, first)
    monkeypatch.setattr(drafts, "host_name", lambda: "another")
    part = make_runs(asked, actiseg_noise.build, second)
    assert [step for step in second.steps if step[0] == "elr"] == [("elr", 4)]
    assert {result.strategy for result in part.results} < {"start", "silent", "baseline", "elr"}
    assert not [path for path in asked.out.rglob(".*") if path.is_dir()], "nothing unfinished is left"


@dataclass
class Stopping(FakeRunner):
    """Makes one step in its training of gce, and then none until it is asked to stop."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        if spec.strategy != "gce":
            return super().execute(spec, folder, on_progress)
        with deferred():
            on_progress(1, 9, 0.5)
            until = time.monotonic() + 60
            while not preemption():
                assert time.monotonic() < until
                time.sleep(0.01)
            (folder.parent.parent / f"kept-{spec.track.info.name}").touch()
            raise PreemptedError


def test_workers_are_told_and_keep_what_they_have(tmp_path: Path) -> None:
    grid = make_grid([make_track("clean", "a"), make_track("text-40", "b")], ("gce",), "faithful", 1, "tiny")

    class Both(Reporter):
        begun: set[str] = set()  # noqa: RUF012 - of one test

        def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
            if spec.strategy == "gce":
                self.begun.add(spec.track.info.name)
            if len(self.begun) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    reporter = Both()
    with pytest.raises(PreemptedError), preemptible():
        collect(grid, at_once(grid, Stopping(), tmp_path, reporter, 2), reporter)
    assert sorted(path.name for path in tmp_path.rglob("kept-*")) == ["kept-clean", "kept-text-40"]
    assert not list(tmp_path.rglob("*.failed.txt"))
