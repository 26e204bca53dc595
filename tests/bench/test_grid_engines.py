"""Grids by an engine: runs made by an executor are those of one's own processes, and nothing is lost or made twice."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeRunner, make_track, run_grid
from engine_fakes import cluster, join_the_engine_of_the_page, run_the_file_for_slurm

import actiseg_bench
import actiseg_noise
from actiseg_bench.grid import plan
from actiseg_bench.grid.engine import TRIES, by_engine
from actiseg_bench.grid.jobs import gpu_slots
from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import make_runs
from actiseg_bench.grid.remote import DONE, FAILED, KEPT, REFUSED, STOPPED, Machine, make_run
from actiseg_bench.grid.run import GridOutcome, Reporter, RunSpec, collect, make_grid, run_one
from actiseg_noise.borders.preemption import PreemptedError, preemptible
from actiseg_noise.errors import ActisegError
from actiseg_noise.executors.base import EXECUTORS, Engine

GRID = make_grid([make_track("clean", "a"), make_track("text-40", "b")], ("baseline", "gce"), "faithful", 1, "tiny")
ANY = Machine("auto", None, {})


def options(out: Path, labels: Path, root: Path, **changes: Any) -> RunOptions:
    given: dict[str, Any] = {"strategy": ("baseline", "elr"), "steps": 2, "weights": "none", "threads": 1}
    where = {"manifest": labels, "eval_manifest": labels, "root": root, "out": out, "device": "cpu"}
    return RunOptions(**where, **given | changes)


def scores(outcome: GridOutcome) -> list[tuple[Any, ...]]:
    return [(one.run_key, one.strategy, one.predictions, one.losses, one.scores) for one in outcome.results]


def hidden(out: Path) -> list[str]:
    return [path.name for path in out.rglob(".*")]


class Heard(Reporter):
    """Remembers the events of a grid; asks this process to stop when a strategy has made a step."""

    def __init__(self, stop_at: str = "") -> None:
        self.events: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.stop_at = stop_at

    def begin(self, spec: RunSpec, why: str) -> None:
        self.events.append(("begin", spec.name))

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        self.events.append(("step", spec.name))
        if spec.strategy == self.stop_at and 0 < done < total:
            os.kill(os.getpid(), signal.SIGTERM)

    def end(self, spec: RunSpec, status: str, detail: str) -> None:
        self.events.append((status, spec.name))

    def note(self, text: str) -> None:
        self.notes.append(text)


# --- the engine of the page, with real trainings


def test_an_executor_makes_the_same_scores_and_leaves_nothing(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join_the_engine_of_the_page(tmp_path / "site", monkeypatch)
    asked = options(tmp_path / "elsewhere", noisy_val, kitchen_root, engine="mpi", jobs=2)
    heard = Heard()
    made = make_runs(asked, actiseg_noise.build, heard)
    here = make_runs(options(tmp_path / "here", noisy_val, kitchen_root), actiseg_noise.build)
    assert (made.failed, made.kept, len(made.results)) == ([], 0, 4)
    assert scores(made) == scores(here)
    for kind in ("begin", "done"):
        assert sorted(name for event, name in heard.events if event == kind) == sorted(
            {name for _, name in heard.events}
        )
    assert not hidden(asked.out / "own")
    assert not list(asked.out.glob(".engine-*"))
    monkeypatch.setitem(EXECUTORS._things, "mpi", lambda *_: pytest.fail("nothing is to be made"))
    assert make_runs(asked, actiseg_noise.build).kept == 4


def test_a_grid_that_is_asked_to_stop_keeps_what_its_workers_have(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join_the_engine_of_the_page(tmp_path / "site", monkeypatch)
    changes: dict[str, Any] = {"strategy": ("elr",), "steps": 12}
    asked = options(tmp_path / "part", noisy_val, kitchen_root, engine="mpi", **changes)
    heard = Heard(stop_at="elr")
    with pytest.raises(PreemptedError), preemptible():
        make_runs(asked, actiseg_noise.build, heard)
    assert heard.notes[-1] == "waiting until runs at work have kept what they have, 60 s at most"
    assert list(asked.out.rglob("*/training/*/*.safetensors")), "a checkpoint is there"
    assert not list(asked.out.rglob("*.failed.txt"))
    assert not list(asked.out.glob(".engine-*"))
    steps: list[int] = []
    again = Heard()
    again.step = lambda spec, done, total, loss: steps.append(done)  # type: ignore[method-assign]
    part = make_runs(replace(asked, engine="processes"), actiseg_noise.build, again)
    assert steps[0] > 1, "it goes on from its checkpoint"
    assert steps[-1] == 12
    whole = make_runs(options(tmp_path / "whole", noisy_val, kitchen_root, **changes), actiseg_noise.build)
    assert scores(part) == scores(whole)


# --- the command's side, with an executor that answers by a script


class Answering:
    """Answers each run in turn: the text that a worker would return, or an error of the executor's own."""

    slots = 1

    def __init__(self, answers: list[tuple[str, str] | Exception], out: Path) -> None:
        self.answers, self.out = answers, out
        self.sent: list[str] = []
        self.types: set[type] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        assert fn is make_run
        self.types |= set(map(type, args))
        spec = pickle.loads(args[-1])  # noqa: S301
        self.sent.append(spec.name)
        future: Future[Any] = Future()
        answer = self.answers.pop(0) if self.answers else (DONE, "")
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            if answer[0] in (DONE, KEPT):
                run_one(spec, FakeRunner(), self.out, Reporter())
            future.set_result(answer)
        return future


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Answering, Any]]:
    """Give a function: answers → the executor and what comes of the grid."""

    def run(*answers: tuple[str, str] | Exception, grid: list[RunSpec] = GRID) -> tuple[Answering, Any]:
        executor = Answering(list(answers), tmp_path / "out")

        @contextmanager
        def opener(address: str | None, workers: int) -> Iterator[Answering]:
            yield executor

        list(EXECUTORS)
        monkeypatch.setitem(EXECUTORS._things, "answering", opener)
        heard = Heard()
        made = by_engine(grid, FakeRunner(), tmp_path / "out", heard, Engine("answering"), 1, ANY)
        return executor, lambda: collect(grid, made, heard)

    return run


def test_what_goes_to_a_worker_are_texts_and_bytes(answering: Callable[..., Any], tmp_path: Path) -> None:
    executor, finish = answering()
    found = finish()
    assert [one.run_key for one in found.results] == [
        one.run_key for one in run_grid(GRID, FakeRunner(), tmp_path / "here").results
    ]
    assert executor.types == {dict, tuple, bytes, str}
    assert not list((tmp_path / "out").glob(".engine-*"))


def test_finished_runs_are_not_sent(answering: Callable[..., Any], tmp_path: Path) -> None:
    run_grid(GRID[:3], FakeRunner(), tmp_path / "out")
    executor, finish = answering()
    assert finish().kept == 3
    assert executor.sent == [spec.name for spec in GRID[3:]]


def test_a_run_that_failed_or_cost_its_workers_fails_alone(answering: Callable[..., Any]) -> None:
    _, finish = answering((FAILED, "out of luck"), RuntimeError("4 workers\ndied of it"))
    found = finish()
    assert found.failed == [
        (GRID[0].name, "out of luck"),
        (GRID[1].name, "no worker made it (RuntimeError 4 workers died of it)"),
    ]
    assert len(found.results) == len(GRID) - 2


def test_a_run_whose_process_was_asked_to_stop_is_sent_again(answering: Callable[..., Any]) -> None:
    executor, finish = answering((STOPPED, ""), (STOPPED, ""))
    assert finish().failed == []
    assert executor.sent[:3] == [GRID[0].name] * 3
    executor, finish = answering(*[(STOPPED, "")] * TRIES, grid=[replace(GRID[0], seed=7)])
    assert finish().failed == [(replace(GRID[0], seed=7).name, f"was stopped {TRIES} times")]


def test_a_worker_that_can_make_no_run_ends_the_grid_and_keeps_what_is_finished(answering: Callable[..., Any]) -> None:
    executor, finish = answering((DONE, ""), (REFUSED, "worker a (process 1): /data is not there"))
    with pytest.raises(
        ActisegError, match=r"^worker a \(process 1\): /data is not there\. Finished runs are kept: the"
    ):
        finish()
    assert len(executor.sent) == 2
    assert answering()[1]().kept == 1


@pytest.mark.parametrize("error", [CancelledError(), BrokenProcessPool("it is gone"), ImportError("no such module")])
def test_an_executor_that_is_gone_is_one_line(answering: Callable[..., Any], error: Exception) -> None:
    name = type(error).__name__
    with pytest.raises(ActisegError, match=rf"--engine answering: {GRID[0].name} was not made \({name}.*\)\. Finished"):
        answering(error)[1]()


def test_a_result_that_is_not_here_is_said(answering: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actiseg_bench.grid.engine.is_shown", lambda place: False)
    with pytest.raises(ActisegError, match="a worker made it, and it is not here; every worker needs the grid's --out"):
        answering()[1]()


def test_an_engine_without_gpus_to_deal_out_is_refused(answering: Callable[..., Any], tmp_path: Path) -> None:
    answering()
    made = by_engine(GRID, FakeRunner(), tmp_path, Reporter(), Engine("answering"), 1, ANY._replace(gpus=1))
    with pytest.raises(ActisegError, match="--gpus-per-run 1: the engine 'answering' deals out no GPUs"):
        list(made)


# --- what is typed


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"engine": "dusk"}, "unknown engine 'dusk'. Did you mean 'dask'"),
        ({"engine": "processes=4"}, "--engine processes=4: worker processes have no address"),
        (
            {"engine": "dask", "weights": "own.safetensors"},
            "--weights own.safetensors: with --engine dask give its whole",
        ),
        ({"engine": "dask", "gpus_per_run": 1}, "this machine's GPUs are dealt out by --jobs N; with dask=ADDRESS by"),
        ({"gpus_per_run": 0}, "gpus_per_run: expected a number of at least 1, got 0"),
    ],
)
def test_options_that_cannot_be_are_refused(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ActisegError, match=re.escape(why)):
        RunOptions(everything=True, **words)


def test_runs_elsewhere_have_one_thread_as_several_here_have() -> None:
    ways = [{}, {"jobs": 2}, {"engine": "dask=a:1"}, {"engine": "dask=a:1", "threads": 3}]
    assert [RunOptions(everything=True, **way).threads_per_run for way in ways] == [2, 1, 1, 3]  # type: ignore[arg-type]


def test_own_processes_are_as_many_as_have_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(plan, "at_once", lambda *words: asked.append(words[-2:]) or iter(()))
    monkeypatch.setattr(plan, "list_gpus", lambda device: ["0", "1", "2"])
    heard = Heard()
    plan.make_all([], FakeRunner(), tmp_path, heard, 4, "auto", 1)
    plan.make_all([], FakeRunner(), tmp_path, heard, 1, "auto", 2)
    assert asked == [(3, ["0", "1", "2"]), (1, ["0,1"])]
    assert heard.notes == ["3 runs at once instead of --jobs 4: that many have 1 GPU each"]
    with pytest.raises(ActisegError, match="--gpus-per-run 4: of --device auto, 3 can be dealt out here"):
        plan.make_all([], FakeRunner(), tmp_path, heard, 4, "auto", 4)
    assert gpu_slots([], 1) == []


def test_the_file_of_the_page_for_slurm_runs_a_grid_where_its_cluster_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(actiseg_bench, "run", lambda out, **options: asked.append(RunOptions(out=Path(out), **options)))
    run_the_file_for_slurm("actiseg_bench", asked, monkeypatch)
    assert asked[1] == 8
    assert (asked[2].hands, asked[2].gpus_per_run) == (Engine("dask", "tcp://login:1"), 1)
    assert asked[2].save_every == 500


# --- dask


def test_nobody_at_the_address_is_one_line(
    cli: Callable[..., tuple[int, str, str]], noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="dask.distributed, the extra 'cluster', is not installed")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        engine = f"dask=tcp://127.0.0.1:{closed.getsockname()[1]}"
        words = ["--manifest", noisy_val, "--eval-manifest", noisy_val, "--root", kitchen_root, "--device", "cpu"]
        code, out, err = cli("run", *words, "--strategy", "baseline", "--out", tmp_path / "out", "--engine", engine)
    assert (code, out) == (2, "")
    assert re.search(rf"error: --engine {engine}: no scheduler answers there \(.*refused\)", err)
    assert hidden(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a worker's processes end with it by a pipe that Linux closes")
def test_a_worker_that_is_killed_loses_no_run_and_makes_none_twice(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="dask.distributed, the extra 'cluster', is not installed")
    asked = options(tmp_path / "out", noisy_val, kitchen_root, strategy=("baseline", "gce", "elr"), steps=5)
    words = ["--manifest", noisy_val, "--eval-manifest", noisy_val, "--root", kitchen_root, "--device", "cpu"]
    words += ["--strategy", "baseline", "--strategy", "gce", "--strategy", "elr", "--steps", 5, "--weights", "none"]
    (tmp_path / "dask").mkdir()
    with cluster(tmp_path / "dask", 2) as (address, workers):
        command = [sys.executable, "-m", "actiseg_bench", "run", *words, "--out", asked.out]
        grid = subprocess.Popen(
            [*map(str, command), "--engine", f"dask={address}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        until = time.monotonic() + 240
        while len(list(asked.out.rglob("*.partial/new-*"))) < 2:
            assert time.monotonic() < until
            assert grid.poll() is None, grid.communicate()
            time.sleep(0.02)
        os.kill(workers[0].pid, signal.SIGKILL)
        printed, _ = grid.communicate(timeout=240)
    assert grid.returncode == 0, printed
    assert len(re.findall(r": done in ", printed)) == 5
    found = make_runs(asked, actiseg_noise.build)
    assert (found.kept, found.failed) == (5, [])
    assert scores(found) == scores(make_runs(replace(asked, out=tmp_path / "here"), actiseg_noise.build))
    assert not hidden(asked.out)
