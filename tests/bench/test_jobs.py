"""Several runs at once: what comes out is what one after another gives; a process that dies takes one run with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from bench_fakes import FakeRunner, make_track, run_grid

from actiseg_bench.grid.jobs import at_once, list_gpus
from actiseg_bench.grid.run import GridOutcome, OnProgress, Outcome, Reporter, RunSpec, collect, make_grid
from actiseg_bench.models.compiling import NotCompiledWarning
from actiseg_bench.results.stored import read_results
from actiseg_noise.errors import ActisegWarning

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


@dataclass
class Warns(FakeRunner):
    """Warns in every run of what a training finds out."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        warnings.warn("--compile: torch cannot compile here; it goes on without", NotCompiledWarning, 2)
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


def test_what_several_processes_warn_of_is_said_once_and_by_the_parent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default", ActisegWarning)  # as a command has it
        found, _ = run(Warns(), tmp_path)
    assert [str(one.message) for one in said] == ["--compile: torch cannot compile here; it goes on without"]
    assert (found.failed, capfd.readouterr().err) == ([], "")


def test_an_error_is_told_and_its_traceback_kept(tmp_path: Path) -> None:
    found, _ = run(Broken(), tmp_path)
    assert found.failed == [("text-40 baseline-faithful seed 0", "RuntimeError: out of luck")]
    (note,) = tmp_path.rglob("*.failed.txt")
    assert "out of luck" in note.read_text()


@dataclass
class Endless(FakeRunner):
    """Holds the interpreter in its last run until it is killed."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        if spec.strategy == "gce":
            (folder / "started").touch()
            while True:
                sum(range(1000))
        return super().execute(spec, folder, on_progress)


@dataclass
class SlowToStart(FakeRunner):
    """Takes long to unpack in a worker, as one that imports torch does."""

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        Path(f"{sys.argv[1]}.unpacks-{os.getpid()}").touch()  # beside the folder of the grid
        time.sleep(30)


PARENT = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import test_jobs
from actiseg_noise.borders.locks import locked

if __name__ == "__main__":
    with locked(Path(sys.argv[1])):
        test_jobs.run(getattr(test_jobs, sys.argv[3])(), Path(sys.argv[1]))
"""


def children_of(pid: int) -> list[int]:
    """Return the processes that descend from a process."""
    own = [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in _said(path).split()]
    return [*own, *(below for one in own for below in children_of(one))]


def workers_of(pid: int) -> list[int]:
    """Return the workers of a grid's process; what else multiprocessing starts is none."""
    return [one for one in children_of(pid) if "spawn_main" in _said(Path(f"/proc/{one}/cmdline"))]


def _said(path: Path) -> str:
    """Return what the system says of a process, nothing of one that has just ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def count_started(out: Path) -> int:
    """Return how many workers say that they started; folders may go while they are walked."""
    return sum("started" in names for _, _, names in os.walk(out))


@contextmanager
def grid_of(folder: Path, runner: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a grid that never ends in a process of its own, which is gone in the end whatever a test finds."""
    script = folder / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script), str(folder / "out"), str(Path(__file__).parent), runner]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as parent:
        try:
            yield parent
        finally:
            parent.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")
@pytest.mark.parametrize("runner", ["Endless", "SlowToStart"])
def test_workers_of_a_killed_parent_are_gone_within_2_s_and_the_rerun_does_not_collide(
    tmp_path: Path, runner: str
) -> None:
    with grid_of(tmp_path, runner) as parent:
        if runner == "Endless":
            assert wait_until(lambda: count_started(tmp_path / "out") == 2, 60)
        else:
            assert wait_until(lambda: len(list(tmp_path.glob("out.unpacks-*"))) == 2, 60)
        children = children_of(parent.pid)
        parent.kill()
        parent.wait()
    assert len(children) >= 2
    assert wait_until(lambda: not any(map(is_alive, children)), 2)
    found, _ = run(FakeRunner(), tmp_path / "out")
    assert (found.failed, len(found.results)) == ([], len(GRID))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")
@pytest.mark.parametrize("delay_s", [0.05, 0.5, 1.5])
def test_ctrl_c_while_workers_start_is_heard_once(
    kitchen_root: Path, clean_val: Path, tmp_path: Path, delay_s: float
) -> None:
    """A worker imports torch first, and would print a traceback of its own when Ctrl-C reaches it then."""
    options = ["--manifest", clean_val, "--eval-manifest", clean_val, "--root", kitchen_root, "--out", tmp_path / "out"]
    options += ["--jobs", "2", "--strategy", "baseline"]
    command = [sys.executable, "-m", "actiseg_bench", "run", *map(str, options)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        try:
            assert wait_until(lambda: len(workers_of(parent.pid)) == 2 or parent.poll() is not None, 60)
            time.sleep(delay_s)
            os.killpg(parent.pid, signal.SIGINT)
            error = parent.communicate(timeout=60)[1]
        finally:
            parent.kill()
    assert (parent.returncode, "Traceback" in error) == (130, False), error
    assert "error: interrupted; finished runs are kept in" in error


def test_a_rerun_at_once_waits_for_a_worker_that_is_just_ending(tmp_path: Path) -> None:
    with grid_of(tmp_path, "Endless") as parent:
        assert wait_until(lambda: count_started(tmp_path / "out") == 2, 60)
        parent.kill()
        parent.wait()
    assert run_grid(GRID, FakeRunner(), tmp_path / "out").failed == []


@dataclass
class Seeing(FakeRunner):
    """Says in a file which GPUs its process may see; dies in one of the runs."""

    def execute(self, spec: RunSpec, folder: Path, on_progress: OnProgress) -> Outcome:
        seen = spec.folder(Path(self.config["out"])).parent.parent / f"{spec.strategy}-{spec.track.info.name}.gpu"
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
        time.sleep(0.3)  # so that no process makes all
        if spec.name == "clean baseline-faithful seed 0":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(spec, folder, on_progress)


@pytest.mark.parametrize(("gpus", "expected"), [(["4", "GPU-6"], {"4", "GPU-6"}), (["3"], {"3"}), ([], {"all"})])
def test_gpus_are_dealt_out_to_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: list[str], expected: set[str]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    runner = Seeing(config={"out": str(tmp_path)})
    made = collect(GRID, at_once(GRID, runner, tmp_path, Reporter(), 2, gpus), Reporter())
    assert [name for name, _ in made.failed] == ["clean baseline-faithful seed 0"]
    seen = [path.read_text() for path in tmp_path.rglob("*.gpu")]
    assert len(seen) == len(GRID)
    assert set(seen) == expected
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_only_gpus_that_nobody_named_one_of_are_dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert list_gpus("cuda") == list_gpus("auto") == ["0", "1"]
    assert list_gpus("cuda:1") == list_gpus("cpu") == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-7")
    assert list_gpus("cuda") == ["5", "GPU-7"]
